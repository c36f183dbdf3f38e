/* SPDX-License-Identifier: MIT */
/* Removes single messages (REDACT). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/history_private.h"

static bool is_readable(const struct apo_page_reading *reading, int64_t position)
{
	const struct apo_interval *one;

	for (one = reading->intervals; one < reading->intervals + reading->count; one++)
		if (one->first <= position && position <= one->last)
			return true;
	return false;
}

/* Nicks are unique, so a message that was sent from the client's nick since the client has it is
 * its own. Messages of the account's other connections are, too. */
static bool is_author(const struct apo_question *question, const char *source, const char *account)
{
	size_t len = strcspn(source, "!");

	if (question->account && account && apo_is_same(account, question->account))
		return true;
	return question->first.position > question->nick_since && len == strlen(question->nick) &&
	       strncmp(source, question->nick, len) == 0;
}

/* Returns whether the client may remove the message of this row. Without access to it, it does not
 * learn that the message exists. */
static enum apo_asked judge(const struct apo_page_reading *reading,
			    const struct apo_question *question, sqlite3_stmt *row)
{
	const char *source = apo_column_text(row, 2);

	if ((uint64_t)sqlite3_column_int64(row, 0) != question->first.run)
		return APO_ASKED_NO_MESSAGE;
	if (sqlite3_column_int64(row, 1) >= question->oversees_ms)
		return APO_ASKED_DONE;
	if (!is_readable(reading, question->first.position))
		return APO_ASKED_NO_MESSAGE;
	return source && is_author(question, source, apo_column_text(row, 3)) ? APO_ASKED_DONE
									      : APO_ASKED_FORBIDDEN;
}

static int find(struct apo_page_reading *reading, const struct apo_question *question,
		enum apo_asked *asked)
{
	const int64_t values[] = {question->first.position, reading->buffer};
	sqlite3_stmt *statement =
		apo_history_bind(reading->history, APO_SQL_MESSAGE_FIND, 2, values);
	int result = sqlite3_step(statement);

	*asked = result == SQLITE_ROW ? judge(reading, question, statement) : APO_ASKED_NO_MESSAGE;
	apo_sql_reset(statement);
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

static int redact(struct apo_page_reading *reading, const struct apo_question *question,
		  enum apo_asked *asked)
{
	int result = apo_history_find_readable(reading, question);

	*asked = APO_ASKED_NO_MESSAGE;
	if (result < 0 || reading->buffer <= 0)
		return result < 0 ? result : 0;
	result = find(reading, question, asked);
	if (result == 0 && *asked == APO_ASKED_DONE && question->way == APO_HISTORY_REDACT)
		result = apo_history_drop(reading->history, question->first.run,
					  question->first.position);
	return result;
}

int apo_history_redact(struct apo_history *history, const struct apo_question *question,
		       enum apo_asked *asked)
{
	struct apo_page_reading reading = {.history = history};
	int error = -ENOMEM;

	reading.intervals = calloc(APO_INTERVALS_MAX, sizeof *reading.intervals);
	if (reading.intervals)
		error = redact(&reading, question, asked);
	free(reading.intervals);
	return error;
}

/* The trigger of the table removes the buffer with its last message, so its count must be right. */
int apo_history_drop(struct apo_history *history, uint64_t run, int64_t position)
{
	const int64_t values[] = {position, (int64_t)run};
	int error = history->buffer_name[0] ? apo_history_settle(history) : 0;

	return error ? error
		     : apo_history_run(apo_history_bind(history, APO_SQL_MESSAGE_DROP, 2, values));
}
