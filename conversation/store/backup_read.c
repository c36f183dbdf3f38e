/* SPDX-License-Identifier: MIT */
/* Reads a backup: parses each line with SQLite's json_each, checks each field, and adds the
 * record. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/utf8.h"
#include "conversation/store/backup_private.h"
#include "conversation/store/sql.h"

#define SHOWN_KEY_BYTES_MAX 40

struct reader {
	sqlite3 *db;
	FILE *in;
	const char *in_name;
	uint64_t line_number, count;
	char *line; /* APO_BACKUP_LINE_MAX + 1 bytes */
	size_t len;
	bool has_head, has_end;
	sqlite3_stmt *is_object, *each;
	sqlite3_stmt *inserts[APO_BACKUP_KINDS_MAX][APO_BACKUP_INSERTS_MAX];
	char *reason;
	size_t reason_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reader *reader, const char *format,
							 ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	snprintf(reader->reason, reader->reason_size, "%s:%" PRIu64 ": %s", reader->in_name,
		 reader->line_number, what);
	return false;
}

static bool refuse_result(struct reader *reader, int result)
{
	if ((result & 0xff) == SQLITE_CONSTRAINT)
		return refuse(reader, "repeats a record of an earlier line");
	return refuse(reader, "%s", apo_sql_error_text(result));
}

/* ---- lines ---- */

/* SQLite would end the string there. Backslashes are in strings only. */
static bool has_escaped_nul(const char *line)
{
	const char *p = line;

	while ((p = strchr(p, '\\')) && p[1]) {
		if (strncmp(p + 1, "u0000", 5) == 0)
			return true;
		p += 2;
	}
	return false;
}

/* Returns false at the end, and after an error, which is in the reason then. */
static bool read_line(struct reader *reader)
{
	size_t len = 0;
	int c;

	reader->line_number++;
	reader->reason[0] = '\0';
	while ((c = getc(reader->in)) != EOF && c != '\n' && len < APO_BACKUP_LINE_MAX)
		reader->line[len++] = (char)c;
	reader->line[len] = '\0';
	reader->len = len;
	if (ferror(reader->in))
		return refuse(reader, "cannot be read");
	if (c == EOF && len == 0)
		return false;
	if (c != '\n')
		return refuse(reader, c == EOF ? "is not complete: the file has been cut"
					       : "is longer than 65536 bytes");
	if (memchr(reader->line, '\0', len) || !apo_utf8_is_valid(reader->line, len))
		return refuse(reader, "is not text in UTF-8");
	if (has_escaped_nul(reader->line))
		return refuse(reader, "has a zero byte (\\u0000)");
	return true;
}

/* Binds the line to a statement with one parameter and takes the first step. */
static int first_step(struct reader *reader, sqlite3_stmt *statement)
{
	int result = sqlite3_bind_text(statement, 1, reader->line, (int)reader->len, SQLITE_STATIC);

	return result == SQLITE_OK ? sqlite3_step(statement) : result;
}

static bool check_object(struct reader *reader)
{
	int result = first_step(reader, reader->is_object);
	bool is = result == SQLITE_ROW && sqlite3_column_int(reader->is_object, 0);

	apo_sql_reset(reader->is_object);
	if (result != SQLITE_ROW)
		return refuse_result(reader, result);
	return is ? true : refuse(reader, "is not an object in JSON");
}

/* ---- records. The columns of each: a key, the type of its value in JSON, the value. ---- */

static bool is_value_text(sqlite3_stmt *row)
{
	const char *text = (const char *)sqlite3_column_text(row, 2);

	return strcmp((const char *)sqlite3_column_text(row, 1), "text") == 0 && text &&
	       apo_utf8_is_valid(text, strlen(text));
}

/* Binds a value to the parameter of its field in each statement of the kind. */
static bool bind_text(struct reader *reader, size_t kind, int parameter,
		      const struct apo_backup_field *field, sqlite3_stmt *row)
{
	const char *expected = "a text", *text;
	bool is_text = is_value_text(row);
	int i;

	text = is_text ? (const char *)sqlite3_column_text(row, 2) : "";
	if (!apo_backup_is_text(field->type, text, &expected) || !is_text)
		return refuse(reader, "%s must be %s", field->name, expected);
	for (i = 0; i < APO_BACKUP_INSERTS_MAX && reader->inserts[kind][i]; i++)
		if (field->type == APO_BACKUP_RUN)
			(void)sqlite3_bind_int64(reader->inserts[kind][i], parameter,
						 (int64_t)strtoull(text, NULL, 16));
		else
			(void)sqlite3_bind_text(reader->inserts[kind][i], parameter, text, -1,
						SQLITE_TRANSIENT);
	return true;
}

static bool is_value_number(sqlite3_stmt *row, enum apo_backup_type type)
{
	const char *json = (const char *)sqlite3_column_text(row, 1);

	if (type == APO_BACKUP_FLAG)
		return strcmp(json, "true") == 0 || strcmp(json, "false") == 0;
	return strcmp(json, "integer") == 0 && sqlite3_column_type(row, 2) == SQLITE_INTEGER;
}

static bool bind_number(struct reader *reader, size_t kind, int parameter,
			const struct apo_backup_field *field, sqlite3_stmt *row)
{
	int64_t number = sqlite3_column_int64(row, 2);
	const char *expected = "a number";
	int i;

	if (!apo_backup_is_number(field->type, number, &expected) ||
	    !is_value_number(row, field->type))
		return refuse(reader, "%s must be %s", field->name, expected);
	for (i = 0; i < APO_BACKUP_INSERTS_MAX && reader->inserts[kind][i]; i++)
		(void)sqlite3_bind_int64(reader->inserts[kind][i], parameter, number);
	return true;
}

static bool bind_field(struct reader *reader, size_t kind, int number, sqlite3_stmt *row)
{
	const struct apo_backup_field *field = apo_backup_kinds[kind].fields + number;
	const char *json = (const char *)sqlite3_column_text(row, 1);

	if (!json)
		return refuse_result(reader, SQLITE_NOMEM);
	if (strcmp(json, "null") == 0)
		return field->is_optional ? true : refuse(reader, "%s is null", field->name);
	if (apo_backup_is_number_type(field->type))
		return bind_number(reader, kind, number + 1, field, row);
	return bind_text(reader, kind, number + 1, field, row);
}

/* The number of the field with that name; -1: there is none. */
static int field_of(const struct apo_backup_kind *kind, const char *name)
{
	int i;

	for (i = 0; kind->fields[i].name; i++)
		if (strcmp(kind->fields[i].name, name) == 0)
			return i;
	return -1;
}

/* A key of the file, in a form that a terminal can show. */
static const char *shown(const char *key)
{
	static char text[SHOWN_KEY_BYTES_MAX + 1];
	size_t i;

	for (i = 0; i < SHOWN_KEY_BYTES_MAX && key[i]; i++)
		text[i] = key[i] >= ' ' && key[i] <= '~' ? key[i] : '?';
	text[i] = '\0';
	return text;
}

static bool bind_fields(struct reader *reader, size_t kind)
{
	const struct apo_backup_kind *of = apo_backup_kinds + kind;
	unsigned seen = 0, i;
	const char *key;
	int result, field;

	for (result = first_step(reader, reader->each);
	     result == SQLITE_ROW && (key = (const char *)sqlite3_column_text(reader->each, 0));
	     result = sqlite3_step(reader->each)) {
		if (strcmp(key, "type") == 0 && !(seen & 1u << APO_BACKUP_FIELDS_MAX)) {
			seen |= 1u << APO_BACKUP_FIELDS_MAX;
			continue;
		}
		field = field_of(of, key);
		if (field < 0)
			return refuse(reader, "a record of type %s has no key \"%s\"", of->name,
				      shown(key));
		if (seen & 1u << field)
			return refuse(reader, "%s is there twice", key);
		seen |= 1u << field;
		if (!bind_field(reader, kind, field, reader->each))
			return false;
	}
	if (result != SQLITE_DONE)
		return refuse_result(reader, result == SQLITE_ROW ? SQLITE_NOMEM : result);
	for (i = 0; of->fields[i].name; i++)
		if (!(seen & 1u << i) && !of->fields[i].is_optional)
			return refuse(reader, "%s is missing", of->fields[i].name);
	return true;
}

static bool insert(struct reader *reader, size_t kind)
{
	int result = SQLITE_DONE, i;

	for (i = 0; i < APO_BACKUP_INSERTS_MAX && reader->inserts[kind][i]; i++) {
		result = sqlite3_step(reader->inserts[kind][i]);
		if (result != SQLITE_DONE)
			return refuse_result(reader, result);
	}
	if (sqlite3_changes(reader->db) != 1)
		return refuse(reader, "%s", apo_backup_kinds[kind].needs);
	reader->count++;
	return true;
}

static bool read_record(struct reader *reader, size_t kind)
{
	bool is_fine = bind_fields(reader, kind) && insert(reader, kind);
	int i;

	apo_sql_reset(reader->each);
	for (i = 0; i < APO_BACKUP_INSERTS_MAX && reader->inserts[kind][i]; i++)
		apo_sql_reset(reader->inserts[kind][i]);
	return is_fine;
}

/* ---- the first line, the last line, and the type of the others ---- */

static bool is_line(const struct reader *reader, const char *expected)
{
	return strncmp(reader->line, expected, reader->len) == 0 && expected[reader->len] == '\n';
}

static bool check_head(struct reader *reader)
{
	char head[128];

	snprintf(head, sizeof head, APO_BACKUP_HEAD, APO_BACKUP_VERSION);
	reader->has_head = is_line(reader, head);
	if (reader->has_head)
		return true;
	return refuse(reader, "must be %.*s", (int)strcspn(head, "\n"), head);
}

static bool check_end(struct reader *reader)
{
	char end[128];

	snprintf(end, sizeof end, APO_BACKUP_END, (unsigned long long)reader->count);
	reader->has_end = is_line(reader, end);
	if (reader->has_end)
		return true;
	return refuse(reader, "must be %.*s, as so many records are before it",
		      (int)strcspn(end, "\n"), end);
}

/* Copies the type of the record, cut to the buffer; "": it has none. */
static bool type_of(struct reader *reader, char *type, size_t size)
{
	int result = first_step(reader, reader->each);
	const char *key, *text;

	type[0] = '\0';
	for (; result == SQLITE_ROW; result = sqlite3_step(reader->each)) {
		key = (const char *)sqlite3_column_text(reader->each, 0);
		if (!key || strcmp(key, "type") != 0)
			continue;
		text = (const char *)sqlite3_column_text(reader->each, 2);
		snprintf(type, size, "%s", text ? text : "");
		result = SQLITE_DONE;
		break;
	}
	apo_sql_reset(reader->each);
	return result == SQLITE_DONE ? true : refuse_result(reader, result);
}

static bool on_line(struct reader *reader)
{
	char type[32];
	size_t i;

	if (!reader->has_head)
		return check_head(reader);
	if (reader->has_end)
		return refuse(reader, "comes after the end");
	if (!check_object(reader) || !type_of(reader, type, sizeof type))
		return false;
	if (strcmp(type, "end") == 0)
		return check_end(reader);
	for (i = 0; i < apo_backup_kind_count; i++)
		if (strcmp(apo_backup_kinds[i].name, type) == 0)
			return read_record(reader, i);
	return refuse(reader,
		      "type must be account, channel, entry, ban, message, presence, marker or "
		      "end");
}

/* ---- the whole ---- */

static int prepare(struct reader *reader)
{
	static const char is_object[] =
		"SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object' ELSE 0 END";
	static const char each[] = "SELECT key, type, atom FROM json_each(?1)";
	int result = sqlite3_prepare_v2(reader->db, is_object, -1, &reader->is_object, NULL);
	const char *sql;
	size_t kind;
	int i;

	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(reader->db, each, -1, &reader->each, NULL);
	for (kind = 0; kind < apo_backup_kind_count; kind++)
		for (i = 0; i < APO_BACKUP_INSERTS_MAX && result == SQLITE_OK; i++)
			if ((sql = apo_backup_kinds[kind].inserts[i]))
				result = sqlite3_prepare_v2(reader->db, sql, -1,
							    &reader->inserts[kind][i], NULL);
	return result;
}

static bool read_all(struct reader *reader)
{
	int result = reader->line ? prepare(reader) : SQLITE_NOMEM;

	if (result != SQLITE_OK)
		return refuse_result(reader, result);
	while (read_line(reader))
		if (!on_line(reader))
			return false;
	if (reader->reason[0])
		return false;
	if (!reader->has_end)
		return refuse(reader, "the end is missing: the file has been cut");
	result = sqlite3_exec(reader->db, apo_backup_finish, NULL, NULL, NULL);
	return result == SQLITE_OK ? true : refuse_result(reader, result);
}

bool apo_backup_read(sqlite3 *db, FILE *in, const char *in_name, uint64_t *count, char *reason,
		     size_t reason_size)
{
	struct reader reader = {.db = db,
				.in = in,
				.in_name = in_name,
				.line = malloc(APO_BACKUP_LINE_MAX + 1),
				.reason = reason,
				.reason_size = reason_size};
	bool is_done = read_all(&reader);
	size_t kind;
	int i;

	*count = reader.count;
	sqlite3_finalize(reader.is_object);
	sqlite3_finalize(reader.each);
	for (kind = 0; kind < apo_backup_kind_count; kind++)
		for (i = 0; i < APO_BACKUP_INSERTS_MAX; i++)
			sqlite3_finalize(reader.inserts[kind][i]);
	free(reader.line);
	return is_done;
}
