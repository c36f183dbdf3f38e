/* SPDX-License-Identifier: MIT */
/*
 * backlog - makes a thread wait that puts more bytes into a mailbox than its owner handles.
 *
 * Model    The sender counts what it puts, the owner what it has handled. When bytes_max wait, the
 *          sender stops until half of them are handled: so it does not stop for each mail.
 * Limits   bytes_max, and one mail of each sender more.
 * Threads  add: any. remove, end: any; they do not wait.
 */
#ifndef APO_SERVER_BACKLOG_H
#define APO_SERVER_BACKLOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apo_backlog {
	pthread_mutex_t lock;
	pthread_cond_t room;
	size_t bytes, bytes_max;
	const char *what; /* for the log: the mail that waits */
	uint64_t stops;   /* how often the senders have stopped */
	bool is_full, has_ended;
};

struct apo_backlog_figures {
	size_t bytes;
	uint64_t stops;
	bool is_full; /* senders wait */
};

void apo_backlog_init(struct apo_backlog *backlog, const char *what, size_t bytes_max);
void apo_backlog_fini(struct apo_backlog *backlog);

/* Call it before the mail is put. Waits while the backlog is full, and logs that it has become
 * full. */
void apo_backlog_add(struct apo_backlog *backlog, size_t bytes);
void apo_backlog_remove(struct apo_backlog *backlog, size_t bytes);
/* The owner handles nothing any more: no thread waits from now on. */
void apo_backlog_end(struct apo_backlog *backlog);

struct apo_backlog_figures apo_backlog_figures(struct apo_backlog *backlog);

#endif
