/* SPDX-License-Identifier: MIT */
#include "fq_codel.h"

#include <stdlib.h>

bool nm_fq_codel_init(struct nm_fq_codel *fq, const struct nm_codel_conf *conf)
{
	*fq = (struct nm_fq_codel){.conf = *conf};
	fq->queues = calloc(NM_FQ_QUEUES, sizeof *fq->queues);
	return fq->queues;
}

void nm_fq_codel_fini(struct nm_fq_codel *fq)
{
	free(fq->queues);
	fq->queues = NULL;
}

static void append(struct nm_fq_list *list, struct nm_fq_queue *queue)
{
	queue->next = NULL;
	if (list->last)
		list->last->next = queue;
	else
		list->first = queue;
	list->last = queue;
	queue->is_listed = true;
}

static struct nm_fq_queue *take_first(struct nm_fq_list *list)
{
	struct nm_fq_queue *queue = list->first;

	list->first = queue->next;
	if (!list->first)
		list->last = NULL;
	queue->is_listed = false;
	return queue;
}

struct nm_fq_queue *nm_fq_codel_queue(struct nm_fq_codel *fq, const struct nm_item *item)
{
	return &fq->queues[item->flow % NM_FQ_QUEUES];
}

void nm_fq_codel_enqueue(struct nm_fq_codel *fq, struct nm_item *item)
{
	struct nm_fq_queue *queue = nm_fq_codel_queue(fq, item);

	nm_fifo_push(&queue->fifo, item);
	fq->bytes += item->bytes;
	fq->packets++;
	if (queue->is_listed)
		return;
	queue->deficit_bytes = NM_FQ_QUANTUM_BYTES;
	append(&fq->fresh, queue);
}

/* A queue that has used up its quantum goes behind the others. */
static struct nm_fq_queue *next_in_turn(struct nm_fq_codel *fq, struct nm_fq_list **list)
{
	while (fq->fresh.first || fq->old.first) {
		struct nm_fq_queue *queue;

		*list = fq->fresh.first ? &fq->fresh : &fq->old;
		queue = (*list)->first;
		if (queue->deficit_bytes > 0)
			return queue;
		queue->deficit_bytes += NM_FQ_QUANTUM_BYTES;
		append(&fq->old, take_first(*list));
	}
	return NULL;
}

/* An empty new queue first takes a turn among the old ones, or it would stay new for ever. */
static void retire(struct nm_fq_codel *fq, struct nm_fq_list *list)
{
	struct nm_fq_queue *queue = take_first(list);

	if (list == &fq->fresh && fq->old.first)
		append(&fq->old, queue);
}

struct nm_item *nm_fq_codel_dequeue(struct nm_fq_codel *fq, uint64_t now_ns,
				    struct nm_fifo *dropped)
{
	struct nm_fq_queue *queue;
	struct nm_fq_list *list;

	while ((queue = next_in_turn(fq, &list))) {
		struct nm_fifo before = queue->fifo;
		struct nm_item *item =
			nm_codel_dequeue(&queue->codel, &fq->conf, &queue->fifo, now_ns, dropped);

		fq->bytes -= before.bytes - queue->fifo.bytes;
		fq->packets -= before.packets - queue->fifo.packets;
		if (item) {
			queue->deficit_bytes -= (int64_t)item->bytes;
			return item;
		}
		retire(fq, list);
	}
	return NULL;
}

struct nm_item *nm_fq_codel_shed(struct nm_fq_codel *fq)
{
	struct nm_fq_queue *fattest = &fq->queues[0];
	struct nm_item *item;

	for (size_t i = 1; i < NM_FQ_QUEUES; i++)
		if (fq->queues[i].fifo.bytes > fattest->fifo.bytes)
			fattest = &fq->queues[i];
	item = nm_fifo_pop(&fattest->fifo);
	if (item) {
		fq->bytes -= item->bytes;
		fq->packets--;
	}
	return item;
}
