/* SPDX-License-Identifier: MIT */
/* Commands before the welcome: ISUPPORT (draft/extended-isupport), AWAY (draft/pre-away). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/cluster_fixture.h"
#include "conversation/irc/mask.h"
#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start(&w);
}

TestSuite(early, .init = begin, .fini = fixture_fini);

/* Connects, and asks for the capabilities. */
static void come(unsigned i, const char *caps)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "CAP REQ :%s", caps);
	HEARS_LIKE(&w, i, "* ACK *");
}

/* Takes a batch of type draft/isupport whose first line has this before it. */
static void hears_batch(unsigned i, const char *before)
{
	char expected[200], *line = fixture_next(&w, i);
	unsigned number, lines = 0;

	cr_assert(ne(ptr, line, NULL));
	snprintf(expected, sizeof expected, "%s:irc.example BATCH +* draft/isupport", before);
	cr_assert(fixture_is_like(expected, line), "%s", line);
	number = (unsigned)strtoul(strchr(line, '+') + 1, NULL, 10);
	snprintf(expected, sizeof expected, "@batch=%u :irc.example 005 *", number);
	while ((line = fixture_next(&w, i)) && fixture_is_like(expected, line))
		lines++;
	cr_assert(ge(uint, lines, 2));
	snprintf(expected, sizeof expected, "*:irc.example BATCH -%u", number);
	cr_assert(line && fixture_is_like(expected, line), "%s", line);
}

Test(early, isupport_is_asked_before_the_welcome)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "ISUPPORT");
	HEARS_LIKE(&w, 1, "* 451 *");
	come(3, "draft/extended-isupport");
	fixture_say(&w, 3, "ISUPPORT");
	HEARS_LIKE(&w, 3, ":irc.example 005 ? ACCOUNTEXTBAN=* :are supported by this server");
	fixture_forget(&w);
	fixture_say(&w, 3, "CAP REQ batch");
	HEARS_LIKE(&w, 3, "* ACK *");
	fixture_say(&w, 3, "ISUPPORT");
	hears_batch(3, "");
	QUIET(&w, 3);
}

/* Never outside of a batch, at the welcome, after VERSION, and after a change of the
 * configuration. */
Test(early, isupport_is_always_in_a_batch)
{
	struct apo_model_config other = w.config;
	char *line;

	come(1, "draft/extended-isupport batch labeled-response");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_say(&w, 1, "CAP END");
	while ((line = fixture_next(&w, 1)) && !strstr(line, " 004 "))
		;
	hears_batch(1, "");
	fixture_forget(&w);
	fixture_say(&w, 1, "@label=x ISUPPORT");
	hears_batch(1, "@label=x ");
	QUIET(&w, 1);
	fixture_say(&w, 1, "@label=y VERSION");
	HEARS_LIKE(&w, 1, "@label=y :irc.example BATCH +* labeled-response");
	HEARS_LIKE(&w, 1, "@batch=* 351 *");
	line = fixture_next(&w, 1);
	cr_assert(ne(ptr, line, NULL));
	cr_assert(fixture_is_like("@batch=* :irc.example BATCH +* draft/isupport", line), "%s",
		  line);
	while ((line = fixture_next(&w, 1)) && strstr(line, " 005 "))
		cr_assert(eq(int, strncmp(line, "@batch=", 7), 0));
	cr_assert(line && fixture_is_like("@batch=* :irc.example BATCH -*", line), "%s", line);
	HEARS_LIKE(&w, 1, ":irc.example BATCH -*");
	QUIET(&w, 1);
	other.topic_len_max--;
	(void)apo_model_configure(w.model, &other);
	hears_batch(1, "");
	QUIET(&w, 1);
	(void)apo_model_configure(w.model, &w.config);
}

Test(early, away_is_set_before_the_welcome)
{
	fixture_join(&w, 2, "eve", "away-notify extended-monitor");
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 2, "MONITOR + dan");
	fixture_forget(&w);
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "AWAY :gone");
	HEARS_LIKE(&w, 1, "* 451 *");
	fixture_say(&w, 1, "CAP REQ draft/pre-away");
	HEARS_LIKE(&w, 1, "* ACK *");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "AWAY :gone");
	HEARS_LIKE(&w, 1, "* 306 dan *");
	fixture_say(&w, 1, "AWAY");
	HEARS_LIKE(&w, 1, "* 305 dan *");
	fixture_say(&w, 1, "AWAY *");
	HEARS_LIKE(&w, 1, "* 306 dan *");
	QUIET(&w, 2);
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_hand_over(&w);
	fixture_say(&w, 1, "CAP END");
	HEARS_LIKE(&w, 1, "* 001 dan *");
	HEARS_LIKE(&w, 2, "* 730 eve :dan!*");
	fixture_say(&w, 1, "JOIN #a");
	HEARS_LIKE(&w, 2, ":dan!* JOIN *");
	HEARS_LIKE(&w, 2, ":dan!* AWAY :*");
	fixture_say(&w, 2, "PRIVMSG dan :here?");
	HEARS_LIKE(&w, 2, "* 301 eve dan :?");
}

/* The other nodes of a network learn it at the welcome. */
Test(early_cluster, away_is_known_at_all_nodes)
{
	struct cluster *cluster = cluster_new(1);

	cluster_start_all(cluster, 3);
	cluster_connect(cluster, 0, 0);
	cluster_say(cluster, 0, 0, "CAP REQ draft/pre-away");
	cluster_say(cluster, 0, 0, "AWAY :gone");
	cluster_say(cluster, 0, 0, "NICK dan");
	cluster_say(cluster, 0, 0, "USER dan 0 * :Dan");
	cluster_say(cluster, 0, 0, "CAP END");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 1, 0, "PRIVMSG dan :here?");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 301 eve dan :gone");
	cluster_check(cluster);
	cluster_free(cluster);
}
