/* SPDX-License-Identifier: MIT */
/*
 * roam - connections follow the addresses of this host.
 *
 * What a program has opened leaves from the address that routing chose then. When the host joins another
 * network, that address is gone, or its interface is no longer the one that leads to the peer, and what
 * is sent from it comes to nobody. The kernel tells of such changes (rtnetlink(7)); then each of these
 * connections is looked at, and goes on from the address that routing chooses now. The peer learns of
 * it by the packets that come from there (docs/protocol.md section 13). Whoever waits in vain for an
 * answer asks again at once, wherever it is: perhaps the way is back.
 *
 * And what is remembered of the ways to others (route_cache.h) is forgotten where it was found out from
 * an address that this host has no longer: in another network UDP may pass, or not.
 *
 * Left where they are: what a listener has accepted (only the initiator moves on purpose), what the
 * program has bound to an address, and what kernel TCP carries. An address that stays usable is not
 * exchanged for a better one of the same interface.
 */
#ifndef RUDP_ENGINE_ROAM_H
#define RUDP_ENGINE_ROAM_H

#include <stdint.h>

#include "base/time.h"

#define RUDP_ROAM_SETTLE_NS (20 * RUDP_NS_PER_MS) /* a change comes as several messages */
#define RUDP_ROAM_AGAIN_NS (200 * RUDP_NS_PER_MS) /* at least, from one look to the next */
#define RUDP_ROAM_REST_TIMES 32                   /* the time that the last one took */
#define RUDP_ROAM_MESSAGES_MAX 1000               /* taken off at once */

struct rudp_engine;

struct rudp_roam {
	int fd; /* of rtnetlink; -1: this host does not tell us */
	uint64_t id;
	int64_t look_at_ns; /* RUDP_NEVER: nothing has changed */
	int64_t not_before_ns;
};

/* Where the kernel refuses to tell of changes connections stay as they are. */
void rudp_roam_open(struct rudp_engine *engine);
void rudp_roam_close(struct rudp_engine *engine);
/* epoll says so: something has changed. */
void rudp_roam_on_event(struct rudp_engine *engine);
/* Looks at all connections, and moves those that must. For when look_at_ns is due. */
void rudp_roam_look(struct rudp_engine *engine);

#endif
