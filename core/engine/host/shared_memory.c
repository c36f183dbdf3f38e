/* SPDX-License-Identifier: MIT */
#include "engine/host/shared_memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_BYTES 16384
#define PASSES_MAX 4096 /* each pass but the last one unmaps something */

/* A line is "START-END PERMISSIONS ..."; the fourth permission character of a shared mapping is
 * s. */
static size_t unmap_if_shared(const char *line)
{
	uintptr_t start, end;
	char permissions[5];

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, permissions) != 3 ||
	    permissions[3] != 's')
		return 0;
	return munmap((void *)start, end - start) == 0; // NOLINT(performance-no-int-to-ptr)
}

/* text consists of complete lines. Returns how many of them were shared mappings. */
static size_t unmap_lines(char *text)
{
	size_t count = 0;
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		count += unmap_if_shared(line);
	return count;
}

/* Moves an incomplete last line to the start of text and returns its length. */
static size_t unmap_read(char *text, size_t len, size_t *count)
{
	char *last = memrchr(text, '\n', len);
	size_t left;

	if (!last)
		return 0;
	*last = 0;
	left = len - (size_t)(last + 1 - text);
	*count += unmap_lines(text);
	memmove(text, last + 1, left);
	return left;
}

static size_t unmap_once(void)
{
	char text[TEXT_BYTES];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t left = 0, count = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, text + left, sizeof text - 1 - left)) > 0)
		left = unmap_read(text, left + (size_t)n, &count);
	close(fd);
	return count;
}

void rudp_shared_memory_leave(void)
{
	for (int i = 0; i < PASSES_MAX && unmap_once() > 0; i++)
		;
}
