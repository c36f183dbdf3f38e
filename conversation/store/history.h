/* SPDX-License-Identifier: MIT */
/*
 * history - keeps the messages of the chat on disk, in the store's database.
 *
 * Access     An account may read the messages of a channel that were sent while it was in the
 *            channel (its presences). A client without an account may read those after the position
 *            in its question. Private messages can be read by both accounts. An account is
 *            identified by its id: a new account of the same name inherits nothing.
 * Disk       WAL mode without a sync for each group. If the process dies, no committed group is
 *            lost. If the power fails, the newest groups can be lost, always from the end. So if a
 *            message is on the disk, each presence that ended before it has ended on the disk, too.
 * Pruning    Old messages are removed in small steps.
 * Threads    One owner. The file is also open as a struct apo_store, which has checked it.
 */
#ifndef APO_STORE_HISTORY_H
#define APO_STORE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"
#include "conversation/irc/message_record.h"

struct apo_history;

/*
 * Opens the history in a file that apo_store_open has opened, and has brought to our version.
 *
 * Returns  NULL: reason has one line without line end.
 */
struct apo_history *apo_history_open(const char *file, char *reason, size_t reason_size);
void apo_history_close(struct apo_history *history);

/*
 * Before anything else is written, unless another process has handed over to this one:
 * presences that a run before has left open end with the last message that there is.
 *
 * Returns  0, or an error as of writing.
 */
int apo_history_begin_run(struct apo_history *history);

/* The absolute path of the file. */
const char *apo_history_file(const struct apo_history *history);
/* The error of the last call that failed, as text for the log. */
const char *apo_history_error(const struct apo_history *history);

/* The highest position in use: the positions of this run begin after it. */
int64_t apo_history_last_position(const struct apo_history *history);

/* ---- writing, between begin and commit. Each call returns 0, -ENOSPC, -ENOMEM or -EIO. After an
 * error only apo_history_roll_back may follow, and nothing since begin has been written. ---- */

int apo_history_begin(struct apo_history *history);
int apo_history_commit(struct apo_history *history);
void apo_history_roll_back(struct apo_history *history);

/* Adds a message. A private message is not kept, with 0, if one of its accounts no longer exists.
 * Also -EEXIST: the position is in use, and nothing has changed. */
int apo_history_add(struct apo_history *history, const struct apo_said *said);

/* A change that names no account that exists is not kept, with 0. READ: a marker never goes back.
 * REDACTED: the message is removed for any requester. Also -EEXIST: the presence has begun. */
int apo_history_change(struct apo_history *history, const struct apo_change *change);
/* Removes all markers. */
int apo_markers_drop(struct apo_history *history);

/*
 * Removes the message that the question (REDACT) names, if the client may do that; MAY_REDACT
 * removes nothing. Its bytes in the
 * file are overwritten; a copy can remain in SQLite's log until the next checkpoint.
 *
 * Returns  0: *asked is the answer; or an error as of the calls above.
 */
int apo_history_redact(struct apo_history *history, const struct apo_question *question,
		       enum apo_asked *asked);

/* ---- reading; may be called between begin and commit, and sees what was written ---- */

struct apo_page *apo_page_new(void);
/* page may be NULL. */
void apo_page_free(struct apo_page *page);

/* Answers a question. page must be empty; it is filled if the result is DONE. */
enum apo_asked apo_history_ask(struct apo_history *history, const struct apo_question *question,
			       struct apo_page *page);

/* ---- copies of the same history in several files (history_copy.c) ---- */

enum apo_history_table { APO_TABLE_MESSAGES, APO_TABLE_PRESENCES };

#define APO_COPY_BYTES_MAX (192u << 10)

/* Writes the rows of the table with positions after first, up to last, in their order. If they need
 * more room, it ends earlier, and last becomes the position of the last row written. Files with the
 * same rows give the same bytes. Returns 0, -ENOMEM or -EIO. */
int apo_history_copy(struct apo_history *history, enum apo_history_table table, int64_t first,
		     int64_t *last, struct rudp_writer *writer);
/* Replaces the rows after first, up to last, by those in bytes. Between begin and commit. Also
 * -EINVAL: the bytes are not valid. */
int apo_history_paste(struct apo_history *history, enum apo_history_table table, int64_t first,
		      int64_t last, const void *bytes, size_t len);

/* ---- pruning ---- */

struct apo_retention {
	int64_t age_ms;     /* older messages are removed */
	unsigned count_max; /* messages of a channel, or between two accounts */
	uint64_t bytes_max; /* size of the file: beyond it the oldest messages are removed */
};

#define APO_PRUNE_STEP 256 /* messages, presences or buffers that one step examines */

/*
 * Does one step of pruning, between begin and commit.
 *
 * Returns  1: there is more to do; 0: there is not; or an error as of writing.
 */
int apo_history_prune(struct apo_history *history, const struct apo_retention *retention,
		      int64_t now_ms);

#endif
