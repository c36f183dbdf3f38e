/* SPDX-License-Identifier: MIT */
/*
 * auth_thread - a thread for passwords and accounts: checking a password takes a tenth of a second
 * by design, and the store waits for the disk.
 *
 * Model    Questions come in; answers go as mail (struct apo_auth_answer) to the model. The hash is
 *          argon2id of libsodium; the secrets of accounts have SCRAM keys besides. An account whose
 *          secret lacks them gets them when its password has been right. The model also gets mail
 *          (struct apo_account_mail) for each new account name, no matter which process added it,
 *          before the answer to the question that revealed it, and for each account removed here.
 *          refresh finds accounts removed by other processes.
 * Limits   APO_CHECKS_MAX questions wait, in an order that is fair to networks (fair_queue.h).
 *          Questions without room are answered at once with APO_CHECKED_FAILED.
 * Threads  asking: any; start and stop: the main thread. The store belongs to this thread until it
 *          has stopped.
 */
#ifndef APO_SERVER_AUTH_THREAD_H
#define APO_SERVER_AUTH_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/irc/scram.h"
#include "conversation/model/model.h"
#include "conversation/server/fair_queue.h"
#include "conversation/server/mailbox.h"

struct apo_store;

#define APO_CHECKS_MAX 64

struct apo_auth_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked, done;
	struct apo_fair_queue questions;
	bool is_over, is_working;
	struct apo_mailbox *answers;
	struct apo_store *store;  /* NULL: none */
	_Atomic bool makes_scram; /* accounts get SCRAM keys; may be changed at any time */
};

/* store NULL: there are no accounts. Returns 0 or a negative errno value. */
int apo_auth_thread_start(struct apo_auth_thread *auth_thread, struct apo_mailbox *answers,
			  struct apo_store *store);
/* Stops the thread. Waiting questions get no answer. */
void apo_auth_thread_stop(struct apo_auth_thread *auth_thread);

void apo_auth_thread_ask(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			 const char *hash, const char *password);

/* The secret of a password (irc/scram.h), as the text of the answer. */
void apo_auth_thread_make_secret(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				 const char *password);
/* Is it the password of this secret? The text of the answer is one that is to replace it, or "". */
void apo_auth_thread_ask_secret(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				const char *secret, const char *password);
/* The SCRAM keys of the secret, or, if it is NULL, of the account in the store. fake: those of an
 * account that has none; only their salt and iterations count. model.h, find_scram, has the
 * answer. */
void apo_auth_thread_find_scram(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				const char *account, const char *secret, const char *fake);

/* Is it the password of the account? Only with a store, like the next ones. */
void apo_auth_thread_ask_account(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				 const char *account, const char *password);
/* Makes an account; WRONG if there is one of that name. */
void apo_auth_thread_register(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			      const char *account, const char *password);
/* Removes the account. password NULL: the caller needs none (an operator). WRONG if the password is
 * wrong or there is no such account. */
void apo_auth_thread_remove(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			    const char *account, const char *password);
/* Keys of accounts (store.h). find_key: which account does the key belong to? account: the one that
 * its owner has named, "": none; WRONG if it is another one, or none. change_key: WRONG if the key
 * cannot be added (it belongs to an account, or this one has too many), or is no key of the
 * account. list_keys: the fingerprints with spaces between them. */
void apo_auth_thread_find_key(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			      const char *fingerprint, const char *account);
void apo_auth_thread_change_key(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				const char *account, const char *fingerprint, bool is_added);
void apo_auth_thread_list_keys(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			       const char *account);
/* Looks for names that another process has added or removed. There is no answer. */
void apo_auth_thread_refresh(struct apo_auth_thread *auth_thread);

/* Waits until all questions are answered, at most until the deadline (CLOCK_MONOTONIC). Returns
 * false if the deadline has passed first. */
bool apo_auth_thread_wait(struct apo_auth_thread *auth_thread, int64_t deadline_at_ns);

#endif
