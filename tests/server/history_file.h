/* SPDX-License-Identifier: MIT */
/* history_file - a store with three accounts and its history, in a temporary directory. */
#ifndef HISTORY_FILE_H
#define HISTORY_FILE_H

#include "conversation/store/history_private.h"
#include "conversation/store/store_private.h"

#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA"

/* Changes for apo_history_change and apo_history_thread_change. */
#define JOINED(id, who, who_id, channel, first)                                                    \
	(&(struct apo_change){.kind = APO_CHANGE_JOINED,                                           \
			      .presence = id,                                                      \
			      .account = who,                                                      \
			      .account_id = who_id,                                                \
			      .target = channel,                                                   \
			      .position = first})
#define LEFT(id, last)                                                                             \
	(&(struct apo_change){.kind = APO_CHANGE_LEFT, .presence = id, .position = last})
#define READ(who, who_id, what, time)                                                              \
	(&(struct apo_change){.kind = APO_CHANGE_READ,                                             \
			      .account = who,                                                      \
			      .account_id = who_id,                                                \
			      .target = what,                                                      \
			      .time_ms = time})
#define REDACTED(of_run, at)                                                                       \
	(&(struct apo_change){.kind = APO_CHANGE_REDACTED, .run = of_run, .position = at})

struct history_file {
	char directory[64], path[80];
	struct apo_store *store;
	struct apo_history *history;
	bool goes_on; /* the next open continues after a hand-over */
};

/* Accounts: dan, eve, fay. */
void history_file_make(struct history_file *file);
void history_file_open(struct history_file *file);
void history_file_close(struct history_file *file);
void history_file_remove(struct history_file *file);

#endif
