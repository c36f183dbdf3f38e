/* SPDX-License-Identifier: MIT */
/*
 * epoll_entries - saves and restores the entries of one descriptor in this process's epoll sets.
 *
 * Placing another file under a number (fd_replace.h) removes the number from every epoll set. This
 * module puts the entries back. It reads them from /proc, of all sets that this process has open,
 * up to RUDP_EPOLL_ENTRIES_MAX.
 */
#ifndef RUDP_API_EPOLL_ENTRIES_H
#define RUDP_API_EPOLL_ENTRIES_H

#include <stdint.h>

#define RUDP_EPOLL_ENTRIES_MAX 16

struct rudp_epoll_entries {
	int count;
	struct {
		int set;
		uint32_t events;
		uint64_t data;
	} entries[RUDP_EPOLL_ENTRIES_MAX];
};

void rudp_epoll_entries_find(int fd, struct rudp_epoll_entries *found);
void rudp_epoll_entries_restore(int fd, const struct rudp_epoll_entries *found);

#endif
