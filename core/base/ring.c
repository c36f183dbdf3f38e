/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/min_max.h"

#define CAPACITY_MIN_BYTES ((size_t)4096)
#define SHRINK_SHARE 4
/* Kept without keep_bytes, too: as many as a block of repair symbols has. */
#define HISTORY_BYTES (3 * RUDP_RING_BLOCK_BYTES)
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

static size_t block_bytes(const struct rudp_ring *ring)
{
	return rudp_min(ring->capacity_bytes, RUDP_RING_BLOCK_BYTES);
}

static size_t block_count(const struct rudp_ring *ring)
{
	return ring->capacity_bytes ? ring->capacity_bytes / block_bytes(ring) : 0;
}

/* The place of the block of the byte at offset; NULL in it: that block has no memory yet. */
static uint8_t **block_at(const struct rudp_ring *ring, uint64_t offset)
{
	return &ring->blocks[((size_t)offset & (ring->capacity_bytes - 1)) / RUDP_RING_BLOCK_BYTES];
}

/* The part of [start, end) in the block of start. */
static struct iovec piece_at(const struct rudp_ring *ring, uint64_t start, uint64_t end)
{
	size_t at = (size_t)start & (block_bytes(ring) - 1);
	uint8_t *block = *block_at(ring, start);

	return (struct iovec){
		.iov_base = block ? block + at : NULL,
		.iov_len = (size_t)rudp_min(end - start, block_bytes(ring) - at),
	};
}

/* Maps [start, end), which must fit into the memory, or as much of it as two pieces hold. */
static int map(const struct rudp_ring *ring, uint64_t start, uint64_t end, struct iovec iov[2])
{
	int pieces = 0;

	for (; start < end && pieces < 2; pieces++) {
		iov[pieces] = piece_at(ring, start, end);
		start += iov[pieces].iov_len;
	}
	return pieces;
}

/* Copies bytes to [start, end), whose blocks exist. */
static void copy_in(const struct rudp_ring *ring, uint64_t start, uint64_t end,
		    const uint8_t *bytes)
{
	while (start < end) {
		struct iovec piece = piece_at(ring, start, end);

		memcpy(piece.iov_base, bytes, piece.iov_len);
		bytes += piece.iov_len;
		start += piece.iov_len;
	}
}

static void free_blocks(const struct rudp_ring *ring)
{
	for (size_t i = 0; i < block_count(ring); i++)
		free(ring->blocks[i]);
	free(ring->blocks);
}

void rudp_ring_fini(struct rudp_ring *ring)
{
	free_blocks(ring);
	*ring = (struct rudp_ring){.capacity_max_bytes = ring->capacity_max_bytes};
}

uint64_t rudp_ring_kept(const struct rudp_ring *ring)
{
	uint64_t kept =
		ring->extent > ring->capacity_bytes ? ring->extent - ring->capacity_bytes : 0;

	if (kept < ring->moved)
		kept = ring->moved;
	return kept < ring->head ? kept : ring->head;
}

/*
 * Takes the oldest block of bytes that were consumed and need not be kept, so that a long stream
 * needs no more blocks than it has bytes, and stays in the processor's caches. NULL: there is none.
 */
static uint8_t *take_consumed(struct rudp_ring *ring)
{
	uint64_t start = rudp_ring_kept(ring) + RUDP_RING_BLOCK_BYTES - 1;
	uint8_t **place, *block;

	start -= start % RUDP_RING_BLOCK_BYTES;
	if (ring->capacity_bytes <= RUDP_RING_BLOCK_BYTES ||
	    start + RUDP_RING_BLOCK_BYTES + HISTORY_BYTES + ring->keep_bytes > ring->head)
		return NULL;
	place = block_at(ring, start);
	block = *place;
	*place = NULL;
	ring->moved = start + RUDP_RING_BLOCK_BYTES;
	return block;
}

/* Gets the missing blocks of [start, end). */
static int allocate(struct rudp_ring *ring, uint64_t start, uint64_t end)
{
	for (; start < end; start += piece_at(ring, start, end).iov_len) {
		uint8_t **block = block_at(ring, start);

		if (!*block)
			*block = take_consumed(ring);
		if (!*block)
			*block = malloc(block_bytes(ring));
		if (!*block)
			return -ENOMEM;
	}
	return 0;
}

/* The first and the last byte are in one block, because the ring is wrapped there. */
static bool is_wrapped(const struct rudp_ring *ring, uint64_t start, uint64_t end)
{
	uint64_t last = end - 1;

	return start / RUDP_RING_BLOCK_BYTES != last / RUDP_RING_BLOCK_BYTES &&
	       block_at(ring, start) == block_at(ring, last);
}

/*
 * Gives [start, end) from one ring to another that has room for it. Blocks change hands; bytes are
 * copied only between blocks of different sizes, which are few, and where one block holds both
 * ends in one of the rings. Without memory nothing has changed.
 */
static int transfer(struct rudp_ring *to, const struct rudp_ring *from, uint64_t start,
		    uint64_t end)
{
	bool are_equal = block_bytes(to) == block_bytes(from);
	bool is_shared = are_equal && start < end && is_wrapped(from, start, end);

	while (start < end) {
		uint8_t **source = block_at(from, start), **dest = block_at(to, start);
		struct iovec piece = piece_at(from, start, end);
		uint64_t piece_end = start + piece.iov_len;

		if (*source && are_equal && !*dest && !is_shared) {
			*dest = *source;
			*source = NULL;
		} else if (*source) {
			if (allocate(to, start, piece_end))
				return -ENOMEM;
			copy_in(to, start, piece_end, piece.iov_base);
		}
		is_shared = false;
		start = piece_end;
	}
	return 0;
}

/* Moves [from, extent) to another capacity. That includes bytes written beyond the tail. */
static int resize(struct rudp_ring *ring, uint64_t from, size_t capacity_bytes)
{
	struct rudp_ring to = *ring;

	to.capacity_bytes = capacity_bytes;
	to.moved = from;
	assert(block_count(&to) > 0);
	to.blocks = calloc(block_count(&to), sizeof *to.blocks);
	if (!to.blocks)
		return -ENOMEM;
	if (transfer(&to, ring, from, ring->extent)) {
		free_blocks(&to);
		return -ENOMEM;
	}
	free_blocks(ring);
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

/* Grows so that [head, end) has places. -ENOBUFS or -ENOMEM: the ring is unchanged. */
static int grow(struct rudp_ring *ring, uint64_t end)
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

int rudp_ring_reserve(struct rudp_ring *ring, uint64_t end)
{
	int err = grow(ring, end);

	return err ? err : allocate(ring, ring->tail, end);
}

int rudp_ring_writable(struct rudp_ring *ring, size_t want, struct iovec iov[2])
{
	size_t len = rudp_min(want, rudp_ring_room(ring));
	uint64_t start = ring->tail, end;
	int pieces = 0;

	if (grow(ring, ring->tail + len))
		len = rudp_min(len, ring->capacity_bytes - rudp_ring_used(ring));
	end = start + len;
	for (; start < end && pieces < 2 && allocate(ring, start, start + 1) == 0; pieces++) {
		iov[pieces] = piece_at(ring, start, end);
		start += iov[pieces].iov_len;
	}
	/* The history here is lost even if the caller writes to it and never commits. */
	if (start > ring->capacity_bytes)
		ring->moved = rudp_max(ring->moved, start - ring->capacity_bytes);
	return pieces;
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
	uint64_t end = offset + len;
	int err;

	assert(offset >= ring->head);
	if (!len)
		return 0;
	if (len > ring->capacity_max_bytes || offset > UINT64_MAX - len)
		return -ENOBUFS;
	err = grow(ring, end);
	if (!err)
		err = allocate(ring, offset, end);
	if (err)
		return err;
	copy_in(ring, offset, end, buf);
	if (ring->extent < end)
		ring->extent = end;
	return 0;
}

int rudp_ring_readable(const struct rudp_ring *ring, uint64_t offset, size_t len,
		       struct iovec iov[2])
{
	assert(offset >= ring->head && offset <= ring->tail && len <= ring->tail - offset);
	return map(ring, offset, offset + len, iov);
}

int rudp_ring_look(const struct rudp_ring *ring, uint64_t offset, size_t len, struct iovec iov[2])
{
	assert(offset >= rudp_ring_kept(ring) && offset + len <= ring->extent);
	return map(ring, offset, offset + len, iov);
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
		free_blocks(ring);
		ring->blocks = NULL;
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
