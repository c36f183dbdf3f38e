/* SPDX-License-Identifier: MIT */
/*
 * known_paths - stores measurements of paths to other hosts, so that new connections start faster.
 *
 * A path is identified by the addresses of both hosts without ports, so a change of address makes
 * it another path. A new connection uses 80 percent of the stored bandwidth-delay product, or 95
 * percent if it was reached recently, because the bandwidth is measured from packet trains
 * (cc_bbr.h). The BDP is divided by the number of connections that started together last time. If
 * more start now, each gets as much while some is left. No connection gets any while another keeps
 * the path busy.
 *
 * Source   RFC 9959 (Careful Resume); docs/protocol.md section 11.1.
 * Threads  none: belongs to one endpoint.
 */
#ifndef RUDP_PROTO_KNOWN_PATHS_H
#define RUDP_PROTO_KNOWN_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"
#include "proto/cc/cc.h"

#define RUDP_KNOWN_PATHS_MAX 4096u /* 200 bytes each; the least recently used is evicted */
#define RUDP_KNOWN_PATH_LIFE_NS (600 * RUDP_NS_PER_S)
/* interval at which a busy connection stores its path */
#define RUDP_KNOWN_PATH_NOTE_NS (1 * RUDP_NS_PER_S)
#define RUDP_KNOWN_PATH_NOTE_BYTES (64u << 10) /* after fewer delivered bytes nothing is stored */
#define RUDP_KNOWN_PATH_BUSY_NS (3 * RUDP_KNOWN_PATH_NOTE_NS / 2)
/* packets in the loss statistics; then both counts are halved */
#define RUDP_KNOWN_PATH_PACKETS_MAX 8192u
#define RUDP_KNOWN_PATH_SHARE 80                       /* percent of the stored BDP that is used */
#define RUDP_KNOWN_PATH_RECENT_SHARE 95                /* the same if it was reached recently */
/* connections that start within this time share the BDP */
#define RUDP_KNOWN_PATH_SHARE_NS (1 * RUDP_NS_PER_S)
#define RUDP_KNOWN_PATH_RECENT_NS (10 * RUDP_NS_PER_S) /* a stored path is recent for this time */

/* Next step of the connection that measured the path. */
enum rudp_known_use {
	RUDP_KNOWN_BUSY,    /* sends at full rate: new connections must not use stored values */
	RUDP_KNOWN_LIMITED, /* limited by the application */
	RUDP_KNOWN_DONE,    /* all written data was acknowledged */
	RUDP_KNOWN_FREED,   /* the same, and it was BUSY before */
};

/* Recent packets that were acknowledged or lost on a path, and how many of them were lost. */
struct rudp_known_loss {
	uint64_t packets, lost;
};

struct rudp_known_path; /* private to known_paths.c */

struct rudp_known_paths {
	struct rudp_known_path *table;
	unsigned count;
	struct rudp_list by_use; /* least recently used first */
};

void rudp_known_paths_init(struct rudp_known_paths *all);
/* Removes all paths. The table can still be used. */
void rudp_known_paths_clear(struct rudp_known_paths *all);
/* Removes the path to this host. False if there was none. */
bool rudp_known_paths_forget_host(struct rudp_known_paths *all, const struct rudp_addr *host);

/*
 * Stores the measurements of a connection. A rate limited by the application never lowers the
 * stored rate. Without memory the path is not stored.
 */
void rudp_known_paths_note(struct rudp_known_paths *all, const struct rudp_addr *local,
			   const struct rudp_addr *remote, const struct rudp_cc_measured *measured,
			   enum rudp_known_use use, int64_t now_at_ns);

/* The minimum RTT of this path without queueing; 0 if unknown. */
int64_t rudp_known_paths_base_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *local,
				     const struct rudp_addr *remote, int64_t now_at_ns);

/*
 * note_loss adds to the loss statistics of a stored path. loss returns them; zeros if the path is
 * not stored.
 */
void rudp_known_paths_note_loss(struct rudp_known_paths *all, const struct rudp_addr *local,
				const struct rudp_addr *remote, struct rudp_known_loss more,
				int64_t now_at_ns);
struct rudp_known_loss rudp_known_paths_loss(struct rudp_known_paths *all,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote, int64_t now_at_ns);

/*
 * The number of bytes that a new connection, which has measured only this RTT, may have in flight.
 * 0 if the path is not stored, its RTT has changed too much, it is busy, or the result would be at
 * most least_bytes. The result is deducted from what the next connections get.
 */
uint64_t rudp_known_paths_take(struct rudp_known_paths *all, const struct rudp_addr *local,
			       const struct rudp_addr *remote, int64_t rtt_ns, uint64_t least_bytes,
			       int64_t now_at_ns);

/*
 * The same for a connection without an RTT sample. Only if another connection reached at least 80
 * percent of the stored rate within RUDP_KNOWN_PATH_RECENT_NS. *rtt_ns is the stored RTT if the
 * result is not 0.
 */
uint64_t rudp_known_paths_take_recent(struct rudp_known_paths *all, const struct rudp_addr *local,
				      const struct rudp_addr *remote, uint64_t least_bytes,
				      int64_t now_at_ns, int64_t *rtt_ns);

/* True if rtt_ns is plausible for the path whose RTT was known_ns. */
bool rudp_known_paths_is_same_length(int64_t known_ns, int64_t rtt_ns);

/*
 * Stores that this many connections to remote (without port) started together. The same number is
 * expected next time, and each gets an equal part.
 */
void rudp_known_paths_expect(struct rudp_known_paths *all, const struct rudp_addr_key *remote,
			     unsigned starters);

/* The minimum RTT to a host from any local address; 0 if unknown. */
int64_t rudp_known_paths_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *remote,
				int64_t now_at_ns);

/* Checks that count, list and table are consistent and within the limit. For tests. */
bool rudp_known_paths_check(const struct rudp_known_paths *all);

#endif
