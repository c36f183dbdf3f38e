/* SPDX-License-Identifier: MIT */
/*
 * mailbox - how one thread hands something to another: any number of threads put, one takes.
 *
 * Model    a stack without locks that its owner takes as a whole and turns around: mail of one
 *          sender is taken in the order in which it was put. The first mail in an empty box makes
 *          the descriptor readable, the rest of it costs no system call.
 * Limits   none of its own: who puts must know when it is too much (batch.h).
 * Threads  put any, the rest the owner.
 */
#ifndef APO_SERVER_MAILBOX_H
#define APO_SERVER_MAILBOX_H

#include <stdatomic.h>

/* Embedded in what is sent, which must stay until it is taken. */
struct apo_mail {
	struct apo_mail *next;
	int kind; /* the owner's word for what it is embedded in */
};

struct apo_mailbox {
	_Atomic(struct apo_mail *) newest;
	int fd; /* readable when there is mail; for poll and epoll */
};

/* Returns 0 or a negative errno value. */
int apo_mailbox_init(struct apo_mailbox *box);
/* The box must be empty. */
void apo_mailbox_fini(struct apo_mailbox *box);

void apo_mailbox_put(struct apo_mailbox *box, struct apo_mail *mail);

/* Makes the descriptor readable without mail. */
void apo_mailbox_wake(struct apo_mailbox *box);

/* The descriptor is not readable any more, and the mail stays: for a taker who waits for something
 * else first. It must make it readable again, or take. */
void apo_mailbox_forget_wake(struct apo_mailbox *box);

/* All that is there, linked by next, oldest first; NULL when nothing is. The descriptor is not
 * readable any more until new mail comes. */
struct apo_mail *apo_mailbox_take(struct apo_mailbox *box);

#endif
