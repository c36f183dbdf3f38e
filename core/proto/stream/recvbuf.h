/* SPDX-License-Identifier: MIT */
/*
 * recvbuf - the receive buffer: holds stream bytes until the program reads them, and flow control.
 *
 * Model    ring holds the in-order bytes [head, tail) and beyond them the out-of-order bytes that
 *          pending lists. window_end is the flow control limit announced to the peer; it only
 *          grows.
 * Tuning   The window (up to window_max) doubles if the program reads half of it within two round
 *          trips. It is also at least RUDP_RECVBUF_WINDOW_ROUNDS times the bytes that arrive in one
 *          round trip, in order or not, as long as the program keeps up. That rule is needed
 *          because a loss stops reading for one or two round trips, in which a sender in start-up
 *          grows many times over. The window returns to the initial size after RUDP_RECVBUF_IDLE_NS
 *          without data.
 * Limit    limit() bounds the window: for SO_RCVBUF, or for a peer on the same host, where a larger
 *          window gains nothing. A limit already announced stays valid.
 * Budget   The memory of all connections is bounded together (proto/stream/budget.h).
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
 * The maximum number of out-of-order ranges. Bytes that would need another range are dropped, not
 * acknowledged, and retransmitted. A window of 32 MB in packets of 1200 bytes reaches the maximum
 * only if one packet in six is lost. It bounds the work of one frame: half of the ranges are moved,
 * in 1 us.
 */
#define RUDP_RECVBUF_RANGES_MAX 4096
#define RUDP_RECVBUF_INITIAL_WINDOW_BYTES (1u << 20)
#define RUDP_RECVBUF_WINDOW_ROUNDS 8
/* up to RUDP_RECVBUF_YOUNG_BYTES, because start-up grows fastest */
#define RUDP_RECVBUF_YOUNG_ROUNDS 32
#define RUDP_RECVBUF_YOUNG_BYTES (2u << 20)
/*
 * Bytes that arrive unread raise the window only up to this: a peer that leaves a gap occupies this
 * much.
 */
#define RUDP_RECVBUF_ARRIVAL_WINDOW_BYTES_MAX (8u << 20)
#define RUDP_RECVBUF_IDLE_NS (10 * RUDP_NS_PER_S)

struct rudp_recvbuf {
	const struct rudp_budget *budget;
	struct rudp_ring ring;
	struct rudp_range_set pending; /* out-of-order bytes, all above ring.tail */
	uint64_t final_size;           /* UINT64_MAX until a FIN has arrived */
	uint64_t window_bytes;         /* how far beyond head the peer may send */
	uint64_t window_max_bytes;
	uint64_t window_end;   /* announced */
	bool has_announced;    /* window_end was sent in the handshake */
	uint64_t drained_mark; /* tuning: head when the current measurement began */
	int64_t drained_mark_at_ns;
	uint64_t arrived_bytes; /* new bytes of about the last round trip */
	int64_t arrived_at_ns;
	int64_t srtt_ns; /* last value from the owner */
	int64_t last_data_at_ns;
	size_t history_bytes; /* bytes to keep after they were read, while memory is plentiful */
	bool discarding;      /* SHUT_RD: received bytes are acknowledged and dropped */
	uint64_t duplicate_bytes; /* total, for statistics */
};

/* budget must outlive the buffer. The owner charges the buffer's memory to it. */
void rudp_recvbuf_init(struct rudp_recvbuf *buf, size_t capacity_max_bytes,
		       const struct rudp_budget *budget);
void rudp_recvbuf_fini(struct rudp_recvbuf *buf);

/* The window will not grow beyond window_max_bytes, nor beyond the capacity. */
void rudp_recvbuf_limit(struct rudp_recvbuf *buf, uint64_t window_max_bytes);

/*
 * Stores the bytes of a STREAM frame.
 *
 * Returns  OK; BAD_STREAM: beyond the announced window, or in conflict with the final size;
 *          NO_MEMORY, of the host or in the budget: nothing was stored, and the packet must not be
 *          acknowledged.
 */
enum rudp_verdict rudp_recvbuf_take(struct rudp_recvbuf *buf, uint64_t offset, const uint8_t *bytes,
				    size_t len, bool fin, int64_t now_at_ns);

/* The number of in-order bytes that the program can read, their location, and their removal. */
size_t rudp_recvbuf_available(const struct rudp_recvbuf *buf);
int rudp_recvbuf_readable(const struct rudp_recvbuf *buf, struct iovec iov[2]);
void rudp_recvbuf_consume(struct rudp_recvbuf *buf, size_t n, int64_t srtt_ns, int64_t now_at_ns);

/* All bytes up to the FIN were read; were received. */
bool rudp_recvbuf_is_drained(const struct rudp_recvbuf *buf);
bool rudp_recvbuf_is_complete(const struct rudp_recvbuf *buf);

/* The program will read no more: drops stored and future bytes; the window keeps moving. */
void rudp_recvbuf_discard(struct rudp_recvbuf *buf);

/* The limit that could be announced now; and whether it has grown enough for a WINDOW frame. */
uint64_t rudp_recvbuf_window_end(const struct rudp_recvbuf *buf);
bool rudp_recvbuf_window_due(const struct rudp_recvbuf *buf);
/* window_end was sent in a frame. */
void rudp_recvbuf_on_window_sent(struct rudp_recvbuf *buf, uint64_t window_end);

#endif
