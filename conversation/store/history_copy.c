/* SPDX-License-Identifier: MIT */
/* Rows of history as bytes, to make the files of several servers equal. Numbers of buffers differ
 * between files, so messages carry the names of their buffers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/utf8.h"
#include "conversation/store/backup_kinds.h"
#include "conversation/store/history_private.h"

#define NUMBERS 4 /* of a message, in the order of APO_MESSAGE_COLUMNS */
#define TEXTS 6   /* the rest of them, and the buffer */
#define NO_TEXT UINT32_MAX
#define OPEN (-1) /* the end of a presence that has not ended */

/* ---- writing ---- */

static void write_text(struct rudp_writer *writer, sqlite3_stmt *row, int column)
{
	const char *text = apo_column_text(row, column);
	uint32_t len = text ? (uint32_t)sqlite3_column_bytes(row, column) : NO_TEXT;

	rudp_write_u32(writer, len);
	if (text)
		rudp_write_bytes(writer, text, len);
}

static void write_message(struct rudp_writer *writer, sqlite3_stmt *row)
{
	int i;

	for (i = 0; i < NUMBERS; i++)
		rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, i));
	for (i = NUMBERS; i < NUMBERS + TEXTS; i++)
		write_text(writer, row, i);
	rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, NUMBERS + TEXTS));
	rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, NUMBERS + TEXTS + 1));
}

static void write_presence(struct rudp_writer *writer, sqlite3_stmt *row)
{
	bool is_open = sqlite3_column_type(row, 4) == SQLITE_NULL;

	rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, 0));
	rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, 1));
	write_text(writer, row, 2);
	rudp_write_u64(writer, (uint64_t)sqlite3_column_int64(row, 3));
	rudp_write_u64(writer, (uint64_t)(is_open ? OPEN : sqlite3_column_int64(row, 4)));
}

int apo_history_copy(struct apo_history *history, enum apo_history_table table, int64_t first,
		     int64_t *last, struct rudp_writer *writer)
{
	const int64_t values[] = {first, *last};
	bool is_messages = table == APO_TABLE_MESSAGES;
	sqlite3_stmt *row = apo_history_bind(
		history, is_messages ? APO_SQL_COPY_MESSAGES : APO_SQL_COPY_PRESENCES, 2, values);
	struct rudp_writer longer = *writer;
	int64_t position = first;
	int result;

	while ((result = sqlite3_step(row)) == SQLITE_ROW) {
		if (is_messages)
			write_message(&longer, row);
		else
			write_presence(&longer, row);
		if (!longer.ok)
			break;
		position = sqlite3_column_int64(row, 0);
		*writer = longer;
	}
	apo_sql_reset(row);
	if (result == SQLITE_DONE)
		return 0;
	*last = position;
	if (result != SQLITE_ROW)
		return apo_sql_error(result);
	return position > first ? 0 : -ENOMEM; /* a page has room for the longest row */
}

/* ---- reading ---- */

struct text {
	const char *bytes; /* NULL: none */
	uint32_t len;
};

static struct text read_text(struct rudp_reader *reader)
{
	struct text text = {NULL, rudp_read_u32(reader)};

	if (reader->ok && text.len != NO_TEXT)
		text.bytes = (const char *)rudp_read_bytes(reader, text.len);
	if (text.bytes && memchr(text.bytes, '\0', text.len))
		reader->ok = false;
	return text;
}

/* A copy with a terminator, since the functions of history take strings. */
static const char *terminate(char **at, struct text text)
{
	char *copy = *at;

	if (!text.bytes)
		return NULL;
	memcpy(copy, text.bytes, text.len);
	copy[text.len] = '\0';
	*at += text.len + 1;
	return copy;
}

struct message {
	int64_t numbers[NUMBERS];
	struct text texts[TEXTS];
	int64_t a, b;
};

static void read_message(struct rudp_reader *reader, struct message *message)
{
	unsigned i;

	for (i = 0; i < NUMBERS; i++)
		message->numbers[i] = (int64_t)rudp_read_u64(reader);
	for (i = 0; i < TEXTS; i++)
		message->texts[i] = read_text(reader);
	message->a = (int64_t)rudp_read_u64(reader);
	message->b = (int64_t)rudp_read_u64(reader);
	/* source, target, text, and the buffer */
	if (!message->texts[0].bytes || !message->texts[1].bytes || !message->texts[4].bytes ||
	    !message->texts[5].bytes || message->texts[5].len >= APO_BUFFER_NAME_SIZE)
		reader->ok = false;
}

/* ---- what is read: as strict as a backup is, since clients are told it as lines ---- */

static bool is_text(enum apo_backup_type type, const char *text)
{
	const char *expected;

	return apo_utf8_is_valid(text, strlen(text)) && apo_backup_is_text(type, text, &expected);
}

static bool is_word(const char *text)
{
	return is_text(APO_BACKUP_WORD, text);
}

static bool is_right(const struct apo_said *said)
{
	return is_word(said->source) && is_word(said->target) &&
	       (!said->account || is_word(said->account)) && (!said->tags || is_word(said->tags)) &&
	       is_text(APO_BACKUP_LINES, said->text);
}

/* The buffer of a channel, or of the accounts a and b. */
static bool is_buffer(const char *name, int64_t a, int64_t b)
{
	char private_name[APO_BUFFER_NAME_SIZE];

	if (a == 0 && b == 0)
		return is_text(APO_BACKUP_FOLDED, name);
	apo_history_name_private(private_name, a, b);
	return strcmp(name, private_name) == 0;
}

/* ---- adding ---- */

static int add_message(struct apo_history *history, const struct message *message, char *room)
{
	struct apo_said said = {.position = message->numbers[0],
				.run = (uint64_t)message->numbers[1],
				.time_ms = message->numbers[2],
				.is_notice = message->numbers[3] != 0};
	const char *buffer;
	int error;

	said.source = terminate(&room, message->texts[0]);
	said.target = terminate(&room, message->texts[1]);
	said.account = terminate(&room, message->texts[2]);
	said.tags = terminate(&room, message->texts[3]);
	said.text = terminate(&room, message->texts[4]);
	buffer = terminate(&room, message->texts[5]);
	if (!is_right(&said) || !is_buffer(buffer, message->a, message->b))
		return -EINVAL;
	error = apo_history_use_buffer(history, buffer, message->a, message->b);
	return error ? error : apo_history_add_row(history, &said);
}

static int add_presence(struct apo_history *history, const int64_t numbers[4], const char *channel)
{
	sqlite3_stmt *statement = apo_history_bind(history, APO_SQL_PRESENCE_PASTE, 4, numbers);

	(void)sqlite3_bind_text(statement, 5, channel, -1, SQLITE_STATIC);
	return apo_history_run(statement);
}

static int paste_message(struct apo_history *history, struct rudp_reader *reader, char *room,
			 int64_t *position)
{
	struct message message;

	read_message(reader, &message);
	*position = message.numbers[0];
	return reader->ok ? add_message(history, &message, room) : -EINVAL;
}

static int paste_presence(struct apo_history *history, struct rudp_reader *reader, char *room,
			  int64_t *position)
{
	int64_t numbers[4];
	struct text channel;
	const char *name;

	numbers[0] = *position = (int64_t)rudp_read_u64(reader);
	numbers[1] = (int64_t)rudp_read_u64(reader);
	channel = read_text(reader);
	numbers[2] = (int64_t)rudp_read_u64(reader);
	numbers[3] = (int64_t)rudp_read_u64(reader);
	name = reader->ok ? terminate(&room, channel) : NULL;
	return name && is_text(APO_BACKUP_FOLDED, name) ? add_presence(history, numbers, name)
							: -EINVAL;
}

int apo_history_paste(struct apo_history *history, enum apo_history_table table, int64_t first,
		      int64_t last, const void *bytes, size_t len)
{
	const int64_t values[] = {first, last};
	bool is_messages = table == APO_TABLE_MESSAGES;
	struct rudp_reader reader = rudp_reader(bytes, len);
	char *room = malloc(len + TEXTS);
	int64_t before = first, position = first;
	int error = room ? 0 : -ENOMEM;

	if (error == 0 && history->buffer_name[0])
		error = apo_history_settle(history);
	if (error == 0)
		error = apo_history_run(apo_history_bind(
			history, is_messages ? APO_SQL_CUT_MESSAGES : APO_SQL_CUT_PRESENCES, 2,
			values));
	for (; error == 0 && rudp_reader_left(&reader) > 0; before = position) {
		error = is_messages ? paste_message(history, &reader, room, &position)
				    : paste_presence(history, &reader, room, &position);
		if (error == 0 && (position <= before || position > last))
			error = -EINVAL;
	}
	free(room);
	return error == -EEXIST ? -EINVAL : error;
}
