/* SPDX-License-Identifier: MIT */
/*
 * startup_group - counts the connections to one host that are in start-up at the same time.
 *
 * They share the measured bandwidth. Otherwise six connections that a browser opens at once would
 * each use the whole path for itself.
 *
 * Memory   A group lives while it has members, so there are no more groups than connections. The
 *          last group that became empty is kept, because a connection leaves and joins again at
 *          each pause.
 * Threads  none: belongs to one endpoint.
 */
#ifndef RUDP_PROTO_STARTUP_GROUP_H
#define RUDP_PROTO_STARTUP_GROUP_H

#include "base/addr.h"
#include "base/table.h"

struct rudp_startup_group {
	struct rudp_addr_key remote; /* without port */
	unsigned count, peak;        /* members now, and their maximum so far */
	UT_hash_handle hh;
};

struct rudp_startup_groups {
	struct rudp_startup_group *by_host;
	struct rudp_startup_group *empty; /* the kept empty group; NULL: none */
};

/* Adds a member for this host. NULL: no memory; then the connection starts as if alone. */
struct rudp_startup_group *rudp_startup_group_join(struct rudp_startup_groups *groups,
						   const struct rudp_addr *remote);
/* Removes a member. */
void rudp_startup_group_leave(struct rudp_startup_groups *groups, struct rudp_startup_group *group);
/* Frees the empty group. */
void rudp_startup_groups_fini(struct rudp_startup_groups *groups);

#endif
