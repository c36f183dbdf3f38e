/* SPDX-License-Identifier: MIT */
#include "engine/control/name_holder.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "/proc/thread-self/net/unix" /* a thread's program may have another network namespace */

static bool may_look(struct rudp_name_looks *looks, int64_t now_at_ns)
{
	if (now_at_ns - looks->since_ns >= RUDP_NAME_LOOKS_NS || looks->since_ns == 0)
		*looks = (struct rudp_name_looks){.since_ns = now_at_ns};
	return looks->count++ < RUDP_NAME_LOOKS_MAX;
}

/* An abstract name has an @ in place of its first byte there. What was accepted has its listener's. */
static bool is_line_of(const char *line, const char *name, size_t name_len, uint64_t inode)
{
	const char *path = strchr(line, '@');
	uint64_t number;

	return path && strncmp(path + 1, name, name_len) == 0 && path[1 + name_len] == '\n' &&
	       sscanf(line, "%*s %*s %*s %*s %*s %*s %" SCNu64, &number) == 1 && number == inode;
}

bool rudp_name_is_held(struct rudp_name_looks *looks, const struct sockaddr_un *name, socklen_t len,
		       uint64_t inode, int64_t now_at_ns)
{
	size_t name_len = len - offsetof(struct sockaddr_un, sun_path) - 1;
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *table = may_look(looks, now_at_ns) ? fopen(TABLE, "re") : NULL;

	if (!table)
		return true;
	while (!found && getline(&line, &size, table) >= 0)
		found = is_line_of(line, name->sun_path + 1, name_len, inode);
	found |= ferror(table) != 0 || !feof(table);
	fclose(table);
	free(line);
	return found;
}
