/* SPDX-License-Identifier: MIT */
/*
 * The bottleneck: a drop-tail FIFO in front of a sender of constant rate. Packets themselves are
 * not kept here; since the order is fixed, the instant a packet has left is known when it comes.
 * The packet being sent counts as queued until its last bit is out.
 */
#ifndef LINKEM_QUEUE_H
#define LINKEM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_entry {
	uint64_t departs_at_ns;
	size_t size;
};

struct queue {
	uint64_t rate_bps; /* 0: no bottleneck, everything leaves at once */
	size_t bytes_max, packets_max;
	struct queue_entry *ring; /* a ring of capacity entries, a power of two */
	size_t capacity, first, packets;
	size_t bytes;
	uint64_t free_at_ns; /* the sender is busy until then */
};

/* A limit of SIZE_MAX is none. */
void queue_init(struct queue *queue, uint64_t rate_bps, size_t bytes_max, size_t packets_max);
void queue_fini(struct queue *queue);

/*
 * A packet comes at now_ns (never before an earlier one). Returns false when it does not fit, or
 * true and the instant at which its last bit has been sent.
 */
bool queue_admit(struct queue *queue, uint64_t now_ns, size_t size, uint64_t *departs_at_ns);

#endif
