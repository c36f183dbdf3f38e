/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_flow.h"

#include <string.h>

#include "proto/conn/endpoint_private.h"

static bool join(struct rudp_conn *conn)
{
	struct rudp_conn_flow *mine = &conn->flow;

	if (!mine->group)
		mine->group = rudp_flow_group_hold(&conn->ep->hosts, &conn->path.local,
						   &conn->path.remote);
	if (!mine->group)
		return false;
	rudp_flow_group_join(mine->group, &mine->flow);
	mine->is_member = true;
	mine->round = UINT64_MAX; /* no round handled yet */
	memcpy(mine->was_probing, conn->cc.is_probing, sizeof mine->was_probing);
	memcpy(mine->probes, mine->group->probes, sizeof mine->probes);
	return true;
}

void rudp_conn_flow_leave(struct rudp_conn *conn)
{
	struct rudp_conn_flow *mine = &conn->flow;

	if (!mine->is_member)
		return;
	rudp_flow_group_leave(mine->group, &mine->flow);
	mine->is_member = false;
	conn->cc.flows = 0;
	memset(conn->cc.is_to_probe, 0, sizeof conn->cc.is_to_probe);
}

void rudp_conn_flow_end(struct rudp_conn *conn)
{
	rudp_conn_flow_leave(conn);
	if (conn->flow.group)
		rudp_flow_group_drop(&conn->ep->hosts, conn->flow.group);
	conn->flow.group = NULL;
}

/* The member that starts a probe asks the others to probe as well. */
static void probe_together(struct rudp_conn *conn, enum rudp_cc_probe what)
{
	struct rudp_conn_flow *mine = &conn->flow;
	unsigned *probes = &mine->group->probes[what];
	bool begins = conn->cc.is_probing[what] && !mine->was_probing[what];

	mine->was_probing[what] = conn->cc.is_probing[what];
	if (begins && mine->probes[what] == *probes)
		++*probes;
	if (begins)
		mine->probes[what] = *probes;
	conn->cc.is_to_probe[what] = conn->cc.flows > 0 && mine->probes[what] != *probes;
}

static void exchange(struct rudp_conn *conn, const struct rudp_cc_flow *now, int64_t now_at_ns)
{
	struct rudp_conn_flow *mine = &conn->flow;

	mine->flow.bytes_per_s = now->bytes_per_s;
	mine->flow.delivered_bytes_per_s = now->delivered_bytes_per_s;
	if (!now->may_shift) {
		if (mine->flow.counted_bytes_per_s == 0)
			rudp_flow_group_count(mine->group, &mine->flow);
		return;
	}
	rudp_flow_group_exchange(mine->group, &mine->flow, now_at_ns);
	if (mine->flow.bytes_per_s != now->bytes_per_s)
		conn->cc.ops->shift(&conn->cc, mine->flow.bytes_per_s);
}

static void on_round(struct rudp_conn *conn, const struct rudp_cc_flow *now, int64_t now_at_ns)
{
	struct rudp_flow_group *group = conn->flow.group;

	conn->flow.round = now->round;
	conn->cc.flows = rudp_flow_group_is_apart(group, now_at_ns) ? 0 : group->flows;
	exchange(conn, now, now_at_ns);
}

void rudp_conn_flow_on_ack(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_conn_flow *mine = &conn->flow;
	struct rudp_cc_flow now;

	if (!conn->cc.ops->flow || !conn->cc.ops->flow(&conn->cc, &now)) {
		rudp_conn_flow_leave(conn);
		return;
	}
	if (!mine->is_member && !join(conn))
		return;
	for (int i = 0; i < RUDP_CC_PROBES; i++)
		probe_together(conn, (enum rudp_cc_probe)i);
	if (mine->round != now.round)
		on_round(conn, &now, now_at_ns);
}
