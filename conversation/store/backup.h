/* SPDX-License-Identifier: MIT */
/*
 * backup - writes all records of the chat server's database as lines of JSON, and reads them back.
 *
 * Format   docs/conversation.md, "Backup". The first line has the version; the last one has the
 *          number of records, so a file that was cut is recognized. Records name accounts and
 *          channels by their names, not by ids of the database. What belongs to a removed account
 *          is left out: it cannot be reached any more.
 * Export   One read transaction: a consistent state, also while the server writes.
 * Import   One write transaction into a database without records that no other process has open.
 *          After an error nothing has changed.
 * Limits   A line has at most APO_BACKUP_LINE_MAX bytes.
 * Threads  none: one owner at a time.
 */
#ifndef APO_STORE_BACKUP_H
#define APO_STORE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define APO_BACKUP_VERSION 1
#define APO_BACKUP_LINE_MAX 65536

/* Both return false after an error: reason has one line without line end, which names the file. The
 * number of records is in *count. */

/* Flushes out, so that its errors are found, but does not close it. */
bool apo_backup_export(const char *file, FILE *out, uint64_t *count, char *reason,
		       size_t reason_size);
/* in_name: of the file that is read, for the reason, which has the number of the wrong line. */
bool apo_backup_import(const char *file, FILE *in, const char *in_name, uint64_t *count,
		       char *reason, size_t reason_size);

#endif
