/* SPDX-License-Identifier: MIT */
/* Several copies of the model over a mock log (model/shared.h, cluster/replica.h). */
#include "conversation/cluster_fixture.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/mask.h"

static struct cluster *three(uint64_t seed)
{
	struct cluster *cluster = cluster_new(seed);

	cluster_start_all(cluster, 3);
	return cluster;
}

/* Three nodes with an operator whose name is root. */
static struct cluster *three_with_operator(uint64_t seed)
{
	static const struct apo_operator root = {.name = "root", .password_hash = "x"};
	struct cluster *cluster = cluster_new(seed);

	cluster->config.operators = &root;
	cluster->config.operator_count = 1;
	cluster_start_all(cluster, 3);
	return cluster;
}

static void end(struct cluster *cluster)
{
	cluster_free(cluster);
}

Test(cluster, a_nick_belongs_to_one_client_of_the_network)
{
	struct cluster *cluster = three(1);

	cluster_join(cluster, 0, 0, "dan");
	cluster_connect(cluster, 1, 0);
	cluster_say(cluster, 1, 0, "USER e 0 * :e");
	cluster_say(cluster, 1, 0, "NICK DAN");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 433 * DAN *");
	end(cluster);
}

Test(cluster, of_two_at_once_one_has_the_nick)
{
	struct cluster *cluster = three(2);
	char *line[2];
	unsigned i;

	for (i = 0; i < 2; i++) {
		cluster_connect(cluster, i, 0);
		cluster_say(cluster, i, 0, "NICK dan");
		cluster_say(cluster, i, 0, "USER d 0 * :d");
	}
	cluster_run(cluster, RUDP_NS_PER_S);
	for (i = 0; i < 2; i++) {
		line[i] = cluster_next(cluster, i, 0);
		cr_assert(ne(ptr, line[i], NULL));
	}
	i = strstr(line[0], " 001 ") ? 1 : 0;
	cr_assert(ne(ptr, strstr(line[1 - i], " 001 "), NULL));
	cr_assert(ne(ptr, strstr(line[i], " 433 "), NULL));
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, members_of_all_nodes_hear_what_is_said)
{
	struct cluster *cluster = three(3);
	unsigned i;

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster_join(cluster, 2, 0, "fay");
	for (i = 0; i < 3; i++) {
		cluster_say(cluster, i, 0, "JOIN #a");
		cluster_run(cluster, RUDP_NS_PER_S);
	}
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "PRIVMSG #a :hello");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_QUIET(cluster, 0, 0);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!~dan@h0-0.example PRIVMSG #a :hello");
	CLUSTER_HEARS(cluster, 2, 0, ":dan!~dan@h0-0.example PRIVMSG #a :hello");
	cluster_say(cluster, 2, 0, "PRIVMSG eve :you");
	cluster_say(cluster, 2, 0, "NAMES #a");
	cluster_say(cluster, 2, 0, "WHOIS dan");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":fay!~fay@h2-0.example PRIVMSG eve :you");
	CLUSTER_HEARS(cluster, 2, 0, "* 353 fay = #a :@dan eve fay");
	CLUSTER_HEARS(cluster, 2, 0, "* 366 *");
	CLUSTER_HEARS(cluster, 2, 0, "* 311 fay dan ~dan h0-0.example * :dan");
	cluster_check(cluster);
	end(cluster);
}

static void make_operator(struct cluster *cluster, unsigned node)
{
	cluster_say(cluster, node, 0, "OPER root x");
	apo_model_on_checked(cluster->nodes[node].model, cluster->nodes[node].ticket,
			     APO_CHECKED_RIGHT, NULL, cluster->now_ns);
	cluster_run(cluster, RUDP_NS_PER_S);
}

Test(cluster, a_kick_and_a_kill_reach_other_nodes)
{
	struct cluster *cluster = three_with_operator(4);

	cluster_meet(cluster);
	cluster_say(cluster, 0, 0, "KICK #a eve :out");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* KICK #a eve :out");
	cluster_forget(cluster);
	make_operator(cluster, 0);
	cluster_say(cluster, 0, 0, "KILL eve :bye");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* 381 dan *");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* KILL eve :bye");
	cr_assert(not(cluster->nodes[1].clients[0].is_connected));
	cluster_join(cluster, 2, 0, "fay");
	cluster_say(cluster, 0, 0, "XLINE 1h fay :no");
	cluster_run(cluster, RUDP_NS_PER_S);
	cr_assert(not(cluster->nodes[2].clients[0].is_connected));
	cluster_check(cluster);
	cluster_kill(cluster, 2);
	cluster_start(cluster, 2); /* it learns the ban from the others */
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cluster_connect(cluster, 2, 1);
	cluster_say(cluster, 2, 1, "NICK gus");
	cluster_say(cluster, 2, 1, "USER gus 0 * :fay");
	cluster_run(cluster, RUDP_NS_PER_S);
	cr_assert(not(cluster->nodes[2].clients[1].is_connected));
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, chghost_lifts_no_ban_at_any_node)
{
	struct cluster *cluster = three_with_operator(6);

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	make_operator(cluster, 0);
	cluster_say(cluster, 0, 0, "JOIN #a");
	cluster_say(cluster, 0, 0, "MODE #a +b *!*@h1-0.example");
	cluster_say(cluster, 0, 0, "CHGHOST eve staff.example");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_kill(cluster, 2);
	cluster_start(cluster, 2); /* it learns the former host from the others */
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster_say(cluster, 1, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 474 eve #a *");
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, reports_and_the_audit_log_are_those_of_the_network)
{
	struct cluster *cluster = three_with_operator(5);

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	make_operator(cluster, 0);
	cluster_forget(cluster);
	cluster_say(cluster, 1, 0, "OPER nobody x"); /* fails at its own node, is known to all */
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 1, 0, "REPORT dan :spam");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan *report: dan!*by eve!*: spam");
	CLUSTER_HEARS(cluster, 1, 0, "* 464 *");
	CLUSTER_HEARS(cluster, 1, 0, "* NOTICE eve *#3*");
	cluster_check(cluster);
	cluster_kill(cluster, 2);
	cluster_start(cluster, 2); /* it learns the log from the others */
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cluster_join(cluster, 2, 0, "fay");
	make_operator(cluster, 2);
	cluster_forget(cluster);
	cluster_say(cluster, 2, 0, "AUDIT oper-failed");
	CLUSTER_HEARS(cluster, 2, 0, "* NOTICE fay *#2 * oper-failed: eve as nobody *");
	cluster_say(cluster, 2, 0, "REPORTS CLOSE 3 :thanks");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "REPORTS");
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan *: 0");
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, a_ban_ends_at_all_nodes_at_once)
{
	struct cluster *cluster = three_with_operator(6);
	unsigned i;

	cluster_join(cluster, 0, 0, "dan");
	make_operator(cluster, 0);
	cluster_say(cluster, 0, 0, "XLINE 20s spam* :no");
	for (i = 0; i < 30; i++) {
		cluster_run(cluster, RUDP_NS_PER_S);
		cluster_check(cluster);
	}
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "STATS x");
	CLUSTER_HEARS(cluster, 0, 0, "* 219 *");
	end(cluster);
}

Test(cluster, a_labeled_command_has_its_answer)
{
	struct cluster *cluster = three(5);

	cluster_join(cluster, 0, 0, "dan");
	cluster_say(cluster, 0, 0, "CAP REQ :labeled-response batch echo-message");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "@label=x AWAY :gone");
	cluster_say(cluster, 0, 0, "@label=y PING z");
	cluster_say(cluster, 0, 0, "@label=z PRIVMSG nobody :hi");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "@label=x :* 306 dan *");
	CLUSTER_HEARS(cluster, 0, 0, "@label=y :* PONG *");
	CLUSTER_HEARS(cluster, 0, 0, "@label=z :* 401 dan nobody *");
	end(cluster);
}

Test(cluster, a_killed_node_leaves_with_its_clients)
{
	struct cluster *cluster = three(6);

	cluster_meet(cluster);
	cluster_kill(cluster, 0);
	cluster_run(cluster, 14 * RUDP_NS_PER_S);
	CLUSTER_QUIET(cluster, 1, 0);
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* QUIT :Node n0 has gone");
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, a_node_that_starts_again_has_the_state_of_the_others)
{
	struct cluster *cluster = three(7);

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 1, 0, "JOIN #a");
	cluster_say(cluster, 1, 0, "MODE #a +kb key *!*@bad.example");
	cluster_say(cluster, 1, 0, "TOPIC #a :of eve");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_kill(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 2 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 0));
	cluster_join(cluster, 0, 1, "dan"); /* free: the earlier process has gone */
	cluster_say(cluster, 0, 1, "JOIN #a key");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 1, ":dan!* JOIN #a");
	CLUSTER_HEARS(cluster, 0, 1, "* 332 dan #a :of eve");
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, without_the_log_changes_are_refused_and_nothing_is_lost)
{
	struct cluster *cluster = three(8);

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster->is_log_down = true;
	cluster_say(cluster, 0, 0, "AWAY :waits");
	cluster_run(cluster, 6 * RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan *cut off*");
	CLUSTER_HEARS(cluster, 1, 0, "* NOTICE eve *cut off*");
	cluster_say(cluster, 1, 0, "JOIN #new");
	cluster_say(cluster, 1, 0, "WHOIS dan");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* NOTICE eve *cut off*try again*");
	CLUSTER_HEARS(cluster, 1, 0, "* 311 eve dan *");
	cluster_forget(cluster);
	cluster->is_log_down = false;
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan *connected to its network again*");
	CLUSTER_HEARS(cluster, 0, 0, "* 306 dan *");
	cr_assert(cluster->nodes[0].clients[0].is_connected);
	cr_assert(eq(uint, cluster->nodes[0].resets + cluster->nodes[1].resets, 0));
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, a_node_that_is_apart_for_long_ends_its_clients)
{
	struct cluster *cluster = three(9);

	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster->nodes[0].is_apart = true;
	cluster_run(cluster, 25 * RUDP_NS_PER_S);
	cluster_join(cluster, 1, 1, "dan");
	cluster->nodes[0].is_apart = false;
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	cr_assert(eq(uint, cluster->nodes[0].resets, 1), "%s", cluster->nodes[0].reason);
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	cr_assert(cluster_is_live(cluster, 0));
	cr_assert(cluster->nodes[1].clients[1].is_connected);
	cluster_check(cluster);
	end(cluster);
}

Test(cluster, a_log_that_loses_entries_never_leaves_copies_that_differ)
{
	struct cluster *cluster;
	uint64_t seed;

	for (seed = 1; seed <= 20; seed++) {
		cluster = three(100 + seed);
		cluster_join(cluster, 0, 0, "dan");
		cluster_say(cluster, 0, 0, "JOIN #a");
		cluster_run(cluster, (int64_t)cluster_random(cluster, 60) * RUDP_NS_PER_MS);
		cluster_lose(cluster, 1 + cluster_random(cluster, 4));
		cluster_run(cluster, 60 * RUDP_NS_PER_S);
		cr_assert(cluster_is_live(cluster, 0));
		cr_assert(cluster_is_live(cluster, 1));
		cr_assert(cluster_is_live(cluster, 2));
		cluster_check(cluster);
		end(cluster);
	}
}

/* Its server has another copy of the log: it lacks entries, or has some that were never
 * acknowledged. */
Test(cluster, a_node_with_another_copy_of_the_log_comes_back_alone)
{
	struct cluster *cluster;
	unsigned times;
	int shift;

	for (shift = -3; shift <= 3; shift++) {
		for (times = 0; shift && times < 4; times++) {
			cluster = three(200 + (uint64_t)(10 * shift) + times);
			cluster_join(cluster, 0, 0, "dan");
			cluster_join(cluster, 2, 0, "eve");
			cluster_deviate(cluster, 2, shift, times < 3 ? times : UINT_MAX);
			cluster_run(cluster, 60 * RUDP_NS_PER_S);
			cr_assert(cluster_is_live(cluster, 2), "shift %d times %u", shift, times);
			cr_assert(ge(uint, cluster->nodes[2].resets, 1), "shift %d", shift);
			cr_assert(not(cluster->nodes[2].clients[0].is_connected));
			cr_assert(cluster->nodes[0].clients[0].is_connected);
			cr_assert(eq(uint, cluster->nodes[0].resets + cluster->nodes[1].resets, 0));
			cluster_check(cluster);
			end(cluster);
		}
	}
}

/* The same while it is cut off, so that its own entries never were in the log. */
Test(cluster, a_node_that_was_cut_off_joins_through_another_copy_of_the_log)
{
	struct cluster *cluster;
	int shift;

	for (shift = -3; shift <= 3; shift++) {
		cluster = three(300 + (uint64_t)shift);
		cluster->nodes[2].is_apart = true;
		cluster_run(cluster, 25 * RUDP_NS_PER_S);
		cluster_deviate(cluster, 2, shift, shift % 2 ? 2 : UINT_MAX);
		cluster->nodes[2].is_apart = false;
		cluster_run(cluster, 60 * RUDP_NS_PER_S);
		cr_assert(cluster_is_live(cluster, 2), "shift %d", shift);
		cr_assert(eq(uint, cluster->nodes[0].resets + cluster->nodes[1].resets, 0));
		cluster_check(cluster);
		end(cluster);
	}
}

Test(cluster, other_limits_keep_a_node_out)
{
	struct cluster *cluster = cluster_new(10);
	struct apo_model_config other;

	cluster_start_all(cluster, 2);
	other = cluster->config;
	other.topic_len_max--;
	cluster_start(cluster, 2);
	(void)apo_model_configure(cluster->nodes[2].model, &other);
	cluster_run(cluster, 30 * RUDP_NS_PER_S);
	cr_assert(not(cluster_is_live(cluster, 2)));
	cluster_check(cluster);
	end(cluster);
}

/* ---- random faults ---- */

/* The messages in #all that the observer of a node, its client 0, has heard. */
struct observer {
	uint64_t heard[4000];
	unsigned count;
	bool is_there;
};

struct story {
	struct observer observers[CLUSTER_NODES];
	uint64_t last_text;
};

static void on_line(struct cluster *cluster, unsigned node, unsigned client, const char *line)
{
	struct story *story = cluster->of;
	struct observer *observer = &story->observers[node];
	const char *text = strstr(line, " PRIVMSG #all ");

	if (text && client == 0 && observer->is_there)
		observer->heard[observer->count++] =
			strtoull(text + 14 + (text[14] == ':'), NULL, 10);
}

static void act(struct cluster *cluster, struct story *story)
{
	static const char *const nicks[] = {"ann", "bob", "cat", "dog", "eel"};
	unsigned node = (unsigned)cluster_random(cluster, 3);
	unsigned client = 1 + (unsigned)cluster_random(cluster, CLUSTER_CLIENTS - 1);
	const char *nick = nicks[cluster_random(cluster, 5)];
	const char *other = nicks[cluster_random(cluster, 5)];
	const char *channel = cluster_random(cluster, 2) ? "#x" : "#y";

	if (!cluster->nodes[node].model)
		return;
	if (!cluster->nodes[node].clients[client].is_connected) {
		cluster_connect(cluster, node, client);
		cluster_say(cluster, node, client, "NICK %s", nick);
		cluster_say(cluster, node, client, "USER u 0 * :r");
		return;
	}
	switch (cluster_random(cluster, 15)) {
	case 0:
		cluster_say(cluster, node, client, "NICK %s", nick);
		break;
	case 1:
	case 2:
		cluster_say(cluster, node, client, "JOIN %s", channel);
		break;
	case 3:
		cluster_say(cluster, node, client, "PART %s", channel);
		break;
	case 4:
		cluster_say(cluster, node, client, "KICK %s %s", channel, other);
		break;
	case 5:
		cluster_say(cluster, node, client, "MODE %s +o-v %s %s", channel, other, nick);
		break;
	case 6:
		cluster_say(cluster, node, client, "MODE %s +bi-k *!*@h%u-1.example k", channel,
			    node);
		break;
	case 7:
		cluster_say(cluster, node, client, "TOPIC %s :by %s", channel, nick);
		break;
	case 8:
		cluster_say(cluster, node, client, "INVITE %s %s", other, channel);
		break;
	case 9:
		cluster_say(cluster, node, client, "QUIT :bye");
		break;
	case 10:
		cluster_close(cluster, node, client);
		break;
	case 11:
		cluster_say(cluster, node, client, "AWAY :%s", other);
		break;
	case 12:
		cluster_say(cluster, node, client, "REPORT %s :spam", other);
		break;
	default:
		cluster_say(cluster, node, client, "PRIVMSG #all :%lu",
			    (unsigned long)++story->last_text);
		break;
	}
}

static void fault(struct cluster *cluster, struct story *story)
{
	unsigned node = (unsigned)cluster_random(cluster, 3);
	unsigned kind = (unsigned)cluster_random(cluster, 40);

	cluster_fault(cluster, node, kind);
	if (!cluster->nodes[node].model)
		story->observers[node].is_there = false;
}

/* Observers that were there all the time have heard the same, in the same order. */
static void check_observers(struct cluster *cluster, struct story *story)
{
	struct observer *first = NULL, *observer;
	unsigned i, k;

	for (i = 0; i < 3; i++) {
		observer = &story->observers[i];
		if (!observer->is_there || !cluster->nodes[i].clients[0].is_connected)
			continue;
		if (!first) {
			first = observer;
			continue;
		}
		cr_assert(eq(uint, first->count, observer->count));
		for (k = 0; k < first->count; k++)
			cr_assert(eq(u64, first->heard[k], observer->heard[k]));
	}
}

/* Returns how often a node was handed over. */
static unsigned run_story(uint64_t seed)
{
	struct cluster *cluster = three(seed);
	struct story *story = calloc(1, sizeof *story);
	unsigned i, step, moves = 0;
	uint64_t step_ms;
	char nick[16];

	cluster->of = story;
	for (i = 0; i < 3; i++) {
		snprintf(nick, sizeof nick, "observer%u", i);
		cluster_join(cluster, i, 0, nick);
		cluster_say(cluster, i, 0, "JOIN #all");
		cluster_run(cluster, RUDP_NS_PER_S);
		story->observers[i].is_there = true;
	}
	cluster_say(cluster, 0, 0, "MODE #all -n");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster->on_line = on_line;
	cluster->loss_percent = (unsigned)cluster_random(cluster, 20);
	step_ms = cluster_random(cluster, 2) ? 300 : 2000;
	for (step = 0; step < 250; step++) {
		act(cluster, story);
		act(cluster, story);
		fault(cluster, story);
		cluster_run(cluster, (int64_t)cluster_random(cluster, step_ms) * RUDP_NS_PER_MS);
	}
	cluster->is_log_down = false;
	cluster->loss_percent = 0;
	for (i = 0; i < 3; i++) {
		cluster->nodes[i].is_apart = false;
		if (!cluster->nodes[i].model)
			cluster_start(cluster, i);
	}
	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	for (i = 0; i < 3; i++) {
		cr_assert(cluster_is_live(cluster, i), "seed %lu: node %u", (unsigned long)seed, i);
		moves += cluster->nodes[i].moves;
	}
	cluster_check(cluster);
	check_observers(cluster, story);
	end(cluster);
	free(story);
	return moves;
}

Test(cluster, random_faults_leave_equal_copies)
{
	unsigned moves = 0;
	uint64_t seed;

	for (seed = 1; seed <= 60; seed++)
		moves += run_story(seed);
	cr_assert(ge(uint, moves, 100));
}

/* Stories that ended with two networks on one log before nodes compared networks by age, and
 * networks that they are not in. */
Test(cluster, two_networks_on_one_log_become_one)
{
	static const uint64_t seeds[] = {977, 1372, 1391, 2167, 2250, 2504, 3095, 4138, 4744};
	size_t i;

	for (i = 0; i < sizeof seeds / sizeof *seeds; i++)
		(void)run_story(seeds[i]);
}
