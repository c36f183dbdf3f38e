/* SPDX-License-Identifier: MIT */
/*
 * ip_limits - limits connections by address: one entry for each IPv4 address and each IPv6 /64 that
 * has connections or had some recently.
 *
 * Model    An address may have per_address_max connections at once. It may connect connects_max
 *          times in a burst, then at the rate of connects_max in connects_ns.
 * Limits   APO_IP_LIMITS_IDLE_MAX entries without connections; at more the longest idle entry is
 *          evicted.
 * Threads  the acceptor's. The entries are opaque to callers.
 */
#ifndef APO_SERVER_IP_LIMITS_H
#define APO_SERVER_IP_LIMITS_H

#include "base/list.h"
#include "conversation/model/serializer.h"
#include "conversation/server/config.h"

#define APO_IP_LIMITS_IDLE_MAX 65536

struct apo_ip_limits {
	struct apo_ip_entry *table;
	struct rudp_list idle; /* entries without connections, longest idle first */
	unsigned idle_count;
};

enum apo_ip_verdict {
	APO_IP_LIMIT_WELCOME,
	APO_IP_LIMIT_TOO_MANY,
	APO_IP_LIMIT_TOO_OFTEN,
	APO_IP_LIMIT_NO_MEMORY
};

void apo_ip_limits_init(struct apo_ip_limits *ip_limits);
void apo_ip_limits_fini(struct apo_ip_limits *ip_limits);

/* Counts a new connection of the address. *ip_entry: its entry, which counts the connection until
 * apo_ip_limits_leave, even if the connection is refused; NULL on NO_MEMORY. */
enum apo_ip_verdict apo_ip_limits_enter(struct apo_ip_limits *ip_limits,
					const struct apo_config *config,
					const struct rudp_addr *address, int64_t now_at_ns,
					struct apo_ip_entry **ip_entry);
void apo_ip_limits_leave(struct apo_ip_limits *ip_limits, struct apo_ip_entry *ip_entry);

/* ---- hand-over (upgrade_state.h) ---- */

/* Counts a connection that was taken over, regardless of the limits. NULL if memory is short. */
struct apo_ip_entry *apo_ip_limits_readmit(struct apo_ip_limits *ip_limits,
					   const struct rudp_addr *address);
/* How often each address has connected recently. Reading needs new IP limits. */
void apo_ip_limits_serialize(struct apo_serializer *serializer, struct apo_ip_limits *ip_limits);

#endif
