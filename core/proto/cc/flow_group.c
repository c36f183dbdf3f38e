/* SPDX-License-Identifier: MIT */
/* RFC 8699; docs/protocol.md section 11.2. */
#include "proto/cc/flow_group.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cc/cc_pace.h"

/* A flow below this part of its share asks for more, once grants were confirmed. */
#define LITTLE_PERCENT 99
/*
 * Before that it asks if this part is missing. A smaller grant cannot be measured, and is not
 * judged.
 */
#define JUDGED_PERCENT 5
#define SHOWS_PERCENT 40 /* part of a grant that the delivery rate must show */
#define ASK_DIVISOR 4    /* the first request is this fraction of the flow's bandwidth; ... */
#define DOUBLINGS_MAX 2  /* ... it doubles after each confirmed grant, at most this often */
#define TRUST_GAINED 2   /* by a confirmed grant; an unconfirmed one subtracts 1 */
#define TRUST_MAX 6
#define TRUST_LEAST (-3) /* minimum before the group parts; one lower for every four flows */
#define JUDGED_AFTER 3   /* round trips */

static struct rudp_flow_group *find(const struct rudp_host *host, const struct rudp_addr_key *local)
{
	struct rudp_flow_group *group = host->flow_groups;

	while (group && memcmp(&group->local, local, sizeof *local) != 0)
		group = group->next;
	return group;
}

static struct rudp_flow_group *new_group(struct rudp_host *host, const struct rudp_addr_key *local)
{
	struct rudp_flow_group *group = calloc(1, sizeof *group);

	if (!group)
		return NULL;
	group->host = host;
	group->local = *local;
	group->apart_ns = RUDP_FLOW_APART_NS;
	group->next = host->flow_groups;
	host->flow_groups = group;
	return group;
}

struct rudp_flow_group *rudp_flow_group_hold(struct rudp_host_cache *hosts,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote)
{
	struct rudp_addr_key here = rudp_addr_key_of_host(local);
	struct rudp_host *host = rudp_host_cache_hold(hosts, remote);
	struct rudp_flow_group *group;

	if (!host)
		return NULL;
	group = find(host, &here);
	if (!group)
		group = new_group(host, &here);
	if (group)
		group->holders++;
	else
		rudp_host_cache_drop(hosts, host);
	return group;
}

void rudp_flow_group_drop(struct rudp_host_cache *hosts, struct rudp_flow_group *group)
{
	struct rudp_host *host = group->host;
	struct rudp_flow_group **at = &host->flow_groups;

	if (--group->holders == 0) {
		while (*at != group)
			at = &(*at)->next;
		*at = group->next;
		free(group);
	}
	rudp_host_cache_drop(hosts, host);
}

void rudp_flow_group_join(struct rudp_flow_group *group, struct rudp_flow *flow)
{
	*flow = (struct rudp_flow){0};
	group->flows++;
}

static void ask_for(struct rudp_flow_group *group, struct rudp_flow *flow, uint64_t bytes_per_s)
{
	group->wanted_bytes_per_s += bytes_per_s - flow->asked_bytes_per_s;
	flow->asked_bytes_per_s = bytes_per_s;
	if (group->spare_bytes_per_s > group->wanted_bytes_per_s)
		group->spare_bytes_per_s = group->wanted_bytes_per_s;
}

void rudp_flow_group_leave(struct rudp_flow_group *group, struct rudp_flow *flow)
{
	ask_for(group, flow, 0);
	group->bytes_per_s -= flow->counted_bytes_per_s;
	*flow = (struct rudp_flow){0};
	group->flows--;
}

void rudp_flow_group_count(struct rudp_flow_group *group, struct rudp_flow *flow)
{
	group->bytes_per_s += flow->bytes_per_s - flow->counted_bytes_per_s;
	flow->counted_bytes_per_s = flow->bytes_per_s;
}

bool rudp_flow_group_is_apart(const struct rudp_flow_group *group, int64_t now_at_ns)
{
	return now_at_ns < group->apart_until_ns;
}

static void stop_exchange(struct rudp_flow_group *group, int64_t now_at_ns)
{
	group->apart_until_ns = now_at_ns + group->apart_ns;
	group->apart_ns = rudp_time_min(2 * group->apart_ns, RUDP_FLOW_APART_NS_MAX);
	group->trust = 0;
}

static void judge(struct rudp_flow_group *group, const struct rudp_flow *flow, int64_t now_at_ns)
{
	if (flow->delivered_bytes_per_s >= flow->expected_bytes_per_s) {
		group->trust = group->trust + TRUST_GAINED > TRUST_MAX
				       ? TRUST_MAX
				       : group->trust + TRUST_GAINED;
		group->apart_ns = RUDP_FLOW_APART_NS;
	} else if (--group->trust <= TRUST_LEAST - (int)group->flows / 4) {
		stop_exchange(group, now_at_ns);
	}
}

static void give(struct rudp_flow_group *group, struct rudp_flow *flow, uint64_t part)
{
	uint64_t missing = group->wanted_bytes_per_s - group->spare_bytes_per_s;
	uint64_t more = flow->bytes_per_s - part;

	if (more > missing)
		more = missing;
	group->spare_bytes_per_s += more;
	flow->bytes_per_s -= more;
}

static void take(struct rudp_flow_group *group, struct rudp_flow *flow)
{
	uint64_t delivered = flow->delivered_bytes_per_s, before = flow->bytes_per_s;
	uint64_t taken = flow->asked_bytes_per_s;

	if (taken > group->spare_bytes_per_s)
		taken = group->spare_bytes_per_s;
	if (taken == 0)
		return;
	group->spare_bytes_per_s -= taken;
	ask_for(group, flow, 0);
	flow->bytes_per_s += taken;
	if (taken < before / 100 * JUDGED_PERCENT)
		return;
	flow->expected_bytes_per_s =
		delivered + rudp_cc_mul_div(delivered, taken * SHOWS_PERCENT / 100, before);
	flow->rounds_left = JUDGED_AFTER;
}

static void ask(struct rudp_flow_group *group, struct rudp_flow *flow, uint64_t part)
{
	int doublings = group->trust <= 0 ? 0 : group->trust / TRUST_GAINED;
	uint64_t more = part - flow->bytes_per_s, most = flow->bytes_per_s / ASK_DIVISOR;

	most <<= doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX;
	ask_for(group, flow, more < most ? more : most);
}

static void trade(struct rudp_flow_group *group, struct rudp_flow *flow)
{
	uint64_t part = (group->bytes_per_s + group->spare_bytes_per_s) / group->flows;
	uint64_t percent = group->trust > 0 ? LITTLE_PERCENT : 100 - JUDGED_PERCENT;
	bool has_little = flow->bytes_per_s < part / 100 * percent;

	if (!has_little)
		ask_for(group, flow, 0);
	if (flow->bytes_per_s > part)
		give(group, flow, part);
	else if (flow->asked_bytes_per_s > 0)
		take(group, flow);
	else if (has_little && flow->rounds_left == 0)
		ask(group, flow, part);
}

void rudp_flow_group_exchange(struct rudp_flow_group *group, struct rudp_flow *flow,
			      int64_t now_at_ns)
{
	rudp_flow_group_count(group, flow);
	if (flow->rounds_left > 0 && --flow->rounds_left == 0)
		judge(group, flow, now_at_ns);
	if (rudp_flow_group_is_apart(group, now_at_ns)) {
		ask_for(group, flow, 0);
		return;
	}
	trade(group, flow);
	rudp_flow_group_count(group, flow);
}
