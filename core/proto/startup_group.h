/* SPDX-License-Identifier: MIT */
/*
 * startup_group - connections to one host that look for their rate at the same time. What one of them
 * finds is for all: six that a browser opens at once would each take the path for its own.
 *
 * Memory   a group lives while it has members: no more groups than connections.
 * Threads  none: an endpoint's own.
 */
#ifndef RUDP_PROTO_STARTUP_GROUP_H
#define RUDP_PROTO_STARTUP_GROUP_H

#include "base/addr.h"
#include "base/table.h"

struct rudp_startup_group {
	struct rudp_addr_key remote; /* without port */
	unsigned count, peak;        /* now, at least 1, and at most so far */
	UT_hash_handle hh;
};

/* One more to this host. NULL: no memory; then it starts as if alone. */
struct rudp_startup_group *rudp_startup_group_join(struct rudp_startup_group **all,
						   const struct rudp_addr *remote);
/* One less; the last one frees the group. */
void rudp_startup_group_leave(struct rudp_startup_group **all, struct rudp_startup_group *group);

#endif
