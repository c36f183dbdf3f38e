/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/min_max.h"

#define CAPACITY_MIN_BYTES ((size_t)4096)
#define SHRINK_SHARE 4
#define CAPACITY_LIMIT_BYTES (SIZE_MAX / 2 + 1) /* the greatest power of two */

static size_t power_of_two_at_least(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

void rudp_ring_init(struct rudp_ring *ring, size_t capacity_max_bytes)
{
	assert(capacity_max_bytes > 0 && capacity_max_bytes <= CAPACITY_LIMIT_BYTES);
	*ring = (struct rudp_ring){.capacity_max_bytes = power_of_two_at_least(capacity_max_bytes)};
}

void rudp_ring_fini(struct rudp_ring *ring)
{
	free(ring->bytes);
	*ring = (struct rudp_ring){.capacity_max_bytes = ring->capacity_max_bytes};
}

/* Maps [offset, offset + len), which must fit into the memory, to at most two pieces. */
static int map(const struct rudp_ring *ring, uint64_t offset, size_t len, struct iovec iov[2])
{
	size_t at, first;

	if (!len)
		return 0;
	at = (size_t)offset & (ring->capacity_bytes - 1);
	first = rudp_min(len, ring->capacity_bytes - at);
	iov[0] = (struct iovec){ring->bytes + at, first};
	if (first == len)
		return 1;
	iov[1] = (struct iovec){ring->bytes, len - first};
	return 2;
}

static void copy_in(struct rudp_ring *ring, uint64_t offset, const uint8_t *from, size_t len)
{
	struct iovec iov[2];
	int pieces = map(ring, offset, len, iov);

	for (int i = 0; i < pieces; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
}

uint64_t rudp_ring_kept(const struct rudp_ring *ring)
{
	uint64_t kept =
		ring->extent > ring->capacity_bytes ? ring->extent - ring->capacity_bytes : 0;

	if (kept < ring->moved)
		kept = ring->moved;
	return kept < ring->head ? kept : ring->head;
}

/* Moves [from, extent) to new memory. That includes bytes written beyond the tail. */
static int resize(struct rudp_ring *ring, uint64_t from, size_t capacity_bytes)
{
	struct rudp_ring to = *ring;
	uint64_t offset = from;
	struct iovec iov[2];
	int pieces = map(ring, offset, (size_t)(ring->extent - offset), iov);

	to.bytes = malloc(capacity_bytes);
	if (!to.bytes)
		return -ENOMEM;
	to.capacity_bytes = capacity_bytes;
	to.moved = from;
	for (int i = 0; i < pieces; i++) {
		copy_in(&to, offset, iov[i].iov_base, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	free(ring->bytes);
	*ring = to;
	return 0;
}

/* The capacity for content_bytes, which must not exceed the maximum. */
static size_t fitting_capacity(const struct rudp_ring *ring, size_t content_bytes)
{
	return rudp_min(power_of_two_at_least(content_bytes > CAPACITY_MIN_BYTES
						      ? content_bytes
						      : CAPACITY_MIN_BYTES),
			ring->capacity_max_bytes);
}

/* The oldest byte to have when all up to end is to be had. */
static uint64_t oldest_wanted(const struct rudp_ring *ring, uint64_t end)
{
	uint64_t oldest = ring->head > ring->keep_bytes ? ring->head - ring->keep_bytes : 0;

	if (oldest < rudp_ring_kept(ring))
		oldest = rudp_ring_kept(ring);
	if (oldest < end && end - oldest > ring->capacity_max_bytes)
		oldest = end - ring->capacity_max_bytes;
	return oldest < ring->head ? oldest : ring->head;
}

size_t rudp_ring_growth(const struct rudp_ring *ring, uint64_t end)
{
	uint64_t highest = rudp_max(end, ring->extent);
	uint64_t needed = highest - oldest_wanted(ring, highest);

	if (end <= ring->head || needed <= ring->capacity_bytes ||
	    end - ring->head > ring->capacity_max_bytes)
		return 0;
	return fitting_capacity(ring, (size_t)needed) - ring->capacity_bytes;
}

int rudp_ring_reserve(struct rudp_ring *ring, uint64_t end)
{
	uint64_t highest = rudp_max(end, ring->extent);
	uint64_t oldest = oldest_wanted(ring, highest);

	if (end <= ring->head || highest - oldest <= ring->capacity_bytes)
		return 0;
	if (end - ring->head > ring->capacity_max_bytes)
		return -ENOBUFS;
	if (resize(ring, oldest, fitting_capacity(ring, (size_t)(highest - oldest))) == 0)
		return 0;
	/* without the history it may still fit */
	return end - ring->head <= ring->capacity_bytes ? 0 : -ENOMEM;
}

int rudp_ring_writable(struct rudp_ring *ring, size_t want, struct iovec iov[2])
{
	size_t len = rudp_min(want, rudp_ring_room(ring));

	if (rudp_ring_reserve(ring, ring->tail + len))
		len = rudp_min(len, ring->capacity_bytes - rudp_ring_used(ring));
	/* The history here is lost even if the caller writes to it and never commits. */
	if (ring->tail + len > ring->capacity_bytes)
		ring->moved = rudp_max(ring->moved, ring->tail + len - ring->capacity_bytes);
	return map(ring, ring->tail, len, iov);
}

void rudp_ring_commit(struct rudp_ring *ring, size_t n)
{
	assert(n <= ring->capacity_bytes - rudp_ring_used(ring));
	ring->tail += n;
	if (ring->extent < ring->tail)
		ring->extent = ring->tail;
}

int rudp_ring_write(struct rudp_ring *ring, const void *buf, size_t len)
{
	int err = rudp_ring_write_at(ring, ring->tail, buf, len);

	if (err)
		return err;
	rudp_ring_commit(ring, len);
	return 0;
}

int rudp_ring_write_at(struct rudp_ring *ring, uint64_t offset, const void *buf, size_t len)
{
	int err;

	assert(offset >= ring->head);
	if (!len)
		return 0;
	if (len > ring->capacity_max_bytes || offset > UINT64_MAX - len)
		return -ENOBUFS;
	err = rudp_ring_reserve(ring, offset + len);
	if (err)
		return err;
	copy_in(ring, offset, buf, len);
	if (ring->extent < offset + len)
		ring->extent = offset + len;
	return 0;
}

int rudp_ring_readable(const struct rudp_ring *ring, uint64_t offset, size_t len,
		       struct iovec iov[2])
{
	assert(offset >= ring->head && offset <= ring->tail && len <= ring->tail - offset);
	return map(ring, offset, len, iov);
}

int rudp_ring_look(const struct rudp_ring *ring, uint64_t offset, size_t len, struct iovec iov[2])
{
	assert(offset >= rudp_ring_kept(ring) && offset + len <= ring->extent);
	return map(ring, offset, len, iov);
}

void rudp_ring_consume(struct rudp_ring *ring, size_t n)
{
	assert(n <= rudp_ring_used(ring));
	ring->head += n;
}

void rudp_ring_trim(struct rudp_ring *ring)
{
	size_t content_bytes = (size_t)(ring->extent - ring->head);
	size_t capacity_bytes;

	if (!content_bytes) {
		free(ring->bytes);
		ring->bytes = NULL;
		ring->capacity_bytes = 0;
		ring->moved = ring->head;
		return;
	}
	capacity_bytes = fitting_capacity(ring, content_bytes);
	if (capacity_bytes < ring->capacity_bytes)
		/* without memory the ring stays as it is */
		(void)resize(ring, ring->head, capacity_bytes);
}

void rudp_ring_shrink(struct rudp_ring *ring)
{
	if (ring->extent - ring->head < ring->capacity_bytes / SHRINK_SHARE)
		rudp_ring_trim(ring);
}
