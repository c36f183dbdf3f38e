/* SPDX-License-Identifier: MIT */
/*
 * visitors - who comes from where, and how often: one entry for each IPv4 address and each IPv6 /64
 * that has connections, or has connected lately.
 *
 * Model    connections of an address are counted; a new one must find fewer than per_address_max,
 *          and an address may connect connects_max times at once, then at the pace of so many in
 *          connects_ns.
 * Limits   APO_VISITORS_IDLE_MAX entries without connections; then the one that has been so longest
 *          goes.
 * Threads  the acceptor's. Entries are handed out as tokens.
 */
#ifndef APO_SERVER_VISITORS_H
#define APO_SERVER_VISITORS_H

#include "base/list.h"
#include "conversation/model/carry.h"
#include "conversation/server/config.h"

#define APO_VISITORS_IDLE_MAX 65536

struct apo_visitors {
	struct apo_visitor *table;
	struct rudp_list idle; /* without connections, in the order in which they became so */
	unsigned idle_count;
};

enum apo_visit { APO_VISIT_WELCOME, APO_VISIT_TOO_MANY, APO_VISIT_TOO_OFTEN, APO_VISIT_NO_MEMORY };

void apo_visitors_init(struct apo_visitors *visitors);
void apo_visitors_fini(struct apo_visitors *visitors);

/* A connection from there has come. *visitor: its entry, which counts it until apo_visitors_leave,
 * also when it is not welcome; NULL on NO_MEMORY. */
enum apo_visit apo_visitors_enter(struct apo_visitors *visitors, const struct apo_config *config,
				  const struct rudp_addr *address, int64_t now_at_ns,
				  struct apo_visitor **visitor);
void apo_visitors_leave(struct apo_visitors *visitors, struct apo_visitor *visitor);

/* ---- from another process (cargo.h) ---- */

/* Counts a connection that is there already, whatever the limits. NULL without memory. */
struct apo_visitor *apo_visitors_readmit(struct apo_visitors *visitors,
					 const struct rudp_addr *address);
/* How often each has connected lately. Into visitors that are new. */
void apo_visitors_carry(struct apo_carry *carry, struct apo_visitors *visitors);

#endif
