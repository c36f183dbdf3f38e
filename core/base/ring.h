/* SPDX-License-Identifier: MIT */
/*
 * ring - a growing ring buffer of bytes, addressed by stream offset.
 *
 * Model      bytes [head, tail) are held; offsets only grow and never wrap (64 bits). Memory is a
 *            power of two that grows up to capacity_max_bytes and is given back by trim.
 * History    what has been consumed stays readable until its place is taken. With keep_bytes, memory
 *            grows so that so many bytes below head stay, as far as there is any: never at the cost of
 *            what is held.
 * Invariant  tail - head <= capacity_bytes <= capacity_max_bytes (after any successful call).
 * Threads    none: one owner at a time.
 *
 * The send buffer writes at the tail; the receive buffer also writes beyond the tail (out of order)
 * and moves the tail when the gap has closed.
 */
#ifndef RUDP_BASE_RING_H
#define RUDP_BASE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct rudp_ring {
	uint8_t *bytes;
	size_t capacity_bytes;     /* 0 or a power of two */
	size_t capacity_max_bytes; /* a power of two */
	uint64_t head;             /* offset of the oldest byte held */
	uint64_t tail;             /* offset one past the newest byte held */
	uint64_t extent;           /* >= tail: one past the highest byte written by write_at */
	uint64_t moved;            /* nothing below it: memory was exchanged, or given away */
	size_t keep_bytes;         /* of history; the owner sets it */
};

/* Empty, at offset 0, without memory. capacity_max_bytes is rounded up to a power of two. */
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

/* By how many bytes of memory reserve would grow it; 0 also beyond capacity_max_bytes. */
size_t rudp_ring_growth(const struct rudp_ring *ring, uint64_t end);

/*
 * Makes offsets [head, end) addressable, growing as needed.
 *
 * Returns  0; -ENOBUFS beyond capacity_max_bytes; -ENOMEM. The ring is unchanged on error.
 */
int rudp_ring_reserve(struct rudp_ring *ring, uint64_t end);

/*
 * Space behind the tail for up to want bytes (grown if it can be; fewer if it cannot). History in the
 * same place is over.
 *
 * Returns  the number of iov entries filled, 0..2. Valid until the next call that may grow.
 */
int rudp_ring_writable(struct rudp_ring *ring, size_t want, struct iovec iov[2]);

/* Moves the tail over n bytes that have been placed behind it. */
void rudp_ring_commit(struct rudp_ring *ring, size_t n);

/* Copies all of buf to the tail. Returns 0, -ENOBUFS or -ENOMEM (nothing written). */
int rudp_ring_write(struct rudp_ring *ring, const void *buf, size_t len);

/*
 * Copies buf to [offset, offset + len); offset >= head. Does not move the tail (commit does).
 *
 * Returns  0, -ENOBUFS or -ENOMEM (nothing written).
 */
int rudp_ring_write_at(struct rudp_ring *ring, uint64_t offset, const void *buf, size_t len);

/*
 * The held bytes [offset, offset + len) in place; must lie inside [head, tail).
 *
 * Returns  the number of iov entries filled, 0..2. Valid until the next call that may grow or trim.
 */
int rudp_ring_readable(const struct rudp_ring *ring, uint64_t offset, size_t len,
		       struct iovec iov[2]);

/* The oldest byte that is still there, held or consumed: <= head. */
uint64_t rudp_ring_kept(const struct rudp_ring *ring);

/* Likewise what lies inside [kept, extent); the owner knows what of it has been written. */
int rudp_ring_look(const struct rudp_ring *ring, uint64_t offset, size_t len, struct iovec iov[2]);

/* Forgets the n oldest bytes. */
void rudp_ring_consume(struct rudp_ring *ring, size_t n);

/* Gives back memory that the present content does not need (all of it when empty), history with it. */
void rudp_ring_trim(struct rudp_ring *ring);
/* Likewise, when less than a quarter of it is needed: cheap enough to be asked for again and again. */
void rudp_ring_shrink(struct rudp_ring *ring);

#endif
