/* SPDX-License-Identifier: MIT */
/* sql - small things that all statements of the store need. */
#ifndef APO_STORE_SQL_H
#define APO_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define APO_BUSY_MS 5000 /* how long another process, or thread, may hold the file */

/* A result of SQLite that is no success, as -EEXIST, -ENOSPC, -ENOMEM or -EIO. */
int apo_sql_error(int result);
/* ... and in words for who runs the server. */
const char *apo_sql_words(int result);

/* What it was bound to is the caller's, and a statement that is not reset keeps a lock. */
void apo_sql_let_go(sqlite3_stmt *statement);

/* The first column of the first row. Returns a result of SQLite. */
int apo_sql_number(sqlite3 *db, const char *sql, int64_t *number);

/* Opens a database that is there, for who is alone with it in his thread, with the settings that
 * all of ours have. *db is to be closed whatever is returned: a result of SQLite. */
int apo_sql_open(const char *file, sqlite3 **db);

/* The file has been removed, or another lies in its place: SQLite goes on with one that nobody will
 * ever find again, and says nothing. */
bool apo_sql_has_moved(sqlite3 *db);
/* What went wrong with it last, in words, that included. */
const char *apo_sql_last_words(sqlite3 *db);

#endif
