/* SPDX-License-Identifier: MIT */
/* The time of a network of nodes, one of which has a wrong clock (cluster/replica.h). */
#include "conversation/cluster_fixture.h"

#include "conversation/cluster/replica_private.h"
#include "conversation/irc/mask.h"

#define SECOND RUDP_NS_PER_S
#define HOUR_MS ((int64_t)3600 * 1000)
#define YEAR_MS (365 * 24 * HOUR_MS)

static struct cluster *cluster;
static int64_t begun_ms; /* the time of the network, ... */
static int64_t begun_ns; /* ... and the right one then */

/* dan is at node 0. */
static void begin(void)
{
	cluster = cluster_new(80);
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 0, 0, "dan");
	begun_ms = cluster->nodes[0].replica->shared_wall_ms;
	begun_ns = cluster->now_ns;
}

static void end(void)
{
	unsigned i;

	cluster_run(cluster, 5 * SECOND);
	cluster_check(cluster);
	for (i = 0; i < 3; i++)
		cr_assert(eq(i64, cluster->nodes[i].replica->shared_wall_ms,
			     cluster->nodes[0].replica->shared_wall_ms));
	cluster_free(cluster);
}

TestSuite(cluster_clocks, .init = begin, .fini = end);

/* By how much the network's clock has gone faster than the right one. */
static int64_t ahead_ms(void)
{
	return cluster->nodes[0].replica->shared_wall_ms - begun_ms -
	       (cluster->now_ns - begun_ns) / RUDP_NS_PER_MS;
}

/* The clocks of the fixture differ by up to 1.4 s, and each node states its time once a second. */
static void expect_right_time(void)
{
	cluster_run(cluster, 5 * SECOND);
	cr_assert(le(i64, ahead_ms(), 3000));
	cr_assert(ge(i64, ahead_ms(), -3000));
}

Test(cluster_clocks, one_that_is_far_ahead_moves_nobody)
{
	cluster->nodes[2].clock_ms = YEAR_MS;
	expect_right_time();
	cluster_start(cluster, 3); /* it gets the state meanwhile */
	expect_right_time();
	cluster->nodes[2].clock_ms = 0;
	expect_right_time();
}

Test(cluster_clocks, one_that_is_far_behind_holds_up_nobody)
{
	cluster->nodes[0].clock_ms = -HOUR_MS;
	expect_right_time();
	cluster_say(cluster, 0, 0, "AWAY :here");
	expect_right_time();
}

Test(cluster_clocks, of_a_node_that_joins_with_a_wrong_one)
{
	cluster->nodes[3].clock_ms = YEAR_MS;
	cluster_start(cluster, 3);
	expect_right_time();
	cr_assert(cluster_is_live(cluster, 3));
}

Test(cluster_clocks, when_most_are_ahead_they_are_right)
{
	cluster->nodes[1].clock_ms = cluster->nodes[2].clock_ms = HOUR_MS;
	cluster_run(cluster, 5 * SECOND);
	cr_assert(ge(i64, ahead_ms(), HOUR_MS - 3000));
	cluster->nodes[0].clock_ms = HOUR_MS;
}

/* No node could take over or join a network whose time is outside of the calendar. */
Test(cluster_clocks, when_most_are_outside_of_the_calendar_they_are_wrong)
{
	cluster->nodes[1].clock_ms = cluster->nodes[2].clock_ms = 9000 * YEAR_MS;
	expect_right_time();
	cr_assert(cluster_hand_over(cluster, 0, false));
	cluster->nodes[1].clock_ms = cluster->nodes[2].clock_ms = 0;
}

/* The one that is left may not wait until the time of the others, as of their last words, fits. */
Test(cluster_clocks, nodes_that_are_dead_hold_up_nobody)
{
	cluster_kill(cluster, 1);
	cluster_kill(cluster, 2);
	cluster_run(cluster, 10 * SECOND);
	expect_right_time();
	cluster_run(cluster, 30 * SECOND);
	expect_right_time();
	cluster_start(cluster, 1);
	cluster_start(cluster, 2);
	cluster_run(cluster, 20 * SECOND);
}

static bool knows_wrong_clock(unsigned index)
{
	const struct apo_replica *replica = cluster->nodes[index].replica;
	unsigned i;

	for (i = 0; i < APO_NODES_MAX; i++)
		if (replica->nodes[i].id && replica->nodes[i].wall_ms > begun_ms + HOUR_MS)
			return true;
	return false;
}

/* Otherwise copies would differ about the next time that is stated. */
Test(cluster_clocks, a_hand_over_and_a_snapshot_keep_what_is_known_of_them)
{
	cluster->nodes[2].clock_ms = YEAR_MS;
	cluster_run(cluster, 2 * SECOND);
	cluster->nodes[2].clock_ms = 0;
	cluster->nodes[2].is_apart = true; /* it says no more */
	cluster_start(cluster, 3);
	cluster_run(cluster, 10 * SECOND);
	cr_assert(cluster_is_live(cluster, 3));
	cr_assert(knows_wrong_clock(3));
	cr_assert(cluster_hand_over(cluster, 0, false));
	cr_assert(knows_wrong_clock(0));
	cluster->nodes[2].is_apart = false;
	cluster_run(cluster, 20 * SECOND);
}
