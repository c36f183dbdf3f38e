/* SPDX-License-Identifier: MIT */
/*
 * budget - how much the buffers of all connections of an endpoint may hold together.
 *
 * Each connection is bounded by itself; thousands whose programs do not read, or whose peers leave holes
 * or do not acknowledge, are bounded here. What is promised to the peers may be more: most need little.
 *
 * Counted    the rings of stream bytes, the lists of their ranges, the records of what was sent,
 *            repair symbols for repair; and what the endpoint's owner says (rudp_endpoint_charge),
 *            as the engine does of the rings of kernel TCP that it relays.
 * Scarce     more than half of the limit is in use: windows and send buffers grow no more, a new
 *            promise is of RUDP_BUDGET_FLOOR_BYTES, and memory goes back as soon as it is not needed.
 *            No data leaves while RUDP_BUDGET_RECORDS_FLOOR packets are out, or half of what there are
 *            places for: a program that says much in small pieces has a record of 100 bytes for each.
 *            Nor do acknowledgements and other answers where twice as many records are kept, all of them
 *            behind one that the peer does not answer: they are lost. Probes leave.
 * Exhausted  bytes that would need more than there is are dropped without acknowledgement, so they come
 *            again: what was promised before it was scarce can be more than there is.
 * Floor      every connection may always hold RUDP_BUDGET_FLOOR_BYTES each way, so all of them go on. In
 *            the worst case that is added to the limit.
 * Threads    none: the endpoint's.
 */
#ifndef RUDP_PROTO_BUDGET_H
#define RUDP_PROTO_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ring.h"

#define RUDP_BUDGET_FLOOR_BYTES (64u << 10) /* the largest datagram fits */
#define RUDP_BUDGET_RECORDS_FLOOR 1024u     /* packets that may always be out */
#define RUDP_BUDGET_RANGES_FLOOR 64         /* holes in what has come that cost nothing worth counting */

struct rudp_budget {
	uint64_t limit_bytes;
	uint64_t used_bytes;
};

static inline bool rudp_budget_is_scarce(const struct rudp_budget *budget)
{
	return budget->used_bytes > budget->limit_bytes / 2;
}

static inline bool rudp_budget_is_exhausted(const struct rudp_budget *budget)
{
	return budget->used_bytes >= budget->limit_bytes;
}

/* The ring may come to hold [head, end), as far as memory goes. */
static inline bool rudp_budget_allows(const struct rudp_budget *budget,
				      const struct rudp_ring *ring, uint64_t end)
{
	size_t growth_bytes = rudp_ring_growth(ring, end);

	return growth_bytes == 0 || end - ring->head <= RUDP_BUDGET_FLOOR_BYTES ||
	       budget->used_bytes + growth_bytes <= budget->limit_bytes;
}

#endif
