/* SPDX-License-Identifier: MIT */
#include "engine/config/memory_limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/config/config_open.h"

#define UNIFIED "0::" /* the line of version 2: hierarchy 0, no controllers */

/*
 * memory.max of the group in this directory. "max" means no limit; the host's root group has no
 * such file.
 */
static uint64_t limit_of(const char *directory)
{
	char path[PATH_MAX], text[32];

	if ((size_t)snprintf(path, sizeof path, "%s/memory.max", directory) >= sizeof path)
		return UINT64_MAX;
	rudp_read_text(path, text, sizeof text);
	return text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

uint64_t rudp_memory_group_bytes(const char *membership, const char *root)
{
	const char *line = membership;
	uint64_t least = UINT64_MAX;
	char directory[PATH_MAX];
	size_t root_len = strlen(root);

	while (line && strncmp(line, UNIFIED, strlen(UNIFIED)) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return least;
	line += strlen(UNIFIED);
	if ((size_t)snprintf(directory, sizeof directory, "%s%.*s", root, (int)strcspn(line, "\n"),
			     line) >= sizeof directory)
		return least;
	/* Up to root: in a container that is the container's own group. */
	while (true) {
		uint64_t limit = limit_of(directory);

		least = limit < least ? limit : least;
		if (strlen(directory) <= root_len)
			return least;
		*strrchr(directory, '/') = 0;
	}
}

uint64_t rudp_memory_default_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	uint64_t bytes = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0;
	char membership[PATH_MAX];
	uint64_t group_bytes;

	rudp_read_text("/proc/self/cgroup", membership, sizeof membership);
	group_bytes = rudp_memory_group_bytes(membership, "/sys/fs/cgroup");
	if (group_bytes < bytes)
		bytes = group_bytes;
	bytes /= RUDP_MEMORY_SHARE;
	return bytes > RUDP_MEMORY_DEFAULT_MIN_BYTES ? bytes : RUDP_MEMORY_DEFAULT_MIN_BYTES;
}
