/* SPDX-License-Identifier: MIT */
/*
 * sendbuf - stream bytes from the moment the program has written them until they are acknowledged.
 *
 * Model      [una, sent) has been sent at least once, [sent, ring.tail) never. lost holds what must
 *            be sent again, acked what was acknowledged beyond una. FIN takes its place behind the
 *            last byte and is tracked beside the bytes.
 * Invariant  lost and acked are disjoint, both inside [una, sent).
 */
#ifndef RUDP_PROTO_SENDBUF_H
#define RUDP_PROTO_SENDBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/range_set.h"
#include "base/ring.h"

/* The same bound as the peer's (recvbuf.h). What has no place in the lists is sent once more. */
#define RUDP_SENDBUF_RANGES_MAX 4096

struct rudp_sendbuf {
	struct rudp_ring ring;       /* head is una: the oldest byte not acknowledged */
	uint64_t sent;               /* from here on all counts as never sent */
	uint64_t reached;            /* one past the highest byte ever sent: the peer may have it */
	struct rudp_range_set lost;
	struct rudp_range_set acked;
	bool fin_wanted;             /* no more bytes will come; the stream ends at ring.tail */
	bool fin_sent;               /* at least once */
	bool fin_lost;               /* must be sent again */
	bool fin_acked;
	uint64_t resent_bytes;       /* total, for statistics */
};

struct rudp_sendbuf_chunk {
	uint64_t offset;
	size_t len;                  /* may be 0 when only the FIN is due */
	bool fin;
	bool again;                  /* was sent before */
};

void rudp_sendbuf_init(struct rudp_sendbuf *buf, size_t capacity_max_bytes);
void rudp_sendbuf_fini(struct rudp_sendbuf *buf);

/* Bytes written and not yet acknowledged (SIOCOUTQ), and of those never sent (SIOCOUTQNSD). */
size_t rudp_sendbuf_unacked(const struct rudp_sendbuf *buf);
size_t rudp_sendbuf_unsent(const struct rudp_sendbuf *buf);

/* Something is due: lost bytes, new bytes below window_end, or a FIN. */
bool rudp_sendbuf_has_due(const struct rudp_sendbuf *buf, uint64_t window_end);

/*
 * What to send next, lost bytes first, at most len_max bytes and no byte at or beyond window_end.
 * Pure: nothing changes until on_sent. false: nothing due.
 */
bool rudp_sendbuf_next(const struct rudp_sendbuf *buf, size_t len_max, uint64_t window_end,
		       struct rudp_sendbuf_chunk *chunk);

/* The chunk has gone into a packet. 0, or -ENOSPC/-ENOMEM (range bookkeeping): not sent then. */
int rudp_sendbuf_on_sent(struct rudp_sendbuf *buf, const struct rudp_sendbuf_chunk *chunk);

/* Bytes [start, start+len), and the FIN, have arrived. Returns bytes freed at the head. */
size_t rudp_sendbuf_on_acked(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* They are lost and wanted again (what has been acknowledged meanwhile is left out). */
void rudp_sendbuf_on_lost(struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* All of [start, start+len), and the FIN if asked for, is known to have arrived. */
bool rudp_sendbuf_is_acked(const struct rudp_sendbuf *buf, uint64_t start, size_t len, bool fin);

/* The first byte of those before offset that reach up to it without one that has been acknowledged. */
uint64_t rudp_sendbuf_hole_start(const struct rudp_sendbuf *buf, uint64_t offset);

/* For a probe: the newest bytes sent and not acknowledged (at most len_max) become due again. */
void rudp_sendbuf_probe(struct rudp_sendbuf *buf, size_t len_max);
/* Likewise the oldest. */
void rudp_sendbuf_probe_oldest(struct rudp_sendbuf *buf, size_t len_max);

bool rudp_sendbuf_check(const struct rudp_sendbuf *buf);

#endif
