/* SPDX-License-Identifier: MIT */
#include "engine/policy.h"

#include "base/time.h"

#define DNS_PORT 53

struct rudp_decision rudp_policy_decide(const struct rudp_policy *policy,
					const struct rudp_policy_question *question)
{
	struct rudp_decision decision = {.way = question->has_key ? RUDP_WAY_RUDP
								  : RUDP_WAY_AUTO};

	(void)policy;
	if (question->direction == RUDP_DIRECTION_CONNECT &&
	    rudp_addr_port(question->addr) == DNS_PORT)
		decision.way = RUDP_WAY_TCP;
	return decision;
}

int64_t rudp_policy_head_start_ns(const struct rudp_policy *policy)
{
	(void)policy;
	return 250 * RUDP_NS_PER_MS;
}

int64_t rudp_policy_remember_ns(const struct rudp_policy *policy)
{
	(void)policy;
	return 600 * RUDP_NS_PER_S;
}

uint16_t rudp_policy_udp_port(const struct rudp_policy *policy)
{
	(void)policy;
	return 0;
}
