/* SPDX-License-Identifier: MIT */
/* RFC 8699; docs/protocol.md section 11.2. */
#include "proto/cc/flow_group.h"

#include <stdlib.h>

#include "proto/cc/cc_pace.h"

#define LITTLE_PERCENT 99    /* of an equal part: it asks, if grants have shown; */
#define JUDGED_PERCENT 5     /* missing, if not. What is less does not show, and is not judged */
#define SHOWS_PERCENT 40     /* of what was taken must be delivered */
#define ASK_DIVISOR 4        /* of what a flow has: at first it asks for no more, */
#define DOUBLINGS_MAX 2      /* and for twice as much after a grant that showed, so often */
#define TRUST_GAINED 2       /* by a grant that shows; one that does not takes one away, */
#define TRUST_MAX 6
#define TRUST_LEAST (-3)     /* down to here, and one more for every fourth flow */
#define JUDGED_AFTER 3       /* round trips */

static struct rudp_flow_group *made(struct rudp_flow_group **all,
				    const struct rudp_flow_group_key *key)
{
	struct rudp_flow_group *group = calloc(1, sizeof *group);
	bool rudp_table_add_failed = false;

	if (!group)
		return NULL;
	group->key = *key;
	group->apart_ns = RUDP_FLOW_APART_NS;
	HASH_ADD(hh, *all, key, sizeof group->key, group);
	if (!rudp_table_add_failed)
		return group;
	free(group);
	return NULL;
}

struct rudp_flow_group *rudp_flow_group_hold(struct rudp_flow_group **all,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote)
{
	struct rudp_flow_group_key key = {rudp_addr_key_of_host(local),
					  rudp_addr_key_of_host(remote)};
	struct rudp_flow_group *group;

	HASH_FIND(hh, *all, &key, sizeof key, group);
	if (!group)
		group = made(all, &key);
	if (group)
		group->holders++;
	return group;
}

void rudp_flow_group_drop(struct rudp_flow_group **all, struct rudp_flow_group *group)
{
	if (--group->holders > 0)
		return;
	HASH_DELETE(hh, *all, group);
	free(group);
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

static void part_ways(struct rudp_flow_group *group, int64_t now_at_ns)
{
	group->apart_until_ns = now_at_ns + group->apart_ns;
	group->apart_ns = rudp_time_min(2 * group->apart_ns, RUDP_FLOW_APART_NS_MAX);
	group->trust = 0;
}

static void judge(struct rudp_flow_group *group, const struct rudp_flow *flow, int64_t now_at_ns)
{
	if (flow->delivered_bytes_per_s >= flow->expected_bytes_per_s) {
		group->trust = group->trust + TRUST_GAINED > TRUST_MAX ? TRUST_MAX
								       : group->trust + TRUST_GAINED;
		group->apart_ns = RUDP_FLOW_APART_NS;
	} else if (--group->trust <= TRUST_LEAST - (int)group->flows / 4) {
		part_ways(group, now_at_ns);
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
