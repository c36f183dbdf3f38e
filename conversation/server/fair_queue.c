/* SPDX-License-Identifier: MIT */
#include "conversation/server/fair_queue.h"

static struct apo_fair_item *item_of(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct apo_fair_item, link);
}

void apo_fair_queue_init(struct apo_fair_queue *queue, unsigned max)
{
	rudp_list_init(&queue->items);
	queue->count = 0;
	queue->max = max;
	queue->round = 0;
}

/* The last item of a network in the queue has its greatest round. */
static uint64_t next_round(const struct apo_fair_queue *queue, uint64_t network)
{
	struct rudp_list *link;

	for (link = queue->items.prev; link != &queue->items; link = link->prev)
		if (item_of(link)->network == network)
			return item_of(link)->round + 1;
	return queue->round + 1;
}

static void insert(struct apo_fair_queue *queue, struct apo_fair_item *item)
{
	struct rudp_list *before = queue->items.prev;

	while (before != &queue->items && item_of(before)->round > item->round)
		before = before->prev;
	/* Appends to the list as if it began after "before". */
	rudp_list_append(before->next, &item->link);
	queue->count++;
}

struct apo_fair_item *apo_fair_queue_push(struct apo_fair_queue *queue, struct apo_fair_item *item,
					  uint64_t network)
{
	struct apo_fair_item *last = NULL;

	item->network = network;
	item->round = next_round(queue, network);
	if (queue->count >= queue->max) {
		last = item_of(queue->items.prev);
		if (last->round <= item->round)
			return item;
		rudp_list_remove(&last->link);
		queue->count--;
	}
	insert(queue, item);
	return last;
}

struct apo_fair_item *apo_fair_queue_pop(struct apo_fair_queue *queue)
{
	struct rudp_list *link = rudp_list_pop(&queue->items);

	if (!link)
		return NULL;
	queue->count--;
	queue->round = item_of(link)->round;
	return item_of(link);
}
