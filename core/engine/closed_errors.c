/* SPDX-License-Identifier: MIT */
#include "engine/closed_errors.h"

#include <errno.h>
#include <stdlib.h>

/* Fibonacci hashing: ids differ in their low and in their high bits. */
static uint32_t bucket_of(uint64_t id)
{
	return (uint32_t)((id ^ id >> 40) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

_Static_assert(RUDP_TOMBSTONES == 1u << 16, "bucket_of gives 16 bits");

int rudp_tombstones_init(struct rudp_tombstones *stones)
{
	*stones = (struct rudp_tombstones){0};
	stones->ring = calloc(RUDP_TOMBSTONES, sizeof *stones->ring);
	stones->buckets = calloc(RUDP_TOMBSTONES, sizeof *stones->buckets);
	if (stones->ring && stones->buckets)
		return 0;
	rudp_tombstones_fini(stones);
	return -ENOMEM;
}

void rudp_tombstones_fini(struct rudp_tombstones *stones)
{
	free(stones->ring);
	free(stones->buckets);
	*stones = (struct rudp_tombstones){0};
}

static void unlink_place(struct rudp_tombstones *stones, uint32_t place)
{
	uint32_t *link = &stones->buckets[bucket_of(stones->ring[place].id)];

	while (*link && *link != place + 1)
		link = &stones->ring[*link - 1].next;
	if (*link)
		*link = stones->ring[place].next;
}

void rudp_tombstones_put(struct rudp_tombstones *stones, uint64_t id, int error)
{
	uint32_t place = stones->written % RUDP_TOMBSTONES;
	struct rudp_tombstone *stone = &stones->ring[place];
	uint32_t *head = &stones->buckets[bucket_of(id)];

	if (error == 0)
		return;
	if (stone->error)
		unlink_place(stones, place);
	*stone = (struct rudp_tombstone){id, error, *head};
	*head = place + 1;
	stones->written++;
}

int rudp_tombstones_get(const struct rudp_tombstones *stones, uint64_t id)
{
	uint32_t next = stones->buckets[bucket_of(id)];

	while (next) {
		const struct rudp_tombstone *stone = &stones->ring[next - 1];

		if (stone->id == id)
			return stone->error;
		next = stone->next;
	}
	return 0;
}
