/* SPDX-License-Identifier: MIT */
/*
 * closed_errors - remembers the errno with which each connection has failed, by its id.
 *
 * A ring of RUDP_CLOSED_ERRORS_MAX entries: a new one replaces the oldest. About 1 MB, of which
 * only the used part is touched.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_CLOSED_ERRORS_H
#define RUDP_ENGINE_CLOSED_ERRORS_H

#include <stdint.h>

#define RUDP_CLOSED_ERRORS_MAX (1u << 16)

struct rudp_closed_error {
	uint64_t id;
	int error;
	uint32_t next; /* index + 1 of the next in the same bucket; 0: last */
};

struct rudp_closed_errors {
	struct rudp_closed_error *ring;
	uint32_t *buckets; /* index + 1 of the first; 0: empty */
	uint32_t written;  /* entries so far, modulo 2^32 */
};

/* 0 or -ENOMEM. */
int rudp_closed_errors_init(struct rudp_closed_errors *errors);
void rudp_closed_errors_fini(struct rudp_closed_errors *errors);

/* Does nothing if error is 0. */
void rudp_closed_errors_put(struct rudp_closed_errors *errors, uint64_t id, int error);
/* Returns  the errno; 0: none is known. */
int rudp_closed_errors_get(const struct rudp_closed_errors *errors, uint64_t id);

#endif
