/* SPDX-License-Identifier: MIT */
/* Removes messages that are too old or too many, in small steps: writers and readers wait for one
 * step at most. */
#include "conversation/store/history_private.h"

static int64_t number_of(sqlite3_stmt *statement, int *error)
{
	int result = sqlite3_step(statement);
	int64_t number = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;

	*error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : apo_sql_error(result);
	apo_sql_reset(statement);
	return number;
}

/* The last position of the oldest messages, at most one step's worth, that were sent before
 * until_ms. 0: there are none. */
static int64_t end_of_old(struct apo_history *history, int64_t until_ms, int *error)
{
	const int64_t limit = APO_PRUNE_STEP;
	sqlite3_stmt *statement = apo_history_bind(history, APO_SQL_OLDEST, 1, &limit);
	int64_t position = 0;
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW &&
	       sqlite3_column_int64(statement, 1) < until_ms)
		position = sqlite3_column_int64(statement, 0);
	*error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : apo_sql_error(result);
	apo_sql_reset(statement);
	return position;
}

static int prune_old(struct apo_history *history, int64_t until_ms)
{
	int error;
	int64_t position = end_of_old(history, until_ms, &error);

	if (error < 0 || position == 0)
		return error;
	error = apo_history_run(apo_history_bind(history, APO_SQL_DELETE_UP_TO, 1, &position));
	return error < 0 ? error : 1;
}

static int prune_bytes(struct apo_history *history, uint64_t bytes_max)
{
	int error;
	int64_t pages = number_of(history->statements[APO_SQL_PAGES], &error);

	if (error < 0 || (uint64_t)(pages * history->page_bytes) <= bytes_max)
		return error;
	return prune_old(history, INT64_MAX);
}

static int prune_buffer(struct apo_history *history, int64_t id, int64_t over)
{
	const int64_t values[] = {id, over < APO_PRUNE_STEP ? over : APO_PRUNE_STEP};
	int error = apo_history_run(apo_history_bind(history, APO_SQL_DELETE_OF, 2, values));

	return error < 0 ? error : 1;
}

/* Examines the next buffers in the order of their ids, and shortens the first that is too long. */
static int prune_buffers(struct apo_history *history, unsigned count_max)
{
	const int64_t values[] = {history->buffers_seen, APO_PRUNE_STEP};
	sqlite3_stmt *statement = apo_history_bind(history, APO_SQL_BUFFERS_BEHIND, 2, values);
	int64_t id = 0, over = 0;
	int result, seen = 0;

	while (over <= 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		id = sqlite3_column_int64(statement, 0);
		over = sqlite3_column_int64(statement, 1) - (int64_t)count_max;
		seen++;
	}
	apo_sql_reset(statement);
	if (over > 0) {
		history->buffers_seen = id - 1; /* examine it again, until it is short enough */
		return prune_buffer(history, id, over);
	}
	history->buffers_seen = seen < APO_PRUNE_STEP ? 0 : id;
	if (result != SQLITE_DONE)
		return apo_sql_error(result);
	return seen == APO_PRUNE_STEP;
}

/* Removes presences that ended before the oldest message: they give access to nothing. */
static int prune_presences(struct apo_history *history)
{
	const int64_t one = 1, from = history->presences_seen;
	const int64_t values[] = {from, APO_PRUNE_STEP};
	sqlite3_stmt *statement;
	int64_t oldest, up_to = 0;
	int result, error, seen = 0;

	oldest = number_of(apo_history_bind(history, APO_SQL_OLDEST, 1, &one), &error);
	if (error < 0)
		return error;
	statement = apo_history_bind(history, APO_SQL_PRESENCES_BEHIND, 2, values);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		up_to = sqlite3_column_int64(statement, 0);
		seen++;
	}
	apo_sql_reset(statement);
	if (result != SQLITE_DONE)
		return apo_sql_error(result);
	history->presences_seen = seen < APO_PRUNE_STEP ? 0 : up_to;
	if (seen == 0)
		return 0;
	statement = apo_history_bind(
		history, APO_SQL_PRESENCES_DELETE, 3,
		(const int64_t[]){from, up_to, oldest ? oldest : APO_POSITION_MAX});
	error = apo_history_run(statement);
	return error < 0 ? error : seen == APO_PRUNE_STEP;
}

/* Each kind of pruning runs only when the ones before it have nothing to do. */
int apo_history_prune(struct apo_history *history, const struct apo_retention *retention,
		      int64_t now_ms)
{
	int result = history->buffer_name[0] ? apo_history_settle(history) : 0;

	if (result == 0)
		result = prune_old(history, now_ms - retention->age_ms);
	if (result == 0)
		result = prune_bytes(history, retention->bytes_max);
	if (result == 0)
		result = prune_buffers(history, retention->count_max);
	return result ? result : prune_presences(history);
}
