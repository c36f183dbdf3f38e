/* SPDX-License-Identifier: MIT */
/* Channels that change their name, and metadata, in several copies of the model. */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

#include "conversation/irc/mask.h"

static struct cluster *cluster; /* of three nodes */

static void begin(void)
{
	cluster = cluster_new(1);
	cluster_start_all(cluster, 3);
}

static void end(void)
{
	cluster_free(cluster);
}

TestSuite(cluster_channels, .init = begin, .fini = end);

Test(cluster_channels, a_channel_is_renamed_at_all_nodes)
{
	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 1, 0, "CAP REQ draft/channel-rename");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 1, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "RENAME #a #b :why");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* PART #a :why");
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* JOIN #b");
	CLUSTER_HEARS(cluster, 0, 0, "* 353 dan = #b :@dan eve");
	CLUSTER_HEARS(cluster, 0, 0, "* 366 *");
	CLUSTER_QUIET(cluster, 0, 0);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* RENAME #a #b :why");
	CLUSTER_QUIET(cluster, 1, 0);
	cluster_check(cluster);
	cluster_kill(cluster, 2);
	cluster_start(cluster, 2); /* it learns when the channel was renamed */
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "RENAME #b #c");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* FAIL RENAME CANNOT_RENAME #b #c *");
	cluster_check(cluster);
}

static void have_metadata(unsigned node, const char *nick)
{
	cluster_join(cluster, node, 0, nick);
	cluster_say(cluster, node, 0, "CAP REQ :draft/metadata-2 batch");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, node, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
}

Test(cluster_channels, metadata_is_that_of_the_network)
{
	have_metadata(0, "dan");
	have_metadata(1, "eve");
	cluster_say(cluster, 1, 0, "METADATA * SUB color");
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "METADATA * SET color :blue");
	cluster_say(cluster, 0, 0, "METADATA #a SET url :x");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* 761 dan dan color ? :blue");
	CLUSTER_HEARS(cluster, 0, 0, "* 761 dan #a url ? :x");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* METADATA dan color ? :blue");
	CLUSTER_QUIET(cluster, 1, 0);
	cluster_kill(cluster, 2);
	cluster_start(cluster, 2); /* it learns the values from the others */
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	have_metadata(2, "fay");
	cluster_forget(cluster);
	cluster_say(cluster, 2, 0, "METADATA #a GET url");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 2, 0, "* BATCH +* metadata #a");
	CLUSTER_HEARS(cluster, 2, 0, "* 761 fay #a url ? :x");
	cluster_say(cluster, 0, 0, "METADATA * CLEAR");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* METADATA dan color ?");
	cluster_check(cluster);
}
