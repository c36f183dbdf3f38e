/* SPDX-License-Identifier: MIT */
#include "conversation/store/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "conversation/store/backup_private.h"
#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

/* ---- export ---- */

/* The statement whose rows are the records of a kind, as JSON. NULL if memory is short. */
static char *select_of(const struct apo_backup_kind *kind)
{
	const struct apo_backup_field *field;
	sqlite3_str *sql = sqlite3_str_new(NULL);

	sqlite3_str_appendf(sql, "SELECT json_object('type', %Q", kind->name);
	for (field = kind->fields; field->name; field++)
		sqlite3_str_appendf(sql,
				    field->type == APO_BACKUP_FLAG
					    ? ", %Q, json(iif(%s, 'true', 'false'))"
					    : ", %Q, %s",
				    field->name, field->expression);
	sqlite3_str_appendf(sql, ") FROM %s", kind->from);
	return sqlite3_str_finish(sql);
}

static const char *write_kind(sqlite3 *db, const struct apo_backup_kind *kind, FILE *out,
			      uint64_t *count)
{
	char *sql = select_of(kind);
	sqlite3_stmt *statement = NULL;
	const char *text;
	int result = sql ? sqlite3_prepare_v2(db, sql, -1, &statement, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (result == SQLITE_OK)
		while ((result = sqlite3_step(statement)) == SQLITE_ROW && !ferror(out) &&
		       (text = (const char *)sqlite3_column_text(statement, 0))) {
			fputs(text, out);
			putc('\n', out);
			++*count;
		}
	sqlite3_finalize(statement);
	if (result == SQLITE_ROW) /* the caller looks for errors of out */
		return ferror(out) ? NULL : strerror(ENOMEM);
	return result == SQLITE_DONE ? NULL : apo_sql_error_text(result);
}

const char *apo_backup_write(sqlite3 *db, FILE *out, uint64_t *count)
{
	const char *wrong = NULL;
	size_t i;

	*count = 0;
	fprintf(out, APO_BACKUP_HEAD, APO_BACKUP_VERSION);
	for (i = 0; i < apo_backup_kind_count && !wrong; i++)
		wrong = write_kind(db, apo_backup_kinds + i, out, count);
	if (wrong)
		return wrong;
	fprintf(out, APO_BACKUP_END, (unsigned long long)*count);
	return NULL;
}

static const char *export_all(sqlite3 *db, FILE *out, uint64_t *count)
{
	const char *wrong;
	int64_t version = 0;
	int result = sqlite3_exec(db, "PRAGMA query_only = 1; BEGIN", NULL, NULL, NULL);

	/* The first statement that reads fixes the state that all of them see. */
	if (result == SQLITE_OK)
		result = apo_sql_number(db, "PRAGMA user_version", &version);
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	if (version != APO_STORE_VERSION)
		return "was written by another version of apollonion";
	wrong = apo_backup_write(db, out, count);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return wrong;
}

bool apo_backup_export(const char *file, FILE *out, uint64_t *count, char *reason,
		       size_t reason_size)
{
	const char *wrong = NULL;
	sqlite3 *db = NULL;
	int result;

	if (!apo_store_try(file, reason, reason_size))
		return false;
	result = apo_sql_open(file, &db);
	wrong = result == SQLITE_OK ? export_all(db, out, count) : apo_sql_error_text(result);
	sqlite3_close(db);
	if (wrong) {
		snprintf(reason, reason_size, "%s: %s", file, wrong);
		return false;
	}
	errno = 0;
	if (fflush(out) == 0 && !ferror(out))
		return true;
	snprintf(reason, reason_size, "the export cannot be written: %s",
		 strerror(errno ? errno : EIO));
	return false;
}

/* ---- import ---- */

static const char *check_empty(sqlite3 *db)
{
	char sql[128];
	int64_t has_rows = 0;
	int result = SQLITE_OK;
	size_t i;

	for (i = 0; i < apo_backup_kind_count && result == SQLITE_OK && !has_rows; i++) {
		snprintf(sql, sizeof sql, "SELECT EXISTS (SELECT 1 FROM %s)",
			 apo_backup_kinds[i].table);
		result = apo_sql_number(db, sql, &has_rows);
	}
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	return has_rows ? "has accounts, channels or history already: an import needs an empty or "
			  "new file"
			: NULL;
}

/* In the mode EXCLUSIVE the transaction can begin only if no other connection to the file is open:
 * a running server would not notice what was imported. */
static const char *begin_alone(sqlite3 *db)
{
	int result = sqlite3_exec(db,
				  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; "
				  "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
				  NULL, NULL, NULL);

	if ((result & 0xff) == SQLITE_BUSY)
		return "is in use, perhaps by a running server: an import needs a stopped one";
	return result == SQLITE_OK ? check_empty(db) : apo_sql_error_text(result);
}

static bool import_all(sqlite3 *db, const char *file, FILE *in, const char *in_name,
		       uint64_t *count, char *reason, size_t reason_size)
{
	const char *wrong = begin_alone(db);
	int result;

	if (!wrong && !apo_backup_read(db, in, in_name, count, reason, reason_size))
		return false;
	if (!wrong) {
		result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		wrong = result == SQLITE_OK ? NULL : apo_sql_error_text(result);
	}
	if (wrong)
		snprintf(reason, reason_size, "%s: %s", file, wrong);
	return !wrong;
}

bool apo_backup_import(const char *file, FILE *in, const char *in_name, uint64_t *count,
		       char *reason, size_t reason_size)
{
	bool is_new = access(file, F_OK) < 0, is_done;
	struct apo_store *store = apo_store_open(file, reason, reason_size);
	sqlite3 *db = NULL;
	int result;

	if (!store)
		return false;
	apo_store_close(store); /* it is our database now, of our version */
	result = apo_sql_open(file, &db);
	is_done = result == SQLITE_OK &&
		  import_all(db, file, in, in_name, count, reason, reason_size);
	if (result != SQLITE_OK)
		snprintf(reason, reason_size, "%s: %s", file, apo_sql_error_text(result));
	if (!is_done && is_new && db && !sqlite3_get_autocommit(db))
		(void)unlink(file); /* locked by this transaction, so no other uses it */
	sqlite3_close(db);
	return is_done;
}
