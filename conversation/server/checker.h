/* SPDX-License-Identifier: MIT */
/*
 * checker - a thread for passwords: to check one costs a tenth of a second by intention.
 *
 * Model    questions in, answers as mail (struct apo_answer) to the model. argon2id by libsodium.
 * Limits   APO_CHECKS_MAX questions wait; more are answered at once with APO_CHECKED_FAILED.
 * Threads  ask any; start and stop the main thread.
 */
#ifndef APO_SERVER_CHECKER_H
#define APO_SERVER_CHECKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "conversation/server/mailbox.h"

#define APO_CHECKS_MAX 64
#define APO_HASH_SIZE 128

struct apo_checker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	struct rudp_list questions;
	unsigned count;
	bool is_over;
	struct apo_mailbox *answers;
};

/* Returns 0 or a negative errno value. */
int apo_checker_start(struct apo_checker *checker, struct apo_mailbox *answers);
/* What waits is not answered. */
void apo_checker_stop(struct apo_checker *checker);

void apo_checker_ask(struct apo_checker *checker, uint64_t ticket, const char *hash,
		     const char *password);

/* The hash of a password, as a string for the configuration. Returns 0 or -ENOMEM. */
int apo_checker_hash(const char *password, char hash[APO_HASH_SIZE]);

#endif
