/* SPDX-License-Identifier: MIT */
#include "flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

static bool earlier(const struct flying *a, const struct flying *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct flying **a, struct flying **b)
{
	struct flying *t = *a;

	*a = *b;
	*b = t;
}

static bool grow(struct flight *flight)
{
	size_t capacity = flight->capacity ? 2 * flight->capacity : 256;
	struct flying **heap = realloc(flight->heap, capacity * sizeof(*heap));

	if (!heap)
		return false;
	flight->heap = heap;
	flight->capacity = capacity;
	return true;
}

struct flying *flight_new(struct flight *flight, int to, const struct rudp_addr *from_addr,
			  const struct rudp_addr *to_addr, const uint8_t *data, size_t len)
{
	struct flying *f = malloc(sizeof *f + len);

	if (!f)
		return NULL;
	*f = (struct flying){.order = flight->order++, .to = to, .len = len};
	f->from_addr = *from_addr;
	f->to_addr = *to_addr;
	memcpy(f->data, data, len);
	return f;
}

bool flight_insert(struct flight *flight, struct flying *f)
{
	size_t i = flight->count;

	if (flight->count == flight->capacity && !grow(flight)) {
		free(f);
		return false;
	}
	flight->heap[flight->count++] = f;
	for (; i > 0 && earlier(flight->heap[i], flight->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&flight->heap[i], &flight->heap[(i - 1) / 2]);
	return true;
}

bool flight_add(struct flight *flight, int64_t at_ns, int to, const struct rudp_addr *from_addr,
		const struct rudp_addr *to_addr, const uint8_t *data, size_t len)
{
	struct flying *f = flight_new(flight, to, from_addr, to_addr, data, len);

	if (!f)
		return false;
	f->at_ns = at_ns;
	return flight_insert(flight, f);
}

int64_t flight_next_ns(const struct flight *flight)
{
	return flight->count ? flight->heap[0]->at_ns : RUDP_NEVER;
}

static void sink(struct flight *flight)
{
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= flight->count)
			return;
		if (child + 1 < flight->count &&
		    earlier(flight->heap[child + 1], flight->heap[child]))
			child++;
		if (!earlier(flight->heap[child], flight->heap[i]))
			return;
		swap(&flight->heap[i], &flight->heap[child]);
		i = child;
	}
}

struct flying *flight_take(struct flight *flight, int64_t now_ns)
{
	struct flying *first;

	if (flight_next_ns(flight) > now_ns)
		return NULL;
	first = flight->heap[0];
	flight->heap[0] = flight->heap[--flight->count];
	sink(flight);
	return first;
}

void flight_fini(struct flight *flight)
{
	for (size_t i = 0; i < flight->count; i++)
		free(flight->heap[i]);
	free(flight->heap);
}
