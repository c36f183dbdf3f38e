/* SPDX-License-Identifier: MIT */
/*
 * keep - what converse must know after it was killed: lines that are not said yet, messages that
 * were had, the last one of each channel. An SQLite database in the directory --store.
 *
 * Model    changes are gathered in a transaction, which cv_keep_commit brings to the disk: before a
 *          line is sent, and before the server is told that what it sent is dealt with.
 * Threads  one owner.
 */
#ifndef CV_KEEP_H
#define CV_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "conversation/converse/chat.h"

struct cv_keep;

/* Makes the directory (0700) if it is not there. stream is drawn by the caller for a new store, and
 * replaced by that of an older one; likewise *last_number. NULL: reason says why. A store that
 * another process has open, or of another id, is refused. */
struct cv_keep *cv_keep_open(const char *directory, const char *id, uint64_t *stream,
			     uint64_t *last_number, char *reason, size_t reason_size);
void cv_keep_close(struct cv_keep *keep);

/* Hands over all that was kept. Channels must have been joined before. Returns 0 or -EIO. */
int cv_keep_restore(struct cv_keep *keep, struct cv_chat *chat);

void cv_keep_line(struct cv_keep *keep, uint64_t number, const char *target, const char *text);
void cv_keep_drop(struct cv_keep *keep, uint64_t number);
void cv_keep_seen(struct cv_keep *keep, uint32_t place, uint64_t hash);
void cv_keep_last(struct cv_keep *keep, const char *channel, const char *msgid);

/* 0; -EIO: something since the last commit could not be written, and cv_keep_error says what. */
int cv_keep_commit(struct cv_keep *keep);
const char *cv_keep_error(const struct cv_keep *keep);

#endif
