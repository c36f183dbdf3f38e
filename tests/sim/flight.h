/* SPDX-License-Identifier: MIT */
/*
 * flight - datagrams on their way, by arrival time; equal times in order of sending.
 */
#ifndef RUDP_SIM_FLIGHT_H
#define RUDP_SIM_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct flying {
	int64_t at_ns;
	uint64_t order;
	int to;
	struct rudp_addr from_addr, to_addr;
	uint8_t ecn;                /* as in rudp_datagram */
	size_t len;
	uint8_t data[];
};

struct flight {
	struct flying **heap;
	size_t count, capacity;
	uint64_t order;
	uint8_t ecn;                /* of what is added */
};

bool flight_add(struct flight *flight, int64_t at_ns, int to, const struct rudp_addr *from_addr,
		const struct rudp_addr *to_addr, const uint8_t *data, size_t len);
/* RUDP_NEVER when empty. */
int64_t flight_next_ns(const struct flight *flight);
/* The next one that has arrived by now, to be freed by the caller; NULL: none. */
struct flying *flight_take(struct flight *flight, int64_t now_ns);
void flight_fini(struct flight *flight);

#endif
