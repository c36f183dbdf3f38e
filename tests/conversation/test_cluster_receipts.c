/* SPDX-License-Identifier: MIT */
/* Receipts of recipients at several nodes (model/receipts.c). */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "conversation/irc/mask.h"

static struct cluster *cluster;

/* dan wants receipts. dan and eve are at node 0, fay at node 1, gus and hal at node 2; all are in
 * #a. */
static void begin(void)
{
	static const struct {
		unsigned node, client;
		const char *nick;
	} rows[] = {{0, 0, "dan"}, {0, 1, "eve"}, {1, 0, "fay"}, {2, 0, "gus"}, {2, 1, "hal"}};
	size_t i;

	cluster = cluster_new(1);
	cluster_start_all(cluster, 3);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		cluster_join(cluster, rows[i].node, rows[i].client, rows[i].nick);
		cluster_say(cluster, rows[i].node, rows[i].client, "JOIN #a");
		cluster_run(cluster, RUDP_NS_PER_S);
	}
	cluster_say(cluster, 0, 0, "CAP REQ apollonion/receipts");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
}

static void end(void)
{
	cluster_check(cluster);
	cluster_free(cluster);
}

TestSuite(cluster_receipts, .init = begin, .fini = end);

/* Says the line, and passes half a second. */
static void say(const char *line)
{
	cluster_say(cluster, 0, 0, "%s", line);
	cluster_run(cluster, RUDP_NS_PER_S / 2);
}

static void acknowledge(unsigned node, unsigned client)
{
	cluster_acknowledge(cluster, node, client, true);
	cluster_run(cluster, RUDP_NS_PER_S / 10);
}

Test(cluster_receipts, recipients_of_all_nodes_are_counted)
{
	say("PRIVMSG #a :hello");
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 0 4 sent");
	acknowledge(0, 1);
	acknowledge(1, 0);
	acknowledge(2, 0);
	acknowledge(2, 1);
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 4 4 final");
	CLUSTER_QUIET(cluster, 0, 0);
}

Test(cluster_receipts, a_private_message_to_another_node_is_counted)
{
	say("PRIVMSG fay :hello");
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * fay 0 1 sent");
	acknowledge(1, 0);
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * fay 1 1 final");
}

Test(cluster_receipts, who_is_missing_at_another_node_is_named)
{
	say("PRIVMSG #a :hello");
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 0 4 sent");
	acknowledge(0, 1);
	acknowledge(1, 0);
	acknowledge(2, 0); /* its node tells that within a second, without the other one */
	cluster_run(cluster, 3 * RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a * 4 partial *hal");
	cluster_forget(cluster);
	cluster_acknowledge(cluster, 2, 1, false);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 3 4 final :hal");
}

/* The last receipt that the sender has got. */
static const char *last_receipt(void)
{
	const char *line, *last = "nothing";

	while ((line = cluster_next(cluster, 0, 0)))
		if (strstr(line, " RECEIPT "))
			last = line;
	return last;
}

Test(cluster_receipts, they_are_final_when_the_node_of_a_recipient_has_gone)
{
	const char *line;

	cluster->config.receipt_timeout_ns = 600 * RUDP_NS_PER_S;
	say("PRIVMSG #a :hello");
	acknowledge(0, 1);
	acknowledge(1, 0);
	acknowledge(2, 0); /* its node has told that when it is killed */
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_kill(cluster, 2);
	cluster_run(cluster, cluster->node_timeout_ns / 2);
	line = last_receipt();
	cr_assert(apo_mask_is_match(":irc.example RECEIPT * #a 3 4 partial :hal", line), "%s",
		  line);
	cluster_run(cluster, cluster->node_timeout_ns);
	line = last_receipt();
	cr_assert(apo_mask_is_match(":irc.example RECEIPT * #a 3 4 final :hal", line), "%s", line);
	say("PRIVMSG #a :again"); /* the members of the node have gone */
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 0 2 sent");
}

Test(cluster_receipts, while_a_node_is_cut_off_they_wait)
{
	char *line;

	say("PRIVMSG #a :hello");
	acknowledge(0, 1);
	acknowledge(2, 0);
	acknowledge(2, 1);
	cluster->nodes[1].is_apart = true;
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	cluster_acknowledge(cluster, 1, 0, true);
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster->nodes[1].is_apart = false;
	cluster_run(cluster, 30 * RUDP_NS_PER_S);
	while ((line = cluster_next(cluster, 0, 0)) && !strstr(line, " final"))
		;
	cr_assert(ne(ptr, line, NULL));
	cr_assert(apo_mask_is_match(":irc.example RECEIPT * #a 4 4 final", line), "%s", line);
}

static void move(unsigned node)
{
	cr_assert(cluster_hand_over(cluster, node, false));
	cluster_run(cluster, RUDP_NS_PER_S / 10);
}

/* The sender's node counts on, and the other one tells what is missing, in their next processes. */
Test(cluster_receipts, a_hand_over_keeps_them_open)
{
	char *line;

	say("PRIVMSG #a :hello");
	acknowledge(0, 1);
	acknowledge(1, 0);
	acknowledge(2, 0);
	move(0);
	move(2);
	cluster_run(cluster, 3 * RUDP_NS_PER_S);
	cluster_forget(cluster);
	acknowledge(2, 1);
	while ((line = cluster_next(cluster, 0, 0)) && !strstr(line, " final"))
		;
	cr_assert(ne(ptr, line, NULL));
	cr_assert(apo_mask_is_match(":irc.example RECEIPT * #a 4 4 final", line), "%s", line);
	say("PRIVMSG #a :again");
	CLUSTER_HEARS(cluster, 0, 0, ":irc.example RECEIPT * #a 0 4 sent");
}
