/* SPDX-License-Identifier: MIT */
/*
 * uring - one io_uring, one request at a time, by raw system calls: as much as checks need.
 */
#ifndef RUDP_TESTS_BEHAVIOUR_URING_H
#define RUDP_TESTS_BEHAVIOUR_URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>

struct uring {
	int fd;
	struct io_uring_params params;
	char *rings;                  /* both rings lie in one mapping */
	size_t rings_size;
	struct io_uring_sqe *entries;
};

/* false: this kernel, or its administrator, has none. */
bool uring_open(struct uring *ring);
void uring_close(struct uring *ring);
/* Submits a recv; it may complete at once or later. */
void uring_recv(struct uring *ring, int fd, void *data, size_t len);
/* Submits an accept. */
void uring_accept(struct uring *ring, int fd);
/* Waits for the request's result: what the call would return, or -errno. */
int uring_result(struct uring *ring);

#endif
