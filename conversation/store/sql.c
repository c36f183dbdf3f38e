/* SPDX-License-Identifier: MIT */
#include "conversation/store/sql.h"

#include <errno.h>
#include <stddef.h>

int apo_sql_error(int result)
{
	switch (result & 0xff) {
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

const char *apo_sql_error_text(int result)
{
	switch (result & 0xff) {
	case SQLITE_NOTADB:
		return "is no SQLite database";
	case SQLITE_CORRUPT:
		return "is damaged";
	case SQLITE_READONLY:
		return "cannot be written";
	case SQLITE_BUSY:
		return "is in use by another program";
	default:
		return sqlite3_errstr(result);
	}
}

int apo_sql_prepare(sqlite3 *db, sqlite3_stmt **statements, const char *const *sql, unsigned count)
{
	int result = SQLITE_OK;
	unsigned i;

	for (i = 0; i < count && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &statements[i], NULL);
	return result;
}

void apo_sql_finalize(sqlite3_stmt *const *statements, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		sqlite3_finalize(statements[i]);
}

int apo_sql_bind_texts(sqlite3_stmt *statement, unsigned count, const char *const *texts)
{
	int result = SQLITE_OK;
	unsigned i;

	for (i = 0; i < count && result == SQLITE_OK; i++)
		result = sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
	return result;
}

void apo_sql_reset(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

int apo_sql_end(sqlite3_stmt *statement, int result, int error)
{
	apo_sql_reset(statement);
	if (error)
		return error;
	return result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

int apo_sql_number(sqlite3 *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result == SQLITE_ROW ? SQLITE_OK : result == SQLITE_DONE ? SQLITE_CORRUPT : result;
}

int apo_sql_open(const char *file, sqlite3 **db)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int result = sqlite3_open_v2(file, db, flags, NULL);

	if (result != SQLITE_OK)
		return result;
	sqlite3_busy_timeout(*db, APO_BUSY_MS);
	(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return SQLITE_OK;
}

bool apo_sql_has_moved(sqlite3 *db)
{
	int has_moved = 0;
	int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);

	return result == SQLITE_OK && has_moved;
}

const char *apo_sql_last_error_text(sqlite3 *db)
{
	return apo_sql_has_moved(db) ? "the file is not there any more, or is another one"
				     : sqlite3_errmsg(db);
}
