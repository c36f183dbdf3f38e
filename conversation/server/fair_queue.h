/* SPDX-License-Identifier: MIT */
/*
 * fair_queue - a queue in which a network that asks often cannot delay or displace the others.
 *
 * Model    Fair queueing with items of equal cost. Each item has a round: the round after that of
 *          its network's previous item. A network without items in the queue begins in the round
 *          after the current one. Items leave in order of rounds, and within a round in order of
 *          arrival; items of one network keep their order. So the first item of a network waits for
 *          at most two items of each other network, and no item waits forever.
 * Limits   max items. If the queue is full, its last item makes room for one of an earlier round.
 * Cost     push and pop walk over the queue at most once.
 * Threads  the caller's lock.
 */
#ifndef APO_SERVER_FAIR_QUEUE_H
#define APO_SERVER_FAIR_QUEUE_H

#include <stdint.h>

#include "base/list.h"

/* Embedded in each queued item. */
struct apo_fair_item {
	struct rudp_list link;
	uint64_t network;
	uint64_t round;
};

struct apo_fair_queue {
	struct rudp_list items; /* by round */
	unsigned count, max;
	uint64_t round; /* of the item that left last */
};

void apo_fair_queue_init(struct apo_fair_queue *queue, unsigned max);

/* Returns  NULL, or the item that has no room: item itself, or one queued earlier. */
struct apo_fair_item *apo_fair_queue_push(struct apo_fair_queue *queue, struct apo_fair_item *item,
					  uint64_t network);

/* NULL if the queue is empty. */
struct apo_fair_item *apo_fair_queue_pop(struct apo_fair_queue *queue);

#endif
