/* SPDX-License-Identifier: MIT */
/*
 * One hop of an access network, what linkem and the simulator both put a packet through:
 * bottleneck, then policer, then aggregation, then the trace's extra delay, which keeps the order.
 * What comes before (filters) and behind (losses, jitter, the fixed delay) is the caller's.
 */
#ifndef NETMODEL_HOP_H
#define NETMODEL_HOP_H

#include "aggregator.h"
#include "bottleneck.h"
#include "token_bucket.h"

struct nm_hop_conf {
	struct nm_bottleneck_conf bottleneck;
	double police_bits_per_s; /* 0: no policer */
	size_t police_burst_bytes;
	uint64_t aggregate_ns;        /* 0: nothing is held back */
	size_t aggregate_packets_max; /* 0: no bound */
};

struct nm_hop {
	struct nm_bottleneck bottleneck;
	struct nm_token_bucket policer;
	struct nm_aggregator aggregator;
	uint64_t last_left_at_ns;
};

/* Returns false when there is no memory. */
bool nm_hop_init(struct nm_hop *hop, const struct nm_hop_conf *conf);
/* Take the packets with nm_hop_drain() first. */
void nm_hop_fini(struct nm_hop *hop);

/* As those of the bottleneck. Outcome and left_at_ns of what is taken are those of the whole
 * hop. */
bool nm_hop_submit(struct nm_hop *hop, struct nm_item *item, uint64_t now_ns);
uint64_t nm_hop_next_at(const struct nm_hop *hop);
struct nm_item *nm_hop_take(struct nm_hop *hop, uint64_t now_ns);
struct nm_item *nm_hop_drain(struct nm_hop *hop);

#endif
