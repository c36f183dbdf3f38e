/* SPDX-License-Identifier: MIT */
/* A user who logs in by SASL takes the nick over from a stale session. The store is a mock. */

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
}

TestSuite(take_over, .init = begin, .fini = fixture_fini);

/* As clients do it: the nick is sent before the login. */
static void come(unsigned i, const char *nick)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "CAP LS 302");
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER dan 0 * :Dan");
	fixture_say(&w, i, "CAP REQ :sasl");
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
}

static void log_in(unsigned i, enum apo_checked result)
{
	fixture_forget(&w);
	fixture_say(&w, i, "AUTHENTICATE " DAN);
	fixture_answer(&w, result, result == APO_CHECKED_RIGHT ? "dan" : NULL);
	HEARS_LIKE(&w, i, result == APO_CHECKED_RIGHT ? "* 900 *" : "* 904 *");
	fixture_forget(&w);
	fixture_say(&w, i, "CAP END");
}

/* Client 1 is dan, logged in since more than a minute, in #a with fay (2). */
static void stale_dan(void)
{
	come(1, "dan");
	log_in(1, APO_CHECKED_RIGHT);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_wait(&w, 61 * RUDP_NS_PER_S);
	fixture_forget(&w);
}

Test(take_over, the_owner_gets_the_nick_of_a_stale_session)
{
	stale_dan();
	come(3, "dan");
	log_in(3, APO_CHECKED_RIGHT);
	HEARS_LIKE(&w, 3, ":irc.example 001 dan :*");
	HEARS(&w, 2, ":dan!~dan@host1.example QUIT :Replaced by another session of dan");
	QUIET(&w, 2);
	cr_assert(eq(str, w.mocks[1].last_words,
		     "ERROR :Closing Link: host1.example (Replaced by another session of dan)"));
	cr_assert(eq(u64, apo_model_figures(w.model)->ghosts, 1));
	cr_assert(apo_model_check(w.model));
}

Test(take_over, the_nick_may_be_sent_after_the_login)
{
	stale_dan();
	fixture_connect(&w, 3);
	fixture_say(&w, 3, "CAP REQ :sasl");
	fixture_say(&w, 3, "AUTHENTICATE PLAIN");
	fixture_say(&w, 3, "AUTHENTICATE " DAN);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_say(&w, 3, "NICK Dan");
	fixture_say(&w, 3, "USER dan 0 * :Dan");
	fixture_forget(&w);
	fixture_say(&w, 3, "CAP END");
	HEARS_LIKE(&w, 3, ":irc.example 001 Dan :*");
	cr_assert(w.mocks[1].is_closed);
}

Test(take_over, any_nick_of_a_session_of_the_account_is_taken_over)
{
	stale_dan();
	fixture_say(&w, 1, "NICK other");
	come(3, "other");
	log_in(3, APO_CHECKED_RIGHT);
	HEARS_LIKE(&w, 3, ":irc.example 001 other :*");
	cr_assert(w.mocks[1].is_closed);
}

Test(take_over, nobody_else_gets_the_nick)
{
	stale_dan();
	come(3, "dan");
	log_in(3, APO_CHECKED_WRONG);
	HEARS(&w, 3, ":irc.example 433 * dan :Nickname is already in use");
	QUIET(&w, 3);
	fixture_say(&w, 3, "NICK eve");
	HEARS_LIKE(&w, 3, ":irc.example 001 eve :*");
	cr_assert(not(w.mocks[1].is_closed));
	cr_assert(apo_model_check(w.model));
}

Test(take_over, nicks_of_strangers_are_refused_at_once)
{
	stale_dan();
	fixture_connect(&w, 3);
	fixture_say(&w, 3, "CAP LS 302");
	fixture_forget(&w);
	ANSWERS(&w, 3, "NICK fay", ":irc.example 433 * fay :Nickname is already in use");
	/* Without capabilities there is no login before the welcome. */
	fixture_connect(&w, 5);
	ANSWERS(&w, 5, "NICK dan", ":irc.example 433 * dan :Nickname is already in use");
}

/* Else two programs with one nick would end each other's sessions for ever. */
#define KEY "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_KEY "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* Without an account. */
static void come_with_key(unsigned i, const char *nick, const char *key)
{
	w.mocks[i].fingerprint = key;
	fixture_connect(&w, i);
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER u 0 * :u");
}

Test(take_over, a_guest_gets_the_nick_by_the_same_key)
{
	fixture_join(&w, 0, "eve", NULL);
	come_with_key(1, "guest", KEY);
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_wait(&w, 61 * RUDP_NS_PER_S);
	fixture_forget(&w);
	come_with_key(3, "guest", KEY);
	HEARS_LIKE(&w, 3, ":irc.example 001 guest :*");
	HEARS(&w, 0, ":guest!~u@host1.example QUIT :Replaced by another session of host3.example");
}

Test(take_over, a_guest_does_not_get_the_nick_of_an_account_or_another_key)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{KEY, OTHER_KEY}, {KEY, NULL}, {NULL, NULL}};
	unsigned i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		come_with_key(1, "guest", rows[i].before);
		fixture_wait(&w, 61 * RUDP_NS_PER_S);
		come_with_key(3, "guest", rows[i].after);
		HEARS_LIKE(&w, 3, ":irc.example 433 * guest *");
		fixture_close(&w, 1, "gone");
		fixture_close(&w, 3, "gone");
		w.mocks[3].len = w.mocks[3].at = 0;
	}
	w.mocks[1].fingerprint = KEY;
	stale_dan();
	come_with_key(3, "dan", KEY);
	HEARS_LIKE(&w, 3, ":irc.example 433 * dan *");
}

Test(take_over, a_session_that_began_a_moment_ago_is_kept)
{
	come(1, "dan");
	log_in(1, APO_CHECKED_RIGHT);
	fixture_wait(&w, 59 * RUDP_NS_PER_S);
	come(3, "dan");
	log_in(3, APO_CHECKED_RIGHT);
	HEARS(&w, 3, ":irc.example 433 * dan :Nickname is already in use");
	QUIET(&w, 3);
	cr_assert(not(w.mocks[1].is_closed));
}

Test(take_over, the_session_may_end_meanwhile)
{
	stale_dan();
	come(3, "dan");
	fixture_say(&w, 1, "QUIT");
	log_in(3, APO_CHECKED_RIGHT);
	HEARS_LIKE(&w, 3, ":irc.example 001 dan :*");
	cr_assert(eq(u64, apo_model_figures(w.model)->ghosts, 0));
}

Test(take_over, another_nick_replaces_the_wish)
{
	stale_dan();
	come(3, "dan");
	fixture_say(&w, 3, "NICK dan_");
	log_in(3, APO_CHECKED_RIGHT);
	HEARS_LIKE(&w, 3, ":irc.example 001 dan_ :*");
	cr_assert(not(w.mocks[1].is_closed));
}

Test(take_over, the_wish_is_handed_over)
{
	stale_dan();
	come(3, "dan");
	fixture_hand_over(&w);
	log_in(3, APO_CHECKED_RIGHT);
	HEARS_LIKE(&w, 3, ":irc.example 001 dan :*");
}
