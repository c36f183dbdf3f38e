/* SPDX-License-Identifier: MIT */
/* sql - what all users of SQLite here share: opening a database, errors, resetting statements. */
#ifndef APO_STORE_SQL_H
#define APO_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define APO_BUSY_MS 5000 /* how long to wait for another process or thread that has a lock */

/* Converts an error of SQLite to -EEXIST, -ENOSPC, -ENOMEM or -EIO. */
int apo_sql_error(int result);
/* The same error as text for the server's administrator. */
const char *apo_sql_error_text(int result);

/* Prepares statements that are used often. Returns a result of SQLite; those that were not prepared
 * are NULL if they were before. */
int apo_sql_prepare(sqlite3 *db, sqlite3_stmt **statements, const char *const *sql, unsigned count);
void apo_sql_finalize(sqlite3_stmt *const *statements, unsigned count);
/* Binds strings as the first parameters; NULL is bound as NULL. Returns a result of SQLite. The
 * strings must stay until the statement is reset. */
int apo_sql_bind_texts(sqlite3_stmt *statement, unsigned count, const char *const *texts);

/* Resets a statement: releases its lock, and its parameters, which belong to the caller. */
void apo_sql_reset(sqlite3_stmt *statement);
/* Resets it after its last step had this result. Returns error, or that of the result. */
int apo_sql_end(sqlite3_stmt *statement, int result, int error);

/* Gets the first column of the first row. Returns a result of SQLite. */
int apo_sql_number(sqlite3 *db, const char *sql, int64_t *number);

/* Opens an existing database for one thread, with the settings that all our databases have. Returns
 * a result of SQLite. The caller closes *db, also after an error. */
int apo_sql_open(const char *file, sqlite3 **db);

/* Returns whether the file has been removed or replaced. SQLite does not notice, and would go on to
 * write to a file that cannot be opened any more. */
bool apo_sql_has_moved(sqlite3 *db);
/* The last error of the database as text, including that one. */
const char *apo_sql_last_error_text(sqlite3 *db);

#endif
