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

/* enum apo_auth (model.h) has the questions; the answer to each is the text of the mail. SCRAM and
 * SCRAM_OF_SECRET get, instead of what is said there, the account or the secret, and the SCRAM keys
 * that are shown if it has none. Without a store, questions about accounts must not be asked. */
void apo_auth_thread_ask(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			 enum apo_auth kind, const char *about, const char *password);
/* Looks for names that another process has added or removed. There is no answer. */
void apo_auth_thread_refresh(struct apo_auth_thread *auth_thread);

/* Waits until all questions are answered, at most until the deadline (CLOCK_MONOTONIC). Returns
 * false if the deadline has passed first. */
bool apo_auth_thread_wait(struct apo_auth_thread *auth_thread, int64_t deadline_at_ns);

#endif
