/* SPDX-License-Identifier: MIT */
/*
 * startup_group - connections to one host that look for their rate at the same time. What one of them
 * finds is for all: six that a browser opens at once would each take the path for its own.
 *
 * Memory   a group lives while it has members: no more groups than connections. The last one that
 *          became empty is kept for the next, as a connection leaves and joins again at each pause.
 * Threads  none: an endpoint's own.
 */
#ifndef RUDP_PROTO_STARTUP_GROUP_H
#define RUDP_PROTO_STARTUP_GROUP_H

#include "base/addr.h"
#include "base/table.h"

struct rudp_startup_group {
	struct rudp_addr_key remote; /* without port */
	unsigned count, peak;        /* now, and at most so far */
	UT_hash_handle hh;
};

struct rudp_startup_groups {
	struct rudp_startup_group *by_host;
	struct rudp_startup_group *empty; /* one of them; NULL: none is */
};

/* One more to this host. NULL: no memory; then it starts as if alone. */
struct rudp_startup_group *rudp_startup_group_join(struct rudp_startup_groups *groups,
						   const struct rudp_addr *remote);
/* One less. */
void rudp_startup_group_leave(struct rudp_startup_groups *groups, struct rudp_startup_group *group);
/* Frees the empty one. */
void rudp_startup_groups_fini(struct rudp_startup_groups *groups);

#endif
