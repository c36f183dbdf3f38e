/* SPDX-License-Identifier: MIT */
#include "aggregator.h"

void nm_aggregator_init(struct nm_aggregator *aggregator, uint64_t wait_max_ns, size_t packets_max)
{
	*aggregator =
		(struct nm_aggregator){.wait_max_ns = wait_max_ns, .packets_max = packets_max};
}

static void release(struct nm_aggregator *aggregator, uint64_t at_ns)
{
	struct nm_item *item;

	while ((item = nm_fifo_pop(&aggregator->held))) {
		item->left_at_ns = at_ns;
		nm_fifo_push(&aggregator->released, item);
	}
}

static void release_due(struct nm_aggregator *aggregator, uint64_t now_ns)
{
	if (aggregator->held.packets && aggregator->release_at_ns <= now_ns)
		release(aggregator, aggregator->release_at_ns);
}

void nm_aggregator_put(struct nm_aggregator *aggregator, struct nm_item *item)
{
	uint64_t now_ns = item->sent_at_ns;

	release_due(aggregator, now_ns);
	if (aggregator->held.packets == 0)
		aggregator->release_at_ns = now_ns + aggregator->wait_max_ns;
	nm_fifo_push(&aggregator->held, item);
	if (aggregator->wait_max_ns == 0 ||
	    (aggregator->packets_max && aggregator->held.packets >= aggregator->packets_max))
		release(aggregator, now_ns);
}

uint64_t nm_aggregator_next_at(const struct nm_aggregator *aggregator)
{
	if (aggregator->released.first)
		return aggregator->released.first->left_at_ns;
	return aggregator->held.packets ? aggregator->release_at_ns : NM_NEVER;
}

struct nm_item *nm_aggregator_take(struct nm_aggregator *aggregator, uint64_t now_ns)
{
	release_due(aggregator, now_ns);
	return nm_fifo_pop(&aggregator->released);
}
