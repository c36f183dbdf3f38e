/* SPDX-License-Identifier: MIT */
/* A node that can append to the log and cannot read it (cluster/replica.h). */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

/* Node 0 appends an entry, and is delivered nothing for half a minute. */
static void run_deaf(struct cluster *cluster, bool is_told)
{
	cluster_init(cluster, 20 + is_told);
	cluster->node_timeout_ns = 120 * RUDP_NS_PER_S;
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 0, 0, "dan");
	cluster->nodes[0].is_deaf = true;
	cluster->nodes[0].is_told_unreadable = is_told;
	cluster_run(cluster, 30 * RUDP_NS_PER_S);
	cluster->nodes[0].is_deaf = false;
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
}

Test(cluster_log, an_entry_is_not_lost_as_long_as_the_log_cannot_be_read)
{
	struct cluster *cluster = malloc(sizeof *cluster);

	run_deaf(cluster, true);
	cr_assert(eq(uint, cluster->nodes[0].resets, 0), "%s", cluster->nodes[0].reason);
	cr_assert(cluster->nodes[0].clients[0].is_connected);
	cluster_check(cluster);
	cluster_fini(cluster);
	free(cluster);
}

Test(cluster_log, an_entry_that_can_be_read_and_does_not_come_is_lost)
{
	struct cluster *cluster = malloc(sizeof *cluster);

	run_deaf(cluster, false);
	cr_assert(eq(uint, cluster->nodes[0].resets, 1));
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cluster_check(cluster);
	cluster_fini(cluster);
	free(cluster);
}
