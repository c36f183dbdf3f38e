/* SPDX-License-Identifier: MIT */
/* Accounts: protected nicks, REGISTER, and limits of tries. The store is a mock. */
#include <stdio.h>

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start(&w);
}

TestSuite(accounts, .init = begin, .fini = fixture_fini);

static void remember(const char *name)
{
	cr_assert(eq(int, apo_model_on_account(w.model, name, 0, w.now_ns), 0));
}

/* Logs in up to the password check, which fixture_answer completes. */
static void ask_in(unsigned i)
{
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	HEARS(&w, i, "AUTHENTICATE +");
	fixture_say(&w, i, "AUTHENTICATE " DAN);
}

static void refused(unsigned i, const char *said, const char *answer)
{
	w.asked[0][0] = '\0';
	fixture_say(&w, i, "%s", said);
	HEARS(&w, i, answer);
	QUIET(&w, i);
	cr_assert(eq(str, w.asked[0], ""));
}

Test(accounts, a_registered_nick_is_refused_at_the_welcome)
{
	remember("Dan");
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "NICK dan");
	QUIET(&w, 0);
	ANSWERS(&w, 0, "USER dan 0 * :Dan",
		":irc.example 433 * dan :Nickname is registered; log in (SASL) to use it");
	QUIET(&w, 0);
	fixture_say(&w, 0, "NICK eve");
	HEARS_LIKE(&w, 0, ":irc.example 001 eve *");
}

Test(accounts, a_registered_nick_is_refused_later)
{
	remember("dan");
	fixture_join(&w, 0, "eve", NULL);
	ANSWERS(&w, 0, "NICK DAN",
		":irc.example 433 eve DAN :Nickname is registered; log in (SASL) to use it");
	ANSWERS(&w, 0, "NICK dane", ":eve!~eve@host0.example NICK :dane");
}

Test(accounts, the_owner_can_take_a_registered_nick)
{
	remember("dan");
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ :sasl");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_forget(&w);
	ask_in(1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "Dan");
	HEARS_LIKE(&w, 1, ":irc.example 900 dan *");
	HEARS_LIKE(&w, 1, ":irc.example 903 dan *");
	fixture_say(&w, 1, "CAP END");
	HEARS_LIKE(&w, 1, ":irc.example 001 dan *");
	fixture_forget(&w);
	ANSWERS(&w, 1, "NICK other", ":dan!~dan@host1.example NICK :other");
	ANSWERS(&w, 1, "NICK dan", ":other!~dan@host1.example NICK :dan");
}

Test(accounts, another_account_cannot_take_a_registered_nick)
{
	remember("dan");
	remember("eve");
	fixture_join(&w, 1, "x", "sasl");
	ask_in(1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
	fixture_say(&w, 1, "NICK eve");
	HEARS_LIKE(&w, 1, ":irc.example 433 x eve *");
}

/* A password check delays the welcome. */
Test(accounts, a_nick_waits_for_the_answer)
{
	remember("dan");
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ :sasl");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_forget(&w);
	ask_in(1);
	fixture_say(&w, 1, "CAP END");
	QUIET(&w, 1);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS(&w, 1, ":irc.example 904 dan :SASL authentication failed");
	HEARS_LIKE(&w, 1, ":irc.example 433 * dan *");
	QUIET(&w, 1);
}

Test(accounts, a_present_user_keeps_a_newly_registered_nick)
{
	fixture_join(&w, 0, "dan", NULL);
	remember("dan");
	ANSWERS(&w, 0, "NICK Dan", ":dan!~dan@host0.example NICK :Dan");
	ANSWERS(&w, 0, "NICK eve", ":Dan!~dan@host0.example NICK :eve");
	fixture_say(&w, 0, "NICK dan");
	HEARS_LIKE(&w, 0, ":irc.example 433 eve dan *");
}

Test(accounts, register_creates_an_account_and_logs_in)
{
	fixture_join(&w, 1, "Dan", "draft/account-registration labeled-response batch");
	fixture_join(&w, 2, "eve", "account-notify");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "@label=7 REGISTER * * :correct horse");
	QUIET(&w, 1);
	cr_assert(eq(str, w.asked[0], "Dan"));
	cr_assert(eq(str, w.asked[1], "correct horse"));
	fixture_answer(&w, APO_CHECKED_RIGHT, "Dan");
	HEARS_LIKE(&w, 1, "@label=7 :irc.example BATCH +* labeled-response");
	HEARS_LIKE(&w, 1, "@batch=* :irc.example 900 Dan Dan!~Dan@host1.example Dan *");
	HEARS_LIKE(&w, 1, "@batch=* :irc.example REGISTER SUCCESS Dan :*");
	HEARS_LIKE(&w, 1, ":irc.example BATCH -*");
	HEARS(&w, 2, ":Dan!~Dan@host1.example ACCOUNT Dan");
	cr_assert(eq(u64, apo_model_figures(w.model)->accounts_registered, 1));
	fixture_say(&w, 2, "NICK dan2");
	fixture_say(&w, 1, "NICK x");
	fixture_forget(&w);
	fixture_say(&w, 2, "NICK dan");
	HEARS_LIKE(&w, 2, ":irc.example 433 dan2 dan *");
}

Test(accounts, register_explains_its_refusals)
{
	char said[400];

	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ :draft/account-registration");
	fixture_say(&w, 1, "NICK dan");
	fixture_forget(&w);
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER COMPLETE_CONNECTION_REQUIRED dan :Register your "
		"connection first (NICK and USER)");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_say(&w, 1, "CAP END");
	fixture_forget(&w);
	refused(1, "REGISTER * *", ":irc.example 461 dan REGISTER :Not enough parameters");
	refused(1, "REGISTER eve * password",
		":irc.example FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK eve "
		":The name of an account must be your nick");
	refused(1, "REGISTER DAN * passwor",
		":irc.example FAIL REGISTER WEAK_PASSWORD DAN :A password has at least 8 bytes");
	snprintf(said, sizeof said, "REGISTER * * %0301d", 0);
	refused(1, said,
		":irc.example FAIL REGISTER UNACCEPTABLE_PASSWORD dan "
		":A password has at most 300 bytes");
	remember("dan");
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER ACCOUNT_EXISTS dan :That name is registered already");
	refused(1, "VERIFY dan 123",
		":irc.example FAIL VERIFY INVALID_CODE dan :No account waits for a code here");
}

Test(accounts, the_least_length_of_a_password_is_a_setting)
{
	w.config.password_len_min = 3;
	fixture_join(&w, 1, "dan", NULL);
	refused(1, "REGISTER * * pw",
		":irc.example FAIL REGISTER WEAK_PASSWORD dan :A password has at least 3 bytes");
	fixture_say(&w, 1, "REGISTER * * pwd");
	cr_assert(eq(str, w.asked[1], "pwd"));
}

Test(accounts, register_before_the_welcome_is_a_setting)
{
	w.config.early_registration = true;
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP LS 302");
	HEARS_LIKE(&w, 1, ":irc.example CAP * LS * draft/account-registration=before-connect *");
	HEARS_LIKE(&w, 1, ":irc.example CAP * LS :*");
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER NEED_NICK * :Choose a nick first (NICK)");
	refused(1, "REGISTER dan * password",
		":irc.example FAIL REGISTER NEED_NICK * :Choose a nick first (NICK)");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_say(&w, 1, "CAP END");
	QUIET(&w, 1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 1, ":irc.example 900 dan dan!*@host1.example dan *");
	HEARS_LIKE(&w, 1, ":irc.example REGISTER SUCCESS dan *");
	HEARS_LIKE(&w, 1, ":irc.example 001 dan *");
}

/* The nick belongs to another session until the welcome, and that may refuse it. Otherwise anybody
 * could register the nick of a user, and the welcome would end the user's session. */
Test(accounts, only_the_nicks_holder_can_register_it)
{
	w.config.early_registration = true;
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_say(&w, 1, "NICK zoe");
	fixture_forget(&w);
	fixture_connect(&w, 3);
	fixture_say(&w, 3, "CAP REQ :sasl standard-replies");
	fixture_say(&w, 3, "NICK zoe");
	fixture_forget(&w);
	refused(3, "REGISTER * * password",
		":irc.example FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK zoe "
		":The name of an account must be your nick");
}

Test(accounts, verify_says_why_there_is_nothing_to_verify)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ standard-replies");
	fixture_say(&w, 1, "NICK dan");
	fixture_forget(&w);
	refused(1, "VERIFY dan 123",
		":irc.example FAIL VERIFY COMPLETE_CONNECTION_REQUIRED dan :Register your "
		"connection first (NICK and USER)");
	w.config.early_registration = true;
	refused(1, "VERIFY dan 123",
		":irc.example FAIL VERIFY INVALID_CODE dan :No account waits for a code here");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_forget(&w);
	refused(1, "VERIFY dan 123",
		":irc.example FAIL VERIFY ALREADY_AUTHENTICATED dan :You are logged in already");
}

/* It would get around the password of the server. */
Test(accounts, register_waits_for_the_welcome_if_the_server_has_a_password)
{
	w.config.early_registration = true;
	w.config.password_hash = "#hash";
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP LS 302");
	HEARS_LIKE(&w, 1, ":irc.example CAP * LS * draft/account-registration *");
	HEARS_LIKE(&w, 1, ":irc.example CAP * LS :*");
	fixture_say(&w, 1, "NICK dan");
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER COMPLETE_CONNECTION_REQUIRED dan :Register your "
		"connection first (NICK and USER)");
}

Test(accounts, errors_of_the_store_are_reported)
{
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS_LIKE(&w, 1, ":irc.example FAIL REGISTER ACCOUNT_EXISTS dan *");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	HEARS_LIKE(&w, 1, ":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE dan *");
	QUIET(&w, 1);
	cr_assert(eq(u64, apo_model_figures(w.model)->accounts_registered, 0));
}

Test(accounts, a_logged_in_client_cannot_register)
{
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_say(&w, 1, "NICK eve");
	fixture_forget(&w);
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER ALREADY_AUTHENTICATED eve :You are logged in already");
}

Test(accounts, register_needs_a_secure_connection_and_permission)
{
	fixture_join(&w, 0, "dan", "standard-replies");
	fixture_say(&w, 0, "REGISTER * * password");
	HEARS_LIKE(&w, 0,
		   ":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE dan :Accounts cannot *");
	fixture_say(&w, 0, "CAP REQ draft/account-registration");
	HEARS(&w, 0, ":irc.example CAP dan NAK :draft/account-registration");
	w.config.open_registration = false;
	fixture_join(&w, 1, "eve", NULL);
	fixture_say(&w, 1, "REGISTER * * password");
	HEARS_LIKE(&w, 1,
		   ":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE eve :Accounts cannot *");
	w.config.open_registration = true;
	w.config.accounts_max = 1;
	remember("fay");
	fixture_say(&w, 1, "REGISTER * * password");
	HEARS(&w, 1,
	      ":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE eve "
	      ":There are too many accounts");
}

/* ---- how often ---- */

static void is_throttled(unsigned i)
{
	w.asked[0][0] = '\0';
	ask_in(i);
	HEARS_LIKE(&w, i, ":irc.example NOTICE * :Too many wrong passwords *");
	HEARS_LIKE(&w, i, ":irc.example 904 *");
	cr_assert(eq(str, w.asked[0], ""));
}

/* The limit counts tries of an address, each over a new connection. Each client of the fixture has
 * its own address, so the same client connects again. */
static void try_wrong(unsigned i, unsigned times)
{
	while (times-- > 0) {
		fixture_join(&w, i, "x", "sasl");
		ask_in(i);
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		HEARS_LIKE(&w, i, ":irc.example 904 *");
		fixture_close(&w, i, "gone");
	}
}

Test(accounts, three_wrong_passwords_a_minute_from_an_address)
{
	try_wrong(1, 3);
	fixture_join(&w, 1, "x", "sasl");
	is_throttled(1);
	fixture_join(&w, 3, "y", "sasl");
	ask_in(3); /* another address */
	cr_assert(eq(str, w.asked[0], "dan"));
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	fixture_forget(&w);
	fixture_wait(&w, w.config.login_span_ns - 1);
	is_throttled(1);
	fixture_wait(&w, 1);
	ask_in(1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 1, ":irc.example 900 *");
}

Test(accounts, right_passwords_are_not_counted)
{
	unsigned i;

	for (i = 0; i < 10; i++) {
		fixture_join(&w, 1, "x", "sasl");
		ask_in(1);
		fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
		HEARS_LIKE(&w, 1, ":irc.example 900 *");
		fixture_close(&w, 1, "gone");
	}
}

/* A right password that was checked together with too many wrong ones is refused, too. */
Test(accounts, parallel_requests_do_not_exceed_the_limit)
{
	uint64_t ticket;

	fixture_join(&w, 1, "x", "sasl");
	ask_in(1);
	ticket = w.ticket;
	/* The same address in another slot. */
	w.mocks[1].is_held = false;
	w.mocks[1].other_slot = 61;
	try_wrong(1, 3);
	w.mocks[1].peer.slot = 1;
	w.mocks[1].peer.generation = 1;
	w.mocks[1].is_connected = w.mocks[1].is_held = true;
	fixture_forget(&w);
	apo_model_on_checked(w.model, ticket, APO_CHECKED_RIGHT, "dan", w.now_ns);
	HEARS(&w, 1, ":irc.example 904 x :SASL authentication failed");
	QUIET(&w, 1);
}

static void connect_from(unsigned i, const char *address)
{
	struct mock *mock = &w.mocks[i];
	struct apo_peer_facts facts = {.address = address, .host = "host", .is_secure = true};

	mock->peer.slot = i & 0xffff;
	mock->peer.generation++;
	mock->is_connected = true;
	mock->is_closed = false;
	apo_model_on_connected(w.model, mock->peer, &facts, w.now_ns);
	fixture_say(&w, i, "CAP REQ :sasl");
	fixture_forget(&w);
}

Test(accounts, a_64_of_ipv6_is_one_address)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		connect_from(i, i == 0   ? "2001:db8::1"
				: i == 1 ? "2001:db8::2"
					 : "2001:db8::ffff:3");
		ask_in(i);
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		HEARS_LIKE(&w, i, ":irc.example 904 *");
	}
	connect_from(3, "2001:db8:0:0:8000::");
	is_throttled(3);
	connect_from(4, "2001:db8:0:1::1");
	ask_in(4);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 4, ":irc.example 900 *");
}

/* How many of count wrong tries are checked. Each has another address: before, a number, behind. */
static unsigned wrong_tries_from(const char *before, unsigned first, const char *behind,
				 unsigned count)
{
	char address[64];
	unsigned i, asked = 0;

	for (i = 0; i < count; i++) {
		snprintf(address, sizeof address, "%s%u%s", before, first + i, behind);
		connect_from(5, address);
		w.asked[0][0] = '\0';
		ask_in(5);
		if (w.asked[0][0])
			fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		asked += w.asked[0][0] != '\0';
		fixture_close(&w, 5, "gone");
		fixture_forget(&w);
	}
	return asked;
}

static bool logs_in_from(const char *address)
{
	bool is_asked;

	connect_from(6, address);
	w.asked[0][0] = '\0';
	ask_in(6);
	is_asked = w.asked[0][0] != '\0';
	if (is_asked)
		fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_close(&w, 6, "gone");
	fixture_forget(&w);
	return is_asked;
}

/* Each try from another /64. */
Test(accounts, a_56_has_the_tries_of_four_64)
{
	cr_assert(eq(uint, wrong_tries_from("2001:db8:0:1", 10, "::1", 20), 12));
	cr_assert(not(logs_in_from("2001:db8:0:1ff::1")));
	cr_assert(logs_in_from("2001:db8:0:200::1"));
}

/* Each try from another /56. */
Test(accounts, a_48_has_the_tries_of_sixteen_64)
{
	cr_assert(eq(uint, wrong_tries_from("2001:db8:0:", 1, "00::1", 99), 48));
	cr_assert(not(logs_in_from("2001:db8:0:ff00::1")));
	cr_assert(logs_in_from("2001:db8:1::1"));
	fixture_wait(&w, w.config.login_span_ns);
	cr_assert(logs_in_from("2001:db8:0:ff00::1"));
}

Test(accounts, a_24_has_the_tries_of_sixteen_addresses)
{
	cr_assert(eq(uint, wrong_tries_from("192.0.2.", 1, "", 100), 48));
	cr_assert(not(logs_in_from("192.0.2.200")));
	cr_assert(not(logs_in_from("::ffff:192.0.2.201")));
	cr_assert(logs_in_from("192.0.3.1"));
}

/* Clients over messaging have a name in place of an address. */
Test(accounts, a_peer_has_three_tries_and_all_of_them_have_sixteen_times_as_many)
{
	cr_assert(eq(uint, wrong_tries_from("bob", 1, "", 1), 1));
	cr_assert(eq(uint, wrong_tries_from("bob", 1, "", 1), 1));
	cr_assert(eq(uint, wrong_tries_from("bob", 1, "", 1), 1));
	cr_assert(eq(uint, wrong_tries_from("bob", 1, "", 1), 0));
	cr_assert(logs_in_from("alice"));
	cr_assert(eq(uint, wrong_tries_from("eve", 1, "", 100), 45));
	cr_assert(not(logs_in_from("alice")));
	cr_assert(logs_in_from("192.0.2.1"));
}

Test(accounts, the_limits_of_networks_are_handed_over)
{
	wrong_tries_from("192.0.2.", 1, "", 100);
	fixture_hand_over(&w);
	cr_assert(not(logs_in_from("192.0.2.200")));
	cr_assert(logs_in_from("192.0.3.1"));
}

/* With a new configuration of shorter spans the entry that was made first ends last. */
Test(accounts, spans_of_two_configurations_end_in_their_order_and_are_handed_over)
{
	wrong_tries_from("192.0.2.", 1, "", 1);
	w.config.login_span_ns /= 2;
	wrong_tries_from("198.51.100.1", 1, "", 1);
	wrong_tries_from("198.51.100.1", 1, "", 1);
	wrong_tries_from("198.51.100.1", 1, "", 1);
	fixture_hand_over(&w);
	cr_assert(not(logs_in_from("198.51.100.11")));
	fixture_wait(&w, w.config.login_span_ns);
	cr_assert(logs_in_from("198.51.100.11"));
}

/* The auth thread gives each network an equal share of its time. */
Test(accounts, requests_have_the_network_of_the_client)
{
	uint64_t first;

	logs_in_from("2001:db8::1");
	first = w.asked_network;
	logs_in_from("2001:db8:0:ffff::1");
	cr_assert(eq(u64, w.asked_network, first));
	logs_in_from("2001:db8:1::1");
	cr_assert(ne(u64, w.asked_network, first));
	logs_in_from("192.0.2.1");
	first = w.asked_network;
	logs_in_from("192.0.2.255");
	cr_assert(eq(u64, w.asked_network, first));
	logs_in_from("192.0.3.1");
	cr_assert(ne(u64, w.asked_network, first));
}

Test(accounts, registering_uses_up_no_tries_of_passwords)
{
	unsigned i;

	fixture_join(&w, 1, "dan", "draft/account-registration sasl");
	for (i = 0; i <= w.config.login_tries_max; i++) {
		fixture_say(&w, 1, "REGISTER * * password");
		fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	}
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	fixture_forget(&w);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 1, ":irc.example 900 dan *");
}

Test(accounts, registrations_that_fail_count_too)
{
	w.config.registrations_max = 2;
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	fixture_forget(&w);
	refused(1, "REGISTER * * password",
		":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE dan "
		":Too many tries from your address; try again later");
}
