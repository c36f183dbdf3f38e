/* SPDX-License-Identifier: MIT */
/* A node and the log (cluster/replica.h), and the lines of its clients meanwhile. */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

#include "conversation/cluster/replica_private.h"
#include "conversation/irc/mask.h"

static struct cluster *start(uint64_t seed, unsigned count)
{
	struct cluster *cluster = cluster_new(seed);

	cluster_start_all(cluster, count);
	return cluster;
}

static void end(struct cluster *cluster)
{
	cluster_check(cluster);
	cluster_free(cluster);
}

/* Delivers what the node has published last, at once. */
static void deliver(struct cluster_node *node)
{
	struct cluster_publication *publication = node->publications;

	apo_replica_on_time(node->replica);
	while (!publication->is_used || publication->number != node->published)
		publication++;
	apo_replica_on_entry(node->replica, node->replica->seen_seq + 1, publication->bytes,
			     publication->len);
}

Test(cluster_log, lines_of_a_lone_client_do_not_wait)
{
	struct cluster *cluster = start(40, 1);
	struct cluster_node *node = &cluster->nodes[0];

	cluster_join(cluster, 0, 0, "dan");
	cluster_run(cluster, 100 * RUDP_NS_PER_MS);
	cluster_say(cluster, 0, 0, "PRIVMSG dan :one");
	cr_assert(eq(i64, apo_replica_next_at_ns(node->replica), cluster->now_ns));
	deliver(node);
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PRIVMSG dan :one");
	cluster_say(cluster, 0, 0, "PRIVMSG dan :two");
	cr_assert(eq(i64, apo_replica_next_at_ns(node->replica), cluster->now_ns));
	cluster_free(cluster);
}

/* A node with two clients, whose line waits while that of the other one is on its way and comes
 * back. */
static struct cluster *start_two_speakers(uint64_t seed)
{
	struct cluster *cluster = start(seed, 1);
	struct cluster_node *node = &cluster->nodes[0];

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 0, 1, "eve");
	cluster_run(cluster, 100 * RUDP_NS_PER_MS);
	cluster_say(cluster, 0, 0, "PRIVMSG dan :one");
	apo_replica_on_time(node->replica);
	cluster_say(cluster, 0, 1, "PRIVMSG eve :one");
	deliver(node);
	return cluster;
}

Test(cluster_log, an_entry_waits_for_as_many_lines_as_spoke_before)
{
	struct cluster *cluster = start_two_speakers(52);
	struct cluster_node *node = &cluster->nodes[0];

	cr_assert(eq(i64, apo_replica_next_at_ns(node->replica), cluster->now_ns + APO_GATHER_NS));
	cluster_say(cluster, 0, 0, "PRIVMSG dan :two");
	cr_assert(eq(i64, apo_replica_next_at_ns(node->replica), cluster->now_ns));
	deliver(node);
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PRIVMSG dan :one");
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PRIVMSG dan :two");
	CLUSTER_HEARS(cluster, 0, 1, ":eve!* PRIVMSG eve :one");
	cluster_say(cluster, 0, 1, "PRIVMSG eve :two");
	cr_assert(eq(i64, apo_replica_next_at_ns(node->replica), cluster->now_ns + APO_GATHER_NS));
	cluster_free(cluster);
}

Test(cluster_log, an_entry_with_many_bytes_does_not_wait)
{
	struct cluster *cluster = start_two_speakers(53);
	struct apo_replica *replica = cluster->nodes[0].replica;
	static const char event[APO_GATHER_BYTES];

	replica->awaited_events = 3;
	cr_assert(eq(i64, apo_replica_next_at_ns(replica), cluster->now_ns + APO_GATHER_NS));
	cr_assert(eq(int, apo_replica_submit(replica, event, sizeof event, false), 0));
	cr_assert(eq(i64, apo_replica_next_at_ns(replica), cluster->now_ns));
	cluster_free(cluster);
}

/* The log may have the entry twice if the first one took long. */
Test(cluster_log, a_repetition_of_the_beginning_is_ignored)
{
	struct cluster *cluster = cluster_new(41);
	struct cluster_node *node = cluster->nodes;
	struct cluster_entry *genesis;

	cluster_start(cluster, 0);
	while (!cluster_is_live(cluster, 0))
		cluster_run(cluster, RUDP_NS_PER_MS);
	cr_assert(eq(u64, node->replica->applied, 1));
	genesis = &cluster->log[node->replica->seen_seq - 1];
	apo_replica_on_entry(node->replica, node->replica->seen_seq + 1, genesis->bytes,
			     genesis->len);
	cr_assert(cluster_is_live(cluster, 0), "%s", node->reason);
	cluster_free(cluster);
}

Test(cluster_log, a_client_is_held_when_it_says_more_than_one_line)
{
	struct cluster *cluster = start(42, 2);
	struct cluster_client *client = &cluster->nodes[0].clients[0];

	cluster_join(cluster, 0, 0, "dan");
	cluster_say(cluster, 0, 0, "PRIVMSG dan :one");
	cr_assert(not(client->is_held));
	cluster_say(cluster, 0, 0, "PRIVMSG dan :two");
	cr_assert(client->is_held);
	cluster_run(cluster, RUDP_NS_PER_S);
	cr_assert(not(client->is_held));
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PRIVMSG dan :one");
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PRIVMSG dan :two");
	end(cluster);
}

Test(cluster_log, what_a_client_says_before_it_leaves_is_said)
{
	struct cluster *cluster = start(43, 2);

	cluster_meet(cluster);
	cluster_say(cluster, 0, 0, "PRIVMSG #a :one");
	cluster_say(cluster, 0, 0, "PRIVMSG #a :two");
	cluster_say(cluster, 0, 0, "PING x");
	cluster_say(cluster, 0, 0, "QUIT :bye");
	cluster_close(cluster, 0, 0);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG #a :one");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG #a :two");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* QUIT :*bye");
	CLUSTER_QUIET(cluster, 1, 0);
	end(cluster);
}

/* Node 0 appends an entry, and is delivered nothing for half a minute. */
static struct cluster *run_deaf(bool is_told)
{
	struct cluster *cluster = cluster_new(20 + is_told);

	cluster->node_timeout_ns = 120 * RUDP_NS_PER_S;
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 0, 0, "dan");
	cluster->nodes[0].is_deaf = true;
	cluster->nodes[0].is_told_unreadable = is_told;
	cluster_run(cluster, 30 * RUDP_NS_PER_S);
	cluster->nodes[0].is_deaf = false;
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	return cluster;
}

Test(cluster_log, an_entry_is_not_lost_as_long_as_the_log_cannot_be_read)
{
	struct cluster *cluster = run_deaf(true);

	cr_assert(eq(uint, cluster->nodes[0].resets, 0), "%s", cluster->nodes[0].reason);
	cr_assert(cluster->nodes[0].clients[0].is_connected);
	cluster_check(cluster);
	cluster_free(cluster);
}

Test(cluster_log, an_entry_that_can_be_read_and_does_not_come_is_lost)
{
	struct cluster *cluster = run_deaf(false);

	cr_assert(eq(uint, cluster->nodes[0].resets, 1));
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cluster_check(cluster);
	cluster_free(cluster);
}

/* The copy of node 2 lacks that the others have begun a network without it, and it is ahead of
 * them. */
Test(cluster_log, a_node_that_is_ahead_of_most_others_joins_them)
{
	struct cluster *cluster = cluster_new(11);
	unsigned i;

	cluster_start(cluster, 0);
	cluster_run(cluster, 300 * RUDP_NS_PER_S);
	cluster_start(cluster, 2);
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_kill(cluster, 0);
	cluster_join(cluster, 2, 0, "eve");
	cluster->nodes[2].is_apart = true;
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_deviate(cluster, 2, -2, 0); /* without JOIN and GENESIS of node 0 */
	cluster_start(cluster, 0);
	cluster_run(cluster, 8 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 0));
	cluster_start(cluster, 1);
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	cluster->nodes[2].is_apart = false;
	cluster_run(cluster, 30 * RUDP_NS_PER_S);
	cr_assert(eq(uint, cluster->nodes[2].resets, 1), "%s", cluster->nodes[2].reason);
	cr_assert(not(cluster->nodes[2].clients[0].is_connected));
	for (i = 0; i < 3; i++)
		cr_assert(cluster_is_live(cluster, i));
	cr_assert(eq(uint, cluster->nodes[0].resets + cluster->nodes[1].resets, 0));
	end(cluster);
}

/* A node that starts on such a copy begins a network beside the one that is there. */
Test(cluster_log, a_node_that_begins_beside_a_single_one_joins_it)
{
	struct cluster *cluster;
	uint64_t seed;

	for (seed = 1; seed <= 20; seed++) {
		cluster = cluster_new(600 + seed);
		cluster_start(cluster, 0);
		cluster_run(cluster, 30 * RUDP_NS_PER_S);
		cluster_join(cluster, 0, 0, "dan");
		cluster_start(cluster, 1);
		cluster->nodes[1].is_deaf = true;
		cluster_run(cluster, 100 * RUDP_NS_PER_MS);
		cluster->nodes[1].is_deaf = false;
		cluster_deviate(cluster, 1, -(int)cluster_random(cluster, 8) - 1, 0);
		cluster_run(cluster, 40 * RUDP_NS_PER_S);
		cr_assert(cluster_is_live(cluster, 1));
		cr_assert(eq(uint, cluster->nodes[0].resets, 0), "%s", cluster->nodes[0].reason);
		cr_assert(cluster->nodes[0].clients[0].is_connected);
		end(cluster);
	}
}

/* The last entries of a node do not wait for each other, and those of two nodes may alternate. */
Test(cluster_log, a_node_stays_when_most_others_end_at_once)
{
	struct cluster *cluster;
	uint64_t seed;
	unsigned i;

	for (seed = 60; seed < 80; seed++) {
		cluster = start(seed, 3);
		for (i = 1; i < 3; i++)
			cluster_join(cluster, i, 0, i == 1 ? "dan" : "eve");
		for (i = 1; i < 3; i++) {
			while (!cluster->nodes[i].replica->is_in_flight)
				cluster_run(cluster, RUDP_NS_PER_MS);
			cluster_say(cluster, i, 0, "AWAY :for good");
		}
		for (i = 1; i < 3; i++) {
			apo_replica_leave(cluster->nodes[i].replica);
			cluster->nodes[i].is_standing = true; /* does no more */
		}
		cluster_run(cluster, 5 * RUDP_NS_PER_S);
		cr_assert(eq(uint, cluster->nodes[0].resets, 0), "%s", cluster->nodes[0].reason);
		cluster_free(cluster);
	}
}

/* Each of the nodes publishes when the servers of the log have lost their leader. */
Test(cluster_log, nodes_are_back_soon_after_the_log_is)
{
	struct cluster *cluster = cluster_new(30);
	unsigned i;

	cluster_start_all(cluster, 3);
	for (i = 0; i < 3; i++)
		cluster_join(cluster, i, 0, i == 0 ? "dan" : i == 1 ? "eve" : "fay");
	cluster->is_log_down = true;
	cluster_run(cluster, 8 * RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster->is_log_down = false;
	cluster_run(cluster, 2 * APO_RETRY_NS);
	for (i = 0; i < 3; i++) {
		cr_assert(eq(uint, cluster->nodes[i].cut_offs, 1));
		CLUSTER_HEARS(cluster, i, 0, "* NOTICE * :*connected to its network again*");
	}
	cluster_check(cluster);
	cluster_free(cluster);
}
