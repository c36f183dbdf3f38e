/* SPDX-License-Identifier: MIT */
/*
 * route_cache - which way the last connection to a destination took, so that only the first one races.
 *
 * At most RUDP_ROUTE_CACHE_MAX destinations (address and port); the oldest entry makes room. An entry
 * counts for the time given when it is asked for.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_ROUTE_CACHE_H
#define RUDP_ENGINE_ROUTE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"

#define RUDP_ROUTE_CACHE_MAX 4096

struct rudp_route_cache_entry;

struct rudp_route_cache {
	struct rudp_route_cache_entry *table;
	struct rudp_list by_age;      /* oldest first */
	unsigned count;
};

void rudp_route_cache_init(struct rudp_route_cache *route_cache);
void rudp_route_cache_fini(struct rudp_route_cache *route_cache);

/*
 * from: this host's address, which it left from; rtt_ns: of a handshake over rudp.
 * Without memory nothing is remembered.
 */
void rudp_route_cache_put(struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			  const struct rudp_addr *from, bool tcp, int64_t rtt_ns,
			  int64_t now_at_ns);
void rudp_route_cache_forget(struct rudp_route_cache *route_cache, const struct rudp_addr *to);
/* What has left from addresses of which keeps says false: this host is in another network by now. */
void rudp_route_cache_forget_unless(struct rudp_route_cache *route_cache,
				    bool (*keeps)(void *context, const struct rudp_addr *from),
				    void *context);

/* All ports of a host; host NULL: every destination. Returns how many there were. */
unsigned rudp_route_cache_forget_host(struct rudp_route_cache *route_cache,
				      const struct rudp_addr *host);

/* false: not known, or older than age_max_ns. */
bool rudp_route_cache_find(const struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			   int64_t age_max_ns, int64_t now_at_ns, bool *tcp, int64_t *rtt_ns);

/* So many destinations are remembered to have taken TCP, and not longer ago. Looks at each. */
unsigned rudp_route_cache_tcp_count(const struct rudp_route_cache *route_cache, int64_t age_max_ns,
				    int64_t now_at_ns);

#endif
