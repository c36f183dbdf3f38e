/* SPDX-License-Identifier: MIT */
/*
 * recvbuf - stream bytes from the moment they arrive until the program has read them; flow control.
 *
 * Model      ring holds the in-order bytes [head, tail) and, beyond, the out-of-order ones listed in
 *            pending. window_end is what the peer has been allowed; it only grows.
 * Auto-tuning  the window (up to window_max) doubles when the program has drained half of it within
 *            two round trips, and is at least RUDP_RECVBUF_WINDOW_ROUNDS times what arrives in one,
 *            in order or not, as long as the program keeps up: a loss stops the draining for a round
 *            trip or two, in which a sender that still looks for the bandwidth grows many times over.
 *            It decays to the initial size after RUDP_RECVBUF_IDLE_NS without data.
 * Limit      limit() bounds the window: SO_RCVBUF, or a peer on the same host, where a larger one gains
 *            nothing. What has been promised stands.
 * Budget     memory of all connections is bounded together (proto/stream/budget.h).
 */
#ifndef RUDP_PROTO_RECVBUF_H
#define RUDP_PROTO_RECVBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/range_set.h"
#include "base/ring.h"
#include "base/time.h"
#include "proto/stream/budget.h"
#include "proto/wire/verdict.h"

/*
 * More holes than these have no place: bytes that would make another are dropped without an
 * acknowledgement, and come again. A window of 32 MB in packets of 1200 bytes has so many only when one
 * packet of six is lost. It bounds what one frame can cost: half of these ranges are moved, in 1 us.
 */
#define RUDP_RECVBUF_RANGES_MAX 4096
#define RUDP_RECVBUF_INITIAL_WINDOW_BYTES (1u << 20)
#define RUDP_RECVBUF_WINDOW_ROUNDS 8
#define RUDP_RECVBUF_YOUNG_ROUNDS 32 /* up to RUDP_RECVBUF_YOUNG_BYTES: start-up grows fastest */
#define RUDP_RECVBUF_YOUNG_BYTES (2u << 20)
/* What arrives without being drained earns no more: a peer that leaves a hole holds so much. */
#define RUDP_RECVBUF_ARRIVAL_WINDOW_BYTES_MAX (8u << 20)
#define RUDP_RECVBUF_IDLE_NS (10 * RUDP_NS_PER_S)

struct rudp_recvbuf {
	const struct rudp_budget *budget;
	struct rudp_ring ring;
	struct rudp_range_set pending; /* out of order, all above ring.tail */
	uint64_t final_size;           /* UINT64_MAX until a FIN has come */
	uint64_t window_bytes;         /* how far beyond head the peer may send */
	uint64_t window_max_bytes;
	uint64_t window_end;           /* promised */
	bool has_promised;             /* the handshake has told the peer of window_end */
	uint64_t drained_mark;         /* auto-tuning: head when the present measurement began */
	int64_t drained_mark_at_ns;
	uint64_t arrived_bytes;        /* new ones, about those of the last round trip */
	int64_t arrived_at_ns;
	int64_t srtt_ns;               /* as last heard */
	int64_t last_data_at_ns;
	size_t history_bytes;          /* of what has been read: kept while there is plenty of memory */
	bool discarding;               /* the program shut its reading side: take and drop */
	uint64_t duplicate_bytes;      /* total, for statistics */
};

/* budget outlives it; the owner charges to it what the buffer holds. */
void rudp_recvbuf_init(struct rudp_recvbuf *buf, size_t capacity_max_bytes,
		       const struct rudp_budget *budget);
void rudp_recvbuf_fini(struct rudp_recvbuf *buf);

/* The window does not grow beyond window_max_bytes, nor beyond the capacity. */
void rudp_recvbuf_limit(struct rudp_recvbuf *buf, uint64_t window_max_bytes);

/*
 * Takes bytes of a STREAM frame.
 *
 * Returns  OK; BAD_STREAM (beyond the promised window, or beyond or against the final size);
 *          NO_MEMORY, be it the host's or the budget's (nothing taken: the packet must not be
 *          acknowledged).
 */
enum rudp_verdict rudp_recvbuf_take(struct rudp_recvbuf *buf, uint64_t offset, const uint8_t *bytes,
				    size_t len, bool fin, int64_t now_at_ns);

/* In-order bytes that the program can read; their place; and reading them. */
size_t rudp_recvbuf_available(const struct rudp_recvbuf *buf);
int rudp_recvbuf_readable(const struct rudp_recvbuf *buf, struct iovec iov[2]);
void rudp_recvbuf_consume(struct rudp_recvbuf *buf, size_t n, int64_t srtt_ns, int64_t now_at_ns);

/* All bytes up to the FIN have been read. / Have arrived. */
bool rudp_recvbuf_is_drained(const struct rudp_recvbuf *buf);
bool rudp_recvbuf_is_complete(const struct rudp_recvbuf *buf);

/* The program will read no more: what is there and what comes is dropped, the window keeps moving. */
void rudp_recvbuf_discard(struct rudp_recvbuf *buf);

/* The window that could be promised now; and whether it has moved enough to be worth a frame. */
uint64_t rudp_recvbuf_window_end(const struct rudp_recvbuf *buf);
bool rudp_recvbuf_window_due(const struct rudp_recvbuf *buf);
/* It has been promised in a frame. */
void rudp_recvbuf_on_window_sent(struct rudp_recvbuf *buf, uint64_t window_end);

bool rudp_recvbuf_check(const struct rudp_recvbuf *buf);

#endif
