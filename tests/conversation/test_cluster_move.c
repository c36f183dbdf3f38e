/* SPDX-License-Identifier: MIT */
/* Nodes of a network are handed over to other processes (model/state.h, cluster/replica.h). */
#include "conversation/cluster_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/cluster/replica_private.h"
#include "conversation/irc/mask.h"

#define SECOND RUDP_NS_PER_S

static struct cluster *cluster;

/* dan is at node 0 and eve at node 1, both in #a. */
static void begin(void)
{
	cluster = cluster_new(1);
	cluster_start_all(cluster, 3);
	cluster_meet(cluster);
}

static void end(void)
{
	cluster_check(cluster);
	cluster_free(cluster);
}

TestSuite(cluster_move, .init = begin, .fini = end);

static void say(unsigned node, unsigned client, const char *line)
{
	cluster_say(cluster, node, client, "%s", line);
	cluster_run(cluster, SECOND);
}

static void move(unsigned node)
{
	cr_assert(cluster_hand_over(cluster, node, false));
	cluster_run(cluster, SECOND);
}

Test(cluster_move, nobody_notices_that_a_node_is_handed_over)
{
	move(0);
	CLUSTER_QUIET(cluster, 0, 0);
	CLUSTER_QUIET(cluster, 1, 0);
	say(0, 0, "PRIVMSG #a :still here");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG #a :still here");
	say(1, 0, "PRIVMSG #a :here, too");
	CLUSTER_HEARS(cluster, 0, 0, ":eve!* PRIVMSG #a :here, too");
	say(0, 0, "NICK daniel");
	CLUSTER_HEARS(cluster, 0, 0, ":dan!* NICK :daniel");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* NICK :daniel");
	say(0, 0, "MODE #a +m");
	CLUSTER_HEARS(cluster, 1, 0, ":daniel!* MODE #a +m");
	say(0, 0, "QUIT :bye");
	CLUSTER_HEARS(cluster, 1, 0, ":daniel!* QUIT :Quit: bye");
	CLUSTER_QUIET(cluster, 1, 0);
	cr_assert(eq(uint, cluster->nodes[0].resets + cluster->nodes[1].resets, 0));
}

/* Its place in the new process is one that a client of the process before had. */
Test(cluster_move, a_new_client_is_not_taken_for_an_earlier_one)
{
	unsigned client;

	for (client = 1; client < CLUSTER_CLIENTS; client++) {
		char nick[8];

		move(0);
		snprintf(nick, sizeof nick, "new%u", client);
		cluster_join(cluster, 0, client, nick);
		say(0, client, "JOIN #a");
	}
	cluster_forget(cluster);
	say(0, 1, "PRIVMSG #a :first");
	CLUSTER_HEARS(cluster, 1, 0, ":new1!* PRIVMSG #a :first");
	cluster_close(cluster, 0, 5);
	cluster_run(cluster, SECOND);
	CLUSTER_HEARS(cluster, 1, 0, ":new5!* QUIT *");
	CLUSTER_QUIET(cluster, 1, 0);
	say(0, 0, "PRIVMSG #a :oldest");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG #a :oldest");
}

Test(cluster_move, all_nodes_are_handed_over_twice)
{
	unsigned i;

	for (i = 0; i < 6; i++)
		move(i % 3);
	say(1, 0, "PRIVMSG dan :well?");
	CLUSTER_HEARS(cluster, 0, 0, ":eve!* PRIVMSG dan :well?");
	CLUSTER_QUIET(cluster, 1, 0);
	cluster_join(cluster, 2, 0, "fay");
	say(2, 0, "WHOIS dan");
	CLUSTER_HEARS(cluster, 2, 0, "* 311 fay dan ~dan h0-0.example * :dan");
}

Test(cluster_move, what_is_known_of_clients_of_other_nodes_goes_along)
{
	cluster_join(cluster, 2, 0, "fay");
	say(1, 0, "AWAY :for lunch");
	say(1, 0, "MODE eve +i");
	say(0, 0, "INVITE fay #a");
	say(0, 0, "MODE #a +iov eve dan");
	say(2, 0, "MONITOR + eve");
	cluster_forget(cluster);
	move(2);
	cluster_check(cluster);
	say(2, 0, "WHOIS eve");
	CLUSTER_HEARS(cluster, 2, 0, "* 311 fay eve *");
	CLUSTER_HEARS(cluster, 2, 0, "* 312 fay eve *");
	CLUSTER_HEARS(cluster, 2, 0, "* 301 fay eve :for lunch");
	cluster_forget(cluster);
	say(2, 0, "JOIN #a");
	CLUSTER_HEARS(cluster, 2, 0, ":fay!* JOIN #a");
	cluster_forget(cluster);
	say(1, 0, "QUIT");
	CLUSTER_HEARS(cluster, 2, 0, ":eve!* QUIT *");
	CLUSTER_HEARS(cluster, 2, 0, "* 731 fay :eve");
}

Test(cluster_move, a_registration_in_progress_goes_on)
{
	cluster_connect(cluster, 0, 1);
	cluster_say(cluster, 0, 1, "NICK gus");
	move(0);
	say(0, 1, "USER gus 0 * :gus");
	CLUSTER_HEARS(cluster, 0, 1, "* 001 gus *");
}

/* The others are about to learn of the client, under the number that it has in the process
 * before. */
Test(cluster_move, a_welcome_on_its_way_comes_first)
{
	unsigned i;
	char nick[8];

	for (i = 1; i < CLUSTER_CLIENTS; i++) {
		cluster_connect(cluster, 0, i);
		snprintf(nick, sizeof nick, "n%u", i);
		cluster_say(cluster, 0, i, "NICK %s", nick);
		cluster_say(cluster, 0, i, "USER u 0 * :u");
		move(0);
		CLUSTER_HEARS(cluster, 0, i, "* 001 n? *");
		cluster_check(cluster);
	}
}

/* The entry of the audit log is for all nodes, and no client waits for it. */
Test(cluster_move, an_event_that_waits_goes_along)
{
	struct cluster_node *node = &cluster->nodes[0];

	while (!node->replica->is_in_flight)
		cluster_run(cluster, RUDP_NS_PER_MS);
	cluster_say(cluster, 0, 0, "OPER nobody x");
	cr_assert(cluster_hand_over(cluster, 0, false));
	cr_assert(node->replica->is_in_flight);
	cr_assert(eq(sz, node->replica->queue.events, 1));
	cluster_run(cluster, SECOND);
	cr_assert(eq(sz, node->replica->queue.len, 0));
}

/* The line of a client comes back first. What no client waits for may be on its way. */
Test(cluster_move, what_is_on_its_way_arrives_once)
{
	unsigned seed, in_flight = 0;
	char line[40];

	for (seed = 0; seed < 60; seed++) {
		cluster->loss_percent = seed % 2 ? 40 : 0;
		cluster_run(cluster, (int64_t)cluster_random(cluster, 1000) * RUDP_NS_PER_MS);
		cluster_say(cluster, 1, 0, "PONG irc.example");
		cluster_forget(cluster);
		cluster_say(cluster, 0, 0, "PRIVMSG #a :%u", seed);
		cluster_say(cluster, 0, 0, "PRIVMSG #a :%u again", seed);
		cr_assert(cluster_hand_over(cluster, 0, seed % 3 == 0) || seed % 3 == 0);
		in_flight += cluster->nodes[0].replica->is_in_flight;
		cluster->loss_percent = 0;
		cluster_run(cluster, 2 * SECOND);
		snprintf(line, sizeof line, ":dan!* PRIVMSG #a :%u", seed);
		CLUSTER_HEARS(cluster, 1, 0, line);
		snprintf(line, sizeof line, ":dan!* PRIVMSG #a :%u again", seed);
		CLUSTER_HEARS(cluster, 1, 0, line);
		CLUSTER_QUIET(cluster, 1, 0);
	}
	cr_assert(ge(uint, in_flight, 5), "%u", in_flight);
	cr_assert(ge(uint, cluster->nodes[0].moves, 40));
}

Test(cluster_move, if_it_fails_the_node_goes_on)
{
	uint64_t before = cluster->nodes[0].replica->incarnation;

	cr_assert(not(cluster_hand_over(cluster, 0, true)));
	cluster_run(cluster, SECOND);
	cr_assert(eq(u64, cluster->nodes[0].replica->incarnation, before));
	say(0, 0, "PRIVMSG #a :still here");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG #a :still here");
	cr_assert(eq(uint, cluster->nodes[0].resets, 0));
}

/* The other nodes do not know the client, whose node is another one when its nick is refused. */
Test(cluster_move, a_nick_that_is_refused_may_be_another_one_later)
{
	cluster_connect(cluster, 0, 1);
	say(0, 1, "NICK eve");
	say(0, 1, "USER gus 0 * :gus");
	CLUSTER_HEARS(cluster, 0, 1, "* 433 * eve *");
	move(0);
	say(0, 1, "NICK gus");
	CLUSTER_HEARS(cluster, 0, 1, "* 001 gus *");
}

Test(cluster_move, a_node_that_is_cut_off_is_not_handed_over)
{
	cluster->nodes[0].is_apart = true;
	cluster_run(cluster, 6 * SECOND);
	cr_assert(not(cluster_hand_over(cluster, 0, false)));
	cluster->nodes[0].is_apart = false;
	cluster_run(cluster, 2 * SECOND);
	move(0);
	cr_assert(cluster->nodes[0].clients[0].is_connected);
}

/* It does nothing for longer than node-timeout, so the others remove it. */
Test(cluster_move, a_node_that_comes_too_late_joins_anew)
{
	cluster->node_timeout_ns = 2 * SECOND;
	cluster->nodes[1].replica->node_timeout_ns = 2 * SECOND;
	cluster->nodes[0].is_standing = true;
	cluster_run(cluster, 4 * SECOND);
	cluster->nodes[0].is_standing = false;
	(void)cluster_hand_over(cluster, 0, false);
	cluster_run(cluster, 20 * SECOND);
	cr_assert(eq(uint, cluster->nodes[0].resets, 1));
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cr_assert(cluster_is_live(cluster, 0));
}

/* ---- many clients talk while all nodes are handed over ---- */

static unsigned heard[3], said;

static void on_line(struct cluster *of, unsigned node, unsigned client, const char *line)
{
	static char order[2000][40];
	const char *text = strstr(line, " PRIVMSG #all :");

	(void)of;
	cr_assert(eq(ptr, strstr(line, " QUIT "), NULL), "%s", line);
	if (!text || client > 0)
		return;
	/* The first node that hears a line tells its place in the order. */
	if (heard[node] == said)
		snprintf(order[said++], sizeof order[0], "%s", text);
	cr_assert(eq(str, order[heard[node]++], (char *)text));
}

Test(cluster_move, nothing_is_lost_while_all_talk)
{
	unsigned node, client, i;
	char nick[16];

	for (node = 0; node < 3; node++)
		for (client = 0; client < CLUSTER_CLIENTS; client++) {
			if (cluster->nodes[node].clients[client].is_connected)
				continue;
			snprintf(nick, sizeof nick, "n%uc%u", node, client);
			cluster_join(cluster, node, client, nick);
		}
	for (node = 0; node < 3; node++)
		for (client = 0; client < CLUSTER_CLIENTS; client++) {
			cluster_say(cluster, node, client, "CAP REQ echo-message");
			say(node, client, "JOIN #all");
		}
	cluster->on_line = on_line;
	for (i = 0; i < 1500; i++) {
		node = (unsigned)cluster_random(cluster, 3);
		client = (unsigned)cluster_random(cluster, CLUSTER_CLIENTS);
		cluster_say(cluster, node, client, "PRIVMSG #all :%u", i);
		cluster_run(cluster, (int64_t)cluster_random(cluster, 20) * RUDP_NS_PER_MS);
		if (i % 40 == 0)
			(void)cluster_hand_over(cluster, (unsigned)cluster_random(cluster, 3),
						cluster_random(cluster, 4) == 0);
	}
	cluster_run(cluster, 5 * SECOND);
	cr_assert(eq(uint, said, 1500));
	for (node = 0; node < 3; node++) {
		cr_assert(eq(uint, heard[node], said));
		cr_assert(eq(uint, cluster->nodes[node].resets, 0));
		cr_assert(ge(uint, cluster->nodes[node].moves, 3));
	}
}

/* ---- bytes that are not right ---- */

static struct apo_replica *fresh(void)
{
	return cluster_new_replica(&cluster->nodes[0]);
}

Test(cluster_move, a_part_of_the_bytes_is_refused)
{
	struct apo_replica *replica;
	uint64_t seen_seq;
	uint8_t *bytes;
	size_t len, part;

	cr_assert(apo_replica_save(cluster->nodes[0].replica, &bytes, &len));
	for (part = 0; part < len; part++) {
		replica = fresh();
		cr_assert(not(apo_replica_resume(replica, bytes, part, &seen_seq)));
		apo_replica_free(replica);
	}
	replica = fresh();
	cr_assert(apo_replica_resume(replica, bytes, len, &seen_seq));
	cr_assert(eq(u64, seen_seq, cluster->nodes[0].replica->seen_seq));
	apo_replica_free(replica);
	free(bytes);
}

Test(cluster_move, changed_bytes_do_no_harm)
{
	struct apo_replica *replica;
	uint8_t *bytes, before;
	uint64_t seen_seq;
	size_t len, at;

	cluster_say(cluster, 0, 0, "AWAY :so that something waits");
	cr_assert(apo_replica_save(cluster->nodes[0].replica, &bytes, &len));
	for (at = 0; at < len; at++) {
		before = bytes[at];
		bytes[at] = (uint8_t)(before ^ 1u << cluster_random(cluster, 8));
		replica = fresh();
		(void)apo_replica_resume(replica, bytes, len, &seen_seq);
		apo_replica_free(replica);
		bytes[at] = before;
	}
	free(bytes);
}

/* The next entry would have a position that does not follow the last one. */
Test(cluster_move, positions_that_do_not_fit_the_log_are_refused)
{
	const size_t ahead_at = 1 + 2 + 5 * 8; /* behind the name "n0" and five numbers */
	struct apo_replica *replica = fresh();
	uint64_t seen_seq;
	uint8_t *bytes;
	size_t len;

	cr_assert(apo_replica_save(cluster->nodes[0].replica, &bytes, &len));
	bytes[ahead_at + 7]++;
	cr_assert(not(apo_replica_resume(replica, bytes, len, &seen_seq)));
	apo_replica_free(replica);
	free(bytes);
}

Test(cluster_move, a_damaged_state_does_no_harm)
{
	cluster_join(cluster, 2, 0, "fay");
	say(0, 0, "MODE #a +kb key *!*@bad.example");
	say(0, 0, "TOPIC #a :what it is about");
	cluster_read_damaged(cluster, 0);
}

Test(cluster_move, another_node_does_not_take_over)
{
	struct apo_replica *replica = cluster_new_replica(&cluster->nodes[1]);
	uint64_t seen_seq;
	uint8_t *bytes;
	size_t len;

	cr_assert(apo_replica_save(cluster->nodes[0].replica, &bytes, &len));
	cr_assert(not(apo_replica_resume(replica, bytes, len, &seen_seq)));
	apo_replica_free(replica);
	free(bytes);
}
