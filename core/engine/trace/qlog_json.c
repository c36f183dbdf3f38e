/* SPDX-License-Identifier: MIT */
#include "engine/trace/qlog_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct rudp_qlog_text rudp_qlog_begin(char *out)
{
	return (struct rudp_qlog_text){out, out, out + RUDP_QLOG_RECORD_MAX_BYTES, true};
}

static void put_bytes(struct rudp_qlog_text *t, const char *bytes, size_t len)
{
	t->ok = t->ok && len <= (size_t)(t->end - t->next);
	if (!t->ok)
		return;
	memcpy(t->next, bytes, len);
	t->next += len;
}

void rudp_qlog_put(struct rudp_qlog_text *t, const char *words)
{
	put_bytes(t, words, strlen(words));
}

void rudp_qlog_put_number(struct rudp_qlog_text *t, uint64_t number)
{
	char digits[20];
	char *first = digits + sizeof digits;

	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	put_bytes(t, first, (size_t)(digits + sizeof digits - first));
}

/* qlog counts time in milliseconds; three decimals give microseconds. */
void rudp_qlog_put_ms(struct rudp_qlog_text *t, int64_t ns)
{
	uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
	char part[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
			(char)('0' + us % 10)};

	rudp_qlog_put_number(t, us / 1000);
	put_bytes(t, part, sizeof part);
}

void rudp_qlog_put_id(struct rudp_qlog_text *t, uint64_t id)
{
	char hex[17];

	snprintf(hex, sizeof hex, "%016" PRIx64, id);
	put_bytes(t, hex, 16);
}

/* All strings are our own. Still, quotes, backslashes and control characters are replaced. */
void rudp_qlog_put_string(struct rudp_qlog_text *t, const char *words)
{
	rudp_qlog_put(t, "\"");
	for (; *words; words++) {
		char c = *words < ' ' || *words > '~' || *words == '"' || *words == '\\' ? '?'
											 : *words;

		put_bytes(t, &c, 1);
	}
	rudp_qlog_put(t, "\"");
}

void rudp_qlog_event_begin(struct rudp_qlog_text *t, const struct rudp_qlog_reported *reported,
			   const char *name, int64_t now_at_ns)
{
	rudp_qlog_put(t, "\x1e{\"time\":");
	rudp_qlog_put_ms(t, now_at_ns - reported->began_at_ns);
	rudp_qlog_put(t, ",\"name\":\"");
	rudp_qlog_put(t, name);
	rudp_qlog_put(t, "\",\"data\":{");
}

void rudp_qlog_event_end(struct rudp_qlog_text *t)
{
	rudp_qlog_put(t, "}}\n");
}

/* Writes ,"key": but omits the comma before the first member. */
void rudp_qlog_put_key(struct rudp_qlog_text *t, const char *key)
{
	if (t->next > t->start && t->next[-1] != '{' && t->next[-1] != '[')
		rudp_qlog_put(t, ",");
	rudp_qlog_put(t, "\"");
	rudp_qlog_put(t, key);
	rudp_qlog_put(t, "\":");
}

void rudp_qlog_put_pair(struct rudp_qlog_text *t, const char *key, uint64_t value)
{
	rudp_qlog_put_key(t, key);
	rudp_qlog_put_number(t, value);
}

void rudp_qlog_put_word(struct rudp_qlog_text *t, const char *key, const char *word)
{
	rudp_qlog_put_key(t, key);
	rudp_qlog_put_string(t, word);
}
