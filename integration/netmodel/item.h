/* SPDX-License-Identifier: MIT */
/*
 * A packet as the models see it, and a first-in-first-out list of packets. The owner embeds the
 * item in its own packet; the models never allocate or free one.
 */
#ifndef NETMODEL_ITEM_H
#define NETMODEL_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NM_NEVER UINT64_MAX

/* The fate of a packet at the hop. */
enum nm_outcome {
	NM_SENT,
	NM_DROPPED_QUEUE,   /* the queue was full */
	NM_DROPPED_AQM,     /* by CoDel, FQ-CoDel or PIE */
	NM_DROPPED_POLICER, /* beyond the token bucket */
	NM_DROPPED_ACK,     /* an acknowledgement that a newer one made superfluous */
};

struct nm_item {
	struct nm_item *next;
	size_t bytes;
	uint32_t flow;    /* a hash; packets of one flow have the same */
	bool ecn_capable; /* may be marked instead of dropped */
	bool marked;      /* congestion experienced */
	enum nm_outcome outcome;
	uint64_t queued_at_ns;
	uint64_t started_at_ns; /* the first bit left the queue */
	uint64_t sent_at_ns;    /* the last bit was sent */
	uint64_t left_at_ns;    /* the hop gave it away: later than sent where it was held back */
};

struct nm_fifo {
	struct nm_item *first, *last;
	size_t bytes, packets;
};

static inline void nm_fifo_push(struct nm_fifo *fifo, struct nm_item *item)
{
	item->next = NULL;
	if (fifo->last)
		fifo->last->next = item;
	else
		fifo->first = item;
	fifo->last = item;
	fifo->bytes += item->bytes;
	fifo->packets++;
}

/* Removes the item behind previous (NULL: the first one), which must exist. */
static inline struct nm_item *nm_fifo_remove(struct nm_fifo *fifo, struct nm_item *previous)
{
	struct nm_item *item = previous ? previous->next : fifo->first;

	if (previous)
		previous->next = item->next;
	else
		fifo->first = item->next;
	if (fifo->last == item)
		fifo->last = previous;
	fifo->bytes -= item->bytes;
	fifo->packets--;
	item->next = NULL;
	return item;
}

/* NULL: empty. */
static inline struct nm_item *nm_fifo_pop(struct nm_fifo *fifo)
{
	return fifo->first ? nm_fifo_remove(fifo, NULL) : NULL;
}

#endif
