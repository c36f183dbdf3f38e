/* SPDX-License-Identifier: MIT */
#include "engine/control/name_holder.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TABLE "/proc/thread-self/net/unix" /* the thread's network namespace */

static bool may_read(struct rudp_name_reads *reads, int64_t now_at_ns)
{
	if (now_at_ns - reads->since_ns >= RUDP_NAME_READS_NS || reads->since_ns == 0)
		*reads = (struct rudp_name_reads){.since_ns = now_at_ns};
	return reads->count++ < RUDP_NAME_READS_MAX;
}

/*
 * The table shows the leading 0 of an abstract name as '@'. Accepted sockets have the name of their
 * listener, so the inode number must match, too.
 */
static bool is_line_of(const char *line, const char *name, size_t name_len, uint64_t inode)
{
	const char *path = strchr(line, '@');
	uint64_t number;

	return path && strncmp(path + 1, name, name_len) == 0 && path[1 + name_len] == '\n' &&
	       sscanf(line, "%*s %*s %*s %*s %*s %*s %" SCNu64, &number) == 1 && number == inode;
}

bool rudp_name_is_held(struct rudp_name_reads *reads, const struct sockaddr_un *name, socklen_t len,
		       uint64_t inode, int64_t now_at_ns)
{
	size_t name_len = len - offsetof(struct sockaddr_un, sun_path) - 1;
	char line[512];
	bool found = false;
	FILE *table = may_read(reads, now_at_ns) ? fopen(TABLE, "re") : NULL;

	if (!table)
		return true;
	while (!found && fgets(line, sizeof line, table))
		found = is_line_of(line, name->sun_path + 1, name_len, inode);
	found |= ferror(table) != 0 || !feof(table);
	fclose(table);
	return found;
}
