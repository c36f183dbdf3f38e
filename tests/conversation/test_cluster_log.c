/* SPDX-License-Identifier: MIT */
/* A node that can append to the log and cannot read it (cluster/replica.h). */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

#include "conversation/irc/mask.h"

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

/* Each of the nodes publishes when the servers of the log have lost their leader. */
Test(cluster_log, nodes_are_back_soon_after_the_log_is)
{
	struct cluster *cluster = malloc(sizeof *cluster);
	unsigned i;

	cluster_init(cluster, 30);
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
	cluster_fini(cluster);
	free(cluster);
}
