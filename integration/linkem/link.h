/* SPDX-License-Identifier: MIT */
/*
 * The link itself, without any device: packets in, packets out, and the time of the next one. A
 * packet of a direction passes, in this order: filter, NAT (A's side), blackout, path MTU, then the
 * hop of netmodel (bottleneck queue, policer, aggregation), then loss, damage, duplication, delay.
 * Losses come after the bottleneck, as on a radio link: a lost packet has used its share of the
 * rate.
 */
#ifndef LINKEM_LINK_H
#define LINKEM_LINK_H

#include "burst.h"
#include "conf.h"
#include "line.h"
#include "nat.h"
#include "stats.h"

struct lane {
	const struct direction_conf *conf;
	struct prng prng;
	struct burst burst;
	struct nm_hop hop;
	struct nm_trace trace;             /* of a synthetic network */
	struct nm_gap gaps[BLACKOUTS_MAX]; /* in the caller's clock */
	struct line line;
	uint64_t last_due_at_ns; /* for jitter that keeps the order */
	struct direction_stats stats;
};

struct link {
	const struct linkem_conf *conf; /* borrowed */
	struct lane lane[DIRECTIONS];
	struct nat nat;
	bool started; /* a TCP or UDP packet has been seen */
	uint64_t started_at_ns;
};

/* Returns false if memory is short; link_fini() must be called even then. */
bool link_init(struct link *link, const struct linkem_conf *conf);
void link_fini(struct link *link);

/* The queueing delay of a packet that would be sent in this direction now. */
uint64_t link_queue_delay_ns(struct link *link, enum direction direction, uint64_t now_ns);

/* The queue limits of a direction in bytes and packets, SIZE_MAX for none. */
void link_queue_limits(const struct linkem_conf *conf, enum direction direction, size_t *bytes_max,
		       size_t *packets_max);

/* A packet from the sending side of this direction. It may be changed in place. */
void link_submit(struct link *link, enum direction direction, uint64_t now_ns, uint8_t *data,
		 size_t size);

/* The next packet that is due at the receiving side; the caller must free() it. NULL if there is
 * none. */
struct line_packet *link_take(struct link *link, enum direction direction, uint64_t now_ns);

/* The kernel has refused the packet: corrects the counters. */
void link_on_refused_by_device(struct link *link, enum direction direction,
			       struct line_packet *packet);

/* When link_take() will return the next packet; LINE_NEVER: none is in flight. */
uint64_t link_next_at(const struct link *link);

/* The packets that were sent and not delivered yet, including the queue. */
void link_under_way(const struct link *link, enum direction direction, size_t *packets,
		    size_t *bytes);

/* Time since the first TCP or UDP packet, 0 before it. */
uint64_t link_elapsed_ns(const struct link *link, uint64_t now_ns);

#endif
