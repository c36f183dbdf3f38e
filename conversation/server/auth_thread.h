/* SPDX-License-Identifier: MIT */
/*
 * auth_thread - a thread for passwords and accounts: to check a password costs a tenth of a second by
 * intention, and the store waits for the disk.
 *
 * Model    questions in, answers as mail (struct apo_auth_answer) to the model. argon2id by libsodium.
 *          Names that are new in the store, whoever has added them, are mail too (struct
 *          apo_account_mail), before the answer of the question that made them known; so are those
 *          that were removed here. Those that another process has removed are found by refresh.
 * Limits   APO_CHECKS_MAX questions wait, in an order that is fair to networks (fair_queue.h); those for
 *          which there is no room are answered at once with APO_CHECKED_FAILED.
 * Threads  ask any; start and stop the main thread. The store is the thread's until it has
 *          stopped.
 */
#ifndef APO_SERVER_AUTH_THREAD_H
#define APO_SERVER_AUTH_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/model/model.h"
#include "conversation/server/fair_queue.h"
#include "conversation/server/mailbox.h"

struct apo_store;

#define APO_CHECKS_MAX 64
#define APO_HASH_SIZE 128

struct apo_auth_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked, done;
	struct apo_fair_queue questions;
	bool is_over, is_working;
	struct apo_mailbox *answers;
	struct apo_store *store; /* NULL: none */
};

/* store NULL: there are no accounts. Returns 0 or a negative errno value. */
int apo_auth_thread_start(struct apo_auth_thread *auth_thread, struct apo_mailbox *answers,
			  struct apo_store *store);
/* What waits is not answered. */
void apo_auth_thread_stop(struct apo_auth_thread *auth_thread);

void apo_auth_thread_ask(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			 const char *hash, const char *password);

/* Is it the password of the account? With a store only, like the next three. */
void apo_auth_thread_ask_account(struct apo_auth_thread *auth_thread, struct apo_asker asker,
				 const char *account, const char *password);
/* Makes an account: WRONG when there is one of that name. */
void apo_auth_thread_register(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			      const char *account, const char *password);
/* The account is to be no more. password NULL: whoever asks needs none. WRONG when it is, or when
 * there is no such account. */
void apo_auth_thread_remove(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			    const char *account, const char *password);
/* Looks for names that another process has added or removed. No answer. */
void apo_auth_thread_refresh(struct apo_auth_thread *auth_thread);

/* Waits until all questions are answered, at most until the deadline (CLOCK_MONOTONIC). false: they
 * are not. */
bool apo_auth_thread_wait(struct apo_auth_thread *auth_thread, int64_t deadline_at_ns);

/* The hash of a password, as a string for the configuration. Returns 0 or -ENOMEM. */
int apo_auth_thread_hash(const char *password, char hash[APO_HASH_SIZE]);

#endif
