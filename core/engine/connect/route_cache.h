/* SPDX-License-Identifier: MIT */
/*
 * route_cache - remembers whether the last connection to a destination used rudp or TCP, so that
 * only the first connection has to try both.
 *
 * Limits   RUDP_ROUTE_CACHE_MAX destinations (address and port); the oldest entry is evicted. The
 *          caller of a lookup decides how old an entry may be.
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
	struct rudp_list by_age; /* oldest first */
	unsigned count;
};

void rudp_route_cache_init(struct rudp_route_cache *route_cache);
void rudp_route_cache_fini(struct rudp_route_cache *route_cache);

/*
 * Stores a result. from: this host's address that the connection used; rtt_ns: its round trip time
 * over rudp. If there is no memory, nothing is stored.
 */
void rudp_route_cache_put(struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			  const struct rudp_addr *from, bool tcp, int64_t rtt_ns,
			  int64_t now_at_ns);
void rudp_route_cache_forget(struct rudp_route_cache *route_cache, const struct rudp_addr *to);
/* Drops entries for whose source address keep() returns false: the host has left that network. */
void rudp_route_cache_forget_unless(struct rudp_route_cache *route_cache,
				    bool (*keep)(void *context, const struct rudp_addr *from),
				    void *context);

/* Drops all ports of a host; host NULL: all entries. Returns how many were dropped. */
unsigned rudp_route_cache_forget_host(struct rudp_route_cache *route_cache,
				      const struct rudp_addr *host);

/* false: unknown, or older than age_max_ns. */
bool rudp_route_cache_find(const struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			   int64_t age_max_ns, int64_t now_at_ns, bool *tcp, int64_t *rtt_ns);

/* Counts the destinations that used TCP at most age_max_ns ago. Visits all entries. */
unsigned rudp_route_cache_tcp_count(const struct rudp_route_cache *route_cache, int64_t age_max_ns,
				    int64_t now_at_ns);

#endif
