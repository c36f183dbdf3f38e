/* SPDX-License-Identifier: MIT */
/*
 * roam - moves connections to another source address when this host's addresses or routes change.
 *
 * A connection that a program has opened uses the source address that routing chose at that time.
 * When the host joins another network, that address disappears, or its interface no longer leads to
 * the peer, and packets from it are lost. The kernel reports such changes (rtnetlink(7)). Then the
 * engine checks each of these connections and continues it from the address that routing chooses
 * now. The peer learns of the move from the packets that arrive from there (docs/protocol.md
 * section 13). Connections that wait for an acknowledgement send a probe at once, whether moved or
 * not: the path may work again.
 *
 * Entries of the route cache (route_cache.h) that were learned from an address which this host no
 * longer has are dropped: another network may treat UDP differently.
 *
 * Not moved are: accepted connections (only the initiator migrates deliberately), sockets that the
 * program has bound to an address, and kernel TCP connections. A usable address is not exchanged
 * for a better one of the same interface.
 */
#ifndef RUDP_ENGINE_ROAM_H
#define RUDP_ENGINE_ROAM_H

#include <stdint.h>

#include "base/time.h"

#define RUDP_ROAM_SETTLE_NS (20 * RUDP_NS_PER_MS) /* one change arrives as several messages */
#define RUDP_ROAM_AGAIN_NS (200 * RUDP_NS_PER_MS) /* minimum time between two checks */
#define RUDP_ROAM_REST_TIMES 32     /* pause: this many times the last check's duration */
#define RUDP_ROAM_MESSAGES_MAX 1000 /* read from the socket at once */

struct rudp_engine;

struct rudp_roam {
	int fd; /* of rtnetlink; -1: changes are not reported */
	uint64_t id;
	int64_t check_at_ns; /* time of the next check; RUDP_NEVER: no change */
	int64_t not_before_ns;
};

/* If the kernel refuses to report changes, connections stay as they are. */
void rudp_roam_open(struct rudp_engine *engine);
void rudp_roam_close(struct rudp_engine *engine);
/* To be called on an event of the socket: something has changed. */
void rudp_roam_on_event(struct rudp_engine *engine);
/* Checks all connections and moves those that need it. To be called when check_at_ns is due. */
void rudp_roam_check(struct rudp_engine *engine);

#endif
