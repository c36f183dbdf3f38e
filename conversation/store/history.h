/* SPDX-License-Identifier: MIT */
/*
 * history - messages on disk, in the store's database: written in groups, read by who was there,
 * pruned in small steps.
 *
 * Who sees   what was said in a channel is seen by an account that was in it then (its presences),
 * what            and by who asks without one behind the position that its question names. What
 *            was said privately is seen by the two accounts. Accounts are meant by their id: who
 *            registers a name anew inherits nothing.
 * Disk       WAL without a sync for each group: a process that dies loses no group that was
 *            committed, a machine without power may lose the last ones, always from the end. So of
 *            whatever is there, all presences that ended before it have ended on the disk, too.
 * Threads    one owner. The file is open by a struct apo_store as well, which has checked it.
 */
#ifndef APO_STORE_HISTORY_H
#define APO_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/irc/message_record.h"

struct apo_history;

/*
 * file     that apo_store_open has opened (and brought to our version).
 * Returns  NULL: reason has one line without its end.
 */
struct apo_history *apo_history_open(const char *file, char *reason, size_t reason_size);
void apo_history_close(struct apo_history *history);

/*
 * Before anything else is written, unless this process goes on where another has handed over to it:
 * presences that a run before has left open end with the last message that there is.
 *
 * Returns  0, or an error as of writing.
 */
int apo_history_begin_run(struct apo_history *history);

/* Its path, from the root. */
const char *apo_history_file(const struct apo_history *history);
/* Of the call that failed last, in words, for the log. */
const char *apo_history_error(const struct apo_history *history);

/* The highest position that is used: this run's begin behind it. */
int64_t apo_history_last_position(const struct apo_history *history);

/* ---- writing: between begin and commit. Each returns 0, -ENOSPC, -ENOMEM or -EIO; after an error
 * nothing but apo_history_roll_back is of use, and nothing since begin has happened. ---- */

int apo_history_begin(struct apo_history *history);
int apo_history_commit(struct apo_history *history);
void apo_history_roll_back(struct apo_history *history);

/* Private ones between accounts of which one is there no more are not kept, and 0 is returned. Also
 * -EEXIST: the position is taken, and nothing has happened. */
int apo_history_add(struct apo_history *history, const struct apo_said *said);

/* account is in the channel from now on: it hears what is said behind first. id is a position that
 * nothing else has. */
int apo_presence_begin(struct apo_history *history, int64_t id, const char *account,
		       const char *channel, int64_t first);
/* ... and hears nothing behind last. */
int apo_presence_end(struct apo_history *history, int64_t id, int64_t last);

/* account has read what was said there until then; a marker never goes back. */
int apo_marker_set(struct apo_history *history, const char *account, const char *target,
		   int64_t time_ms);

/* ---- reading: also between begin and commit, and sees what was written ---- */

struct apo_page *apo_page_new(void);
/* NULL is harmless. */
void apo_page_free(struct apo_page *page);

/* page: empty; filled when it is DONE. */
enum apo_asked apo_history_ask(struct apo_history *history, const struct apo_question *question,
			       struct apo_page *page);

/* ---- pruning ---- */

struct apo_retention {
	int64_t age_ms;     /* older ones go */
	unsigned count_max; /* of a channel, or of two accounts */
	uint64_t bytes_max; /* of the file; the oldest go */
};

#define APO_PRUNE_STEP 256 /* messages, or presences, or buffers, that one step looks at */

/*
 * One step, between begin and commit.
 *
 * Returns  1: there is more to do; 0; or an error as of writing.
 */
int apo_history_prune(struct apo_history *history, const struct apo_retention *retention,
		      int64_t now_ms);

#endif
