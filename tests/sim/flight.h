/* SPDX-License-Identifier: MIT */
/*
 * flight - the datagrams under way, sorted by arrival time, then by order of sending.
 */
#ifndef RUDP_SIM_FLIGHT_H
#define RUDP_SIM_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "integration/netmodel/item.h"

#define FLYING_CE 3 /* congestion experienced (RFC 3168) */

struct flying {
	struct nm_item item; /* first: while it is in a link (link.h) */
	int64_t at_ns;
	uint64_t order;
	int to;
	struct rudp_addr from_addr, to_addr;
	uint8_t ecn; /* as in rudp_datagram */
	bool lost;   /* drawn when it was sent */
	int64_t travel_ns;
	struct flying *twin; /* arrives as well; NULL: none */
	size_t len;
	uint8_t data[];
};

struct flight {
	struct flying **heap;
	size_t count, capacity;
	uint64_t order;
};

/* Makes a datagram that is sent now, but is not in a flight yet. NULL: no memory. */
struct flying *flight_new(struct flight *flight, int to, const struct rudp_addr *from_addr,
			  const struct rudp_addr *to_addr, const uint8_t *data, size_t len);
/* Adds the datagram, which arrives at its at_ns, and owns it. false: no memory; it was freed. */
bool flight_insert(struct flight *flight, struct flying *f);
/* flight_new and flight_insert together. */
bool flight_add(struct flight *flight, int64_t at_ns, int to, const struct rudp_addr *from_addr,
		const struct rudp_addr *to_addr, const uint8_t *data, size_t len);
/* RUDP_NEVER when empty. */
int64_t flight_next_ns(const struct flight *flight);
/* Removes the next datagram that has arrived by now; the caller frees it. NULL: none. */
struct flying *flight_take(struct flight *flight, int64_t now_ns);
void flight_fini(struct flight *flight);

#endif
