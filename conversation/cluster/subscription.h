/* SPDX-License-Identifier: MIT */
/*
 * subscription - decides when a node subscribes to the log again, and how long it waits for the
 * answer of a NATS server.
 *
 * Model    A request is lost, without an error, while the servers have no leader, or if the leader
 *          gives the consumer to a server that has just died. So the first waits are short, and
 *          each wait without an answer is followed by one that is half as long again.
 *          A replica asks for a new subscription whenever an entry of its own does not come back.
 *          A request made before the present subscription began is outdated, and is dropped.
 * Limits   One request waits: the one that asks for most. Attempts begin APO_SUBSCRIPTION_PAUSE_NS
 *          apart at least.
 * Threads  none: one owner at a time makes all calls. No I/O and no clock.
 */
#ifndef APO_CLUSTER_SUBSCRIPTION_H
#define APO_CLUSTER_SUBSCRIPTION_H

#include "conversation/cluster/replica.h"

#define APO_SUBSCRIPTION_PAUSE_NS (500 * RUDP_NS_PER_MS)
#define APO_SUBSCRIPTION_WAIT_MIN_NS (500 * RUDP_NS_PER_MS)
#define APO_SUBSCRIPTION_WAIT_MAX_NS (2 * RUDP_NS_PER_S)

struct apo_subscription {
	enum apo_reopening asked;
	bool is_open;
	int64_t wait_ns;      /* of the next attempt; 0: APO_SUBSCRIPTION_WAIT_MIN_NS */
	int64_t tried_at_ns;  /* when the last attempt began */
	int64_t opened_at_ns; /* when the present subscription was made */
};

/* Takes what the replica asks for, perhaps APO_REOPEN_NOT. Returns what is to be done now: the
 * caller gives up the present subscription, if there is one. */
enum apo_reopening apo_subscription_due(struct apo_subscription *subscription,
					enum apo_reopening asked, int64_t now_at_ns);
/* Whether an attempt may begin. If so it has begun. */
bool apo_subscription_try(struct apo_subscription *subscription, int64_t now_at_ns);
/* The time that an attempt waits for each answer. */
int64_t apo_subscription_wait_ns(const struct apo_subscription *subscription);
/* The result of the attempt. */
void apo_subscription_on_result(struct apo_subscription *subscription, bool is_open,
				int64_t now_at_ns);

#endif
