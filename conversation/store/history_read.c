/* SPDX-License-Identifier: MIT */
/* Answers questions. References become positions, and only messages of the intervals in which the
 * client was in the channel are read. */
#include <errno.h>
#include <stdlib.h>

#include "conversation/store/history_private.h"

static int add_row(struct apo_page_reading *reading, sqlite3_stmt *row)
{
	struct apo_said said = {
		.position = sqlite3_column_int64(row, 0),
		.run = (uint64_t)sqlite3_column_int64(row, 1),
		.time_ms = sqlite3_column_int64(row, 2),
		.is_notice = sqlite3_column_int(row, 3) != 0,
		.source = apo_column_text(row, 4),
		.target = apo_column_text(row, 5),
		.account = apo_column_text(row, 6),
		.tags = apo_column_text(row, 7),
		.text = apo_column_text(row, 8),
	};
	struct apo_said *copy;

	if (!said.source || !said.target || !said.text)
		return -ENOMEM;
	copy = apo_page_copy(&said, &reading->bytes);
	if (!copy)
		return -ENOMEM;
	reading->page->said[reading->page->count++] = copy;
	return 0;
}

/* ---- reading intervals ---- */

static bool is_full(const struct apo_page_reading *reading)
{
	return reading->page->count >= reading->limit || reading->bytes >= APO_PAGE_BYTES_MAX;
}

static int read_interval(struct apo_page_reading *reading, enum apo_history_statement way,
			 struct apo_interval within)
{
	const int64_t values[] = {reading->buffer, within.first, within.last,
				  reading->limit - reading->page->count};
	sqlite3_stmt *statement = apo_history_bind(reading->history, way, 4, values);
	int result, error = 0;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0 && !is_full(reading))
		error = add_row(reading, statement);
	apo_sql_reset(statement);
	if (error)
		return error;
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

/* The part of the nth interval, counted from the end where way begins, that lies within. It may be
 * empty. */
static struct apo_interval common(const struct apo_page_reading *reading,
				  enum apo_history_statement way, unsigned nth,
				  struct apo_interval within)
{
	struct apo_interval one =
		reading->intervals[way == APO_SQL_FORWARD ? nth : reading->count - 1 - nth];

	one.first = one.first > within.first ? one.first : within.first;
	one.last = one.last < within.last ? one.last : within.last;
	return one;
}

int apo_history_walk(struct apo_page_reading *reading, enum apo_history_statement way,
		     struct apo_interval within)
{
	struct apo_interval one;
	unsigned i;
	int error = 0;

	for (i = 0; i < reading->count && error == 0 && !is_full(reading); i++) {
		one = common(reading, way, i, within);
		if (one.first <= one.last)
			error = read_interval(reading, way, one);
	}
	return error;
}

static void turn_around(struct apo_page *page)
{
	struct apo_said *said;
	unsigned i;

	for (i = 0; i < page->count / 2; i++) {
		said = page->said[i];
		page->said[i] = page->said[page->count - 1 - i];
		page->said[page->count - 1 - i] = said;
	}
}

static int walk_backward(struct apo_page_reading *reading, struct apo_interval within)
{
	int error = apo_history_walk(reading, APO_SQL_BACKWARD, within);

	turn_around(reading->page);
	return error;
}

/* ---- when the client was in the channel ---- */

/* The interval that ends last comes first; there is room for all. */
void apo_history_add_interval(struct apo_page_reading *reading, int64_t first, int64_t last)
{
	struct apo_interval *one = reading->intervals + reading->count++;

	*one = (struct apo_interval){first, last};
}

/* Sorts the intervals, by reversing them, and joins overlapping ones. */
static void merge(struct apo_page_reading *reading)
{
	struct apo_interval *all = reading->intervals, one;
	unsigned i, kept = 0;

	for (i = 0; i < reading->count / 2; i++) {
		one = all[i];
		all[i] = all[reading->count - 1 - i];
		all[reading->count - 1 - i] = one;
	}
	for (i = 0; i < reading->count; i++) {
		if (kept > 0 && all[i].first <= all[kept - 1].last)
			all[kept - 1].last =
				all[i].last > all[kept - 1].last ? all[i].last : all[kept - 1].last;
		else
			all[kept++] = all[i];
	}
	reading->count = kept;
}

int apo_history_find_presences(struct apo_page_reading *reading, int64_t account,
			       const char *channel)
{
	const int64_t limit = APO_INTERVALS_MAX - 1; /* one can be added */
	sqlite3_stmt *statement =
		apo_history_bind(reading->history, APO_SQL_PRESENCES, 1, &account);
	int64_t last;
	int result;

	(void)sqlite3_bind_text(statement, 2, channel, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 3, limit);
	reading->count = 0;
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		last = sqlite3_column_type(statement, 1) == SQLITE_NULL
			       ? APO_POSITION_MAX
			       : sqlite3_column_int64(statement, 1);
		apo_history_add_interval(reading, sqlite3_column_int64(statement, 0) + 1, last);
	}
	apo_sql_reset(statement);
	merge(reading);
	return result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

/* Extends the intervals to everything from that position on. */
static void add_public(struct apo_page_reading *reading, int64_t from)
{
	struct apo_interval *last;

	while (reading->count > 0 && reading->intervals[reading->count - 1].first >= from)
		reading->count--;
	last = reading->count > 0 ? reading->intervals + reading->count - 1 : NULL;
	if (last && last->last >= from - 1)
		last->last = APO_POSITION_MAX;
	else
		apo_history_add_interval(reading, from, APO_POSITION_MAX);
}

/* Finds what the client may read of a channel. Returns 1; 0: it may read nothing there. */
static int find_in_channel(struct apo_page_reading *reading, const struct apo_question *question)
{
	int64_t account = 0, buffer = apo_history_buffer(reading->history, question->channel);
	int error = 0;

	if (buffer < 0)
		return (int)buffer;
	reading->buffer = buffer;
	if (question->account) {
		account = apo_history_account_or(reading->history, question->account_id,
						 question->account);
		if (account > 0)
			error = apo_history_find_presences(reading, account, question->channel);
	} else if (question->is_member) {
		apo_history_add_interval(reading, question->since + 1, APO_POSITION_MAX);
	}
	if (account < 0 || error < 0)
		return account < 0 ? (int)account : error;
	if (question->is_member && question->public_from > 0)
		add_public(reading, question->public_from);
	return question->is_member || reading->count > 0;
}

static int find_private(struct apo_page_reading *reading, const struct apo_question *question)
{
	char name[APO_BUFFER_NAME_SIZE];
	int64_t a, b;

	if (!question->account || !question->other)
		return 0;
	a = apo_history_account_or(reading->history, question->account_id, question->account);
	b = apo_history_account_or(reading->history, question->other_id, question->other);
	if (a <= 0 || b <= 0)
		return a < 0 ? (int)a : b < 0 ? (int)b : 0;
	apo_history_name_private(name, a, b);
	reading->buffer = apo_history_buffer(reading->history, name);
	if (reading->buffer < 0)
		return (int)reading->buffer;
	apo_history_add_interval(reading, 1, APO_POSITION_MAX);
	return 1;
}

/* ---- references ---- */

struct place {
	bool is_there;
	int64_t position, time_ms;
	uint64_t run;
};

static int find_neighbour(struct apo_history *history, enum apo_history_statement which,
			  int64_t position, struct place *place)
{
	sqlite3_stmt *statement = apo_history_bind(history, which, 1, &position);
	int result = sqlite3_step(statement);

	place->is_there = result == SQLITE_ROW;
	if (place->is_there) {
		place->position = sqlite3_column_int64(statement, 0);
		place->run = (uint64_t)sqlite3_column_int64(statement, 1);
		place->time_ms = sqlite3_column_int64(statement, 2);
	}
	apo_sql_reset(statement);
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

/*
 * Finds the first position with a message at time_ms or later, by binary search. Later positions
 * have later times, unless the clock was set back. Then the result is one of the positions where
 * the time passes time_ms.
 */
static int position_of_time(struct apo_history *history, int64_t time_ms, int64_t *position)
{
	int64_t low = 1, high, middle;
	struct place place;
	int error = find_neighbour(history, APO_SQL_BEFORE, APO_POSITION_MAX, &place);

	high = error == 0 && place.is_there ? place.position + 1 : 1;
	while (error == 0 && low < high) {
		middle = low + (high - low) / 2;
		error = find_neighbour(history, APO_SQL_AT_OR_BEHIND, middle, &place);
		if (!place.is_there || place.time_ms >= time_ms)
			high = middle;
		else
			low = place.position + 1;
	}
	*position = low;
	return error;
}

/* Tests whether the message exists or has existed. It may have been pruned, or be of a kind that is
 * not kept. So it is enough if its neighbours do not contradict it. Returns 1 or 0, or an error. */
static int is_place(struct apo_history *history, const struct apo_reference *reference)
{
	struct place before, behind;
	int error = find_neighbour(history, APO_SQL_BEFORE, reference->position, &before);

	if (error < 0)
		return error;
	error = find_neighbour(history, APO_SQL_AT_OR_BEHIND, reference->position, &behind);
	if (error < 0)
		return error;
	if (behind.is_there && behind.position == reference->position)
		return behind.run == reference->run;
	return (!before.is_there || before.run <= reference->run) &&
	       (!behind.is_there || reference->run <= behind.run);
}

/* The client may have given the largest value. */
static int64_t next_of(int64_t value)
{
	return value < INT64_MAX ? value + 1 : value;
}

/* *first: first position that is not before the reference; *behind: first one after it. Returns 1;
 * 0: no such message. */
static int place_of(struct apo_history *history, const struct apo_reference *reference,
		    int64_t *first, int64_t *behind)
{
	int result;

	switch (reference->kind) {
	case APO_REFERENCE_NONE:
		break;
	case APO_REFERENCE_MSGID:
		*first = reference->position;
		*behind = next_of(reference->position);
		return is_place(history, reference);
	case APO_REFERENCE_TIME:
		result = position_of_time(history, reference->time_ms, first);
		if (result == 0)
			result = position_of_time(history, next_of(reference->time_ms), behind);
		return result < 0 ? result : 1;
	}
	*first = *behind = 1;
	return 1;
}

/* ---- the subcommands ---- */

static int read_around(struct apo_page_reading *reading, int64_t first)
{
	unsigned limit = reading->limit;
	int error;

	reading->limit = limit / 2;
	error = walk_backward(reading, (struct apo_interval){1, first - 1});
	reading->limit = limit;
	return error ? error
		     : apo_history_walk(reading, APO_SQL_FORWARD,
					(struct apo_interval){first, APO_POSITION_MAX});
}

static int read_messages(struct apo_page_reading *reading, const struct apo_question *question)
{
	int64_t first = 1, behind = 1, first2 = 1, behind2 = 1;
	int result = place_of(reading->history, &question->first, &first, &behind);

	if (result > 0)
		result = place_of(reading->history, &question->second, &first2, &behind2);
	if (result <= 0)
		return result;
	switch (question->way) {
	case APO_HISTORY_LATEST:
		result = walk_backward(reading, (struct apo_interval){behind, APO_POSITION_MAX});
		break;
	case APO_HISTORY_BEFORE:
		result = walk_backward(reading, (struct apo_interval){1, first - 1});
		break;
	case APO_HISTORY_AFTER:
		result = apo_history_walk(reading, APO_SQL_FORWARD,
					  (struct apo_interval){behind, APO_POSITION_MAX});
		break;
	case APO_HISTORY_AROUND:
		result = read_around(reading, first);
		break;
	case APO_HISTORY_BETWEEN:
		result =
			first <= first2
				? apo_history_walk(reading, APO_SQL_FORWARD,
						   (struct apo_interval){behind, first2 - 1})
				: walk_backward(reading, (struct apo_interval){behind2, first - 1});
		break;
	case APO_HISTORY_TARGETS:
	case APO_HISTORY_REDACT:
	case APO_HISTORY_MAY_REDACT:
		break;
	}
	return result < 0 ? result : 1;
}

int apo_history_find_readable(struct apo_page_reading *reading, const struct apo_question *question)
{
	return question->channel ? find_in_channel(reading, question)
				 : find_private(reading, question);
}

static enum apo_asked ask_messages(struct apo_page_reading *reading,
				   const struct apo_question *question)
{
	int result = apo_history_find_readable(reading, question);

	if (result == 0)
		return APO_ASKED_NO_TARGET;
	if (result > 0 && (result = read_messages(reading, question)) == 0)
		return APO_ASKED_NO_MESSAGE;
	return result < 0 ? APO_ASKED_FAILED : APO_ASKED_DONE;
}

enum apo_asked apo_history_ask(struct apo_history *history, const struct apo_question *question,
			       struct apo_page *page)
{
	struct apo_page_reading reading = {.history = history, .page = page};
	enum apo_asked asked = APO_ASKED_FAILED;

	if (question->way == APO_HISTORY_MAY_REDACT)
		return apo_history_redact(history, question, &asked) < 0 ? APO_ASKED_FAILED : asked;
	reading.limit = question->limit < APO_PAGE_MAX ? question->limit : APO_PAGE_MAX;
	reading.intervals = calloc(APO_INTERVALS_MAX, sizeof *reading.intervals);
	if (reading.intervals)
		asked = question->way == APO_HISTORY_TARGETS
				? apo_history_ask_targets(&reading, question)
				: ask_messages(&reading, question);
	free(reading.intervals);
	if (asked != APO_ASKED_DONE)
		apo_page_clear(page);
	return asked;
}
