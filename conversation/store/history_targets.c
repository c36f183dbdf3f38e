/* SPDX-License-Identifier: MIT */
/* TARGETS: the channels and accounts that had messages in a period. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/history_private.h"

#define TARGETS_MAX 1000 /* that are examined; at most half of them are channels */

/* Adds the target to the page, with the time of its newest readable message, if that lies in the
 * period. */
static int add_newest(struct apo_page_reading *reading, const struct apo_question *question,
		      const char *target)
{
	int64_t from_ms = question->first.time_ms, to_ms = question->second.time_ms, swap_ms;
	unsigned before = reading->page->count;
	struct apo_said *said, named;
	int error;

	if (from_ms > to_ms) {
		swap_ms = from_ms;
		from_ms = to_ms;
		to_ms = swap_ms;
	}
	reading->limit = before + 1;
	error = apo_history_walk(reading, APO_SQL_BACKWARD,
				 (struct apo_interval){1, APO_POSITION_MAX});
	if (error < 0 || reading->page->count == before)
		return error;
	said = reading->page->said[before];
	if (said->time_ms > from_ms && said->time_ms < to_ms) {
		named = (struct apo_said){.position = said->position,
					  .time_ms = said->time_ms,
					  .target = target ? target : said->target};
		reading->page->said[before] = apo_page_copy(&named, &reading->bytes);
		reading->page->count += reading->page->said[before] != NULL;
		error = reading->page->said[before] ? 0 : -ENOMEM;
	}
	reading->page->count = before + (error == 0 && reading->page->said[before] != said);
	free(said);
	return error;
}

static int add_channels(struct apo_page_reading *reading, const struct apo_question *question,
			int64_t account)
{
	const int64_t values[] = {account, TARGETS_MAX / 2};
	sqlite3_stmt *statement =
		apo_history_bind(reading->history, APO_SQL_CHANNELS_OF, 2, values);
	const char *channel;
	int result, error = 0;

	while (error == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		channel = apo_column_text(statement, 0);
		error = channel ? apo_history_find_presences(reading, account, channel) : -ENOMEM;
		reading->buffer = error ? 0 : apo_history_buffer(reading->history, channel);
		if (error == 0 && reading->buffer > 0)
			error = add_newest(reading, question, NULL);
	}
	return apo_sql_end(statement, result, error);
}

/* If the other's name belongs to a newer account, which has another id, the target is left out. */
static int add_private(struct apo_page_reading *reading, const struct apo_question *question,
		       enum apo_history_statement which, int64_t account)
{
	const int64_t values[] = {account, TARGETS_MAX / 4};
	sqlite3_stmt *statement = apo_history_bind(reading->history, which, 2, values), *name;
	int64_t other;
	int result, error = 0;

	while (error == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		reading->buffer = sqlite3_column_int64(statement, 0);
		other = sqlite3_column_int64(statement, 1);
		reading->count = 0;
		apo_history_add_interval(reading, 1, APO_POSITION_MAX);
		name = apo_history_bind(reading->history, APO_SQL_ACCOUNT_NAME, 1, &other);
		if (sqlite3_step(name) == SQLITE_ROW)
			error = apo_column_text(name, 0)
					? add_newest(reading, question, apo_column_text(name, 0))
					: -ENOMEM;
		apo_sql_reset(name);
	}
	return apo_sql_end(statement, result, error);
}

static int compare_positions(const void *a, const void *b)
{
	const struct apo_said *const *one = a, *const *other = b;

	return (*one)->position < (*other)->position ? -1 : (*one)->position > (*other)->position;
}

/* If there are more than the limit, keeps those nearest to the first reference. */
static void cut_targets(struct apo_page *page, const struct apo_question *question)
{
	unsigned over = page->count > question->limit ? page->count - question->limit : 0, i;

	qsort(page->said, page->count, sizeof page->said[0], compare_positions);
	if (question->first.time_ms > question->second.time_ms) {
		for (i = 0; i < over; i++)
			free(page->said[i]);
		memmove(page->said, page->said + over, (page->count - over) * sizeof page->said[0]);
	} else {
		for (i = page->count - over; i < page->count; i++)
			free(page->said[i]);
	}
	page->count -= over;
}

enum apo_asked apo_history_ask_targets(struct apo_page_reading *reading,
				       const struct apo_question *question)
{
	int64_t account =
		question->account ? apo_history_account(reading->history, question->account) : 0;
	int error = account < 0 ? (int)account : 0;

	if (account > 0)
		error = add_channels(reading, question, account);
	if (account > 0 && error == 0)
		error = add_private(reading, question, APO_SQL_BUFFERS_OF_A, account);
	if (account > 0 && error == 0)
		error = add_private(reading, question, APO_SQL_BUFFERS_OF_B, account);
	if (error < 0)
		return APO_ASKED_FAILED;
	cut_targets(reading->page, question);
	return APO_ASKED_DONE;
}
