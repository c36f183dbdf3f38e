/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a chat client, cut into lines in pieces whose sizes are part of the input, beside the
 * lines of the whole.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/message.h"
#include "conversation/server/lines.h"

#define HASH_START 1469598103934665603u
#define HASH_TIMES 1099511628211u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
	uint64_t hash; /* of all lines and their ends */
	size_t count;
};

static void hear(struct heard *heard, const char *line, size_t len)
{
	size_t i;

	assert(len <= APO_LINE_BYTES_MAX + 1 && !memchr(line, '\n', len));
	for (i = 0; i < len; i++)
		heard->hash = (heard->hash ^ (uint8_t)line[i]) * HASH_TIMES;
	heard->hash = (heard->hash ^ '\n') * HASH_TIMES;
	heard->count++;
}

/* Keeps bytes that cannot be used yet; the room has just the size that the contract asks for. */
static void feed(struct apo_lines *lines, const char *bytes, size_t len, struct heard *heard)
{
	char *room = malloc(lines->kept_bytes + len + 1);
	size_t used = 0, n, line_len;
	const char *line;

	assert(room);
	n = apo_lines_restore(lines, room);
	memcpy(room + n, bytes, len);
	len += n;
	while (used < len &&
	       (n = apo_lines_cut(lines, room + used, len - used, &line, &line_len))) {
		used += n;
		if (line)
			hear(heard, line, line_len);
	}
	assert(len - used <= APO_LINE_BYTES_MAX + 1);
	assert(apo_lines_keep(lines, room + used, len - used) == 0);
	free(room);
}

static void hear_simply(const char *bytes, size_t len, struct heard *heard)
{
	size_t from = 0, at, n;

	for (at = 0; at < len; at++) {
		if (bytes[at] != '\n')
			continue;
		n = at - from;
		if (n > 0 && bytes[at - 1] == '\r')
			n--;
		hear(heard, bytes + from, n > APO_LINE_BYTES_MAX ? APO_LINE_BYTES_MAX + 1 : n);
		from = at + 1;
	}
}

/* The first byte says the size of the pieces; the stream is repeated to pass the longest line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard pieces = {HASH_START, 0}, whole = {HASH_START, 0};
	struct apo_lines lines = {0};
	size_t step, times, len, at, i;
	char *stream;

	if (size < 3)
		return 0;
	step = 1 + (size_t)data[0] * data[0];
	times = 1 + data[1] % 8;
	len = (size - 2) * times + 1;
	stream = malloc(len);
	assert(stream);
	for (i = 0; i < times; i++)
		memcpy(stream + i * (size - 2), data + 2, size - 2);
	stream[len - 1] = '\n';
	hear_simply(stream, len, &whole);
	for (at = 0; at < len; at += step)
		feed(&lines, stream + at, len - at < step ? len - at : step, &pieces);
	assert(pieces.count == whole.count && pieces.hash == whole.hash && !lines.kept);
	apo_lines_fini(&lines);
	free(stream);
	return 0;
}
