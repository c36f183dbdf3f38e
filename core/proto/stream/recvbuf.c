/* SPDX-License-Identifier: MIT */
#include "proto/stream/recvbuf.h"

#include "base/min_max.h"
#include "proto/cc/cc_pace.h"
#include "proto/recovery/rtt.h"

#define FINAL_SIZE_UNKNOWN UINT64_MAX
#define ARRIVAL_STEPS 16   /* parts of a round trip over which arrivals are averaged */
#define WINDOW_DUE_SHARE 4 /* send a WINDOW frame after a quarter of the window */
#define TRIM_IDLE_NS (1 * RUDP_NS_PER_S)
/* part of the budget up to which history is kept; memory is scarce at half of it */
#define HISTORY_BUDGET_SHARE 4

static uint64_t initial_window_bytes(const struct rudp_recvbuf *buf)
{
	return rudp_min(RUDP_RECVBUF_INITIAL_WINDOW_BYTES, buf->window_max_bytes);
}

/* Returns the distance from head to a new limit. */
static uint64_t announced_bytes(const struct rudp_recvbuf *buf)
{
	return rudp_budget_is_scarce(buf->budget)
		       ? rudp_min(buf->window_bytes, RUDP_BUDGET_FLOOR_BYTES)
		       : buf->window_bytes;
}

void rudp_recvbuf_init(struct rudp_recvbuf *buf, size_t capacity_max_bytes,
		       const struct rudp_budget *budget)
{
	*buf = (struct rudp_recvbuf){
		.budget = budget,
		.final_size = FINAL_SIZE_UNKNOWN,
		.srtt_ns = RUDP_RTT_INITIAL_NS,
	};
	rudp_ring_init(&buf->ring, capacity_max_bytes);
	rudp_range_set_init(&buf->pending, RUDP_RECVBUF_RANGES_MAX);
	buf->window_max_bytes = buf->ring.capacity_max_bytes;
	buf->window_bytes = initial_window_bytes(buf);
	buf->window_end = announced_bytes(buf); /* the limit sent in the handshake */
}

void rudp_recvbuf_fini(struct rudp_recvbuf *buf)
{
	rudp_ring_fini(&buf->ring);
	rudp_range_set_fini(&buf->pending);
}

void rudp_recvbuf_limit(struct rudp_recvbuf *buf, uint64_t window_max_bytes)
{
	buf->window_max_bytes = rudp_min(window_max_bytes, buf->ring.capacity_max_bytes);
	buf->window_bytes = rudp_max(rudp_min(buf->window_bytes, buf->window_max_bytes),
				     initial_window_bytes(buf));
	if (!buf->has_announced)
		buf->window_end = announced_bytes(buf);
}

/* One past the highest byte received. */
static uint64_t highest(const struct rudp_recvbuf *buf)
{
	const struct rudp_range_set *pending = &buf->pending;

	return pending->count > 0 ? pending->ranges[pending->count - 1].end : buf->ring.tail;
}

static bool is_allowed(const struct rudp_recvbuf *buf, uint64_t offset, size_t len, bool fin)
{
	uint64_t end = offset + len;

	if (end < offset || end > buf->window_end)
		return false;
	if (buf->final_size != FINAL_SIZE_UNKNOWN)
		return fin ? end == buf->final_size : end <= buf->final_size;
	return !fin || end >= highest(buf);
}

/* Nothing will be read: only the offsets advance, and the ring needs no memory. */
static void skip_to(struct rudp_ring *ring, uint64_t offset)
{
	ring->head = ring->tail = offset;
	ring->extent = rudp_max(ring->extent, offset);
}

/*
 * All bytes up to end are received: moves the tail over them and over the adjacent pending range.
 */
static void advance(struct rudp_recvbuf *buf, uint64_t end)
{
	const struct rudp_range *range = rudp_range_set_find(&buf->pending, end);

	if (range && range->start <= end)
		end = range->end;
	if (buf->discarding)
		skip_to(&buf->ring, end);
	else
		rudp_ring_commit(&buf->ring, (size_t)(end - buf->ring.tail));
	rudp_range_set_remove_below(&buf->pending, end);
}

/* Keeps history only while memory is plentiful: read bytes must not make memory scarce. */
static void keep_history(struct rudp_recvbuf *buf, uint64_t end)
{
	const struct rudp_budget *budget = buf->budget;

	buf->ring.keep_bytes = buf->history_bytes;
	if (budget->used_bytes + rudp_ring_growth(&buf->ring, end) >
	    budget->limit_bytes / HISTORY_BUDGET_SHARE)
		buf->ring.keep_bytes = 0;
}

/* True if the common budget has memory for [start, end). */
static bool is_affordable(const struct rudp_recvbuf *buf, uint64_t start, uint64_t end)
{
	if (buf->discarding)
		return true;
	if (start > buf->ring.tail && buf->pending.count >= RUDP_BUDGET_RANGES_FLOOR &&
	    rudp_budget_is_exhausted(buf->budget))
		return false;
	return rudp_budget_allows(buf->budget, &buf->ring, end);
}

/* Stores bytes [start, end), at the tail or beyond it. Some of them may be duplicates. */
static bool store(struct rudp_recvbuf *buf, uint64_t start, uint64_t end, const uint8_t *bytes)
{
	keep_history(buf, end);
	if (!is_affordable(buf, start, end))
		return false;
	if (!buf->discarding && rudp_ring_write_at(&buf->ring, start, bytes, (size_t)(end - start)))
		return false;
	if (start > buf->ring.tail)
		return rudp_range_set_add(&buf->pending, start, end) == 0;
	advance(buf, end);
	return true;
}

/* After idle time the window returns to its initial size. A limit already announced stays valid. */
static void decay(struct rudp_recvbuf *buf, int64_t now_at_ns)
{
	if (now_at_ns - buf->last_data_at_ns >= RUDP_RECVBUF_IDLE_NS)
		buf->window_bytes = initial_window_bytes(buf);
	buf->last_data_at_ns = now_at_ns;
}

/*
 * Counts new bytes and may raise the window. If the program has not read half of what arrived
 * recently, it may want to slow down the sender, so the window stays.
 */
static void note_arrival(struct rudp_recvbuf *buf, size_t bytes, int64_t now_at_ns)
{
	int64_t span_ns = rudp_time_min(now_at_ns - buf->arrived_at_ns, buf->srtt_ns);
	uint64_t wanted;

	/*
	 * Bytes older than a round trip leave the average, in steps large enough for integer
	 * rounding.
	 */
	if (span_ns >= buf->srtt_ns / ARRIVAL_STEPS) {
		buf->arrived_bytes -= rudp_cc_mul_div(buf->arrived_bytes, (uint64_t)span_ns,
						      (uint64_t)buf->srtt_ns);
		buf->arrived_at_ns = now_at_ns;
	}
	buf->arrived_bytes += bytes;
	wanted = rudp_max(
		rudp_min(RUDP_RECVBUF_YOUNG_ROUNDS * buf->arrived_bytes, RUDP_RECVBUF_YOUNG_BYTES),
		rudp_min(RUDP_RECVBUF_WINDOW_ROUNDS * buf->arrived_bytes,
			 RUDP_RECVBUF_ARRIVAL_WINDOW_BYTES_MAX));
	wanted = rudp_min(wanted, buf->window_max_bytes);
	if (wanted > buf->window_bytes && !rudp_budget_is_scarce(buf->budget) &&
	    rudp_ring_used(&buf->ring) < buf->arrived_bytes / 2)
		buf->window_bytes = wanted;
}

enum rudp_verdict rudp_recvbuf_take(struct rudp_recvbuf *buf, uint64_t offset, const uint8_t *bytes,
				    size_t len, bool fin, int64_t now_at_ns)
{
	uint64_t end = offset + len;
	uint64_t start = rudp_max(offset, buf->ring.tail);
	uint64_t known = len; /* duplicate bytes */

	if (!is_allowed(buf, offset, len, fin))
		return RUDP_VERDICT_BAD_STREAM;
	if (start < end) {
		known = start - offset + rudp_range_set_total_within(&buf->pending, start, end);
		if (known < len && !store(buf, start, end, bytes + (start - offset)))
			return RUDP_VERDICT_NO_MEMORY;
	}
	buf->duplicate_bytes += known;
	if (known < len) {
		decay(buf, now_at_ns);
		note_arrival(buf, (size_t)(len - known), now_at_ns);
	}
	if (fin)
		buf->final_size = end;
	return RUDP_VERDICT_OK;
}

size_t rudp_recvbuf_available(const struct rudp_recvbuf *buf)
{
	return rudp_ring_used(&buf->ring);
}

int rudp_recvbuf_readable(const struct rudp_recvbuf *buf, struct iovec iov[2])
{
	return rudp_ring_readable(&buf->ring, buf->ring.head, rudp_ring_used(&buf->ring), iov);
}

/*
 * If a program reads half of the window within two round trips, the window may be too small. A
 * program that reads a large block now and then is not limited by it: the measurement begins after
 * the first block.
 */
static void tune(struct rudp_recvbuf *buf, int64_t srtt_ns, int64_t now_at_ns)
{
	uint64_t drained = buf->ring.head - buf->drained_mark;
	bool timely = now_at_ns - buf->drained_mark_at_ns <= 2 * srtt_ns;

	if (timely && drained < buf->window_bytes / 2)
		return;
	if (timely && !rudp_budget_is_scarce(buf->budget))
		buf->window_bytes = rudp_min(2 * buf->window_bytes, buf->window_max_bytes);
	buf->drained_mark = buf->ring.head;
	buf->drained_mark_at_ns = now_at_ns;
}

/* Frees the memory if the buffer is empty and little more is expected. */
static void trim(struct rudp_recvbuf *buf, int64_t now_at_ns)
{
	bool idle = now_at_ns - buf->last_data_at_ns >= TRIM_IDLE_NS;

	if (rudp_budget_is_scarce(buf->budget))
		rudp_ring_shrink(&buf->ring);
	if (rudp_ring_used(&buf->ring) > 0 || buf->pending.count > 0)
		return;
	if (idle || rudp_recvbuf_is_complete(buf))
		rudp_ring_trim(&buf->ring);
}

void rudp_recvbuf_consume(struct rudp_recvbuf *buf, size_t n, int64_t srtt_ns, int64_t now_at_ns)
{
	rudp_ring_consume(&buf->ring, n);
	buf->srtt_ns = rudp_time_max(srtt_ns, ARRIVAL_STEPS);
	tune(buf, srtt_ns, now_at_ns);
	trim(buf, now_at_ns);
}

bool rudp_recvbuf_is_drained(const struct rudp_recvbuf *buf)
{
	return buf->ring.head == buf->final_size;
}

bool rudp_recvbuf_is_complete(const struct rudp_recvbuf *buf)
{
	return buf->ring.tail == buf->final_size;
}

void rudp_recvbuf_discard(struct rudp_recvbuf *buf)
{
	buf->discarding = true;
	skip_to(&buf->ring, buf->ring.tail);
	buf->ring.extent = buf->ring.tail; /* pending bytes count as received but are not kept */
	rudp_ring_trim(&buf->ring);
}

uint64_t rudp_recvbuf_window_end(const struct rudp_recvbuf *buf)
{
	return rudp_max(buf->window_end, buf->ring.head + announced_bytes(buf));
}

bool rudp_recvbuf_window_due(const struct rudp_recvbuf *buf)
{
	/* Once the final size is known, the peer needs no larger window. */
	return buf->final_size == FINAL_SIZE_UNKNOWN &&
	       rudp_recvbuf_window_end(buf) - buf->window_end >=
		       announced_bytes(buf) / WINDOW_DUE_SHARE;
}

void rudp_recvbuf_on_window_sent(struct rudp_recvbuf *buf, uint64_t window_end)
{
	buf->window_end = rudp_max(buf->window_end, window_end);
	buf->has_announced = true;
}
