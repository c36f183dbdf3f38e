/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start(&w);
}

TestSuite(registration, .init = begin, .fini = fixture_fini);

Test(registration, nick_and_user_lead_to_the_welcome_in_order)
{
	static const char *const numerics[] = {"001", "002", "003", "004", "005",
					       "005", "005", "251", "252", "253",
					       "254", "255", "265", "266", "422"};
	char mask[64];
	size_t i;

	fixture_connect(&w, 0);
	fixture_say(&w, 0, "NICK dan");
	QUIET(&w, 0);
	fixture_say(&w, 0, "USER dan 0 * :Dan");
	for (i = 0; i < sizeof numerics / sizeof *numerics; i++) {
		snprintf(mask, sizeof mask, ":irc.example %s dan *", numerics[i]);
		HEARS_LIKE(&w, 0, mask);
	}
	QUIET(&w, 0);
}

Test(registration, the_welcome_contains_the_clients_name)
{
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "USER da!n 0 * :Dan");
	fixture_say(&w, 0, "NICK dan");
	HEARS(&w, 0,
	      ":irc.example 001 dan :Welcome to the Example network, dan!~dan@host0.example");
	HEARS(&w, 0,
	      ":irc.example 002 dan :Your host is irc.example, running version apollonion-1");
	HEARS(&w, 0, ":irc.example 003 dan :This server was started 2023-11-14T22:13:20.000Z");
	HEARS(&w, 0,
	      ":irc.example 004 dan irc.example apollonion-1 BRTiosw CIMbeiklmnoqstv Ibekloqv");
	fixture_forget(&w);
}

Test(registration, user_commands_need_registration)
{
	fixture_connect(&w, 0);
	ANSWERS(&w, 0, "JOIN #a", ":irc.example 451 * :You have not registered");
	ANSWERS(&w, 0, "NONSENSE", ":irc.example 451 * :You have not registered");
	ANSWERS(&w, 0, "PING :a b", ":irc.example PONG irc.example :a b");
	QUIET(&w, 0);
}

Test(registration, invalid_nicks_are_refused)
{
	fixture_join(&w, 0, "dan", NULL);
	fixture_connect(&w, 1);
	ANSWERS(&w, 1, "NICK", ":irc.example 431 * :No nickname given");
	ANSWERS(&w, 1, "NICK :", ":irc.example 431 * :No nickname given");
	ANSWERS(&w, 1, "NICK 9a", ":irc.example 432 * 9a :Erroneous nickname");
	ANSWERS(&w, 1, "NICK :a b", ":irc.example 432 * * :Erroneous nickname");
	ANSWERS(&w, 1, "NICK DAN", ":irc.example 433 * DAN :Nickname is already in use");
	ANSWERS(&w, 0, "NICK eve", ":dan!~dan@host0.example NICK :eve");
	fixture_say(&w, 1, "NICK dan");
	QUIET(&w, 1);
}

Test(registration, user_needs_four_words_once)
{
	fixture_connect(&w, 0);
	ANSWERS(&w, 0, "USER a b c", ":irc.example 461 * USER :Not enough parameters");
	ANSWERS(&w, 0, "USER : 0 * :x", ":irc.example 461 * USER :Not enough parameters");
	ANSWERS(&w, 0, "USER a 0 * :", ":irc.example 461 * USER :Not enough parameters");
	fixture_say(&w, 0, "USER averyverylongname 0 * :x");
	ANSWERS(&w, 0, "USER b 0 * :x", ":irc.example 462 * :You may not reregister");
	fixture_say(&w, 0, "NICK dan");
	HEARS(&w, 0,
	      ":irc.example 001 dan :Welcome to the Example network, "
	      "dan!~averyveryl@host0.example");
	fixture_forget(&w);
	ANSWERS(&w, 0, "PASS x", ":irc.example 462 dan :You may not reregister");
}

Test(registration, capabilities_hold_registration_up)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP LS 302");
	HEARS(&w, 1,
	      ":irc.example CAP * LS * :server-time message-tags account-tag account-notify "
	      "draft/account-registration away-notify batch cap-notify draft/channel-rename "
	      "chghost echo-message extended-join extended-monitor invite-notify labeled-response "
	      "draft/metadata-2=max-subs=50,max-keys=16,max-value-bytes=256 "
	      "draft/multiline=max-bytes=4096,max-lines=32 multi-prefix no-implicit-names "
	      "apollonion/receipts sasl=PLAIN setname");
	HEARS(&w, 1,
	      ":irc.example CAP * LS :standard-replies userhost-in-names "
	      "draft/extended-isupport draft/pre-away");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	QUIET(&w, 1);
	fixture_say(&w, 1, "CAP REQ :server-time nonsense");
	HEARS(&w, 1, ":irc.example CAP dan NAK :server-time nonsense");
	fixture_say(&w, 1, "CAP REQ :batch setname");
	HEARS(&w, 1, ":irc.example CAP dan ACK :batch setname");
	fixture_say(&w, 1, "CAP REQ :-setname");
	HEARS(&w, 1, ":irc.example CAP dan ACK :-setname");
	fixture_say(&w, 1, "CAP LIST");
	HEARS(&w, 1, ":irc.example CAP dan LIST :batch cap-notify");
	fixture_say(&w, 1, "CAP MUMBLE");
	HEARS(&w, 1, ":irc.example 410 dan MUMBLE :Invalid CAP subcommand");
	fixture_say(&w, 1, "CAP END");
	HEARS_LIKE(&w, 1, ":irc.example 001 dan *");
}

Test(registration, sasl_is_offered_only_on_secure_connections)
{
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "CAP LS");
	HEARS_LIKE(&w, 0, ":irc.example CAP * LS :* apollonion/receipts setname *");
	fixture_say(&w, 0, "CAP REQ sasl");
	HEARS(&w, 0, ":irc.example CAP * NAK :sasl");
}

static void sasl(unsigned i, const char *base64)
{
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	HEARS(&w, i, "AUTHENTICATE +");
	fixture_say(&w, i, "AUTHENTICATE %s", base64);
}

Test(registration, sasl_plain_logs_in)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ :sasl");
	HEARS(&w, 1, ":irc.example CAP * ACK :sasl");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	sasl(1, "amlsbGVzAGppbGxlcwBzZXNhbWU="); /* jilles NUL jilles NUL sesame */
	QUIET(&w, 1);
	cr_assert(eq(str, w.asked[0], "jilles"));
	cr_assert(eq(str, w.asked[1], "sesame"));
	fixture_say(&w, 1, "CAP END");
	QUIET(&w, 1); /* the password check is pending */
	fixture_answer(&w, APO_CHECKED_RIGHT, "Jilles");
	HEARS(&w, 1,
	      ":irc.example 900 dan dan!~dan@host1.example Jilles :You are now logged in as "
	      "Jilles");
	HEARS(&w, 1, ":irc.example 903 dan :SASL authentication successful");
	HEARS_LIKE(&w, 1, ":irc.example 001 dan *");
}

/* IRCv3 sasl 3.2: a client may authenticate again at any time. */
Test(registration, sasl_logs_in_to_another_account)
{
	fixture_join(&w, 1, "dan", "sasl");
	fixture_join(&w, 2, "eve", "account-notify");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS(&w, 2, ":dan!~dan@host1.example ACCOUNT dan");
	fixture_forget(&w);
	sasl(1, "AGZheQBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "fay");
	HEARS_LIKE(&w, 1, ":irc.example 900 dan dan!~dan@host1.example fay *");
	HEARS_LIKE(&w, 1, ":irc.example 903 dan *");
	HEARS(&w, 2, ":dan!~dan@host1.example ACCOUNT fay");
	fixture_forget(&w);
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS_LIKE(&w, 1, ":irc.example 904 dan *");
	QUIET(&w, 2);
	cr_assert(apo_model_check(w.model));
}

Test(registration, sasl_after_registration_is_announced_to_others)
{
	fixture_join(&w, 1, "dan", "sasl");
	fixture_join(&w, 2, "eve", "account-notify extended-join");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 1, ":irc.example 900 dan *");
	HEARS_LIKE(&w, 1, ":irc.example 903 dan *");
	HEARS(&w, 2, ":dan!~dan@host1.example ACCOUNT dan");
	QUIET(&w, 2);
}

Test(registration, sasl_refuses_invalid_plain_and_other_mechanisms)
{
	static const char *const bad[] = {
		"+", "AAAA", "xyz", "!!!!", "AGRhbgA=", "AABwdw==", "ZXZlAGRhbgBwdw=="};
	size_t i;

	fixture_join(&w, 1, "dan", "sasl");
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		sasl(1, bad[i]);
		HEARS(&w, 1, ":irc.example 904 dan :SASL authentication failed");
	}
	fixture_say(&w, 1, "AUTHENTICATE EXTERNAL");
	HEARS(&w, 1, ":irc.example 908 dan PLAIN :are available SASL mechanisms");
	HEARS(&w, 1, ":irc.example 904 dan :SASL authentication failed");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	HEARS(&w, 1, "AUTHENTICATE +");
	fixture_say(&w, 1, "AUTHENTICATE *");
	HEARS(&w, 1, ":irc.example 906 dan :SASL authentication aborted");
	sasl(1,
	     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
	     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
	     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
	     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
	     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901");
	HEARS(&w, 1, ":irc.example 905 dan :SASL message too long");
}

Test(registration, an_invalid_account_name_is_refused)
{
	char account[66];

	memset(account, 'a', sizeof account - 1);
	account[65] = '\0';
	fixture_join(&w, 1, "dan", "sasl");
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, account);
	HEARS_LIKE(&w, 1, "* 904 *");
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "two words");
	HEARS_LIKE(&w, 1, "* 904 *");
	account[64] = '\0';
	sasl(1, "AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, account);
	HEARS_LIKE(&w, 1, "* 900 *");
}

Test(registration, sasl_in_pieces_is_assembled)
{
	char piece[401];
	int i;

	fixture_join(&w, 1, "dan", "sasl");
	/* NUL "aaa...", 299 of them; then NUL "p": 302 bytes are 404 of base64. */
	memcpy(piece, "AGFh", 4);
	for (i = 4; i < 400; i += 4)
		memcpy(piece + i, "YWFh", 4);
	piece[400] = '\0';
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	HEARS(&w, 1, "AUTHENTICATE +");
	fixture_say(&w, 1, "AUTHENTICATE %s", piece);
	QUIET(&w, 1);
	fixture_say(&w, 1, "AUTHENTICATE AHA=");
	cr_assert(eq(str, w.asked[1], "p"));
	cr_assert(eq(sz, strlen(w.asked[0]), sizeof w.asked[0] - 1));
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS(&w, 1, ":irc.example 904 dan :SASL authentication failed");
}

Test(registration, three_wrong_passwords_end_the_connection)
{
	int i;

	fixture_join(&w, 1, "dan", "sasl");
	for (i = 0; i < 3; i++) {
		sasl(1, "AGRhbgBwdw==");
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		HEARS(&w, 1, ":irc.example 904 dan :SASL authentication failed");
	}
	cr_assert(eq(str, w.mocks[1].last_words,
		     "ERROR :Closing Link: host1.example (Too many wrong passwords)"));
}

Test(registration, a_server_password_is_required)
{
	w.config.password_hash = "#hash";
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "PASS secret");
	fixture_say(&w, 0, "NICK dan");
	fixture_say(&w, 0, "USER dan 0 * :Dan");
	QUIET(&w, 0);
	cr_assert(eq(str, w.asked[0], "#hash"));
	cr_assert(eq(str, w.asked[1], "secret"));
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	HEARS_LIKE(&w, 0, ":irc.example 001 dan *");
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "PASS wrong");
	fixture_say(&w, 1, "NICK eve");
	fixture_say(&w, 1, "USER eve 0 * :Eve");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS(&w, 1, ":irc.example 464 eve :Password incorrect");
	cr_assert(eq(str, w.mocks[1].last_words,
		     "ERROR :Closing Link: host1.example (Bad password)"));
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "NICK fay");
	fixture_say(&w, 2, "USER fay 0 * :Fay");
	HEARS(&w, 2, ":irc.example 464 fay :Password incorrect");
	cr_assert(w.mocks[2].is_closed);
}

Test(registration, an_answer_for_a_client_that_has_left_is_dropped)
{
	w.config.password_hash = "#hash";
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "PASS secret");
	fixture_say(&w, 0, "NICK dan");
	fixture_say(&w, 0, "USER dan 0 * :Dan");
	fixture_close(&w, 0, "gone");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	cr_assert(eq(u64, apo_model_figures(w.model)->clients, 0));
}

Test(registration, registration_has_a_time_limit)
{
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "NICK dan");
	fixture_wait(&w, w.config.registration_timeout_ns - RUDP_NS_PER_S);
	cr_assert(not(w.mocks[0].is_closed));
	fixture_wait(&w, 2 * RUDP_NS_PER_S);
	cr_assert(eq(str, w.mocks[0].last_words,
		     "ERROR :Closing Link: host0.example (Registration timed out)"));
}

Test(registration, a_silent_client_is_pinged_and_times_out)
{
	fixture_join(&w, 0, "dan", NULL);
	fixture_wait(&w, w.config.ping_interval_ns / 2);
	fixture_say(&w, 0, "PONG x");
	fixture_wait(&w, w.config.ping_interval_ns - RUDP_NS_PER_S);
	QUIET(&w, 0);
	fixture_wait(&w, 2 * RUDP_NS_PER_S);
	HEARS(&w, 0, "PING :irc.example");
	fixture_wait(&w, w.config.ping_timeout_ns / 2);
	fixture_say(&w, 0, "PONG irc.example");
	fixture_wait(&w, w.config.ping_interval_ns + w.config.ping_timeout_ns / 2);
	HEARS(&w, 0, "PING :irc.example");
	QUIET(&w, 0);
	fixture_wait(&w, w.config.ping_timeout_ns + RUDP_NS_PER_S);
	cr_assert(eq(str, w.mocks[0].last_words,
		     "ERROR :Closing Link: host0.example (Ping timeout: 180 seconds)"));
	cr_assert(eq(u64, apo_model_figures(w.model)->ping_timeouts, 1));
}

Test(registration, a_client_over_messages_is_not_pinged)
{
	w.mocks[0].reports_end = true;
	fixture_join(&w, 0, "dan", NULL);
	fixture_wait(&w, 10 * (w.config.ping_interval_ns + w.config.ping_timeout_ns));
	QUIET(&w, 0);
	cr_assert(not(w.mocks[0].is_closed));
	w.mocks[3].reports_end = true;
	fixture_connect(&w, 3);
	fixture_wait(&w, w.config.registration_timeout_ns + RUDP_NS_PER_S);
	cr_assert(w.mocks[3].is_closed);
}

Test(registration, a_full_server_says_so)
{
	w.config.clients_max = 2;
	fixture_connect(&w, 0);
	fixture_connect(&w, 1);
	fixture_connect(&w, 2);
	cr_assert(eq(str, w.mocks[2].last_words,
		     "ERROR :Closing Link: host2.example (This server is full)"));
	fixture_close(&w, 0, "gone");
	fixture_connect(&w, 3);
	cr_assert(not(w.mocks[3].is_closed));
}

Test(registration, invalid_lines_get_an_answer)
{
	char text[5000];

	fixture_join(&w, 0, "dan", "message-tags labeled-response batch standard-replies");
	memset(text, 'x', sizeof text);
	apo_model_on_line(w.model, w.mocks[0].peer, text, 511, w.now_ns);
	HEARS(&w, 0, ":irc.example 417 dan :Input line was too long");
	text[0] = '@';
	apo_model_on_line(w.model, w.mocks[0].peer, text, 4607, w.now_ns);
	HEARS(&w, 0, ":irc.example 417 dan :Input line was too long");
	apo_model_on_line(w.model, w.mocks[0].peer, "PING a\0b", 8, w.now_ns);
	HEARS(&w, 0, ":irc.example 421 dan * :Unknown command");
	fixture_say(&w, 0, "@label=7 PRIVMSG dan :\xff");
	HEARS(&w, 0,
	      "@label=7 :irc.example FAIL PRIVMSG INVALID_UTF8 :The line was dropped: it is "
	      "not UTF-8");
	fixture_say(&w, 0, "@label=\xff PING x");
	HEARS(&w, 0, ":irc.example FAIL PING INVALID_UTF8 :The line was dropped: it is not UTF-8");
	fixture_say(&w, 0, "NONSENSE");
	HEARS(&w, 0, ":irc.example 421 dan NONSENSE :Unknown command");
	fixture_say(&w, 0, "   ");
	QUIET(&w, 0);
	cr_assert(eq(u64, apo_model_figures(w.model)->lines_refused, 5));
}

/* A label is answered whatever is wrong with the line, if it can be read. */
Test(registration, refused_lines_keep_their_labels)
{
	char text[600];

	fixture_join(&w, 0, "dan", "labeled-response batch");
	ANSWERS(&w, 0, "@label=a NO_SUCH_COMMAND x",
		"@label=a :irc.example 421 dan NO_SUCH_COMMAND :Unknown command");
	ANSWERS(&w, 0, "@label=b PR\xc3\xa9 x",
		"@label=b :irc.example 421 dan PR\xc3\xa9 :Unknown command");
	ANSWERS(&w, 0, "@label=c NONSENSE",
		"@label=c :irc.example 421 dan NONSENSE :Unknown command");
	memset(text, 'x', sizeof text);
	memcpy(text, "@label=d PING ", 14);
	apo_model_on_line(w.model, w.mocks[0].peer, text, sizeof text, w.now_ns);
	HEARS(&w, 0, "@label=d :irc.example 417 dan :Input line was too long");
	QUIET(&w, 0);
}

/* The codes of IRCv3's specifications need no capability. */
Test(registration, invalid_utf8_is_a_standard_reply_for_everybody)
{
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "NICK dan");
	ANSWERS(&w, 0, "USER dan 0 * :\xff",
		":irc.example FAIL USER INVALID_UTF8 :The line was dropped: it is not UTF-8");
	ANSWERS(&w, 0, "\xff\xfe",
		":irc.example FAIL * INVALID_UTF8 :The line was dropped: it is not UTF-8");
	fixture_say(&w, 0, "USER dan 0 * :Dan");
	fixture_forget(&w);
	ANSWERS(&w, 0, "PRIVMSG dan :\xff",
		":irc.example FAIL PRIVMSG INVALID_UTF8 :The line was dropped: it is not UTF-8");
}

Test(registration, quit_says_goodbye)
{
	fixture_join(&w, 0, "dan", NULL);
	fixture_say(&w, 0, "QUIT :so long");
	cr_assert(eq(str, w.mocks[0].last_words,
		     "ERROR :Closing Link: host0.example (Quit: so long)"));
	fixture_say(&w, 0, "PRIVMSG dan :x"); /* the connection has ended */
	fixture_close(&w, 0, "gone");
	cr_assert(eq(u64, apo_model_figures(w.model)->clients, 0));
}

Test(registration, shutdown_is_announced_to_everybody)
{
	fixture_join(&w, 0, "dan", NULL);
	fixture_connect(&w, 1);
	apo_model_end(w.model, "The server goes down", w.now_ns);
	cr_assert(eq(str, w.mocks[0].last_words,
		     "ERROR :Closing Link: host0.example (The server goes down)"));
	cr_assert(w.mocks[1].is_closed);
	fixture_connect(&w, 2);
	cr_assert(w.mocks[2].is_closed);
}
