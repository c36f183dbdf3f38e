/* SPDX-License-Identifier: MIT */
/* backup_private - what the files of backup and their tests share. */
#ifndef APO_STORE_BACKUP_PRIVATE_H
#define APO_STORE_BACKUP_PRIVATE_H

#include <sqlite3.h>

#include "conversation/store/backup.h"
#include "conversation/store/backup_kinds.h"

#define APO_BACKUP_HEAD "{\"type\":\"apollonion-export\",\"version\":%d}\n"
#define APO_BACKUP_END "{\"type\":\"end\",\"records\":%llu}\n"

/* Writes all records of a database, in a transaction of the caller. Returns NULL, or the problem of
 * the database as text; the caller checks out. */
const char *apo_backup_write(sqlite3 *db, FILE *out, uint64_t *count);

/* Adds all records of a backup to a database, in a transaction of the caller. Returns false after
 * an error: reason has the problem, with the number of the line. */
bool apo_backup_read(sqlite3 *db, FILE *in, const char *in_name, uint64_t *count, char *reason,
		     size_t reason_size);

#endif
