/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "conversation/irc/message.h"
#include "conversation/server/lines.h"

#define STREAM_BYTES 60000
#define LINES_MAX 4000

/* The output: every line, each followed by a newline. */
struct heard {
	char *text;
	size_t len;
	unsigned count;
};

static void hear(struct heard *heard, const char *line, size_t len)
{
	memcpy(heard->text + heard->len, line, len);
	heard->text[heard->len + len] = '\n';
	heard->len += len + 1;
	heard->count++;
}

/* Like a worker: takes what was kept and what was read, and keeps the rest. */
static void feed(struct apo_lines *lines, const char *bytes, size_t len, struct heard *heard)
{
	char *room = malloc(2 * (size_t)APO_LINE_BYTES_MAX + 16 + len);
	size_t kept = apo_lines_restore(lines, room), used = 0, n, line_len;
	const char *line;

	memcpy(room + kept, bytes, len);
	len += kept;
	while (used < len &&
	       (n = apo_lines_cut(lines, room + used, len - used, &line, &line_len))) {
		used += n;
		if (line)
			hear(heard, line, line_len);
	}
	cr_assert(le(sz, len - used, APO_LINE_BYTES_MAX + 1));
	cr_assert(eq(int, apo_lines_keep(lines, room + used, len - used), 0));
	free(room);
}

static struct heard all_of(const char *text)
{
	struct heard heard = {.text = malloc(STREAM_BYTES)};
	struct apo_lines lines = {0};

	feed(&lines, text, strlen(text), &heard);
	heard.text[heard.len] = 0;
	apo_lines_fini(&lines);
	return heard;
}

Test(lines, lf_and_crlf_are_removed)
{
	struct heard heard = all_of("NICK a\r\nUSER b\n\r\n\nhalf");

	cr_assert(eq(str, heard.text, "NICK a\nUSER b\n\n\n"));
	free(heard.text);
}

Test(lines, no_memory_is_kept_between_complete_lines)
{
	struct heard heard = {.text = malloc(STREAM_BYTES)};
	struct apo_lines lines = {0};

	feed(&lines, "PING 1\r\nPING 2\r\n", 16, &heard);
	cr_assert(eq(ptr, lines.kept, NULL));
	feed(&lines, "PI", 2, &heard);
	cr_assert(eq(u32, lines.kept_bytes, 2));
	feed(&lines, "NG 3\n", 5, &heard);
	cr_assert(eq(ptr, lines.kept, NULL));
	cr_assert(eq(uint, heard.count, 3));
	free(heard.text);
}

Test(lines, a_line_that_is_too_long_is_handed_over_once_and_cut)
{
	struct heard heard = {.text = malloc(STREAM_BYTES)};
	struct apo_lines lines = {0};
	char *stream = malloc(STREAM_BYTES);

	memset(stream, 'x', 20000);
	memcpy(stream + 20000, "\r\nnext\r\n", 8);
	feed(&lines, stream, 7000, &heard);
	cr_assert(eq(uint, heard.count, 1));
	cr_assert(ge(u32, lines.skipped_bytes, 1));
	feed(&lines, stream + 7000, 13008, &heard);
	cr_assert(eq(uint, heard.count, 2));
	cr_assert(eq(sz, heard.len, APO_LINE_BYTES_MAX + 2 + 5));
	cr_assert(eq(int, memcmp(heard.text + heard.len - 5, "next\n", 5), 0));
	cr_assert(eq(u32, lines.skipped_bytes, 0));
	free(stream);
	free(heard.text);
}

Test(lines, the_longest_line_is_whole_wherever_it_is_cut)
{
	char *stream = malloc(STREAM_BYTES);
	size_t at, length = APO_LINE_BYTES_MAX;

	memset(stream, 'x', length);
	memcpy(stream + length, "\r\n", 2);
	for (at = length - 3; at <= length + 2; at++) {
		struct heard heard = {.text = malloc(STREAM_BYTES)};
		struct apo_lines lines = {0};

		feed(&lines, stream, at, &heard);
		feed(&lines, stream + at, length + 2 - at, &heard);
		cr_assert(eq(uint, heard.count, 1));
		cr_assert(eq(sz, heard.len, length + 1));
		free(heard.text);
	}
	free(stream);
}

/* The simple implementation: the whole stream at once, byte by byte. */
static void split_simply(const char *stream, size_t len, struct heard *heard)
{
	size_t from = 0, at, n;

	for (at = 0; at < len; at++) {
		if (stream[at] != '\n')
			continue;
		n = at - from;
		if (n > 0 && stream[at - 1] == '\r')
			n--;
		hear(heard, stream + from, n > APO_LINE_BYTES_MAX ? APO_LINE_BYTES_MAX + 1 : n);
		from = at + 1;
	}
}

static size_t random_stream(struct random *random, char *stream)
{
	size_t len = 0, n;

	while (len < STREAM_BYTES - 12000) {
		n = random_below(random, 20) == 0 ? random_below(random, 10000)
						  : random_below(random, 80);
		memset(stream + len, 'a' + (int)random_below(random, 26), n);
		len += n;
		if (random_below(random, 2))
			stream[len++] = '\r';
		if (random_below(random, 10))
			stream[len++] = '\n';
	}
	stream[len++] = '\n';
	return len;
}

Test(lines, pieces_of_any_size_give_the_lines_of_the_whole)
{
	char *stream = malloc(STREAM_BYTES);
	unsigned seed;

	for (seed = 1; seed <= 200; seed++) {
		struct heard is = {.text = malloc((size_t)2 * STREAM_BYTES)},
			     should = {.text = malloc((size_t)2 * STREAM_BYTES)};
		struct random random = {seed};
		struct apo_lines lines = {0};
		size_t len = random_stream(&random, stream), at = 0, n;

		split_simply(stream, len, &should);
		for (; at < len; at += n) {
			n = 1 + random_below(&random, random_below(&random, 2) ? 3 : 9000);
			n = n > len - at ? len - at : n;
			feed(&lines, stream + at, n, &is);
		}
		cr_assert(eq(uint, is.count, should.count), "seed %u", seed);
		cr_assert(eq(sz, is.len, should.len), "seed %u", seed);
		cr_assert(eq(int, memcmp(is.text, should.text, is.len), 0), "seed %u", seed);
		cr_assert(eq(ptr, lines.kept, NULL));
		free(is.text);
		free(should.text);
	}
	free(stream);
}
