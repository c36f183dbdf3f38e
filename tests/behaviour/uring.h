/* SPDX-License-Identifier: MIT */
/*
 * uring - a minimal io_uring for the checks: one request at a time, by raw system calls.
 */
#ifndef RUDP_TESTS_BEHAVIOUR_URING_H
#define RUDP_TESTS_BEHAVIOUR_URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>

struct uring {
	int fd;
	struct io_uring_params params;
	char *rings; /* both rings are in one mapping */
	size_t rings_size;
	struct io_uring_sqe *entries;
};

/* Returns false if the kernel has no io_uring or it is disabled. */
bool uring_open(struct uring *ring);
void uring_close(struct uring *ring);
/* Submits a recv, which may complete at once or later. */
void uring_recv(struct uring *ring, int fd, void *data, size_t len);
/* Submits an accept. */
void uring_accept(struct uring *ring, int fd);
/* Waits for the result: what the system call would return, or -errno. */
int uring_result(struct uring *ring);

#endif
