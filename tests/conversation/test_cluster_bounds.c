/* SPDX-License-Identifier: MIT */
/* The bounds of what a node keeps while the log does not take it, or does not complete its state
 * (cluster/replica.h, "Limits"). After they were reached the copies are equal. */
#include "conversation/cluster_fixture.h"

#include "conversation/cluster/replica_private.h"
#include "conversation/irc/mask.h"

#define EVENT_BYTES 8000

static struct cluster *cluster;

/* dan is at node 0, eve at node 1. */
static void begin(void)
{
	cluster = cluster_new(70);
	cluster_start_all(cluster, 2);
	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster_forget(cluster);
}

static void end(void)
{
	cluster_check(cluster);
	cluster_free(cluster);
}

TestSuite(cluster_bounds, .init = begin, .fini = end);

/* Events of no kind, which models ignore, until not even one of a byte has room. */
static void submit_all(unsigned node, bool is_vital)
{
	static const uint8_t event[EVENT_BYTES] = {0xff};
	struct apo_replica *replica = cluster->nodes[node].replica;

	while (apo_replica_submit(replica, event, sizeof event, is_vital) == 0)
		;
	while (apo_replica_submit(replica, event, 1, is_vital) == 0)
		;
}

static size_t waiting(unsigned node)
{
	return cluster->nodes[node].replica->queue.len;
}

static void one_hears_the_other(void)
{
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "PRIVMSG eve :hello");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG eve :hello");
}

Test(cluster_bounds, of_events_that_wait_for_the_log)
{
	cluster->is_log_down = true;
	cluster_run(cluster, RUDP_NS_PER_S / 10);
	submit_all(0, false);
	cr_assert(le(sz, waiting(0), APO_REPLICA_QUEUE_BYTES_MAX));
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "PRIVMSG eve :refused");
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan :*cut off from its network; try again later*");
	cluster->is_log_down = false;
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	cr_assert(eq(sz, waiting(0), 0));
	cr_assert(eq(uint, cluster->nodes[0].resets, 0));
	one_hears_the_other();
}

/* Events that must not be forgotten have as much room again. After that the node joins again. */
Test(cluster_bounds, of_vital_events_that_wait_for_the_log)
{
	cluster->is_log_down = true;
	cluster_run(cluster, RUDP_NS_PER_S / 10);
	submit_all(0, true);
	cr_assert(le(sz, waiting(0), 2 * APO_REPLICA_QUEUE_BYTES_MAX));
	cr_assert(ge(sz, waiting(0) + 5, 2 * APO_REPLICA_QUEUE_BYTES_MAX));
	cluster_run(cluster, RUDP_NS_PER_S);
	cr_assert(eq(uint, cluster->nodes[0].resets, 1));
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cluster->is_log_down = false;
	cluster_run(cluster, 40 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 0));
	cr_assert(eq(uint, cluster->nodes[1].resets, 0));
	cluster_join(cluster, 0, 0, "dan");
	one_hears_the_other();
}

static bool holds_back_snapshot(struct cluster_node *node)
{
	struct cluster_snapshot *snapshot;
	bool is_held = false;

	for (snapshot = node->snapshots; snapshot < node->snapshots + 4; snapshot++)
		if (snapshot->is_used) {
			snapshot->at_ns = RUDP_NEVER;
			is_held = true;
		}
	return is_held;
}

/* Passes time until node 2 waits for no more than it did. Returns the most that it has kept. */
static size_t fill_up(void)
{
	struct cluster_node *node = &cluster->nodes[2];
	size_t most = 0;

	while (node->replica->waiting_bytes >= most) {
		most = node->replica->waiting_bytes;
		(void)holds_back_snapshot(node);
		submit_all(0, false);
		cluster_run(cluster, RUDP_NS_PER_MS);
	}
	return most;
}

Test(cluster_bounds, of_entries_that_wait_for_a_snapshot)
{
	size_t most;

	cluster_start(cluster, 2);
	while (!holds_back_snapshot(&cluster->nodes[2]))
		cluster_run(cluster, RUDP_NS_PER_MS);
	most = fill_up();
	cr_assert(le(sz, most, APO_REPLICA_BUFFER_BYTES_MAX));
	cr_assert(ge(sz, most, APO_REPLICA_BUFFER_BYTES_MAX - (1 << 20)));
	cluster_run(cluster, 40 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 2));
	cr_assert(eq(uint, cluster->nodes[0].resets, 0));
	one_hears_the_other();
}
