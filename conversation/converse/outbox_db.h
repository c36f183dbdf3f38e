/* SPDX-License-Identifier: MIT */
/*
 * outbox_db - what converse must know after it was killed: lines that are not said yet, messages that
 * were had, the last one of each channel. An SQLite database in the directory --store.
 *
 * Model    changes are gathered in a transaction, which cv_outbox_db_commit brings to the disk: before a
 *          line is sent, and before the server is told that what it sent is dealt with.
 * Threads  one owner.
 */
#ifndef CV_OUTBOX_DB_H
#define CV_OUTBOX_DB_H

#include <stddef.h>
#include <stdint.h>

#include "conversation/converse/chat.h"

struct cv_outbox_db;

/* Makes the directory (0700) if it is not there. stream is drawn by the caller for a new store, and
 * replaced by that of an older one; likewise *last_number. NULL: reason says why. A store that
 * another process has open, or of another id, is refused. */
struct cv_outbox_db *cv_outbox_db_open(const char *directory, const char *id, uint64_t *stream,
				       uint64_t *last_number, char *reason, size_t reason_size);
void cv_outbox_db_close(struct cv_outbox_db *outbox);

/* Hands over all that was kept. Channels must have been joined before. Returns 0 or -EIO. */
int cv_outbox_db_restore(struct cv_outbox_db *outbox, struct cv_chat *chat);

void cv_outbox_db_line(struct cv_outbox_db *outbox, uint64_t number, const char *target,
		       const char *text);
void cv_outbox_db_drop(struct cv_outbox_db *outbox, uint64_t number);
void cv_outbox_db_seen(struct cv_outbox_db *outbox, uint32_t place, uint64_t hash);
void cv_outbox_db_last(struct cv_outbox_db *outbox, const char *channel, const char *msgid);

/* 0; -EIO: something since the last commit could not be written, and cv_outbox_db_error says what. */
int cv_outbox_db_commit(struct cv_outbox_db *outbox);
const char *cv_outbox_db_error(const struct cv_outbox_db *outbox);

#endif
