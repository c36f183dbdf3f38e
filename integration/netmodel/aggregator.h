/* SPDX-License-Identifier: MIT */
/*
 * Aggregation: a modem or a radio holds packets back and sends them in one burst, when the first
 * has waited for the longest time or when there are enough of them. Applies to every protocol.
 */
#ifndef NETMODEL_AGGREGATOR_H
#define NETMODEL_AGGREGATOR_H

#include "item.h"

struct nm_aggregator {
	uint64_t wait_max_ns; /* 0: nothing is held back */
	size_t packets_max;   /* 0: no bound */
	struct nm_fifo held, released;
	uint64_t release_at_ns;
};

void nm_aggregator_init(struct nm_aggregator *aggregator, uint64_t wait_max_ns, size_t packets_max);

/* A packet comes at its sent_at_ns, never before an earlier one. */
void nm_aggregator_put(struct nm_aggregator *aggregator, struct nm_item *item);

/* When the next burst goes at the latest; NM_NEVER: nothing is held. */
uint64_t nm_aggregator_next_at(const struct nm_aggregator *aggregator);

/* The next packet released by now, its left_at_ns set; NULL: none. */
struct nm_item *nm_aggregator_take(struct nm_aggregator *aggregator, uint64_t now_ns);

#endif
