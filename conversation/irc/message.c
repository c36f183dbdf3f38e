/* SPDX-License-Identifier: MIT */
#include "conversation/irc/message.h"

#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/utf8.h"

/* ---- parsing ---- */

static char unescaped(char c)
{
	switch (c) {
	case ':':
		return ';';
	case 's':
		return ' ';
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	default:
		return c; /* a backslash before any other character is removed */
	}
}

static void unescape(char *value)
{
	char *to = value;
	const char *from = value;

	while (*from) {
		if (*from == '\\') {
			if (*++from)
				*to++ = unescaped(*from++);
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* If a key comes twice, the last one counts. */
static void add_tag(struct apo_message *message, char *key, char *value)
{
	unsigned i;

	if (value)
		unescape(value);
	for (i = 0; i < message->tag_count; i++)
		if (strcmp(message->tags[i].key, key) == 0)
			break;
	if (i == APO_TAGS_MAX)
		return;
	message->tags[i] = (struct apo_tag){key, value ? value : ""};
	if (i == message->tag_count)
		message->tag_count++;
}

static void parse_tags(char *tags, struct apo_message *message)
{
	char *key, *value;

	while ((key = strsep(&tags, ";"))) {
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		if (*key)
			add_tag(message, key, value);
	}
}

/* The next word, terminated. NULL: there is none. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " ");

	if (!*word)
		return NULL;
	*line = word + strcspn(word, " ");
	if (**line)
		*(*line)++ = '\0';
	return word;
}

static void parse_params(char *line, struct apo_message *message)
{
	char *param;

	for (;;) {
		param = line + strspn(line, " ");
		if (!*param)
			return;
		if (*param == ':' || message->param_count == APO_PARAMS_MAX - 1) {
			message->params[message->param_count++] = param + (*param == ':');
			return;
		}
		message->params[message->param_count++] = next_word(&line);
	}
}

static bool is_command(const char *command)
{
	return command[strspn(command, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789")] == '\0';
}

/* The length of the tags, with "@" and one space. */
static size_t tags_len(const char *line, size_t len)
{
	const char *space;

	if (len == 0 || *line != '@')
		return 0;
	space = memchr(line, ' ', len);
	return space ? (size_t)(space - line) + 1 : len;
}

static bool has_forbidden(const char *line, size_t len)
{
	return memchr(line, '\0', len) || memchr(line, '\r', len) || memchr(line, '\n', len);
}

enum apo_message_verdict apo_message_parse(char *line, size_t len, struct apo_message *message)
{
	size_t tags = tags_len(line, len);
	char *word;
	unsigned i;

	message->tag_count = message->param_count = 0;
	message->source = message->command = NULL;
	if (tags > APO_CLIENT_TAGS_BYTES_MAX)
		return APO_MESSAGE_TAGS_TOO_LONG;
	if (has_forbidden(line, len))
		return len - tags > APO_BODY_BYTES_MAX - 2 ? APO_MESSAGE_TOO_LONG : APO_MESSAGE_BAD;
	line[len] = '\0';
	if (tags > 0)
		parse_tags(next_word(&line) + 1, message);
	if (len - tags > APO_BODY_BYTES_MAX - 2)
		return APO_MESSAGE_TOO_LONG;
	line += strspn(line, " ");
	if (*line == ':')
		message->source = next_word(&line) + 1;
	word = next_word(&line);
	if (!word)
		return APO_MESSAGE_EMPTY;
	message->command = word;
	if (!is_command(word))
		return APO_MESSAGE_BAD;
	parse_params(line, message);
	for (i = message->param_count; i < APO_PARAMS_MAX; i++)
		message->params[i] = "";
	return APO_MESSAGE_OK;
}

const char *apo_message_tag(const struct apo_message *message, const char *key)
{
	unsigned i;

	for (i = 0; i < message->tag_count; i++)
		if (strcmp(message->tags[i].key, key) == 0)
			return message->tags[i].value;
	return NULL;
}

struct apo_source apo_source_split(char *source)
{
	struct apo_source parts = {source, "", ""};
	char *at = strchr(source, '@');
	char *bang;

	if (at) {
		*at = '\0';
		parts.host = at + 1;
	}
	bang = strchr(source, '!');
	if (bang) {
		*bang = '\0';
		parts.user = bang + 1;
	}
	return parts;
}

/* ---- writing ---- */

size_t apo_line_room(const struct apo_line *line)
{
	return sizeof line->bytes - 2 - line->len;
}

static void put(struct apo_line *line, const char *bytes, size_t len)
{
	len = apo_utf8_cut(bytes, len, apo_line_room(line));
	memcpy(line->bytes + line->len, bytes, len);
	line->len += len;
}

void apo_line_begin(struct apo_line *line, const char *source, const char *command)
{
	line->len = 0;
	if (source) {
		put(line, ":", 1);
		put(line, source, strlen(source));
		put(line, " ", 1);
	}
	put(line, command, strlen(command));
}

void apo_line_param(struct apo_line *line, const char *value)
{
	put(line, " ", 1);
	put(line, value, strlen(value));
}

void apo_line_last(struct apo_line *line, const char *value)
{
	put(line, " :", 2);
	put(line, value, strlen(value));
}

__attribute__((format(printf, 2, 0))) static void vput(struct apo_line *line, const char *format,
						       va_list args)
{
	char text[2 * APO_BODY_BYTES_MAX];
	int len = vsnprintf(text, sizeof text, format, args);

	if (len > 0)
		put(line, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

void apo_line_vformat(struct apo_line *line, const char *format, va_list args)
{
	put(line, " ", 1);
	vput(line, format, args);
}

void apo_line_format(struct apo_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	apo_line_vformat(line, format, args);
	va_end(args);
}

void apo_line_end(struct apo_line *line)
{
	line->bytes[line->len++] = '\r';
	line->bytes[line->len++] = '\n';
}

void apo_line_vprint(struct apo_line *line, const char *source, const char *format, va_list args)
{
	apo_line_begin(line, source, "");
	vput(line, format, args);
	apo_line_end(line);
}

void apo_line_print(struct apo_line *line, const char *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	apo_line_vprint(line, source, format, args);
	va_end(args);
}

void apo_line_batch(struct apo_line *line, const char *source, char sign, uint64_t number,
		    const char *type, const char *about)
{
	apo_line_print(line, source, "BATCH %c%" PRIu64 "%s%s%s%s", sign, number, type ? " " : "",
		       type ? type : "", about ? " " : "", about ? about : "");
}

static char escape_of(char c)
{
	switch (c) {
	case ';':
		return ':';
	case ' ':
		return 's';
	case '\r':
		return 'r';
	case '\n':
		return 'n';
	case '\\':
		return '\\';
	default:
		return '\0';
	}
}

size_t apo_tag_escape(char *to, size_t cap, const char *value)
{
	size_t len = 0;
	char escape;

	for (; *value; value++) {
		escape = escape_of(*value);
		if (len + 1 + (escape != '\0') > cap)
			return SIZE_MAX;
		if (escape)
			to[len++] = '\\';
		to[len++] = escape ? escape : *value;
	}
	return len;
}
