/* SPDX-License-Identifier: MIT */
/*
 * host_cache - what an endpoint knows of other hosts: the measured path, the connections that start
 * or send at full rate now, and whether the host reported a closed port.
 *
 * Path      Measurements let new connections start faster. A path is identified by the addresses of
 *           both hosts without ports, so a change of address makes it another path. A new
 *           connection uses 80 percent of the stored bandwidth-delay product, or 95 percent if it
 *           was reached recently, because the bandwidth is measured from packet trains (cc_bbr.h).
 *           The BDP is divided by the number of connections that started together last time. If
 *           more start now, each gets as much while some is left. No connection gets any while
 *           another keeps the path busy.
 * Start-up  Connections that are in start-up at the same time share the measured bandwidth.
 *           Otherwise six connections that a browser opens at once would each use the whole path
 *           for itself.
 * Flows     Connections that send at full rate share their bandwidth (flow_group.h).
 * Refusals  An engine closes the port of a connection that it has forgotten, and its kernel then
 *           answers packets with ICMP "port unreachable". But the kernel answers each sender only
 *           about once a second (icmp(7), icmp_ratelimit), for all ports together. So a refusal of
 *           one port is remembered for its host.
 * Eviction  A host that a connection holds is never evicted, so there are no more of these than
 *           connections. Of the others at most RUDP_HOST_CACHE_MAX are kept. The first to be
 *           evicted is one that a connection left without a measurement, then the least recently
 *           used.
 *
 * Source   RFC 9959 (Careful Resume); docs/protocol.md section 11.1.
 * Threads  none: belongs to one endpoint.
 */
#ifndef RUDP_PROTO_HOST_CACHE_H
#define RUDP_PROTO_HOST_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/table.h"
#include "base/time.h"
#include "proto/cc/cc.h"

#define RUDP_HOST_CACHE_MAX 4096u           /* about 300 bytes each */
#define RUDP_REFUSAL_NS (5 * RUDP_NS_PER_S) /* how long a refusal counts */
#define RUDP_KNOWN_PATH_LIFE_NS (600 * RUDP_NS_PER_S)
/* interval at which a busy connection stores its path */
#define RUDP_KNOWN_PATH_NOTE_NS (1 * RUDP_NS_PER_S)
#define RUDP_KNOWN_PATH_NOTE_BYTES (64u << 10) /* after fewer delivered bytes nothing is stored */
#define RUDP_KNOWN_PATH_BUSY_NS (3 * RUDP_KNOWN_PATH_NOTE_NS / 2)
/* packets in the loss statistics; then both counts are halved */
#define RUDP_KNOWN_PATH_PACKETS_MAX 8192u
#define RUDP_KNOWN_PATH_SHARE 80        /* percent of the stored BDP that is used */
#define RUDP_KNOWN_PATH_RECENT_SHARE 95 /* the same if it was reached recently */
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

/* Measurements of the path to a host. Unused if all zeros. */
struct rudp_known_path {
	struct rudp_addr_key local; /* without port */
	uint64_t bytes_per_s;
	int64_t min_rtt_ns;
	int64_t base_rtt_ns; /* without queueing; 0: unknown */
	int64_t noted_at_ns;
	int64_t reached_at_ns; /* when 80 percent of bytes_per_s was last reached */
	int64_t busy_until_ns;
	int64_t taken_at_ns;  /* when the first of the connections that share took its part */
	uint64_t taken_bytes; /* taken by all of them */
	struct rudp_known_loss loss;
	unsigned starters; /* connections that started together last time; 0: unknown */
	bool is_used;
};

struct rudp_flow_group;

struct rudp_host {
	struct rudp_addr_key addr; /* without port */
	unsigned holders;          /* it is evicted only if there is none */
	struct rudp_known_path path;
	unsigned starting, starting_peak;    /* holders in start-up, and their maximum so far */
	struct rudp_flow_group *flow_groups; /* one for each local address (flow_group.h) */
	int64_t refused_until_ns;            /* until then a refusal counts */
	struct rudp_list use_link;           /* if it has no holders */
	UT_hash_handle hh;
};

struct rudp_host_cache {
	struct rudp_host *table;
	unsigned idle_count;     /* hosts without holders, */
	struct rudp_list by_use; /* the first to be evicted first */
};

void rudp_host_cache_init(struct rudp_host_cache *all);
/*
 * Removes what is known of this host, or of all hosts if host is NULL. What connections hold
 * remains. The table can still be used. Returns how many paths were known.
 */
unsigned rudp_host_cache_forget(struct rudp_host_cache *all, const struct rudp_addr *host);

/* Adds a holder, and the host if it is unknown. NULL: no memory. */
struct rudp_host *rudp_host_cache_hold(struct rudp_host_cache *all, const struct rudp_addr *host);
void rudp_host_cache_drop(struct rudp_host_cache *all, struct rudp_host *host);

/*
 * A connection to this host is in start-up; NULL: no memory, then it starts as if alone. It ends
 * start-up. When the last one ends, the number of connections that started together is stored: the
 * same number is expected next time, and each gets an equal part.
 */
struct rudp_host *rudp_host_cache_begin_startup(struct rudp_host_cache *all,
						const struct rudp_addr *remote);
void rudp_host_cache_end_startup(struct rudp_host_cache *all, struct rudp_host *host);

/* This host has reported a closed port; whether it did so in the last RUDP_REFUSAL_NS. */
void rudp_host_cache_note_refusal(struct rudp_host_cache *all, const struct rudp_addr *host,
				  int64_t now_at_ns);
bool rudp_host_cache_has_refused(const struct rudp_host_cache *all, const struct rudp_addr *host,
				 int64_t now_at_ns);

/*
 * Stores the measurements of a connection. A rate limited by the application never lowers the
 * stored rate. Without memory the path is not stored.
 */
void rudp_host_cache_note(struct rudp_host_cache *all, const struct rudp_addr *local,
			  const struct rudp_addr *remote, const struct rudp_cc_measured *measured,
			  enum rudp_known_use use, int64_t now_at_ns);

/* The minimum RTT of this path without queueing; 0 if unknown. */
int64_t rudp_host_cache_base_rtt_ns(struct rudp_host_cache *all, const struct rudp_addr *local,
				    const struct rudp_addr *remote, int64_t now_at_ns);

/*
 * note_loss adds to the loss statistics of a stored path. loss returns them; zeros if the path is
 * not stored.
 */
void rudp_host_cache_note_loss(struct rudp_host_cache *all, const struct rudp_addr *local,
			       const struct rudp_addr *remote, struct rudp_known_loss more,
			       int64_t now_at_ns);
struct rudp_known_loss rudp_host_cache_loss(struct rudp_host_cache *all,
					    const struct rudp_addr *local,
					    const struct rudp_addr *remote, int64_t now_at_ns);

/*
 * The number of bytes that a new connection, which has measured only this RTT, may have in flight.
 * 0 if the path is not stored, its RTT has changed too much, it is busy, or the result would be at
 * most least_bytes. The result is deducted from what the next connections get.
 */
uint64_t rudp_host_cache_take(struct rudp_host_cache *all, const struct rudp_addr *local,
			      const struct rudp_addr *remote, int64_t rtt_ns, uint64_t least_bytes,
			      int64_t now_at_ns);

/*
 * The same for a connection without an RTT sample. Only if another connection reached at least 80
 * percent of the stored rate within RUDP_KNOWN_PATH_RECENT_NS. *rtt_ns is the stored RTT if the
 * result is not 0.
 */
uint64_t rudp_host_cache_take_recent(struct rudp_host_cache *all, const struct rudp_addr *local,
				     const struct rudp_addr *remote, uint64_t least_bytes,
				     int64_t now_at_ns, int64_t *rtt_ns);

/* True if rtt_ns is plausible for the path whose RTT was known_ns. */
bool rudp_host_cache_is_same_length(int64_t known_ns, int64_t rtt_ns);

/* The minimum RTT to a host from any local address; 0 if unknown. */
int64_t rudp_host_cache_rtt_ns(struct rudp_host_cache *all, const struct rudp_addr *remote,
			       int64_t now_at_ns);

#endif
