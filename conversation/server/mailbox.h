/* SPDX-License-Identifier: MIT */
/*
 * mailbox - passes messages between threads: any number of threads put, one takes.
 *
 * Model    A lock-free stack that its owner takes as a whole and reverses: mail of one sender is
 *          taken in the order in which it was put. The first mail in an empty box makes the
 *          descriptor readable; further mail costs no system call.
 * Limits   none of its own: senders limit themselves (batch.h).
 * Threads  put: any; the rest: the owner.
 */
#ifndef APO_SERVER_MAILBOX_H
#define APO_SERVER_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

/* Embedded in each message, which must stay in memory until it is taken. */
struct apo_mail {
	struct apo_mail *next;
	int kind; /* chosen by the owner: the type in which it is embedded */
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

/* Makes the descriptor unreadable and leaves the mail: for an owner that must wait for something
 * else first. It must later wake itself or take. */
void apo_mailbox_forget_wake(struct apo_mailbox *box);

/* Takes all mail, linked by next, oldest first; NULL if there is none. The descriptor becomes
 * unreadable until new mail comes. */
struct apo_mail *apo_mailbox_take(struct apo_mailbox *box);

/* A loop over all mail that it takes: declares mail. The body may free it. */
#define APO_MAIL_EACH(mail, box)                                                                   \
	for (struct apo_mail *mail = apo_mailbox_take(box), *mail##_next;                          \
	     mail && ((mail##_next = mail->next), true); mail = mail##_next)

/* Waits for mail for that time; -1: for ever. */
void apo_mailbox_wait(const struct apo_mailbox *box, int timeout_ms);

#endif
