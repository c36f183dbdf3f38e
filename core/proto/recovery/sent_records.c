/* SPDX-License-Identifier: MIT */
/* The ring of sent-packet records: its memory, and how long records are kept. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proto/recovery/reliability_private.h"

#define CAPACITY_MIN 8u

static uint64_t kept(const struct rudp_reliability *r)
{
	return r->next - r->base;
}

/* Moves the records to a ring of another capacity. Their numbers stay the same. */
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

/* The number of records from base on that are no longer needed; 0: the oldest is needed. */
static uint64_t prunable(const struct rudp_reliability *r, int64_t lost_until_ns)
{
	const struct rudp_sent *sent = rudp_sent_at(r, r->base);

	switch ((enum rudp_fate)sent->fate) {
	case RUDP_FATE_ANSWERED:
		return sent->answered_run;
	case RUDP_FATE_LOST:
		return sent->lost_at_ns <= lost_until_ns;
	case RUDP_FATE_OUTSTANDING:
		/* A non-eliciting packet is hardly ever acknowledged once a later packet was. */
		return sent->expects == RUDP_EXPECTS_NOTHING &&
		       r->largest_answered != RUDP_NUMBER_NONE && r->base < r->largest_answered;
	}
	return 0;
}

void rudp_sent_records_prune(struct rudp_reliability *r, int64_t lost_until_ns, unsigned steps)
{
	uint64_t n;

	while (steps-- > 0 && r->base < r->next && (n = prunable(r, lost_until_ns)) > 0)
		r->base += n;
}

/* Makes room: drops the oldest records that do not expect an answer. */
static void prune_for_room(struct rudp_reliability *r, int64_t lost_until_ns)
{
	do {
		rudp_sent_records_prune(r, lost_until_ns, UINT_MAX);
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
		(void)resize(r, capacity); /* without memory the ring stays as it is */
}

const struct rudp_sent *rudp_reliability_find(const struct rudp_reliability *r, uint64_t number)
{
	if (number < r->base || number >= r->next)
		return NULL;
	return rudp_sent_at(r, number);
}
