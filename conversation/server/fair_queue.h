/* SPDX-License-Identifier: MIT */
/*
 * fair_queue - a queue in which no network that asks much delays or displaces another one.
 *
 * Model    Fair queueing with items of equal cost: each item has a round, the one after that of the item
 *          before it from its network. A network that has nothing in the queue begins in the round after
 *          the present one. Items leave in order of rounds, within a round in order of arrival; those of
 *          one network keep their order.
 *          So the first item of a network waits for at most two items of each other network, and no item
 *          waits for ever.
 * Limits   max items. If the queue is full, the last item makes room for one of an earlier round.
 * Cost     both calls walk over the queue at most once.
 * Threads  the caller's lock.
 */
#ifndef APO_SERVER_FAIR_QUEUE_H
#define APO_SERVER_FAIR_QUEUE_H

#include <stdint.h>

#include "base/list.h"

/* Embedded in what waits. */
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

/* Returns  NULL, or the item for which there is no room: item itself, or one that was taken before. */
struct apo_fair_item *apo_fair_queue_push(struct apo_fair_queue *queue, struct apo_fair_item *item,
					  uint64_t network);

/* NULL: it is empty. */
struct apo_fair_item *apo_fair_queue_pop(struct apo_fair_queue *queue);

#endif
