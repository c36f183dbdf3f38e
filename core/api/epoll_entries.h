/* SPDX-License-Identifier: MIT */
/*
 * epoll_entries - what the process's epoll sets hold about one descriptor, to be put back after
 * another file has been placed under its number (which drops it from every set).
 *
 * Read from /proc: the sets that this process has descriptors of, up to RUDP_EPOLL_ENTRIES_MAX.
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
