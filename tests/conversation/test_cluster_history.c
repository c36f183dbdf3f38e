/* SPDX-License-Identifier: MIT */
/* History and read markers in a network of nodes (model/history.c, markers.c, redact.c). */
#include "conversation/cluster_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/mask.h"

#define SECOND RUDP_NS_PER_S
#define CAPS                                                                                       \
	"CAP REQ :batch draft/chathistory draft/message-redaction draft/read-marker echo-message " \
	"message-tags"

static struct cluster *cluster;

static void say(unsigned node, unsigned client, const char *line)
{
	cluster_say(cluster, node, client, "%s", line);
	cluster_run(cluster, SECOND);
}

static void register_account(unsigned node, unsigned client)
{
	cluster_say(cluster, node, client, "REGISTER * * sesame-1");
	cluster_check_password(cluster, node);
	cluster_run(cluster, SECOND);
}

/* dan is at node 0 and eve at node 1, with accounts and in #a. */
static void begin(void)
{
	cluster = cluster_new(1);
	cluster_offer_history(cluster);
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	register_account(0, 0);
	register_account(1, 0);
	say(0, 0, CAPS);
	say(1, 0, CAPS);
	say(0, 0, "JOIN #a");
	say(1, 0, "JOIN #a");
	cluster_forget(cluster);
}

static void end(void)
{
	cluster_check(cluster);
	cluster_check_disks(cluster);
	cluster_free(cluster);
}

TestSuite(cluster_history, .init = begin, .fini = end);

static unsigned count(unsigned node, const char *kind)
{
	return cluster_count_history(cluster, node, kind);
}

/* The msgid of the client's next line. */
static void next_msgid(unsigned node, unsigned client, char msgid[80])
{
	char *line = cluster_next(cluster, node, client);

	cr_assert(ne(ptr, line, NULL));
	line = strstr(line, "msgid=");
	cr_assert(ne(ptr, line, NULL));
	line += strlen("msgid=");
	strncpy(msgid, line, 79);
	msgid[strcspn(line, "; ")] = '\0';
}

Test(cluster_history, each_node_keeps_what_all_say)
{
	unsigned i;

	say(0, 0, "PRIVMSG #a :one");
	say(1, 0, "PRIVMSG #a :two");
	say(1, 0, "NOTICE dan :private");
	for (i = 0; i < 3; i++) {
		cr_assert(eq(uint, count(i, "said "), 3));
		cr_assert(eq(uint, count(i, "presence "), 2));
	}
}

Test(cluster_history, a_redaction_is_asked_once_and_done_at_all_nodes)
{
	char msgid[80], line[200];
	unsigned i;

	say(0, 0, "PRIVMSG #a :wrong");
	next_msgid(0, 0, msgid);
	cluster_forget(cluster);
	snprintf(line, sizeof line, "@label=x REDACT #a %s :mistake", msgid);
	say(0, 0, "CAP REQ labeled-response");
	cluster_forget(cluster);
	say(0, 0, line);
	cr_assert(eq(int, cluster->nodes[0].way, APO_HISTORY_MAY_REDACT));
	cr_assert(eq(uint, count(1, "said "), 1));
	cluster_answer_history(cluster, 0, APO_ASKED_DONE);
	cluster_run(cluster, SECOND);
	for (i = 0; i < 3; i++)
		cr_assert(eq(uint, count(i, "said "), 0));
	snprintf(line, sizeof line, "@*label=x*:dan!* REDACT #a %s :mistake", msgid);
	CLUSTER_HEARS(cluster, 0, 0, line);
	CLUSTER_QUIET(cluster, 0, 0);
	snprintf(line, sizeof line, "@*:dan!* REDACT #a %s :mistake", msgid);
	CLUSTER_HEARS(cluster, 1, 0, line);
}

Test(cluster_history, who_may_not_redact_changes_nothing)
{
	say(0, 0, "PRIVMSG #a :right");
	cluster_forget(cluster);
	say(1, 0, "REDACT #a 1-1");
	cluster_answer_history(cluster, 1, APO_ASKED_FORBIDDEN);
	cluster_run(cluster, SECOND);
	CLUSTER_HEARS(cluster, 1, 0, "*FAIL REDACT REDACT_FORBIDDEN #a 1-1 *");
	CLUSTER_QUIET(cluster, 0, 0);
	cr_assert(eq(uint, count(2, "said "), 1));
}

/* The answer comes when the client has left, or when the node is cut off. */
Test(cluster_history, a_redaction_that_comes_too_late_is_not_done)
{
	say(0, 0, "PRIVMSG #a :stays");
	say(0, 0, "REDACT #a 1-1");
	cluster_close(cluster, 0, 0);
	cluster_answer_history(cluster, 0, APO_ASKED_DONE);
	cluster_run(cluster, SECOND);
	say(1, 0, "REDACT #a 1-1");
	cluster->nodes[1].is_apart = true;
	cluster_run(cluster, 5 * SECOND);
	cluster_forget(cluster);
	cluster_answer_history(cluster, 1, APO_ASKED_DONE);
	CLUSTER_HEARS(cluster, 1, 0, "*cut off from its network; try again later");
	cluster->nodes[1].is_apart = false;
	cluster_run(cluster, 5 * SECOND);
	cr_assert(eq(uint, count(2, "said "), 1));
}

Test(cluster_history, a_marker_is_that_of_all_connections_of_the_account)
{
	cluster_join(cluster, 2, 0, "dan2");
	say(2, 0, CAPS);
	cluster_log_in(cluster, 2, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	say(0, 0, "MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	CLUSTER_HEARS(cluster, 0, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	CLUSTER_HEARS(cluster, 2, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	say(2, 0, "MARKREAD #a");
	CLUSTER_HEARS(cluster, 2, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	say(2, 0, "MARKREAD #a timestamp=2019-01-02T03:04:05.678Z"); /* never back */
	CLUSTER_HEARS(cluster, 2, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	CLUSTER_QUIET(cluster, 0, 0);
	cr_assert(eq(uint, count(1, "marker "), 1));
	cluster_start(cluster, 3);
	cluster_run(cluster, 20 * SECOND);
	cr_assert(eq(uint, count(3, "marker "), 1));
	cluster_join(cluster, 3, 0, "dan3");
	say(3, 0, CAPS);
	cluster_log_in(cluster, 3, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	say(3, 0, "JOIN #a");
	CLUSTER_HEARS(cluster, 3, 0, ":dan3!* JOIN #a");
	CLUSTER_HEARS(cluster, 3, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
}

Test(cluster_history, the_marker_of_a_client_without_account_stays_at_its_node)
{
	cluster_join(cluster, 2, 0, "guest");
	say(2, 0, CAPS);
	cluster_forget(cluster);
	say(2, 0, "MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	CLUSTER_HEARS(cluster, 2, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	say(2, 0, "MARKREAD #a");
	CLUSTER_HEARS(cluster, 2, 0, "*MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	cr_assert(eq(uint, count(2, "marker "), 0));
}

/* Nodes with different clocks decide alike. */
Test(cluster_history, an_absence_ends_at_all_nodes_when_its_account_returns)
{
	cluster->config.absence_ns = 60 * SECOND;
	say(0, 0, "PRIVMSG #a :one");
	cluster_kill(cluster, 1);
	cluster_run(cluster, 30 * SECOND);
	cluster_join(cluster, 2, 0, "eve2");
	cluster_log_in(cluster, 2, 0, "eve", "sesame-1");
	cluster_start(cluster, 3); /* it is told of the absence */
	cluster_run(cluster, 20 * SECOND);
	cr_assert(cluster_is_live(cluster, 3));
	cluster_check(cluster);
	say(2, 0, "JOIN #a");
	cr_assert(eq(uint, count(3, "presence "), 3));
}

/* Node 2 was away, so it has its state from another node. */
Test(cluster_history, public_history_is_public_at_all_nodes)
{
	unsigned i;

	say(0, 0, "PRIVMSG #a :before");
	cluster->nodes[2].is_apart = true;
	cluster_run(cluster, 30 * SECOND);
	say(0, 0, "MODE #a +H");
	cluster->nodes[2].is_apart = false;
	cluster_run(cluster, 30 * SECOND);
	cr_assert(cluster_is_live(cluster, 2));
	cluster_join(cluster, 2, 0, "fay");
	say(2, 0, CAPS);
	say(2, 0, "JOIN #a");
	for (i = 0; i < 3; i++) {
		say(i, 0, "CHATHISTORY LATEST #a * 10");
		cr_assert(ge(i64, cluster->nodes[i].public_from, 1));
		cr_assert(eq(i64, cluster->nodes[i].public_from, cluster->nodes[0].public_from));
		cluster_answer_history(cluster, i, APO_ASKED_NO_TARGET);
	}
}

Test(cluster_history, a_hand_over_keeps_presences_absences_and_markers)
{
	unsigned i;

	say(0, 0, "MARKREAD #a timestamp=2023-01-02T03:04:05.678Z");
	say(1, 0, "QUIT");
	for (i = 0; i < 3; i++)
		cr_assert(cluster_hand_over(cluster, i, false));
	cluster_run(cluster, SECOND);
	cluster_forget(cluster);
	say(0, 0, "MARKREAD #a");
	CLUSTER_HEARS(cluster, 0, 0, "* MARKREAD #a timestamp=2023-01-02T03:04:05.678Z");
	say(0, 0, "PRIVMSG #a :for eve, too");
	say(0, 0, "PART #a");
	for (i = 0; i < 3; i++) {
		cr_assert(eq(uint, count(i, "said "), 1));
		cr_assert(eq(uint, count(i, "presence "), 2));
	}
}

Test(cluster_history, a_node_that_was_away_has_what_it_missed)
{
	say(0, 0, "PRIVMSG #a :before");
	cluster->nodes[2].is_apart = true;
	cluster_run(cluster, 30 * SECOND);
	say(0, 0, "PRIVMSG #a :meanwhile");
	say(0, 0, "MARKREAD #a timestamp=2020-01-02T03:04:05.678Z");
	cluster->nodes[2].is_apart = false;
	cluster_run(cluster, 30 * SECOND);
	cr_assert(cluster_is_live(cluster, 2));
	say(0, 0, "PRIVMSG #a :after");
	cr_assert(eq(uint, count(2, "said "), 3));
	cr_assert(eq(uint, count(2, "marker "), 1));
}

/* Positions of the network that begins come after all earlier ones, and its runs are higher. */
Test(cluster_history, history_outlives_the_network)
{
	unsigned i;

	say(0, 0, "PRIVMSG #a :before");
	for (i = 0; i < 3; i++)
		cluster->nodes[i].is_apart = true;
	cluster_run(cluster, 120 * SECOND);
	cluster_lose(cluster, cluster->log_len);
	for (i = 0; i < 3; i++)
		cluster->nodes[i].is_apart = false;
	cluster_run(cluster, 120 * SECOND);
	cluster_join(cluster, 1, 0, "eve2");
	cluster_log_in(cluster, 1, 0, "eve", "sesame-1");
	say(1, 0, "JOIN #a");
	say(1, 0, "PRIVMSG #a :after");
	for (i = 0; i < 3; i++)
		cr_assert(eq(uint, count(i, "said "), 2));
}

/* ---- random faults ---- */

#define NAMES 6
static const char *const names[NAMES] = {"ann", "bob", "cat", "dog", "eel", "fox"};

static void say_something(struct cluster *some, unsigned node, unsigned client)
{
	const char *name = names[cluster_random(some, NAMES)];
	const char *channel = cluster_random(some, 2) ? "#x" : "#y";

	switch (cluster_random(some, 20)) {
	case 0:
		cluster_say(some, node, client, "REGISTER * * password-x");
		break;
	case 1:
		cluster_say(some, node, client, "NS DROP %s password-x", name);
		break;
	case 2:
	case 3:
		cluster_say(some, node, client, "JOIN %s", channel);
		break;
	case 4:
		cluster_say(some, node, client, "PART %s", channel);
		break;
	case 5:
		cluster_say(some, node, client, "CS REGISTER %s", channel);
		break;
	case 6:
		cluster_say(some, node, client, "MODE %s +b *!*@none.example", channel);
		break;
	case 7:
		cluster_say(some, node, client, "REDACT %s 1-1", channel);
		cluster_answer_history(some, node, APO_ASKED_DONE);
		break;
	case 8:
		cluster_say(some, node, client, "MARKREAD %s timestamp=20%02u-01-02T03:04:05.678Z",
			    channel, (unsigned)cluster_random(some, 20));
		break;
	case 9:
		cluster_close(some, node, client);
		break;
	case 10:
		cluster_log_in(some, node, client, name, "password-x");
		break;
	case 11:
		cluster_say(some, node, client, "RENAME %s #z%u", channel,
			    (unsigned)cluster_random(some, 3));
		break;
	default:
		cluster_say(some, node, client, "PRIVMSG %s :hello",
			    cluster_random(some, 4) ? channel : name);
		break;
	}
}

static void act(struct cluster *some)
{
	unsigned node = (unsigned)cluster_random(some, 3);
	unsigned client = (unsigned)cluster_random(some, 3);

	if (!some->nodes[node].model)
		return;
	if (some->nodes[node].clients[client].is_connected) {
		say_something(some, node, client);
	} else {
		cluster_connect(some, node, client);
		cluster_say(some, node, client, CAPS);
		cluster_say(some, node, client, "NICK %s", names[cluster_random(some, NAMES)]);
		cluster_say(some, node, client, "USER u 0 * :r");
		cluster_say(some, node, client, "CAP END");
	}
	cluster_check_password(some, node);
}

static unsigned run_story(uint64_t seed)
{
	struct cluster *some = cluster_new(seed);
	unsigned i, step, said;

	cluster_offer_history(some);
	some->config.login_tries_max = some->config.registrations_max = 10000;
	some->config.absence_ns = 20 * SECOND;
	cluster_start_all(some, 3);
	some->loss_percent = (unsigned)cluster_random(some, 20);
	for (step = 0; step < 400; step++) {
		act(some);
		act(some);
		cluster_fault(some, (unsigned)cluster_random(some, 3),
			      (unsigned)cluster_random(some, 80));
		cluster_run(some, (int64_t)cluster_random(some, 600) * RUDP_NS_PER_MS);
	}
	some->is_log_down = false;
	some->loss_percent = 0;
	for (i = 0; i < 3; i++) {
		some->nodes[i].is_apart = false;
		if (!some->nodes[i].model)
			cluster_start(some, i);
	}
	cluster_run(some, 60 * SECOND);
	for (i = 0; i < 3; i++)
		cr_assert(cluster_is_live(some, i), "seed %lu: node %u", (unsigned long)seed, i);
	cluster_check(some);
	cluster_check_disks(some);
	said = cluster_count_history(some, 0, "said ");
	cluster_free(some);
	return said;
}

Test(cluster_history, random_faults_leave_equal_histories)
{
	uint64_t seed;
	unsigned said = 0;

	for (seed = 1; seed <= 40; seed++)
		said += run_story(seed);
	cr_assert(ge(uint, said, 100));
}
