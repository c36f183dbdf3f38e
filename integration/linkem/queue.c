/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdlib.h>

void queue_init(struct queue *queue, uint64_t rate_bps, size_t bytes_max, size_t packets_max)
{
	*queue = (struct queue){
		.rate_bps = rate_bps, .bytes_max = bytes_max, .packets_max = packets_max};
}

void queue_fini(struct queue *queue)
{
	free(queue->ring);
	queue->ring = NULL;
}

static bool grow(struct queue *queue)
{
	size_t capacity = queue->capacity ? queue->capacity * 2 : 64;
	struct queue_entry *ring = calloc(capacity, sizeof *ring);

	if (!ring)
		return false;
	for (size_t i = 0; i < queue->packets; i++)
		ring[i] = queue->ring[(queue->first + i) & (queue->capacity - 1)];
	free(queue->ring);
	queue->ring = ring;
	queue->capacity = capacity;
	queue->first = 0;
	return true;
}

static void forget_departed(struct queue *queue, uint64_t now_ns)
{
	while (queue->packets && queue->ring[queue->first].departs_at_ns <= now_ns) {
		queue->bytes -= queue->ring[queue->first].size;
		queue->first = (queue->first + 1) & (queue->capacity - 1);
		queue->packets--;
	}
}

bool queue_admit(struct queue *queue, uint64_t now_ns, size_t size, uint64_t *departs_at_ns)
{
	uint64_t start_ns, span_ns;
	size_t last;

	if (!queue->rate_bps) {
		*departs_at_ns = now_ns;
		return true;
	}
	forget_departed(queue, now_ns);
	if (queue->packets >= queue->packets_max || queue->bytes + size > queue->bytes_max)
		return false;
	if (queue->packets == queue->capacity && !grow(queue))
		return false;
	start_ns = queue->free_at_ns > now_ns ? queue->free_at_ns : now_ns;
	span_ns = (uint64_t)((unsigned __int128)size * 8 * 1000000000 / queue->rate_bps);
	queue->free_at_ns = start_ns + span_ns;
	last = (queue->first + queue->packets) & (queue->capacity - 1);
	queue->ring[last] = (struct queue_entry){queue->free_at_ns, size};
	queue->packets++;
	queue->bytes += size;
	*departs_at_ns = queue->free_at_ns;
	return true;
}
