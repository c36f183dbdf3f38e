/* SPDX-License-Identifier: MIT */
/*
 * The bottleneck of a path: a queue, and a sender that takes packets out of it at the link's rate.
 * Pure: packets in, packets out, when next. One discipline decides which packet is sent next and
 * which are dropped or marked. The packet being sent occupies the queue with what is yet to be sent
 * of it.
 */
#ifndef NETMODEL_BOTTLENECK_H
#define NETMODEL_BOTTLENECK_H

#include "fq_codel.h"
#include "gaps.h"
#include "marker.h"
#include "pie.h"
#include "rate.h"

enum nm_discipline { NM_DROP_TAIL, NM_CODEL, NM_PIE, NM_FQ_CODEL };

/* A newer acknowledgement is compared with so many of the queue's packets at most. */
enum { NM_ACK_SEARCH_MAX = 1000 };

struct nm_bottleneck_conf {
	struct nm_rate rate;
	enum nm_discipline discipline;
	struct nm_codel_conf codel; /* of CoDel and FQ-CoDel */
	struct nm_pie_conf pie;
	size_t bytes_max, packets_max;               /* of the queue; SIZE_MAX: no limit */
	size_t mark_above_bytes, mark_above_packets; /* found queued; SIZE_MAX: never */
	struct nm_marker_conf marker;
	const struct nm_gap *gaps; /* borrowed; those that hold packets back stop the sender */
	size_t gap_count;
	/* Whether the newer packet makes the older one superfluous; NULL: none does. */
	bool (*supersedes)(const struct nm_item *newer, const struct nm_item *older);
	uint64_t seed;
};

struct nm_bottleneck {
	struct nm_bottleneck_conf conf;
	struct nm_fifo fifo; /* of all disciplines but FQ-CoDel */
	struct nm_codel codel;
	struct nm_pie pie;
	struct nm_fq_codel fq;
	struct nm_marker marker;
	struct nm_item *sending; /* until its sent_at_ns */
	uint64_t free_at_ns;     /* the sender has been idle, or will be, from then on */
	uint64_t empty_at_ns;    /* all that is queued will have been sent, if empty_is_known */
	bool empty_is_known;
	struct nm_fifo out; /* sent and dropped packets that have not been taken */
};

/* Returns false when there is no memory. */
bool nm_bottleneck_init(struct nm_bottleneck *bottleneck, const struct nm_bottleneck_conf *conf);
/* Take the packets with nm_bottleneck_drain() first. */
void nm_bottleneck_fini(struct nm_bottleneck *bottleneck);

/*
 * A packet comes, never before an earlier one; bytes, flow and ecn_capable are set. Returns false
 * when it is dropped at once: it stays the caller's, with its outcome. Otherwise it comes out again
 * by nm_bottleneck_take(), sent or dropped.
 */
bool nm_bottleneck_submit(struct nm_bottleneck *bottleneck, struct nm_item *item, uint64_t now_ns);

/* When something may come out next; NM_NEVER: nothing is inside, or nothing is sent any more. */
uint64_t nm_bottleneck_next_at(const struct nm_bottleneck *bottleneck);

/* The next packet that was sent or dropped by now_ns; NULL: none. */
struct nm_item *nm_bottleneck_take(struct nm_bottleneck *bottleneck, uint64_t now_ns);

/* Any packet inside, for the end; NULL: none. */
struct nm_item *nm_bottleneck_drain(struct nm_bottleneck *bottleneck);

/* How long a packet that arrives now waits if the whole queue is sent before it. */
uint64_t nm_bottleneck_wait_ns(struct nm_bottleneck *bottleneck, uint64_t now_ns);

/* The size of the queue, with the packet that is being sent. */
size_t nm_bottleneck_bytes(const struct nm_bottleneck *bottleneck);
size_t nm_bottleneck_packets(const struct nm_bottleneck *bottleneck);

#endif
