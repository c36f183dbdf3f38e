/* SPDX-License-Identifier: MIT */
#include "conversation/server/lines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/message.h"

size_t apo_lines_restore(struct apo_lines *lines, char *bytes)
{
	size_t n = lines->kept_bytes;

	if (n == 0)
		return 0;
	memcpy(bytes, lines->kept, n);
	apo_lines_fini(lines);
	return n;
}

int apo_lines_keep(struct apo_lines *lines, const char *bytes, size_t len)
{
	assert(!lines->kept && len <= UINT32_MAX);
	if (len == 0)
		return 0;
	lines->kept = malloc(len);
	if (!lines->kept)
		return -ENOMEM;
	memcpy(lines->kept, bytes, len);
	lines->kept_bytes = (uint32_t)len;
	return 0;
}

static uint32_t more(uint32_t skipped_bytes, size_t n)
{
	return n > UINT32_MAX - skipped_bytes ? UINT32_MAX : skipped_bytes + (uint32_t)n;
}

size_t apo_lines_cut(struct apo_lines *lines, const char *bytes, size_t len, const char **line,
		     size_t *line_len)
{
	const char *end = memchr(bytes, '\n', len);
	size_t n = end ? (size_t)(end - bytes) : len;

	*line = NULL;
	*line_len = 0;
	if (lines->skipped_bytes > 0) {
		lines->skipped_bytes = end ? 0 : more(lines->skipped_bytes, n);
		return end ? n + 1 : len;
	}
	/* The CR of a line of maximal length may have arrived without its LF. */
	if (!end && n <= APO_LINE_BYTES_MAX + 1)
		return 0;
	lines->skipped_bytes = end ? 0 : more(0, n);
	if (end && n > 0 && bytes[n - 1] == '\r')
		n--;
	*line = bytes;
	*line_len = n > APO_LINE_BYTES_MAX ? APO_LINE_BYTES_MAX + 1 : n;
	return end ? (size_t)(end - bytes) + 1 : len;
}

void apo_lines_fini(struct apo_lines *lines)
{
	free(lines->kept);
	lines->kept = NULL;
	lines->kept_bytes = 0;
}
