/* SPDX-License-Identifier: MIT */
#include "bottleneck.h"

bool nm_bottleneck_init(struct nm_bottleneck *b, const struct nm_bottleneck_conf *conf)
{
	*b = (struct nm_bottleneck){.conf = *conf, .empty_is_known = true};
	nm_pie_init(&b->pie, &conf->pie, conf->seed);
	nm_marker_init(&b->marker, &conf->marker, conf->seed);
	return conf->discipline != NM_FQ_CODEL || nm_fq_codel_init(&b->fq, &conf->codel);
}

void nm_bottleneck_fini(struct nm_bottleneck *b)
{
	nm_fq_codel_fini(&b->fq);
}

static size_t waiting_bytes(const struct nm_bottleneck *b)
{
	return b->fifo.bytes + b->fq.bytes;
}

static size_t waiting_packets(const struct nm_bottleneck *b)
{
	return b->fifo.packets + b->fq.packets;
}

size_t nm_bottleneck_bytes(const struct nm_bottleneck *b)
{
	return waiting_bytes(b) + (b->sending ? b->sending->bytes : 0);
}

size_t nm_bottleneck_packets(const struct nm_bottleneck *b)
{
	return waiting_packets(b) + (b->sending ? 1 : 0);
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

static uint64_t open_at(const struct nm_bottleneck *b, uint64_t at_ns)
{
	return nm_gaps_open_at(b->conf.gaps, b->conf.gap_count, at_ns);
}

static void leave(struct nm_bottleneck *b, struct nm_item *item, enum nm_outcome outcome,
		  uint64_t at_ns)
{
	item->outcome = outcome;
	item->sent_at_ns = item->left_at_ns = at_ns;
	nm_fifo_push(&b->out, item);
}

static struct nm_item *dequeue(struct nm_bottleneck *b, uint64_t now_ns)
{
	size_t dropped_before = b->out.packets;
	struct nm_item *item = NULL;

	switch (b->conf.discipline) {
	case NM_DROP_TAIL:
	case NM_PIE:
		item = nm_fifo_pop(&b->fifo);
		break;
	case NM_CODEL:
		item = nm_codel_dequeue(&b->codel, &b->conf.codel, &b->fifo, now_ns, &b->out);
		break;
	case NM_FQ_CODEL:
		item = nm_fq_codel_dequeue(&b->fq, now_ns, &b->out);
		break;
	}
	if (b->out.packets != dropped_before)
		b->empty_is_known = false;
	return item;
}

/* The sender takes the next packet at this instant, if there is one. */
static void begin_sending(struct nm_bottleneck *b, uint64_t at_ns)
{
	struct nm_item *item = dequeue(b, at_ns);

	if (at_ns != b->free_at_ns)
		b->empty_is_known = false;
	b->free_at_ns = at_ns;
	if (!item)
		return;
	item->started_at_ns = at_ns;
	item->sent_at_ns = nm_rate_sent_at(&b->conf.rate, at_ns, item->bytes);
	if (item->ecn_capable && nm_marker_marks(&b->marker, at_ns - item->queued_at_ns))
		item->marked = true;
	b->sending = item;
	b->free_at_ns = item->sent_at_ns;
}

static void run(struct nm_bottleneck *b, uint64_t now_ns)
{
	for (;;) {
		struct nm_item *item = b->sending;
		uint64_t at_ns;

		if (item && item->sent_at_ns > now_ns)
			return;
		if (item) {
			b->sending = NULL;
			leave(b, item, NM_SENT, item->sent_at_ns);
		}
		if (waiting_packets(b) == 0)
			return;
		at_ns = open_at(b, b->free_at_ns);
		if (at_ns > now_ns)
			return;
		begin_sending(b, at_ns);
	}
}

/* When all will have been sent that is queued now, after run(). */
static uint64_t empty_at(struct nm_bottleneck *b, uint64_t now_ns)
{
	uint64_t from_ns;

	if (!b->empty_is_known) {
		from_ns = open_at(b, b->sending ? b->free_at_ns : later(b->free_at_ns, now_ns));
		b->empty_at_ns = from_ns == NM_NEVER ? NM_NEVER
						     : nm_rate_sent_at(&b->conf.rate, from_ns,
								       waiting_bytes(b));
		b->empty_is_known = true;
	}
	return later(b->empty_at_ns, open_at(b, now_ns));
}

uint64_t nm_bottleneck_wait_ns(struct nm_bottleneck *b, uint64_t now_ns)
{
	run(b, now_ns);
	return empty_at(b, now_ns) - now_ns;
}

/* Bytes queued, less what has been sent of the packet being sent. */
static double unsent_bytes(struct nm_bottleneck *b, uint64_t now_ns)
{
	uint64_t empty_at_ns = empty_at(b, now_ns);

	if (empty_at_ns == NM_NEVER || !nm_rate_is_limited(&b->conf.rate))
		return (double)nm_bottleneck_bytes(b);
	return nm_rate_bytes(&b->conf.rate, open_at(b, now_ns), empty_at_ns);
}

static bool fits(struct nm_bottleneck *b, size_t bytes, uint64_t now_ns)
{
	if (nm_bottleneck_packets(b) >= b->conf.packets_max)
		return false;
	return b->conf.bytes_max == SIZE_MAX ||
	       unsent_bytes(b, now_ns) + (double)bytes <= (double)b->conf.bytes_max;
}

static void mark_by_size(struct nm_bottleneck *b, struct nm_item *item)
{
	if (item->ecn_capable && (nm_bottleneck_bytes(b) > b->conf.mark_above_bytes ||
				  nm_bottleneck_packets(b) > b->conf.mark_above_packets))
		item->marked = true;
}

/* An acknowledgement takes the place of the oldest one that it makes superfluous. */
static void drop_superseded(struct nm_bottleneck *b, const struct nm_item *newer, uint64_t now_ns)
{
	struct nm_fifo *fifo = b->conf.discipline == NM_FQ_CODEL
				       ? &nm_fq_codel_queue(&b->fq, newer)->fifo
				       : &b->fifo;
	struct nm_item *previous = NULL, *item = fifo->first;

	for (int i = 0; item && i < NM_ACK_SEARCH_MAX; i++, previous = item, item = item->next) {
		if (!b->conf.supersedes(newer, item))
			continue;
		if (b->conf.discipline == NM_FQ_CODEL) {
			b->fq.bytes -= item->bytes;
			b->fq.packets--;
		}
		leave(b, nm_fifo_remove(fifo, previous), NM_DROPPED_ACK, now_ns);
		b->empty_is_known = false;
		return;
	}
}

static bool refuse(struct nm_item *item, enum nm_outcome outcome, uint64_t now_ns)
{
	item->outcome = outcome;
	item->sent_at_ns = item->left_at_ns = now_ns;
	return false;
}

static void shed(struct nm_bottleneck *b, uint64_t now_ns)
{
	while (b->fq.bytes > b->conf.bytes_max || b->fq.packets > b->conf.packets_max) {
		leave(b, nm_fq_codel_shed(&b->fq), NM_DROPPED_QUEUE, now_ns);
		b->empty_is_known = false;
	}
}

static void enqueue(struct nm_bottleneck *b, struct nm_item *item, uint64_t now_ns)
{
	uint64_t from_ns = empty_at(b, now_ns);

	item->queued_at_ns = now_ns;
	if (!b->sending && waiting_packets(b) == 0)
		b->free_at_ns = later(b->free_at_ns, now_ns);
	if (from_ns != NM_NEVER)
		b->empty_at_ns = nm_rate_sent_at(&b->conf.rate, from_ns, item->bytes);
	if (b->conf.discipline == NM_FQ_CODEL)
		nm_fq_codel_enqueue(&b->fq, item);
	else
		nm_fifo_push(&b->fifo, item);
}

bool nm_bottleneck_submit(struct nm_bottleneck *b, struct nm_item *item, uint64_t now_ns)
{
	item->marked = false;
	run(b, now_ns);
	if (b->conf.supersedes)
		drop_superseded(b, item, now_ns);
	empty_at(b, now_ns); /* makes it known */
	if (b->conf.discipline != NM_FQ_CODEL && !fits(b, item->bytes, now_ns))
		return refuse(item, NM_DROPPED_QUEUE, now_ns);
	if (b->conf.discipline == NM_PIE) {
		nm_pie_advance(&b->pie, now_ns, b->empty_at_ns);
		if (nm_pie_drops(&b->pie, item, nm_bottleneck_bytes(b)))
			return refuse(item, NM_DROPPED_AQM, now_ns);
	}
	mark_by_size(b, item);
	enqueue(b, item, now_ns);
	if (b->conf.discipline == NM_FQ_CODEL)
		shed(b, now_ns);
	run(b, now_ns);
	return true;
}

uint64_t nm_bottleneck_next_at(const struct nm_bottleneck *b)
{
	if (b->out.first)
		return b->out.first->left_at_ns;
	if (b->sending)
		return b->sending->sent_at_ns;
	return waiting_packets(b) ? open_at(b, b->free_at_ns) : NM_NEVER;
}

struct nm_item *nm_bottleneck_take(struct nm_bottleneck *b, uint64_t now_ns)
{
	run(b, now_ns);
	return nm_fifo_pop(&b->out);
}

struct nm_item *nm_bottleneck_drain(struct nm_bottleneck *b)
{
	struct nm_item *item = nm_fifo_pop(&b->out);

	if (!item && b->sending) {
		item = b->sending;
		b->sending = NULL;
	}
	if (!item)
		item = nm_fifo_pop(&b->fifo);
	return item || !b->fq.queues ? item : nm_fq_codel_shed(&b->fq);
}
