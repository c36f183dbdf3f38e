/* SPDX-License-Identifier: MIT */
/*
 * budget - limits the memory that the buffers of all connections of an endpoint use together.
 *
 * Each connection has limits of its own. The budget bounds their sum if there are thousands of
 * connections whose programs do not read, or whose peers leave gaps or do not acknowledge. The
 * windows advertised to peers may add up to more than the limit, because most connections use
 * little of theirs.
 *
 * Counted    the rings of stream bytes, the lists of their ranges, the records of sent packets,
 *            repair symbols, and what the endpoint's owner reports with rudp_endpoint_charge() (the
 *            engine reports the rings of kernel TCP that it relays).
 * Scarce     more than half of the limit is used. Windows and send buffers stop growing, a new
 *            window is RUDP_BUDGET_FLOOR_BYTES, and memory is freed as soon as it is not needed. No
 *            data is sent while RUDP_BUDGET_RECORDS_FLOOR packets are outstanding, or half as many
 *            as there are records if that is more: a program that sends many small pieces needs a
 *            record of 100 bytes for each. Acknowledgements and other small packets stop as well if
 *            twice as many records are kept behind one packet that the peer does not acknowledge;
 *            they count as lost. Probes are still sent.
 * Exhausted  received bytes that need more memory than there is are dropped and not acknowledged,
 *            so the peer sends them again. This can happen because windows advertised before memory
 *            was scarce can exceed it.
 * Floor      every connection may always hold RUDP_BUDGET_FLOOR_BYTES in each direction, so all
 *            connections make progress. In the worst case this is added to the limit.
 * Threads    none: owned by the endpoint.
 */
#ifndef RUDP_PROTO_BUDGET_H
#define RUDP_PROTO_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ring.h"

#define RUDP_BUDGET_FLOOR_BYTES (64u << 10) /* the largest datagram fits */
#define RUDP_BUDGET_RECORDS_FLOOR 1024u     /* packets that may always be in flight */
#define RUDP_BUDGET_RANGES_FLOOR 64         /* gaps in received data that are always allowed */

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

/* Whether the ring may grow to hold [head, end). */
static inline bool rudp_budget_allows(const struct rudp_budget *budget,
				      const struct rudp_ring *ring, uint64_t end)
{
	size_t growth_bytes = rudp_ring_growth(ring, end);

	return growth_bytes == 0 || end - ring->head <= RUDP_BUDGET_FLOOR_BYTES ||
	       budget->used_bytes + growth_bytes <= budget->limit_bytes;
}

#endif
