/* SPDX-License-Identifier: MIT */
#include "conversation/store/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/history_private.h"
#include "conversation/store/store_private.h"

/* ---- statements ---- */

sqlite3_stmt *apo_history_bind(struct apo_history *history, enum apo_history_statement which,
			       unsigned count, const int64_t *values)
{
	sqlite3_stmt *statement = history->statements[which];
	unsigned i;

	for (i = 0; i < count; i++)
		(void)sqlite3_bind_int64(statement, (int)i + 1, values[i]);
	return statement;
}

int apo_history_run(sqlite3_stmt *statement)
{
	return apo_sql_end(statement, sqlite3_step(statement), 0);
}

/* The first column of the row with that name; 0: there is none. */
static int64_t find(struct apo_history *history, enum apo_history_statement which, const char *name)
{
	sqlite3_stmt *statement = history->statements[which];
	int64_t id = 0;
	int result = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 0);
	apo_sql_reset(statement);
	return result == SQLITE_ROW || result == SQLITE_DONE ? id : apo_sql_error(result);
}

int64_t apo_history_account(struct apo_history *history, const char *name)
{
	return find(history, APO_SQL_ACCOUNT_ID, name);
}

int64_t apo_history_buffer(struct apo_history *history, const char *name)
{
	return find(history, APO_SQL_BUFFER_FIND, name);
}

int64_t apo_history_account_or(struct apo_history *history, int64_t id, const char *name)
{
	return id ? id : apo_history_account(history, name);
}

void apo_history_name_private(char name[APO_BUFFER_NAME_SIZE], int64_t a, int64_t b)
{
	snprintf(name, APO_BUFFER_NAME_SIZE, "@%" PRId64 ",%" PRId64, a < b ? a : b, a < b ? b : a);
}

/* ---- transactions ---- */

int apo_history_begin(struct apo_history *history)
{
	return apo_sql_has_moved(history->db) ? -EIO
					      : apo_history_run(history->statements[APO_SQL_BEGIN]);
}

int apo_history_settle(struct apo_history *history)
{
	const int64_t values[] = {history->buffer_id, history->buffer_more};

	history->buffer_name[0] = '\0';
	return apo_history_run(apo_history_bind(history, APO_SQL_BUFFER_COUNT, 2, values));
}

static int settle(struct apo_history *history)
{
	return history->buffer_name[0] ? apo_history_settle(history) : 0;
}

int apo_history_commit(struct apo_history *history)
{
	int error = settle(history);

	return error ? error : apo_history_run(history->statements[APO_SQL_COMMIT]);
}

void apo_history_roll_back(struct apo_history *history)
{
	history->buffer_name[0] = '\0';
	/* SQLite may have rolled back itself. */
	if (!sqlite3_get_autocommit(history->db))
		(void)apo_history_run(history->statements[APO_SQL_ROLL_BACK]);
}

/* ---- messages ---- */

int apo_history_use_buffer(struct apo_history *history, const char *name, int64_t a, int64_t b)
{
	sqlite3_stmt *statement = history->statements[APO_SQL_BUFFER_MAKE];
	int64_t id;
	int error;

	if (strcmp(history->buffer_name, name) == 0)
		return 0;
	if ((error = settle(history)) < 0)
		return error;
	id = apo_history_buffer(history, name);
	if (id == 0) {
		(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
		if (a) {
			(void)sqlite3_bind_int64(statement, 2, a);
			(void)sqlite3_bind_int64(statement, 3, b);
		}
		error = apo_history_run(statement);
		id = error ? error : sqlite3_last_insert_rowid(history->db);
	}
	if (id < 0)
		return (int)id;
	snprintf(history->buffer_name, sizeof history->buffer_name, "%s", name);
	history->buffer_id = id;
	history->buffer_more = 0;
	return 0;
}

/* Finds or makes the buffer of a message. Returns 1; 0: one of its accounts no longer exists. */
static int buffer_of(struct apo_history *history, const struct apo_said *said)
{
	char name[APO_BUFFER_NAME_SIZE];
	int64_t a, b;
	int error;

	if (said->channel) {
		error = apo_history_use_buffer(history, said->channel, 0, 0);
		return error ? error : 1;
	}
	a = apo_history_account_or(history, said->between_ids[0], said->between[0]);
	b = apo_history_account_or(history, said->between_ids[1], said->between[1]);
	if (a <= 0 || b <= 0)
		return a < 0 ? (int)a : b < 0 ? (int)b : 0;
	apo_history_name_private(name, a, b);
	error = apo_history_use_buffer(history, name, a, b);
	return error ? error : 1;
}

int apo_history_add_row(struct apo_history *history, const struct apo_said *said)
{
	const int64_t numbers[] = {said->position, (int64_t)said->run, said->time_ms,
				   said->is_notice};
	const char *const texts[] = {said->source, said->target, said->account, said->tags,
				     said->text};
	sqlite3_stmt *statement = apo_history_bind(history, APO_SQL_MESSAGE_ADD, 4, numbers);
	unsigned i;
	int error;

	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		(void)sqlite3_bind_text(statement, (int)i + 5, texts[i], -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 10, history->buffer_id);
	error = apo_history_run(statement);
	if (error == 0)
		history->buffer_more++;
	return error;
}

int apo_history_add(struct apo_history *history, const struct apo_said *said)
{
	int result = buffer_of(history, said);

	return result <= 0 ? result : apo_history_add_row(history, said);
}

/* ---- presences ---- */

static int begin_presence(struct apo_history *history, const struct apo_change *change)
{
	const int64_t values[] = {
		change->presence,
		apo_history_account_or(history, change->account_id, change->account)};
	sqlite3_stmt *statement;

	if (values[1] <= 0)
		return (int)values[1];
	statement = apo_history_bind(history, APO_SQL_PRESENCE_BEGIN, 2, values);
	(void)sqlite3_bind_text(statement, 3, change->target, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 4, change->position);
	return apo_history_run(statement);
}

/* A presence without messages gives access to nothing, so it is not kept. */
static int end_presence(struct apo_history *history, const struct apo_change *change)
{
	const int64_t values[] = {change->presence, change->position};
	int error = apo_history_run(apo_history_bind(history, APO_SQL_PRESENCE_END, 2, values));

	return error ? error
		     : apo_history_run(apo_history_bind(history, APO_SQL_PRESENCE_DROP, 1, values));
}

/* ---- markers ---- */

static int set_marker(struct apo_history *history, const struct apo_change *change)
{
	const int64_t values[] = {
		apo_history_account_or(history, change->account_id, change->account),
		change->time_ms};
	sqlite3_stmt *statement;

	if (values[0] <= 0)
		return (int)values[0];
	statement = apo_history_bind(history, APO_SQL_MARKER_SET, 2, values);
	(void)sqlite3_bind_text(statement, 3, change->target, -1, SQLITE_STATIC);
	return apo_history_run(statement);
}

int apo_history_change(struct apo_history *history, const struct apo_change *change)
{
	switch (change->kind) {
	case APO_CHANGE_JOINED:
		return begin_presence(history, change);
	case APO_CHANGE_LEFT:
		return end_presence(history, change);
	case APO_CHANGE_READ:
		return set_marker(history, change);
	case APO_CHANGE_REDACTED:
		return apo_history_drop(history, change->run, change->position);
	}
	return -EINVAL;
}

int apo_markers_drop(struct apo_history *history)
{
	return apo_history_run(history->statements[APO_SQL_MARKERS_DROP]);
}

/* ---- opening and closing ---- */

/* Ends the presences that were open when the last run died, at the last message on the disk. Also
 * removes the markers of accounts that no longer exist. */
int apo_history_begin_run(struct apo_history *history)
{
	static const char sql[] =
		"UPDATE presence SET last = max(first, (SELECT ifnull(max(position), 0) "
		"FROM messages)) WHERE last IS NULL;"
		"DELETE FROM markers WHERE account NOT IN (SELECT id FROM accounts)";
	int result = sqlite3_exec(history->db, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : apo_sql_error(result);
}

static int read_numbers(struct apo_history *history)
{
	static const char positions[] =
		"SELECT max((SELECT ifnull(max(position), 0) FROM messages), "
		"(SELECT ifnull(max(max(id), max(last)), 0) FROM presence))";
	int result = apo_sql_number(history->db, positions, &history->last_position);

	if (result == SQLITE_OK)
		result = apo_sql_number(history->db, "PRAGMA page_size", &history->page_bytes);
	return result;
}

static int prepare(struct apo_history *history)
{
	static const char *const sql[] = {
#define SQL(name, text) text,
		APO_HISTORY_STATEMENTS(SQL)
#undef SQL
	};

	return apo_sql_prepare(history->db, history->statements, sql, APO_SQL_COUNT);
}

static const char *open_history(struct apo_history *history, const char *file)
{
	int64_t version = 0;
	int result = apo_sql_open(file, &history->db);

	if (result == SQLITE_OK)
		result = apo_sql_number(history->db, "PRAGMA user_version", &version);
	if (result == SQLITE_OK && version != APO_STORE_VERSION)
		return "was written by another version of apollonion";
	if (result == SQLITE_OK)
		result = sqlite3_exec(history->db,
				      "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = FAST",
				      NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = prepare(history);
	if (result == SQLITE_OK)
		result = read_numbers(history);
	return result == SQLITE_OK ? NULL : apo_sql_error_text(result);
}

struct apo_history *apo_history_open(const char *file, char *reason, size_t reason_size)
{
	struct apo_history *history = calloc(1, sizeof *history);
	const char *wrong = history ? open_history(history, file) : strerror(ENOMEM);

	if (!wrong)
		return history;
	snprintf(reason, reason_size, "%s: %s", file, wrong);
	if (history)
		apo_history_close(history);
	return NULL;
}

void apo_history_close(struct apo_history *history)
{
	apo_sql_finalize(history->statements, APO_SQL_COUNT);
	sqlite3_close(history->db);
	free(history);
}

const char *apo_history_file(const struct apo_history *history)
{
	return sqlite3_db_filename(history->db, "main");
}

const char *apo_history_error(const struct apo_history *history)
{
	return apo_sql_last_error_text(history->db);
}

int64_t apo_history_last_position(const struct apo_history *history)
{
	return history->last_position;
}
