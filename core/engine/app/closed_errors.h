/* SPDX-License-Identifier: MIT */
/*
 * closed_errors - the true errno of connections that have died, under their id.
 *
 * A ring of the last RUDP_CLOSED_ERRORS_MAX; a new one takes the place of the oldest. About 1 MB,
 * touched only as far as used.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_CLOSED_ERRORS_H
#define RUDP_ENGINE_CLOSED_ERRORS_H

#include <stdint.h>

#define RUDP_CLOSED_ERRORS_MAX (1u << 16)

struct rudp_closed_error {
	uint64_t id;
	int error;
	uint32_t next; /* place + 1 in the same bucket; 0: last */
};

struct rudp_closed_errors {
	struct rudp_closed_error *ring;
	uint32_t *buckets; /* place + 1; 0: empty */
	uint32_t written;  /* ever, modulo 2^32 */
};

/* 0 or -ENOMEM. */
int rudp_closed_errors_init(struct rudp_closed_errors *errors);
void rudp_closed_errors_fini(struct rudp_closed_errors *errors);

/* error 0 is not kept. */
void rudp_closed_errors_put(struct rudp_closed_errors *errors, uint64_t id, int error);
/* 0: none known. */
int rudp_closed_errors_get(const struct rudp_closed_errors *errors, uint64_t id);

#endif
