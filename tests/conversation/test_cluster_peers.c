/* SPDX-License-Identifier: MIT */
/* Clients over messages in a network of nodes (model/shared_peers.h). */
#include "conversation/cluster_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/mask.h"

#define KEY "SHA256:1111111111111111111111111111111111111111111"
#define OTHER_KEY "SHA256:2222222222222222222222222222222222222222222"

static struct cluster *cluster;

/* anna, whose id is a, is at node 0, and dan at node 2; both are in #a. Nobody is given up for a
 * silence of less than two minutes. */
static void begin(void)
{
	static const struct apo_operator root = {.name = "root", .password_hash = "x"};

	cluster = cluster_new(1);
	cluster->config.operators = &root;
	cluster->config.operator_count = 1;
	cluster->node_timeout_ns = 120 * RUDP_NS_PER_S;
	cluster_offer_history(cluster);
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 2, 0, "dan");
	cluster_say(cluster, 2, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
}

static void end(void)
{
	cluster_check(cluster);
	cluster_free(cluster);
}

TestSuite(cluster_peers, .init = begin, .fini = end);

/* key NULL: it has proven none. */
static void connect_peer(unsigned index, unsigned number, const char *id, const char *key)
{
	struct cluster_node *node = &cluster->nodes[index];
	struct cluster_client *client = &node->clients[number];
	char host[64];
	struct apo_peer_facts facts = {.address = id,
				       .host = host,
				       .fingerprint = key,
				       .is_secure = true,
				       .reports_end = true};

	snprintf(host, sizeof host, "%s.peer", id);
	client->peer.generation++;
	client->is_connected = true;
	client->is_held = false;
	client->len = client->at = 0;
	apo_model_on_connected(node->model, client->peer, &facts, cluster->now_ns);
}

static void come(unsigned node, unsigned client, const char *id, const char *key, const char *nick)
{
	connect_peer(node, client, id, key);
	cluster_say(cluster, node, client, "CAP REQ :batch draft/chathistory");
	cluster_say(cluster, node, client, "NICK %s", nick);
	cluster_say(cluster, node, client, "USER u 0 * :u");
	cluster_say(cluster, node, client, "CAP END");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, node, client, "* CAP * ACK *");
}

static void join(unsigned node, unsigned client)
{
	cluster_say(cluster, node, client, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
}

Test(cluster_peers, a_client_of_a_killed_node_has_its_nick_at_another_one)
{
	come(0, 0, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 0, 0, "* 001 anna *");
	join(0, 0);
	CLUSTER_HEARS(cluster, 2, 0, ":anna!~u@a.peer JOIN #a");
	cluster_kill(cluster, 0);
	come(1, 0, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 1, 0, "* 001 anna *");
	CLUSTER_HEARS(cluster, 2, 0, ":anna!~u@a.peer QUIT :Replaced by another session of a.peer");
	join(1, 0);
	CLUSTER_HEARS(cluster, 2, 0, ":anna!~u@a.peer JOIN #a");
}

/* From which position on the client may see what was said. */
static int64_t sees_from(unsigned node, unsigned client)
{
	cluster_say(cluster, node, client, "CHATHISTORY LATEST #a * 10");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_answer_history(cluster, node, APO_ASKED_NO_TARGET);
	return cluster->nodes[node].since;
}

/* Node 3 gets the state from another one while anna is away. */
Test(cluster_peers, a_guest_sees_what_the_death_of_its_node_let_it_miss)
{
	int64_t since;

	come(0, 0, "a", KEY, "anna");
	join(0, 0);
	since = sees_from(0, 0);
	cluster_kill(cluster, 0);
	cluster_say(cluster, 2, 0, "PRIVMSG #a :meanwhile");
	come(1, 0, "a", KEY, "anna");
	join(1, 0);
	cr_assert(eq(i64, sees_from(1, 0), since));
	cluster_kill(cluster, 1);
	cluster_run(cluster, 130 * RUDP_NS_PER_S); /* until the nodes have gone */
	cluster_start(cluster, 3);
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	come(3, 0, "a", KEY, "anna");
	join(3, 0);
	cr_assert(eq(i64, sees_from(3, 0), since));
}

Test(cluster_peers, another_key_is_another_client)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{KEY, OTHER_KEY}, {KEY, NULL}, {NULL, KEY}};
	unsigned i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		come(0, i, "a", rows[i].before, i == 0 ? "anna" : i == 1 ? "berta" : "cora");
		CLUSTER_HEARS(cluster, 0, i, "* 001 *");
		come(1, i, "a", rows[i].after, i == 0 ? "anna" : i == 1 ? "berta" : "cora");
		CLUSTER_HEARS(cluster, 1, i, "* 433 *");
		cluster_close(cluster, 0, i);
		cluster_close(cluster, 1, i);
		cluster_run(cluster, RUDP_NS_PER_S);
	}
}

Test(cluster_peers, an_address_or_another_id_is_another_client)
{
	come(0, 0, "a", NULL, "anna");
	CLUSTER_HEARS(cluster, 0, 0, "* 001 anna *");
	come(1, 0, "b", NULL, "anna");
	CLUSTER_HEARS(cluster, 1, 0, "* 433 *");
	cluster_connect(cluster, 1, 1);
	cluster_say(cluster, 1, 1, "NICK anna");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 1, "* 433 *");
}

/* The session at the other node ends whatever its nick is, also if its node lives. */
Test(cluster_peers, one_id_is_one_client_of_the_network)
{
	come(0, 0, "a", NULL, "anna");
	join(0, 0);
	cluster_forget(cluster);
	come(1, 0, "a", NULL, "berta");
	CLUSTER_HEARS(cluster, 1, 0, "* 001 berta *");
	CLUSTER_HEARS(cluster, 2, 0, ":anna!~u@a.peer QUIT :Replaced by another session of a.peer");
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cr_assert(eq(str, cluster->nodes[0].clients[0].last_words,
		     "ERROR :Closing Link: a.peer (Replaced by another session of a.peer)"));
}

/* Lines under way from a session that has ended, or from one that registers, do no harm. */
Test(cluster_peers, two_that_come_at_once_leave_one)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		connect_peer(i, 0, "a", KEY);
		cluster_say(cluster, i, 0, "NICK anna");
		cluster_say(cluster, i, 0, "USER u 0 * :u");
		cluster_say(cluster, i, 0, "JOIN #a");
		cluster_say(cluster, i, 0, "PRIVMSG #a :%u", i);
	}
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	cr_assert(ne(int, cluster->nodes[0].clients[0].is_connected,
		     cluster->nodes[1].clients[0].is_connected));
}

Test(cluster_peers, a_node_that_joins_or_is_handed_over_knows_them)
{
	come(0, 0, "a", KEY, "anna");
	cluster_kill(cluster, 1);
	cluster_start(cluster, 1);
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	cr_assert(cluster_hand_over(cluster, 2, false));
	cluster_check(cluster);
	cluster_kill(cluster, 0);
	come(1, 0, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 1, 0, "* 001 anna *");
	cluster_kill(cluster, 1);
	come(2, 1, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 2, 1, "* 001 anna *");
}

/* Ids move between nodes at random; nodes die and come back. */
Test(cluster_peers, at_most_one_session_of_an_id_is_left)
{
	static const char *const ids[] = {"a", "b", "c"};
	unsigned i, node, id;

	for (i = 0; i < 300; i++) {
		node = (unsigned)cluster_random(cluster, 3);
		id = (unsigned)cluster_random(cluster, 3);
		if (i % 50 == 49) {
			cluster_kill(cluster, node);
			cluster_start(cluster, node);
			cluster_run(cluster, 20 * RUDP_NS_PER_S);
		}
		cluster_close(cluster, node, 1 + id);
		connect_peer(node, 1 + id, ids[id], cluster_random(cluster, 8) ? KEY : NULL);
		cluster_say(cluster, node, 1 + id, "NICK %s%s", ids[id],
			    cluster_random(cluster, 4) ? "" : "_");
		cluster_say(cluster, node, 1 + id, "USER u 0 * :u");
		cluster_say(cluster, node, 1 + id, "JOIN #a");
		cluster_say(cluster, node, 1 + id, "PRIVMSG #a :hello");
		cluster_run(cluster, (int64_t)cluster_random(cluster, 300) * RUDP_NS_PER_MS);
	}
	cluster_run(cluster, 10 * RUDP_NS_PER_S);
	cluster_forget(cluster);
}

/* ---- CHGHOST ---- */

static void make_dan_operator(void)
{
	cluster_say(cluster, 2, 0, "OPER root x");
	apo_model_on_checked(cluster->nodes[2].model, cluster->nodes[2].ticket, APO_CHECKED_RIGHT,
			     NULL, cluster->now_ns);
	cluster_run(cluster, RUDP_NS_PER_S);
}

Test(cluster_peers, another_host_does_not_change_who_a_client_is)
{
	make_dan_operator();
	come(0, 0, "a", KEY, "anna");
	cluster_say(cluster, 2, 0, "CHGHOST anna staff.example");
	cluster_run(cluster, RUDP_NS_PER_S);
	come(1, 0, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 1, 0, "* 001 anna *");
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cluster_say(cluster, 2, 0, "CHGHOST anna staff.example");
	cluster_say(cluster, 1, 0, "QUIT");
	cluster_run(cluster, RUDP_NS_PER_S);
	come(0, 0, "a", KEY, "anna");
	CLUSTER_HEARS(cluster, 0, 0, "* 001 anna *");
}

Test(cluster_peers, no_other_client_becomes_one_by_its_host)
{
	make_dan_operator();
	cluster_join(cluster, 0, 0, "eve");
	cluster_join(cluster, 1, 0, "fay");
	cluster_say(cluster, 2, 0, "CHGHOST eve a.peer");
	cluster_say(cluster, 2, 0, "CHGHOST fay a.peer");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_kill(cluster, 1);
	cluster_start(cluster, 1);
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cluster_join(cluster, 1, 1, "gil");
}
