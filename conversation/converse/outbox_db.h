/* SPDX-License-Identifier: MIT */
/*
 * outbox_db - stores what converse must know after a restart, in an SQLite database in the
 * directory --store: lines that are not said yet, received messages, and the last message of each
 * channel.
 *
 * Model    Changes are collected in a transaction. cv_outbox_db_commit writes it to the disk,
 *          before a line is sent, and before the server is told that its messages are handled.
 * Threads  one owner.
 */
#ifndef CV_OUTBOX_DB_H
#define CV_OUTBOX_DB_H

#include <stddef.h>
#include <stdint.h>

#include "conversation/converse/chat.h"

struct cv_outbox_db;

/* Opens the database, and creates the directory (0700) if it is missing. *stream and *last_number
 * are the values for a new store; an existing store replaces them by its own. NULL: reason says
 * why. A store is refused if another process has it open, or if it belongs to another id. */
struct cv_outbox_db *cv_outbox_db_open(const char *directory, const char *id, uint64_t *stream,
				       uint64_t *last_number, char *reason, size_t reason_size);
void cv_outbox_db_close(struct cv_outbox_db *outbox);

/* Gives everything that was stored to the chat. Join the channels before. Returns 0 or -EIO. */
int cv_outbox_db_restore(struct cv_outbox_db *outbox, struct cv_chat *chat);

void cv_outbox_db_line(struct cv_outbox_db *outbox, uint64_t number, const char *target,
		       const char *text);
void cv_outbox_db_drop(struct cv_outbox_db *outbox, uint64_t number);
void cv_outbox_db_received(struct cv_outbox_db *outbox, uint32_t place, uint64_t hash);
void cv_outbox_db_last(struct cv_outbox_db *outbox, const char *channel, const char *msgid);

/* 0; -EIO: a change since the last commit could not be written; cv_outbox_db_error says why. */
int cv_outbox_db_commit(struct cv_outbox_db *outbox);
const char *cv_outbox_db_error(const struct cv_outbox_db *outbox);

#endif
