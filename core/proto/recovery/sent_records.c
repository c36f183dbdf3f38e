/* SPDX-License-Identifier: MIT */
/* The ring of sent-packet records: memory, what is kept how long, and its invariants. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proto/recovery/reliability_private.h"

#define CAPACITY_MIN 8u

static uint64_t kept(const struct rudp_reliability *r)
{
	return r->next - r->base;
}

/* Records keep their numbers; only their places follow the capacity. */
static int resize(struct rudp_reliability *r, uint32_t capacity)
{
	struct rudp_sent *records = malloc(capacity * sizeof *records);
	uint64_t number = r->base;

	if (!records)
		return -ENOMEM;
	while (number < r->next) {
		uint64_t left = r->next - number;
		uint64_t from = number & (r->capacity - 1);
		uint64_t to = number & (capacity - 1);
		uint64_t n = r->capacity - from;

		n = n < capacity - to ? n : capacity - to;
		n = n < left ? n : left;
		memcpy(records + to, r->records + from, n * sizeof *records);
		number += n;
	}
	free(r->records);
	r->records = records;
	r->capacity = capacity;
	return 0;
}

int rudp_sent_records_init(struct rudp_reliability *r)
{
	return resize(r, CAPACITY_MIN);
}

static uint32_t next_capacity(const struct rudp_reliability *r)
{
	return r->capacity ? r->capacity * 2 : CAPACITY_MIN;
}

void rudp_sent_records_fini(struct rudp_reliability *r)
{
	free(r->records);
	r->records = NULL;
	r->capacity = 0;
}

/* How many records from base on, at least, are of no more use; 0: the oldest is. */
static uint64_t prunable(const struct rudp_reliability *r, int64_t lost_until_ns)
{
	const struct rudp_sent *sent = rudp_sent_at(r, r->base);

	switch ((enum rudp_fate)sent->fate) {
	case RUDP_FATE_ANSWERED:
		return sent->answered_run;
	case RUDP_FATE_LOST:
		return sent->lost_at_ns <= lost_until_ns;
	case RUDP_FATE_OUTSTANDING:
		/* An ACK that has passed over an ACK of ours will hardly be followed by its answer.
		 */
		return sent->expects == RUDP_EXPECTS_NOTHING &&
		       r->largest_answered != RUDP_NUMBER_NONE && r->base < r->largest_answered;
	}
	return 0;
}

void rudp_sent_records_prune(struct rudp_reliability *r, int64_t lost_until_ns)
{
	uint64_t n;

	while (r->base < r->next && (n = prunable(r, lost_until_ns)) > 0)
		r->base += n;
}

/* Forgets the oldest ones that nothing depends on, to make room. */
static void prune_for_room(struct rudp_reliability *r, int64_t lost_until_ns)
{
	do {
		rudp_sent_records_prune(r, lost_until_ns);
		if (r->base == r->next || rudp_sent_at(r, r->base)->expects != RUDP_EXPECTS_NOTHING)
			return;
		r->base++;
	} while (true);
}

bool rudp_reliability_can_send(struct rudp_reliability *r)
{
	if (kept(r) < r->capacity)
		return true;
	prune_for_room(r, INT64_MIN);
	if (kept(r) < r->capacity)
		return true;
	if (r->capacity < RUDP_SENT_RECORDS_MAX && resize(r, next_capacity(r)) == 0)
		return true;
	return rudp_reliability_has_room(r);
}

bool rudp_reliability_has_room(struct rudp_reliability *r)
{
	if (kept(r) == r->capacity)
		prune_for_room(r, RUDP_NEVER);
	return kept(r) < r->capacity;
}

bool rudp_reliability_is_full(const struct rudp_reliability *r)
{
	return r->capacity > 0 && kept(r) == r->capacity &&
	       rudp_sent_is_awaited(rudp_sent_at(r, r->base));
}

void rudp_reliability_trim(struct rudp_reliability *r)
{
	uint32_t capacity = CAPACITY_MIN;

	if (r->outstanding == 0)
		prune_for_room(r, RUDP_NEVER);
	if (kept(r) == 0) {
		rudp_sent_records_fini(r);
		return;
	}
	while (capacity < kept(r))
		capacity *= 2;
	if (capacity < r->capacity)
		(void)resize(r, capacity); /* without memory to move, it stays as it is */
}

const struct rudp_sent *rudp_reliability_find(const struct rudp_reliability *r, uint64_t number)
{
	if (number < r->base || number >= r->next)
		return NULL;
	return rudp_sent_at(r, number);
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			rudp_log(RUDP_LOG_ERROR, "reliability: broken invariant: " #condition);    \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static bool check_state(const struct rudp_reliability *r)
{
	CHECK(r->capacity == 0 || r->capacity >= CAPACITY_MIN);
	CHECK(r->capacity <= RUDP_SENT_RECORDS_MAX);
	CHECK((r->capacity & (r->capacity - 1)) == 0);
	CHECK(r->base <= r->next && kept(r) <= r->capacity);
	CHECK(r->largest_answered == RUDP_NUMBER_NONE || r->largest_answered < r->next);
	CHECK(r->loss_next <= r->next);
	CHECK(r->packet_threshold >= RUDP_PACKET_THRESHOLD);
	CHECK(r->packet_threshold <= RUDP_PACKET_THRESHOLD_MAX);
	CHECK(r->reorder_shift_eighths >= RUDP_REORDER_EIGHTHS);
	CHECK(r->reorder_shift_eighths <= RUDP_REORDER_EIGHTHS_MAX);
	CHECK(r->spurious_packets <= r->lost_packets);
	CHECK(r->outstanding > 0 || r->loss_at_ns == RUDP_NEVER);
	return true;
}

static bool check_record(const struct rudp_reliability *r, uint64_t number, uint64_t run_end)
{
	const struct rudp_sent *sent = rudp_sent_at(r, number);

	CHECK(sent->fate <= RUDP_FATE_LOST);
	CHECK(sent->expects <= RUDP_EXPECTS_ACK);
	CHECK(!sent->in_flight || sent->expects != RUDP_EXPECTS_NOTHING);
	CHECK(sent->fate != RUDP_FATE_LOST || sent->expects != RUDP_EXPECTS_NOTHING);
	CHECK(!rudp_sent_is_awaited(sent) || number >= r->loss_next);
	CHECK(sent->fate != RUDP_FATE_ANSWERED ||
	      (sent->answered_run > 0 && number + sent->answered_run <= run_end));
	return true;
}

bool rudp_reliability_check(const struct rudp_reliability *r)
{
	uint64_t bytes_in_flight = 0;
	uint64_t outstanding = 0;
	uint64_t run_end = r->next; /* of the answered records that number is among */

	if (!check_state(r))
		return false;
	for (uint64_t number = r->next; number-- > r->base;) {
		const struct rudp_sent *sent = rudp_sent_at(r, number);

		if (sent->fate != RUDP_FATE_ANSWERED)
			run_end = number;
		if (!check_record(r, number, run_end))
			return false;
		outstanding += rudp_sent_is_awaited(sent);
		if (rudp_sent_is_awaited(sent) && sent->in_flight)
			bytes_in_flight += sent->size_bytes;
	}
	CHECK(bytes_in_flight == r->bytes_in_flight);
	CHECK(outstanding == r->outstanding);
	return true;
}
