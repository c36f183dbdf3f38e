/* SPDX-License-Identifier: MIT */
/*
 * ring - a growing ring buffer of bytes, addressed by stream offset.
 *
 * Model      The ring holds bytes [head, tail). Offsets only grow and never wrap (64 bits). The
 *            capacity is a power of two, grows up to capacity_max_bytes, and is freed by trim.
 * Memory     Blocks of RUDP_RING_BLOCK_BYTES, or one smaller block. A block is allocated when its
 *            first byte is written. When the capacity changes, blocks change their place instead of
 *            being copied: with 32 MB a copy took 10 ms, in which no other connection was served.
 *            At most one block is copied. Blocks of consumed bytes are used again.
 * Pieces     Functions that give bytes in place give at most two pieces, which are all if they are
 *            at most RUDP_RING_BLOCK_BYTES long. The caller then asks for the rest.
 * History    Consumed bytes stay readable until new bytes take their memory. keep_bytes makes the
 *            memory grow so that this many bytes below head stay readable, if there are as many.
 *            Bytes in [head, tail) always have precedence.
 * Invariant  tail - head <= capacity_bytes <= capacity_max_bytes (after any successful call).
 * Threads    none: one owner at a time.
 *
 * The send buffer writes at the tail. The receive buffer also writes beyond the tail (out of order)
 * and moves the tail when the gap is closed.
 */
#ifndef RUDP_BASE_RING_H
#define RUDP_BASE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define RUDP_RING_BLOCK_BYTES ((size_t)64 << 10)

struct rudp_ring {
	uint8_t **blocks;          /* by offset modulo capacity; NULL: without memory */
	size_t capacity_bytes;     /* 0 or a power of two */
	size_t capacity_max_bytes; /* a power of two */
	uint64_t head;             /* offset of the oldest byte held */
	uint64_t tail;             /* offset one past the newest byte held */
	uint64_t extent;           /* >= tail: one past the highest byte written by write_at */
	uint64_t moved;            /* bytes below it are gone: the memory was replaced or reused */
	size_t keep_bytes;         /* history to keep; set by the owner */
};

/*
 * Makes an empty ring at offset 0 without memory. capacity_max_bytes is rounded up to a power of
 * two.
 */
void rudp_ring_init(struct rudp_ring *ring, size_t capacity_max_bytes);
void rudp_ring_fini(struct rudp_ring *ring);

static inline size_t rudp_ring_used(const struct rudp_ring *ring)
{
	return (size_t)(ring->tail - ring->head);
}

/* Bytes that can still be appended before capacity_max_bytes is reached. */
static inline size_t rudp_ring_room(const struct rudp_ring *ring)
{
	return ring->capacity_max_bytes - rudp_ring_used(ring);
}

/* The growth of the capacity that a write up to end would cause; 0 also beyond the maximum. */
size_t rudp_ring_growth(const struct rudp_ring *ring, uint64_t end);

/*
 * Gets the memory of [tail, end), so that writes there cannot fail.
 *
 * Returns  0; -ENOBUFS beyond capacity_max_bytes; -ENOMEM. On error the content is unchanged.
 */
int rudp_ring_reserve(struct rudp_ring *ring, uint64_t end);

/*
 * Gives space after the tail for up to want bytes. Grows the memory if possible; else gives less.
 * The history that was in this space is lost.
 *
 * Returns  the number of iov entries filled, 0..2. Valid until the next call that may grow.
 */
int rudp_ring_writable(struct rudp_ring *ring, size_t want, struct iovec iov[2]);

/* Moves the tail over n bytes that the caller has written after it. */
void rudp_ring_commit(struct rudp_ring *ring, size_t n);

/* Appends all of buf. Returns 0, or -ENOBUFS or -ENOMEM with nothing written. */
int rudp_ring_write(struct rudp_ring *ring, const void *buf, size_t len);

/*
 * Copies buf to [offset, offset + len); offset >= head. Does not move the tail; commit does.
 *
 * Returns  0, or -ENOBUFS or -ENOMEM with nothing written.
 */
int rudp_ring_write_at(struct rudp_ring *ring, uint64_t offset, const void *buf, size_t len);

/*
 * Gives the bytes [offset, offset + len) in place, or the first of them that two pieces hold. They
 * must lie inside [head, tail).
 *
 * Returns  the number of iov entries filled, 0..2. Valid until the next call that may grow or trim.
 */
int rudp_ring_readable(const struct rudp_ring *ring, uint64_t offset, size_t len,
		       struct iovec iov[2]);

/* The offset of the oldest byte that can still be read, consumed or not: <= head. */
uint64_t rudp_ring_kept(const struct rudp_ring *ring);

/*
 * Like readable, for bytes inside [kept, extent). The owner knows which of them were written; where
 * none was, iov_base may be NULL.
 */
int rudp_ring_look(const struct rudp_ring *ring, uint64_t offset, size_t len, struct iovec iov[2]);

/* Removes the n oldest bytes. */
void rudp_ring_consume(struct rudp_ring *ring, size_t n);

/* Frees memory that the content does not need (all of it if the ring is empty). History is lost. */
void rudp_ring_trim(struct rudp_ring *ring);
/* Calls trim if the content needs less than a quarter of the memory. Cheap enough to call often. */
void rudp_ring_shrink(struct rudp_ring *ring);

#endif
