/* SPDX-License-Identifier: MIT */
/*
 * sendbuf - the send buffer: holds stream bytes from write until they are acknowledged.
 *
 * Model      Bytes in [una, sent) were sent at least once, bytes in [sent, ring.tail) never. lost
 *            lists the bytes to retransmit, acked the bytes acknowledged beyond una. The FIN comes
 *            after the last byte and has its own flags.
 * Invariant  lost and acked are disjoint, both inside [una, sent).
 */
#ifndef RUDP_PROTO_SENDBUF_H
#define RUDP_PROTO_SENDBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range_set.h"
#include "base/ring.h"

/* The same limit as the peer's (recvbuf.h). Bytes that do not fit into the lists are sent again. */
#define RUDP_SENDBUF_RANGES_MAX 4096

struct rudp_sendbuf {
	struct rudp_ring ring; /* head is una: the oldest byte not acknowledged */
	uint64_t sent;         /* bytes from here on count as never sent */
	uint64_t reached;      /* one past the highest byte ever sent; the peer may have it */
	struct rudp_range_set lost;
	struct rudp_range_set acked;
	bool fin_wanted; /* no more bytes will be written; the stream ends at ring.tail */
	bool fin_sent;   /* sent at least once */
	bool fin_lost;   /* to be sent again */
	bool fin_acked;
	uint64_t resent_bytes; /* total, for statistics */
};

struct rudp_sendbuf_chunk {
	uint64_t offset;
	size_t len; /* 0 if only the FIN is due */
	bool fin;
	bool again; /* a retransmission */
};

void rudp_sendbuf_init(struct rudp_sendbuf *buf, size_t capacity_max_bytes);
void rudp_sendbuf_fini(struct rudp_sendbuf *buf);

/* Bytes written and not acknowledged (SIOCOUTQ); bytes never sent (SIOCOUTQNSD). */
size_t rudp_sendbuf_unacked(const struct rudp_sendbuf *buf);
size_t rudp_sendbuf_unsent(const struct rudp_sendbuf *buf);

/* True if something is due: lost bytes, new bytes below window_end, or a FIN. */
bool rudp_sendbuf_has_due(const struct rudp_sendbuf *buf, uint64_t window_end);

/*
 * Gives the next bytes to send: lost bytes first, at most len_max bytes, none at or beyond
 * window_end. Changes nothing; on_sent does. False: nothing is due.
 */
bool rudp_sendbuf_next(const struct rudp_sendbuf *buf, size_t len_max, uint64_t window_end,
		       struct rudp_sendbuf_chunk *chunk);

/*
 * The chunk was put into a packet. Returns 0, or -ENOSPC or -ENOMEM (range bookkeeping): it must
 * not be sent then.
 */
int rudp_sendbuf_on_sent(struct rudp_sendbuf *buf, const struct rudp_sendbuf_chunk *chunk);

/*
 * Bytes [start, start+len), and the FIN if fin, were acknowledged. Returns the bytes freed at the
 * head.
 */
size_t rudp_sendbuf_on_acked(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* They were lost and become due again, except those acknowledged meanwhile. */
void rudp_sendbuf_on_lost(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* True if all of [start, start+len), and the FIN if fin, is acknowledged. */
bool rudp_sendbuf_is_acked(const struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* The start of the unacknowledged range that ends at offset. */
uint64_t rudp_sendbuf_hole_start(const struct rudp_sendbuf *buf, uint64_t offset);

/* For a probe packet: the newest unacknowledged bytes, at most len_max, become due again. */
void rudp_sendbuf_probe(struct rudp_sendbuf *buf, size_t len_max);
/* The same with the oldest bytes. */
void rudp_sendbuf_probe_oldest(struct rudp_sendbuf *buf, size_t len_max);

#endif
