/* SPDX-License-Identifier: MIT */
/* SASL SCRAM-SHA-256 with mock clients. The store is a mock. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/scram.h"
#include "conversation/model_fixture.h"

#define NONCE "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH"

static struct fixture w;
static char challenge[2000]; /* the last server message, decoded */
static struct apo_scram_client us;

static void begin(void)
{
	fixture_init(&w);
	w.config.scram = true;
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 7, w.now_ns), 0));
}

TestSuite(sasl_scram, .init = begin, .fini = fixture_fini);

static void send(unsigned i, const char *text)
{
	char base64[2000];

	sodium_bin2base64(base64, sizeof base64, (const uint8_t *)text, strlen(text),
			  sodium_base64_VARIANT_ORIGINAL);
	fixture_say(&w, i, "AUTHENTICATE %s", base64);
}

/* Returns false if the client is sent something else. */
static bool take(unsigned i)
{
	char *line = fixture_next(&w, i);
	size_t len = 0;

	cr_assert(ne(ptr, line, NULL));
	if (strncmp(line, "AUTHENTICATE ", 13) != 0)
		return false;
	cr_assert(eq(int,
		     sodium_base642bin((uint8_t *)challenge, sizeof challenge - 1, line + 13,
				       strlen(line + 13), NULL, &len, NULL,
				       sodium_base64_VARIANT_ORIGINAL),
		     0));
	challenge[len] = '\0';
	return true;
}

static void keys_of(const char *password, char text[300])
{
	struct apo_scram_keys keys = {.iterations = 4096, .salt = {1, 2, 3}};
	char written[APO_SCRAM_KEYS_SIZE];

	apo_scram_make_keys(&keys, password, strlen(password));
	apo_scram_write_keys(&keys, written);
	snprintf(text, 300, NONCE " %s Dan", written);
}

/* Until the client has a challenge. */
static void ask_in(unsigned i, enum apo_checked result, const char *password)
{
	char message[APO_SCRAM_MESSAGE_BYTES_MAX], answer[300];

	w.asked[0][0] = '\0';
	fixture_say(&w, i, "AUTHENTICATE SCRAM-SHA-256");
	HEARS(&w, i, "AUTHENTICATE +");
	cr_assert(apo_scram_begin(&us, "dan", "own", message));
	send(i, message);
	if (!w.asked[0][0])
		return;
	cr_assert(eq(str, w.asked[0], "dan"));
	keys_of(password, answer);
	fixture_answer(&w, result, answer);
	cr_assert(take(i));
}

static void prove(unsigned i, const char *password)
{
	char message[APO_SCRAM_MESSAGE_BYTES_MAX * 2];

	cr_assert(apo_scram_answer(&us, password, challenge, message), "%s", challenge);
	send(i, message);
}

Test(sasl_scram, is_offered_where_plain_is)
{
	char *line;

	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP LS 302");
	HEARS_LIKE(&w, 1, "* sasl=PLAIN,SCRAM-SHA-256*");
	fixture_join(&w, 3, "eve", "sasl");
	fixture_say(&w, 3, "AUTHENTICATE SCRAM-SHA-256-PLUS");
	HEARS(&w, 3, ":irc.example 908 eve PLAIN,SCRAM-SHA-256 :are available SASL mechanisms");
	HEARS_LIKE(&w, 3, "* 904 *");
	fixture_connect(&w, 2); /* not secure */
	fixture_say(&w, 2, "CAP LS 302");
	while ((line = fixture_next(&w, 2)))
		cr_assert(eq(ptr, strstr(line, "sasl"), NULL));
}

Test(sasl_scram, both_sides_prove_that_they_know_the_password)
{
	fixture_join(&w, 1, "eve", "sasl");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "sesame");
	cr_assert(take(1));
	cr_assert(apo_scram_is_server_right(&us, challenge));
	QUIET(&w, 1);
	fixture_say(&w, 1, "AUTHENTICATE +");
	HEARS(&w, 1,
	      ":irc.example 900 eve eve!~eve@host1.example Dan :You are now logged in as Dan");
	HEARS(&w, 1, ":irc.example 903 eve :SASL authentication successful");
	QUIET(&w, 1);
}

Test(sasl_scram, a_login_before_the_welcome)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ sasl");
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	HEARS_LIKE(&w, 1, "* ACK *");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "sesame");
	cr_assert(take(1));
	fixture_say(&w, 1, "AUTHENTICATE +");
	HEARS_LIKE(&w, 1, "* 900 *");
	HEARS_LIKE(&w, 1, "* 903 *");
	fixture_say(&w, 1, "CAP END");
	HEARS_LIKE(&w, 1, "* 001 dan *");
}

Test(sasl_scram, a_wrong_password_counts_and_is_logged)
{
	fixture_join(&w, 1, "eve", "sasl");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "open");
	HEARS(&w, 1, ":irc.example 904 eve :SASL authentication failed");
	cr_assert(eq(str, w.logged,
		     "login-failed: address=192.0.2.1 by=SASL name=dan nick=eve reason=password"));
	ask_in(1, APO_CHECKED_WRONG, "sesame");
	prove(1, "sesame"); /* the keys are invented: no proof is right */
	HEARS_LIKE(&w, 1, "* 904 *");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "open");
	cr_assert(w.mocks[1].is_closed);
	fixture_join(&w, 1, "eve", "sasl");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	cr_assert(eq(str, w.asked[0], ""));
	HEARS_LIKE(&w, 1, "* NOTICE eve :Too many wrong passwords *");
	HEARS_LIKE(&w, 1, "* 904 *");
}

/* The client learns which rule its message broke; nothing is asked, and nothing counts. */
Test(sasl_scram, messages_that_break_the_rules_are_refused)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", "(other-error)"},
		{"p=tls-unique,,n=dan,r=own", "(channel-binding-not-supported)"},
		{"n,,m=x,n=dan,r=own", "(extensions-not-supported)"},
		{"n,,n=d=an,r=own", "(invalid-username-encoding)"},
		{"n,a=eve,n=dan,r=own", "(other-error)"},
	};
	char expected[200];
	size_t i;

	fixture_join(&w, 1, "eve", "sasl");
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		w.asked[0][0] = '\0';
		fixture_say(&w, 1, "AUTHENTICATE SCRAM-SHA-256");
		HEARS(&w, 1, "AUTHENTICATE +");
		if (*rows[i].text)
			send(1, rows[i].text);
		else
			fixture_say(&w, 1, "AUTHENTICATE +");
		snprintf(expected, sizeof expected,
			 ":irc.example 904 eve :SASL authentication failed %s", rows[i].expected);
		HEARS(&w, 1, expected);
		cr_assert(eq(str, w.asked[0], ""));
	}
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	send(1, "c=biws,r=another,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	HEARS(&w, 1, ":irc.example 904 eve :SASL authentication failed (other-error)");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	fixture_say(&w, 1, "AUTHENTICATE !");
	HEARS(&w, 1, ":irc.example 904 eve :SASL authentication failed");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	fixture_say(&w, 1, "AUTHENTICATE *");
	HEARS_LIKE(&w, 1, "* 906 *");
	fixture_say(&w, 1, "AUTHENTICATE SCRAM-SHA-256");
	HEARS(&w, 1, "AUTHENTICATE +");
	send(1, "n,,n=dan,r=own");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	HEARS(&w, 1, ":irc.example 904 eve :SASL authentication failed");
	QUIET(&w, 1);
}

/* A challenge of 400 bytes of base64 is followed by an empty piece. */
Test(sasl_scram, a_long_challenge_comes_in_pieces)
{
	char message[400], answer[300], *line;
	size_t len = 0, pieces = 0;

	memset(message, 'x', sizeof message);
	memcpy(message, "n,,n=dan,r=", 11);
	/* "r=" nonce NONCE ",s=" 24 ",i=4096" is 300 bytes. */
	message[11 + 300 - 2 - 32 - 3 - 24 - 7] = '\0';
	fixture_join(&w, 1, "eve", "sasl");
	fixture_say(&w, 1, "AUTHENTICATE SCRAM-SHA-256");
	HEARS(&w, 1, "AUTHENTICATE +");
	send(1, message);
	keys_of("sesame", answer);
	fixture_answer(&w, APO_CHECKED_RIGHT, answer);
	while ((line = fixture_next(&w, 1))) {
		len = strlen(line + 13);
		cr_assert(eq(sz, len, pieces == 0 ? 400 : 1));
		pieces++;
	}
	cr_assert(eq(sz, pieces, 2));
}

/* The proof is of no use for an account that has gone, nor much later. */
Test(sasl_scram, the_end_comes_in_time_and_to_the_same_account)
{
	fixture_join(&w, 1, "eve", "sasl");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "sesame");
	cr_assert(take(1));
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 8, w.now_ns), 0));
	fixture_say(&w, 1, "AUTHENTICATE +");
	HEARS_LIKE(&w, 1, "* 904 *");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "sesame");
	cr_assert(take(1));
	fixture_wait(&w, w.config.registration_timeout_ns + 1);
	fixture_say(&w, 1, "AUTHENTICATE +");
	HEARS_LIKE(&w, 1, "* 904 *");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	prove(1, "sesame");
	cr_assert(take(1));
	send(1, "more");
	HEARS(&w, 1, ":irc.example 904 eve :SASL authentication failed (other-error)");
	QUIET(&w, 1);
}

Test(sasl_scram, a_hand_over_keeps_the_exchange)
{
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ sasl");
	HEARS_LIKE(&w, 1, "* ACK *");
	ask_in(1, APO_CHECKED_RIGHT, "sesame");
	fixture_hand_over(&w);
	prove(1, "sesame");
	cr_assert(take(1));
	fixture_hand_over(&w);
	fixture_say(&w, 1, "AUTHENTICATE +");
	HEARS_LIKE(&w, 1, "* 900 *");
	HEARS_LIKE(&w, 1, "* 903 *");
}
