/* SPDX-License-Identifier: MIT */
#include "engine/app/closed_errors.h"

#include <errno.h>
#include <stdlib.h>

/* Fibonacci hashing, as ids differ both in their low and in their high bits. */
static uint32_t bucket_of(uint64_t id)
{
	return (uint32_t)((id ^ id >> 40) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

_Static_assert(RUDP_CLOSED_ERRORS_MAX == 65536, "bucket_of gives 16 bits");

int rudp_closed_errors_init(struct rudp_closed_errors *errors)
{
	*errors = (struct rudp_closed_errors){0};
	errors->ring = calloc(RUDP_CLOSED_ERRORS_MAX, sizeof *errors->ring);
	errors->buckets = calloc(RUDP_CLOSED_ERRORS_MAX, sizeof *errors->buckets);
	if (errors->ring && errors->buckets)
		return 0;
	rudp_closed_errors_fini(errors);
	return -ENOMEM;
}

void rudp_closed_errors_fini(struct rudp_closed_errors *errors)
{
	free(errors->ring);
	free(errors->buckets);
	*errors = (struct rudp_closed_errors){0};
}

static void unlink_place(struct rudp_closed_errors *errors, uint32_t place)
{
	uint32_t *link = &errors->buckets[bucket_of(errors->ring[place].id)];

	while (*link && *link != place + 1)
		link = &errors->ring[*link - 1].next;
	if (*link)
		*link = errors->ring[place].next;
}

void rudp_closed_errors_put(struct rudp_closed_errors *errors, uint64_t id, int error)
{
	uint32_t place = errors->written % RUDP_CLOSED_ERRORS_MAX;
	struct rudp_closed_error *entry = &errors->ring[place];
	uint32_t *head = &errors->buckets[bucket_of(id)];

	if (error == 0)
		return;
	if (entry->error)
		unlink_place(errors, place);
	*entry = (struct rudp_closed_error){id, error, *head};
	*head = place + 1;
	errors->written++;
}

int rudp_closed_errors_get(const struct rudp_closed_errors *errors, uint64_t id)
{
	uint32_t next = errors->buckets[bucket_of(id)];

	while (next) {
		const struct rudp_closed_error *entry = &errors->ring[next - 1];

		if (entry->id == id)
			return entry->error;
		next = entry->next;
	}
	return 0;
}
