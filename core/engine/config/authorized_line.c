/* SPDX-License-Identifier: MIT */
/* Parses one line of a file of authorized keys. */
#include <stdio.h>
#include <string.h>

#include "engine/config/authorized_private.h"
#include "engine/config/key_file.h"

#define DATE_LEN 10 /* "2027-01-01" */
#define EXPECTED_OPTION "expected listen=, from=, expires= or groups="
#define EXPECTED_LINE "expected [OPTIONS] rudp-x25519 BASE64 NAME, or @revoked rudp-x25519 BASE64"
#define EXPECTED_NAME                                                                              \
	"expected a name of at most 63 letters, digits and . _ @ + - that begins with a letter, "  \
	"a "                                                                                       \
	"digit or _"

_Static_assert(RUDP_POLICY_TEXT_SIZE == RUDP_KEY_TEXT_SIZE, "an error of a rule's word fits");

/* The state of parsing a line. */
struct reading {
	struct rudp_authorized_key *key;
	const char *path;
	char *error;
};

static bool fault_at(const struct reading *r, size_t column, const char *what, const char *expected)
{
	return rudp_key_fault_at(r->error, r->path, r->key->line, column, what, expected);
}

static bool is_word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool is_name(const char *text, size_t len)
{
	if (len == 0 || len >= RUDP_AUTHORIZED_NAME_SIZE || !is_word_character(text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_word_character(text[i]) && !memchr(".@+-", text[i], 4))
			return false;
	return true;
}

bool rudp_authorized_is_name(const char *text, size_t len)
{
	return len > 0 && text[0] == '@' ? is_name(text + 1, len - 1) : is_name(text, len);
}

/* Each reads one value of an option. column is that of the value. */
static bool read_listen(struct reading *r, const char *value, size_t len, size_t column)
{
	struct rudp_authorized_key *key = r->key;
	char what[RUDP_POLICY_TEXT_SIZE];
	int index = rudp_policy_read_ports(&key->ports[key->port_count].min,
					   &key->ports[key->port_count].max, value, len, what);

	if (index >= 0)
		return fault_at(r, column + (size_t)index, what,
				"expected ports as in listen=22;8000-8999");
	key->port_count++;
	return true;
}

static bool read_from(struct reading *r, const char *value, size_t len, size_t column)
{
	struct rudp_authorized_key *key = r->key;
	char what[RUDP_POLICY_TEXT_SIZE];
	int index = rudp_policy_read_network(&key->networks[key->network_count], value, len, what);

	if (index >= 0)
		return fault_at(r, column + (size_t)index, what,
				"expected addresses as in from=10.0.0.0/8;2001:db8::1");
	key->network_count++;
	return true;
}

static bool read_expires(struct reading *r, const char *value, size_t len, size_t column)
{
	char time[RUDP_KEY_TIME_SIZE];

	if (r->key->expires_s != INT64_MAX)
		return fault_at(r, column, "there is more than one time",
				"expected one time, as 2027-01-01");
	if (len == DATE_LEN)
		snprintf(time, sizeof time, "%.*sT00:00:00Z", (int)len, value);
	else
		snprintf(time, sizeof time, "%.*s", (int)len, value);
	if (len >= sizeof time || !rudp_key_time_parse(time, strlen(time), &r->key->expires_s))
		return fault_at(r, column, "not a valid time",
				"expected a day or a time in UTC, as 2027-01-01 or "
				"2027-01-01T12:00:00Z");
	return true;
}

static bool read_group(struct reading *r, const char *value, size_t len, size_t column)
{
	struct rudp_authorized_key *key = r->key;

	if (!is_name(value, len))
		return fault_at(r, column, "this is not the name of a group", EXPECTED_NAME);
	snprintf(key->groups[key->group_count++], RUDP_AUTHORIZED_NAME_SIZE, "%.*s", (int)len,
		 value);
	return true;
}

static const struct option {
	const char *name;
	bool (*read)(struct reading *r, const char *value, size_t len, size_t column);
} options[] = {
	{"listen", read_listen},
	{"from", read_from},
	{"expires", read_expires},
	{"groups", read_group},
};
#define OPTIONS (sizeof options / sizeof options[0])

static bool read_values(struct reading *r, const struct option *option, const char *values,
			size_t len, size_t column)
{
	unsigned count = 0;

	for (size_t at = 0; at <= len; count++) {
		size_t value_len = rudp_key_until(values + at, len - at, ';');

		if (value_len == 0)
			return fault_at(r, column + at, "there is no value",
					"expected values separated by ;");
		if (count == RUDP_AUTHORIZED_VALUES_MAX)
			return fault_at(r, column + at, "there are more than 8 values",
					"expected another line for the same key");
		if (!option->read(r, values + at, value_len, column + at))
			return false;
		at += value_len + 1;
	}
	return true;
}

static bool read_option(struct reading *r, const char *text, size_t len, size_t column,
			unsigned *seen)
{
	size_t name_len = rudp_key_until(text, len, '='), i = 0;

	while (i < OPTIONS && (strlen(options[i].name) != name_len ||
			       memcmp(options[i].name, text, name_len) != 0))
		i++;
	if (i == OPTIONS)
		return fault_at(r, column, "unknown option", EXPECTED_OPTION);
	if (*seen & 1u << i)
		return fault_at(r, column, "this option occurs twice",
				"expected its values separated by ;");
	*seen |= 1u << i;
	if (name_len == len)
		return fault_at(r, column + len, "there is no value", EXPECTED_OPTION);
	return read_values(r, &options[i], text + name_len + 1, len - name_len - 1,
			   column + name_len + 1);
}

/* The word has the opening bracket. */
static bool read_options(struct reading *r, const struct rudp_key_word *word)
{
	const char *text = word->start + 1;
	size_t len = rudp_key_until(text, word->len - 1, ']');
	unsigned seen = 0;

	if (len + 2 > word->len)
		return fault_at(r, word->column + word->len, "the options do not end here",
				"expected ] without a blank before it");
	if (len + 2 < word->len)
		return fault_at(r, word->column + len + 2, "there is no blank after the options",
				EXPECTED_LINE);
	for (size_t at = 0; at <= len;) {
		size_t option_len = rudp_key_until(text + at, len - at, ',');

		if (!read_option(r, text + at, option_len, word->column + 1 + at, &seen))
			return false;
		at += option_len + 1;
	}
	return true;
}

static bool read_name(struct reading *r, struct rudp_key_line *line)
{
	struct rudp_key_word name = rudp_key_word_next(line);

	if (name.len == 0 && r->key->is_revoked)
		return true;
	if (!is_name(name.start, name.len))
		return fault_at(r, name.column,
				name.len ? "this is not a name" : "there is no name after the key",
				EXPECTED_NAME);
	snprintf(r->key->name, sizeof r->key->name, "%.*s", (int)name.len, name.start);
	return line->len == 0 ||
	       fault_at(r, line->column, "there is more after the name", EXPECTED_LINE);
}

bool rudp_authorized_key_read(struct rudp_authorized_key *key, struct rudp_key_line *line,
			      const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct reading r = {key, path, text};
	struct rudp_key_line after = *line;
	struct rudp_key_word first = rudp_key_word_next(&after);

	*key = (struct rudp_authorized_key){.line = line->number, .expires_s = INT64_MAX};
	key->is_revoked = rudp_key_word_is(&first, "@revoked");
	if (first.start[0] == '[' && !read_options(&r, &first))
		return false;
	if (first.start[0] == '[' || key->is_revoked)
		*line = after;
	else if (!rudp_key_word_is(&first, RUDP_PUBLIC_KEY_TYPE))
		return fault_at(&r, first.column, "unknown line", EXPECTED_LINE);
	return rudp_public_key_read(key->public_key, line, path, text) && read_name(&r, line);
}
