/* SPDX-License-Identifier: MIT */
/* Read markers: MARKREAD, and which connections are told. */
#include <inttypes.h>
#include <stdio.h>

#include "conversation/model_fixture.h"

#define THEN "timestamp=2023-11-14T22:13:19.000Z" /* one second before the fixture's time */
#define EARLIER "timestamp=2023-11-14T22:13:18.000Z"

static struct fixture w;
static char kept[160];

static void keep(void *of, const struct apo_said *said)
{
	(void)of;
	(void)said;
}

static void ask_history(void *of, uint64_t ticket, const struct apo_question *question)
{
	(void)of;
	(void)ticket;
	(void)question;
}

static void keep_change(void *of, const struct apo_change *change)
{
	(void)of;
	if (change->kind == APO_CHANGE_READ)
		snprintf(kept, sizeof kept, "%s %s %" PRId64, change->account, change->target,
			 change->time_ms);
}

static void begin(void)
{
	kept[0] = '\0';
	fixture_init(&w);
	w.calls.keep = keep;
	w.calls.ask_history = ask_history;
	w.calls.keep_change = keep_change;
	w.config.has_history = true;
	fixture_start(&w);
}

TestSuite(markers, .init = begin, .fini = fixture_fini);

static void log_in(unsigned i, const char *nick, const char *account)
{
	cr_assert(eq(int, apo_model_on_account(w.model, account, 0, w.now_ns), 0));
	fixture_join(&w, i, nick, "draft/read-marker sasl");
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	fixture_say(&w, i, "AUTHENTICATE AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, account);
	fixture_forget(&w);
}

static void answered(unsigned i, const char *said, const char *answer)
{
	char expected[300];

	fixture_say(&w, i, "%s", said);
	snprintf(expected, sizeof expected, ":irc.example %s", answer);
	HEARS(&w, i, expected);
	QUIET(&w, i);
}

Test(markers, a_marker_is_sent_before_the_names)
{
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_marker(w.model, "dan", "#room", 1699999999000), 0));
	log_in(1, "x", "dan");
	fixture_say(&w, 1, "JOIN #Room,#other");
	HEARS_LIKE(&w, 1, ":x!* JOIN #Room");
	HEARS(&w, 1, ":irc.example MARKREAD #Room " THEN);
	HEARS_LIKE(&w, 1, "* 353 *");
	HEARS_LIKE(&w, 1, "* 366 *");
	HEARS_LIKE(&w, 1, ":x!* JOIN #other");
	HEARS(&w, 1, ":irc.example MARKREAD #other *");
}

Test(markers, without_the_capability_no_marker_is_sent)
{
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "JOIN #a");
	HEARS_LIKE(&w, 0, ":eve!* JOIN #a");
	HEARS_LIKE(&w, 0, "* 353 *");
	HEARS_LIKE(&w, 0, "* 366 *");
	QUIET(&w, 0);
}

Test(markers, a_marker_is_sent_to_the_connections_of_its_account_only)
{
	log_in(1, "one", "dan");
	log_in(3, "two", "dan");
	log_in(5, "eve1", "eve");
	answered(1, "MARKREAD #Room " THEN, "MARKREAD #Room " THEN);
	cr_assert(eq(str, kept, "dan #room 1699999999000"));
	HEARS(&w, 3, ":irc.example MARKREAD #Room " THEN);
	QUIET(&w, 5);
	answered(3, "MARKREAD #ROOM", "MARKREAD #ROOM " THEN);
	answered(5, "MARKREAD #room", "MARKREAD #room *");
	fixture_close(&w, 3, "gone");
	answered(1, "MARKREAD eve " EARLIER, "MARKREAD eve " EARLIER);
	QUIET(&w, 5);
}

Test(markers, a_marker_only_goes_forward)
{
	log_in(1, "one", "dan");
	log_in(3, "two", "dan");
	answered(1, "MARKREAD #a " THEN, "MARKREAD #a " THEN);
	fixture_forget(&w);
	kept[0] = '\0';
	answered(1, "MARKREAD #a " EARLIER, "MARKREAD #a " THEN);
	answered(1, "MARKREAD #a " THEN, "MARKREAD #a " THEN);
	QUIET(&w, 3);
	cr_assert(eq(str, kept, ""));
	/* A marker is never in the future. */
	answered(1, "MARKREAD #a timestamp=2100-01-01T00:00:00.000Z",
		 "MARKREAD #a timestamp=2023-11-14T22:13:20.000Z");
}

Test(markers, wrong_requests_are_explained)
{
	log_in(1, "one", "dan");
	answered(1, "MARKREAD", "FAIL MARKREAD NEED_MORE_PARAMS :Missing parameters");
	answered(1, "MARKREAD 9x " THEN, "FAIL MARKREAD INVALID_PARAMS 9x :Invalid parameters");
	answered(1, "MARKREAD #a *", "FAIL MARKREAD INVALID_PARAMS * :Invalid parameters");
	answered(1, "MARKREAD #a timestamp=yesterday",
		 "FAIL MARKREAD INVALID_PARAMS timestamp=yesterday :Invalid parameters");
	w.config.markers_max = 1;
	answered(1, "MARKREAD #a " THEN, "MARKREAD #a " THEN);
	answered(1, "MARKREAD #b " THEN,
		 "FAIL MARKREAD INTERNAL_ERROR #b "
		 ":There are too many read markers of yours");
}

Test(markers, a_client_without_account_has_markers_of_its_session)
{
	char said[80], heard[80];
	unsigned i;

	fixture_join(&w, 3, "eve", "draft/read-marker sasl");
	fixture_join(&w, 4, "fay", "draft/read-marker");
	answered(3, "MARKREAD #a", "MARKREAD #a *");
	answered(3, "MARKREAD #A " THEN, "MARKREAD #A " THEN);
	answered(3, "MARKREAD #a " EARLIER, "MARKREAD #a " THEN);
	answered(3, "MARKREAD fay " EARLIER, "MARKREAD fay " EARLIER);
	answered(4, "MARKREAD #a", "MARKREAD #a *");
	cr_assert(eq(str, kept, ""));
	fixture_hand_over(&w);
	fixture_forget(&w);
	fixture_say(&w, 3, "JOIN #a");
	HEARS_LIKE(&w, 3, ":eve!* JOIN #a");
	HEARS(&w, 3, ":irc.example MARKREAD #a " THEN);
	fixture_forget(&w);
	answered(3, "MARKREAD fay", "MARKREAD fay " EARLIER);
	for (i = 0; i < 98; i++) {
		snprintf(said, sizeof said, "MARKREAD #c%u " THEN, i);
		snprintf(heard, sizeof heard, "MARKREAD #c%u " THEN, i);
		answered(3, said, heard);
	}
	answered(3, "MARKREAD #b " THEN,
		 "FAIL MARKREAD INTERNAL_ERROR #b :There are too many read markers of yours");
	/* The account has its own. */
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	fixture_say(&w, 3, "AUTHENTICATE PLAIN");
	fixture_say(&w, 3, "AUTHENTICATE AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
	answered(3, "MARKREAD #a", "MARKREAD #a *");
}

Test(markers, a_new_account_of_a_dropped_name_has_no_markers)
{
	log_in(1, "one", "dan");
	answered(1, "MARKREAD #a " THEN, "MARKREAD #a " THEN);
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	fixture_forget(&w);
	answered(1, "MARKREAD #a", "MARKREAD #a *");
	log_in(3, "two", "dan");
	answered(3, "MARKREAD #a", "MARKREAD #a *");
	answered(3, "MARKREAD #a " EARLIER, "MARKREAD #a " EARLIER);
	QUIET(&w, 1);
}

Test(markers, without_history_there_are_no_markers)
{
	w.config.has_history = false;
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "CAP REQ draft/read-marker");
	HEARS(&w, 0, ":irc.example CAP eve NAK :draft/read-marker");
	fixture_say(&w, 0, "MARKREAD #a");
	HEARS_LIKE(&w, 0, ":irc.example 421 eve MARKREAD *");
}

/* The store reports older markers, and a client that is logged in is still among the connections of
 * its account. */
Test(markers, markers_work_in_another_process)
{
	log_in(1, "one", "dan");
	log_in(3, "two", "dan");
	fixture_hand_over(&w);
	fixture_forget(&w);
	fixture_say(&w, 1, "MARKREAD #a " THEN);
	HEARS(&w, 3, ":irc.example MARKREAD #a " THEN);
}
