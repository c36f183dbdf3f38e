/* SPDX-License-Identifier: MIT */
/*
 * tombstones - the true errno of connections that have died, under their id.
 *
 * A ring of the last RUDP_TOMBSTONES; a new one takes the place of the oldest. About 1 MB, touched only
 * as far as used.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_TOMBSTONES_H
#define RUDP_ENGINE_TOMBSTONES_H

#include <stdint.h>

#define RUDP_TOMBSTONES (1u << 16)

struct rudp_tombstone {
	uint64_t id;
	int error;
	uint32_t next; /* place + 1 in the same bucket; 0: last */
};

struct rudp_tombstones {
	struct rudp_tombstone *ring;
	uint32_t *buckets; /* place + 1; 0: empty */
	uint32_t written;  /* ever, modulo 2^32 */
};

/* 0 or -ENOMEM. */
int rudp_tombstones_init(struct rudp_tombstones *stones);
void rudp_tombstones_fini(struct rudp_tombstones *stones);

/* error 0 is not kept. */
void rudp_tombstones_put(struct rudp_tombstones *stones, uint64_t id, int error);
/* 0: none known. */
int rudp_tombstones_get(const struct rudp_tombstones *stones, uint64_t id);

#endif
