/* SPDX-License-Identifier: MIT */
#include "proto/stream/sendbuf.h"

#include "base/min_max.h"

void rudp_sendbuf_init(struct rudp_sendbuf *buf, size_t capacity_max_bytes)
{
	*buf = (struct rudp_sendbuf){0};
	rudp_ring_init(&buf->ring, capacity_max_bytes);
	rudp_range_set_init(&buf->lost, RUDP_SENDBUF_RANGES_MAX);
	rudp_range_set_init(&buf->acked, RUDP_SENDBUF_RANGES_MAX);
}

void rudp_sendbuf_fini(struct rudp_sendbuf *buf)
{
	rudp_ring_fini(&buf->ring);
	rudp_range_set_fini(&buf->lost);
	rudp_range_set_fini(&buf->acked);
}

size_t rudp_sendbuf_unacked(const struct rudp_sendbuf *buf)
{
	return rudp_ring_used(&buf->ring);
}

size_t rudp_sendbuf_unsent(const struct rudp_sendbuf *buf)
{
	return (size_t)(buf->ring.tail - buf->sent);
}

static bool is_fin_due(const struct rudp_sendbuf *buf)
{
	return buf->fin_wanted && !buf->fin_acked && (!buf->fin_sent || buf->fin_lost);
}

/* Gives the next range of due bytes. False: none. */
static bool due_bytes(const struct rudp_sendbuf *buf, uint64_t window_end, struct rudp_range *due)
{
	if (buf->lost.count > 0)
		*due = buf->lost.ranges[0];
	else
		*due = (struct rudp_range){buf->sent, buf->ring.tail};
	due->end = rudp_min(due->end, window_end);
	return due->start < due->end;
}

bool rudp_sendbuf_has_due(const struct rudp_sendbuf *buf, uint64_t window_end)
{
	struct rudp_range due;

	return due_bytes(buf, window_end, &due) || (is_fin_due(buf) && buf->sent == buf->ring.tail);
}

bool rudp_sendbuf_next(const struct rudp_sendbuf *buf, size_t len_max, uint64_t window_end,
		       struct rudp_sendbuf_chunk *chunk)
{
	uint64_t tail = buf->ring.tail;
	bool fin_due = is_fin_due(buf);
	struct rudp_range due;

	if (!due_bytes(buf, window_end, &due)) {
		if (!fin_due || buf->sent != tail)
			return false;
		*chunk = (struct rudp_sendbuf_chunk){tail, 0, true, buf->fin_sent};
		return true;
	}
	if (len_max == 0)
		return false;
	chunk->offset = due.start;
	chunk->len = (size_t)rudp_min(due.end - due.start, len_max);
	chunk->fin = fin_due && chunk->offset + chunk->len == tail;
	chunk->again = due.start < buf->sent;
	return true;
}

int rudp_sendbuf_on_sent(struct rudp_sendbuf *buf, const struct rudp_sendbuf_chunk *chunk)
{
	uint64_t end = chunk->offset + chunk->len;
	int err = rudp_range_set_remove(&buf->lost, chunk->offset, end);

	if (err)
		return err;
	buf->sent = rudp_max(buf->sent, end);
	buf->reached = rudp_max(buf->reached, end);
	if (chunk->again)
		buf->resent_bytes += chunk->len;
	if (chunk->fin) {
		buf->fin_sent = true;
		buf->fin_lost = false;
	}
	return 0;
}

/*
 * The list of lost bytes is full or there is no memory: all bytes from start on count as never
 * sent. That costs bandwidth, but no byte is forgotten.
 */
static void go_back(struct rudp_sendbuf *buf, uint64_t start)
{
	/* No range reaches beyond sent, so no range is split and the calls cannot fail. */
	(void)rudp_range_set_remove(&buf->acked, start, buf->sent);
	(void)rudp_range_set_remove(&buf->lost, start, buf->sent);
	buf->sent = start;
}

static void want_again(struct rudp_sendbuf *buf, uint64_t start, uint64_t end)
{
	if (rudp_range_set_add(&buf->lost, start, end))
		go_back(buf, start);
}

/* All bytes up to end are acknowledged, and so is the adjacent range of acked. */
static size_t advance(struct rudp_sendbuf *buf, uint64_t end)
{
	const struct rudp_range *range = rudp_range_set_find(&buf->acked, end);
	size_t freed;

	if (range && range->start <= end)
		end = range->end;
	freed = (size_t)(end - buf->ring.head);
	rudp_ring_consume(&buf->ring, freed);
	rudp_range_set_remove_below(&buf->acked, end);
	rudp_range_set_remove_below(&buf->lost, end);
	return freed;
}

size_t rudp_sendbuf_on_acked(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin)
{
	uint64_t end = rudp_min(start + len, buf->sent);

	if (fin && buf->fin_sent) {
		buf->fin_acked = true;
		buf->fin_lost = false;
	}
	start = rudp_max(start, buf->ring.head);
	if (start >= end)
		return 0;
	if (start == buf->ring.head)
		return advance(buf, end);
	/* Without memory the bytes stay in lost: they are sent and acknowledged again. */
	if (rudp_range_set_remove(&buf->lost, start, end))
		return 0;
	if (rudp_range_set_add(&buf->acked, start, end)) {
		/* The same bytes are acknowledged again only if they are sent again. */
		rudp_sendbuf_on_lost(buf, start, (size_t)(end - start), false);
	}
	return 0;
}

void rudp_sendbuf_on_lost(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin)
{
	uint64_t end = start + len;

	if (fin && buf->fin_sent && !buf->fin_acked)
		buf->fin_lost = true;
	start = rudp_max(start, buf->ring.head);
	while (start < rudp_min(end, buf->sent)) { /* go_back may lower sent */
		const struct rudp_range *acked = rudp_range_set_find(&buf->acked, start);
		uint64_t hole_end = rudp_min(end, buf->sent);

		if (acked && acked->start <= start) {
			start = acked->end;
			continue;
		}
		if (acked)
			hole_end = rudp_min(hole_end, acked->start);
		want_again(buf, start, hole_end);
		start = hole_end;
	}
}

bool rudp_sendbuf_is_acked(const struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin)
{
	uint64_t end = start + len;
	const struct rudp_range *acked;

	if (fin && !buf->fin_acked)
		return false;
	start = rudp_max(start, buf->ring.head);
	if (start >= end)
		return true;
	acked = rudp_range_set_find(&buf->acked, start);
	return acked && acked->start <= start && acked->end >= end;
}

uint64_t rudp_sendbuf_hole_start(const struct rudp_sendbuf *buf, uint64_t offset)
{
	const struct rudp_range_set *acked = &buf->acked;
	const struct rudp_range *range = rudp_range_set_find(acked, offset);
	uint32_t below = range ? (uint32_t)(range - acked->ranges) : acked->count;

	if (range && range->start < offset)
		return offset;
	if (below == 0)
		return rudp_min(buf->ring.head, offset);
	return acked->ranges[below - 1].end;
}

void rudp_sendbuf_probe(struct rudp_sendbuf *buf, size_t len_max)
{
	const struct rudp_range_set *acked = &buf->acked;
	/* number of acked ranges below the newest unacknowledged bytes */
	uint32_t below = acked->count;
	uint64_t start = buf->ring.head;
	uint64_t end = buf->sent;

	if (buf->fin_sent && !buf->fin_acked)
		buf->fin_lost = true;
	if (below > 0 && acked->ranges[below - 1].end == end)
		end = acked->ranges[--below].start;
	if (below > 0)
		start = acked->ranges[below - 1].end;
	if (end - start > len_max)
		start = end - len_max;
	/* Without memory the probe carries no bytes: the owner sends one without. */
	(void)rudp_range_set_add(&buf->lost, start, end);
}

void rudp_sendbuf_probe_oldest(struct rudp_sendbuf *buf, size_t len_max)
{
	uint64_t start = buf->ring.head;
	uint64_t end = buf->acked.count > 0 ? buf->acked.ranges[0].start : buf->sent;

	(void)rudp_range_set_add(&buf->lost, start, rudp_min(end, start + len_max));
}
