/* SPDX-License-Identifier: MIT */
/* SASL EXTERNAL, and the keys of accounts (NickServ CERT). The store is a mock. */
#include <stdio.h>
#include <string.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/model_fixture.h"

#define KEY "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_KEY "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define CERTIFICATE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AS_DAN "ZGFu"
#define PLAIN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
}

TestSuite(keys, .init = begin, .fini = fixture_fini);

#define SAYS(i, nick, text) HEARS(&w, i, ":NickServ!services@irc.example NOTICE " nick " :" text)

/* Odd numbers are secure connections. */
static void come(unsigned i, const char *nick, const char *fingerprint)
{
	w.mocks[i].fingerprint = fingerprint;
	fixture_join(&w, i, nick, fingerprint || i % 2 ? "sasl" : NULL);
}

static void ask_in(unsigned i, const char *response)
{
	w.asked[0][0] = '\0';
	fixture_say(&w, i, "AUTHENTICATE EXTERNAL");
	HEARS(&w, i, "AUTHENTICATE +");
	fixture_say(&w, i, "AUTHENTICATE %s", response);
}

static void come_in(unsigned i, const char *nick, const char *fingerprint)
{
	come(i, nick, fingerprint);
	ask_in(i, "+");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
}

Test(keys, only_two_forms_of_fingerprints_are_valid)
{
	cr_assert(apo_fingerprint_is_valid(KEY));
	cr_assert(apo_fingerprint_is_valid(CERTIFICATE));
	cr_assert(not(apo_fingerprint_is_valid("")));
	cr_assert(not(apo_fingerprint_is_valid(KEY "A")));
	cr_assert(not(apo_fingerprint_is_valid("SHA256:AAAA")));
	cr_assert(not(apo_fingerprint_is_valid(CERTIFICATE "0")));
	cr_assert(not(
		apo_fingerprint_is_valid("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}

/* CAP LS lists EXTERNAL only where it can succeed. */
Test(keys, the_mechanisms_depend_on_the_connection)
{
	static const struct {
		unsigned client;
		const char *fingerprint, *expected;
	} rows[] = {{1, NULL, "* sasl=PLAIN *"},
		    {3, CERTIFICATE, "* sasl=PLAIN,EXTERNAL*"},
		    {4, KEY, "* sasl=EXTERNAL *"}};
	const char *line;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		w.mocks[rows[i].client].fingerprint = rows[i].fingerprint;
		fixture_connect(&w, rows[i].client);
		fixture_say(&w, rows[i].client, "CAP LS 302");
		HEARS_LIKE(&w, rows[i].client, rows[i].expected);
		fixture_forget(&w);
	}
	fixture_connect(&w, 6);
	fixture_say(&w, 6, "CAP LS 302");
	while ((line = fixture_next(&w, 6)))
		cr_assert(eq(ptr, strstr(line, "sasl"), NULL));
}

/* The connection is not secure: only the key is allowed there, and neither a password nor
 * REGISTER. */
Test(keys, a_key_is_enough_on_a_connection_that_is_not_secure)
{
	come(2, "x", KEY);
	ask_in(2, "+");
	cr_assert(eq(str, w.asked[0], ""));
	cr_assert(eq(str, w.asked[1], KEY));
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS(&w, 2, ":irc.example 900 x x!~x@host2.example dan :You are now logged in as dan");
	HEARS(&w, 2, ":irc.example 903 x :SASL authentication successful");
	QUIET(&w, 2);
	fixture_say(&w, 2, "AUTHENTICATE PLAIN");
	HEARS(&w, 2, ":irc.example 908 x EXTERNAL :are available SASL mechanisms");
	HEARS_LIKE(&w, 2, "* 904 *");
	fixture_say(&w, 2, "REGISTER * * :correct horse");
	HEARS_LIKE(&w, 2, "*FAIL REGISTER *");
}

Test(keys, the_account_may_be_named)
{
	come(1, "x", CERTIFICATE);
	ask_in(1, AS_DAN);
	cr_assert(eq(str, w.asked[0], "dan"));
	cr_assert(eq(str, w.asked[1], CERTIFICATE));
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 1, "* 900 *");
	HEARS_LIKE(&w, 1, "* 903 *");
}

Test(keys, a_client_without_a_key_cannot_use_it)
{
	come(1, "x", NULL);
	fixture_say(&w, 1, "AUTHENTICATE EXTERNAL");
	HEARS(&w, 1, ":irc.example 908 x PLAIN :are available SASL mechanisms");
	HEARS(&w, 1, ":irc.example 904 x :SASL authentication failed");
}

/* The key of another account, a removed key, and one that never was. */
Test(keys, a_key_that_is_not_the_accounts_is_refused)
{
	int i;

	come(2, "x", OTHER_KEY);
	for (i = 0; i < 2; i++) {
		ask_in(2, AS_DAN);
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		HEARS(&w, 2, ":irc.example 904 x :SASL authentication failed");
		cr_assert(fixture_is_like("login-failed: *by=EXTERNAL name=dan *reason=key",
					  w.logged));
	}
	ask_in(2, AS_DAN);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	cr_assert(w.mocks[2].is_closed);
}

Test(keys, malformed_responses_are_refused_without_asking_the_store)
{
	static const char *const bad[] = {"AAAA", "xyz", "!!!!", "ZGFuAA==", "YSBi"};
	size_t i;

	come(2, "x", KEY);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		ask_in(2, bad[i]);
		HEARS(&w, 2, ":irc.example 904 x :SASL authentication failed");
		cr_assert(eq(str, w.asked[0], ""));
	}
}

Test(keys, a_store_that_fails_counts_for_nothing)
{
	int i;

	come(2, "x", KEY);
	for (i = 0; i < 4; i++) {
		ask_in(2, "+");
		fixture_answer(&w, APO_CHECKED_FAILED, NULL);
		HEARS(&w, 2, ":irc.example 904 x :SASL authentication failed");
	}
	cr_assert(not(w.mocks[2].is_closed));
}

Test(keys, a_hand_over_in_the_middle_changes_nothing)
{
	come(2, "x", KEY);
	fixture_say(&w, 2, "AUTHENTICATE EXTERNAL");
	HEARS(&w, 2, "AUTHENTICATE +");
	fixture_hand_over(&w);
	fixture_say(&w, 2, "AUTHENTICATE +");
	cr_assert(eq(str, w.asked[1], KEY));
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 2, "* 900 *");
}

Test(keys, the_nick_of_the_account_can_be_taken_by_the_key)
{
	w.mocks[2].fingerprint = KEY;
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "CAP REQ :sasl");
	fixture_say(&w, 2, "NICK dan");
	fixture_say(&w, 2, "USER dan 0 * :Dan");
	fixture_forget(&w);
	ask_in(2, "+");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
	fixture_say(&w, 2, "CAP END");
	HEARS_LIKE(&w, 2, ":irc.example 001 dan *");
}

/* ---- CERT ---- */

Test(keys, the_shown_key_is_added)
{
	come_in(2, "x", KEY);
	fixture_say(&w, 2, "NS CERT ADD");
	QUIET(&w, 2);
	cr_assert(eq(str, w.asked[0], "dan"));
	cr_assert(eq(str, w.asked[1], KEY));
	cr_assert(eq(int, w.asked_question, APO_AUTH_KEY_ADD));
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	SAYS(2, "x", KEY " is a key of your account now");
	cr_assert(ne(ptr, strstr(w.logged, "cert-add"), NULL));
	cr_assert(ne(ptr, strstr(w.logged, "dan " KEY " by x"), NULL));
	fixture_say(&w, 2, "NS CERT ADD " KEY);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	SAYS(2, "x", "The key belongs to an account already, or yours has too many");
}

/* A user who claims the key of another one would log its owner in to the wrong account. */
Test(keys, another_key_than_the_shown_one_cannot_be_added)
{
	come_in(2, "x", KEY);
	w.asked[0][0] = '\0';
	fixture_say(&w, 2, "NS CERT ADD " OTHER_KEY);
	SAYS(2, "x", "Only the key that you have shown can be added: " KEY);
	come(1, "y", NULL);
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " PLAIN);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
	w.asked[0][0] = '\0';
	fixture_say(&w, 1, "NS CERT ADD " OTHER_KEY);
	SAYS(1, "y", "You have shown no key: neither a TLS certificate nor a rudp identity");
	cr_assert(eq(str, w.asked[0], ""));
}

Test(keys, a_key_is_removed)
{
	come_in(2, "x", KEY);
	fixture_say(&w, 2, "NS CERT DEL " CERTIFICATE);
	cr_assert(eq(str, w.asked[1], CERTIFICATE));
	cr_assert(eq(int, w.asked_question, APO_AUTH_KEY_REMOVE));
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	SAYS(2, "x", CERTIFICATE " is no key of your account any more");
	cr_assert(ne(ptr, strstr(w.logged, "cert-del"), NULL));
	fixture_say(&w, 2, "NS CERT DEL " CERTIFICATE);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	SAYS(2, "x", "That is no key of your account");
	fixture_say(&w, 2, "NS CERT DEL " CERTIFICATE);
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	SAYS(2, "x", "The keys could not be changed; try again later");
	fixture_say(&w, 2, "NS CERT DEL nonsense");
	SAYS(2, "x", "CERT ADD, DEL <fingerprint>, LIST");
}

Test(keys, the_keys_are_listed)
{
	come_in(2, "x", KEY);
	fixture_say(&w, 2, "NS CERT LIST");
	cr_assert(eq(str, w.asked[0], "dan"));
	fixture_answer(&w, APO_CHECKED_RIGHT, CERTIFICATE " " KEY);
	SAYS(2, "x", CERTIFICATE);
	SAYS(2, "x", KEY " (shown in this session)");
	QUIET(&w, 2);
	fixture_say(&w, 2, "NS CERT LIST");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	SAYS(2, "x", "Your account has no keys");
	fixture_say(&w, 2, "NS CERT LIST");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	SAYS(2, "x", "The keys could not be read; try again later");
}

Test(keys, only_an_owner_who_is_logged_in_manages_keys)
{
	come(2, "x", KEY);
	fixture_say(&w, 2, "NS CERT ADD");
	SAYS(2, "x", "Log in to your account first (SASL)");
	fixture_say(&w, 2, "NS CERT");
	SAYS(2, "x", "Log in to your account first (SASL)");
}
