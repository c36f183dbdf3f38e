/* SPDX-License-Identifier: MIT */
/*
 * ip_limits - who comes from where, and how often: one entry for each IPv4 address and each IPv6 /64
 * that has connections, or has connected lately.
 *
 * Model    connections of an address are counted; a new one must find fewer than per_address_max,
 *          and an address may connect connects_max times at once, then at the pace of so many in
 *          connects_ns.
 * Limits   APO_IP_LIMITS_IDLE_MAX entries without connections; then the one that has been so longest
 *          goes.
 * Threads  the acceptor's. Entries are handed out as tokens.
 */
#ifndef APO_SERVER_IP_LIMITS_H
#define APO_SERVER_IP_LIMITS_H

#include "base/list.h"
#include "conversation/model/serializer.h"
#include "conversation/server/config.h"

#define APO_IP_LIMITS_IDLE_MAX 65536

struct apo_ip_limits {
	struct apo_ip_entry *table;
	struct rudp_list idle; /* without connections, in the order in which they became so */
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

/* A connection from there has come. *ip_entry: its entry, which counts it until apo_ip_limits_leave,
 * also when it is not welcome; NULL on NO_MEMORY. */
enum apo_ip_verdict apo_ip_limits_enter(struct apo_ip_limits *ip_limits,
					const struct apo_config *config,
					const struct rudp_addr *address, int64_t now_at_ns,
					struct apo_ip_entry **ip_entry);
void apo_ip_limits_leave(struct apo_ip_limits *ip_limits, struct apo_ip_entry *ip_entry);

/* ---- from another process (upgrade_state.h) ---- */

/* Counts a connection that is there already, whatever the limits. NULL without memory. */
struct apo_ip_entry *apo_ip_limits_readmit(struct apo_ip_limits *ip_limits,
					   const struct rudp_addr *address);
/* How often each has connected lately. Into IP limits that are new. */
void apo_ip_limits_serialize(struct apo_serializer *serializer, struct apo_ip_limits *ip_limits);

#endif
