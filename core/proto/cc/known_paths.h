/* SPDX-License-Identifier: MIT */
/*
 * known_paths - what connections have measured of the paths to other hosts, so that the next one on
 * the same path need not begin as if nothing were known.
 *
 * A path is known by both hosts' addresses, whatever the ports: so it is another one after roaming.
 * Four fifths of what is known are believed, as of what trains of packets say (cc_bbr.h), or nearly all
 * where it has just been reached; and shared: by as many connections as have begun together last time,
 * or, where more begin, each gets as much of what is left; and none gets any while another one keeps the
 * path busy.
 *
 * Source   RFC 9959 (Careful Resume); docs/protocol.md section 11.1.
 * Threads  none: an endpoint's own.
 */
#ifndef RUDP_PROTO_KNOWN_PATHS_H
#define RUDP_PROTO_KNOWN_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"
#include "proto/cc/cc.h"

#define RUDP_KNOWN_PATHS_MAX 4096u /* 200 bytes each; the one unused longest leaves */
#define RUDP_KNOWN_PATH_LIFE_NS (600 * RUDP_NS_PER_S)
#define RUDP_KNOWN_PATH_NOTE_NS (1 * RUDP_NS_PER_S)  /* how often a busy connection notes its path */
#define RUDP_KNOWN_PATH_NOTE_BYTES (64u << 10)       /* less delivered says nothing of a path */
#define RUDP_KNOWN_PATH_BUSY_NS (3 * RUDP_KNOWN_PATH_NOTE_NS / 2)
#define RUDP_KNOWN_PATH_PACKETS_MAX 8192u            /* of losses; then half of them count */
#define RUDP_KNOWN_PATH_SHARE 80                     /* percent that are believed */
#define RUDP_KNOWN_PATH_RECENT_SHARE 95              /* of what has been reached of late */
#define RUDP_KNOWN_PATH_SHARE_NS (1 * RUDP_NS_PER_S) /* connections that begin within it share */
#define RUDP_KNOWN_PATH_RECENT_NS (10 * RUDP_NS_PER_S) /* without a round trip nothing older counts */

/* What the connection that measured does from here on. */
enum rudp_known_use {
	RUDP_KNOWN_BUSY,    /* sends as fast as it may: nobody should presume anything beside it */
	RUDP_KNOWN_LIMITED, /* its program sets the pace */
	RUDP_KNOWN_DONE,    /* all that was written has arrived */
	RUDP_KNOWN_FREED,   /* likewise, and it has been BUSY */
};

/* How many packets have been answered or lost on a path of late, and how many of them were lost. */
struct rudp_known_loss {
	uint64_t packets, lost;
};

struct rudp_known_path; /* its table is in known_paths.c */

struct rudp_known_paths {
	struct rudp_known_path *table;
	unsigned count;
	struct rudp_list by_use; /* the one unused longest first */
};

void rudp_known_paths_init(struct rudp_known_paths *all);
/* Forgets all of them; the table is empty then, and may be used on. */
void rudp_known_paths_clear(struct rudp_known_paths *all);
/* Forgets the path to this host. false: it was not known. */
bool rudp_known_paths_forget_host(struct rudp_known_paths *all, const struct rudp_addr *host);

/*
 * Keeps what a connection has measured. A rate that was not its path's but its application's takes
 * nothing away from what is known. Without memory the path stays unknown.
 */
void rudp_known_paths_note(struct rudp_known_paths *all, const struct rudp_addr *local,
			   const struct rudp_addr *remote, const struct rudp_cc_measured *measured,
			   enum rudp_known_use use, int64_t now_at_ns);

/* The round trip of this path without a queue; 0: not known. */
int64_t rudp_known_paths_base_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *local,
				     const struct rudp_addr *remote, int64_t now_at_ns);

/* Adds to what is known of losses on a path that is known; and says it, 0 of 0 where it is not. */
void rudp_known_paths_note_loss(struct rudp_known_paths *all, const struct rudp_addr *local,
				const struct rudp_addr *remote, struct rudp_known_loss more,
				int64_t now_at_ns);
struct rudp_known_loss rudp_known_paths_loss(struct rudp_known_paths *all,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote, int64_t now_at_ns);

/*
 * How many bytes a connection may have in flight at once that has seen nothing of its path but this
 * round trip; 0: the path is not known, or not as long as it was, or somebody uses it, or it is no
 * more than least_bytes. What is said is taken from what the next connections are told.
 */
uint64_t rudp_known_paths_take(struct rudp_known_paths *all, const struct rudp_addr *local,
			       const struct rudp_addr *remote, int64_t rtt_ns, uint64_t least_bytes,
			       int64_t now_at_ns);

/*
 * The same for a connection that has seen not even a round trip, where some other one has measured what
 * is known, or four fifths of it, within RUDP_KNOWN_PATH_RECENT_NS. *rtt_ns: the known round trip, if it
 * is not 0.
 */
uint64_t rudp_known_paths_take_recent(struct rudp_known_paths *all, const struct rudp_addr *local,
				      const struct rudp_addr *remote, uint64_t least_bytes,
				      int64_t now_at_ns, int64_t *rtt_ns);

/* A round trip that is no other path's than one of known_ns. */
bool rudp_known_paths_is_same_length(int64_t known_ns, int64_t rtt_ns);

/*
 * So many connections have started there together: as many are expected next time, and each is told its
 * part. remote: without port.
 */
void rudp_known_paths_expect(struct rudp_known_paths *all, const struct rudp_addr_key *remote,
			     unsigned starters);

/* The shortest round trip to a host, from wherever; 0: not known. */
int64_t rudp_known_paths_rtt_ns(struct rudp_known_paths *all, const struct rudp_addr *remote,
				int64_t now_at_ns);

/* Count, list and table agree, and the limit holds. For tests. */
bool rudp_known_paths_check(const struct rudp_known_paths *all);

#endif
