/* SPDX-License-Identifier: MIT */
/* SCRAM-SHA-256: the example of RFC 7677, and what a hostile client or server may send. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/scram.h"

#define OWN_NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define FIRST "n,,n=user,r=" OWN_NONCE
#define CHALLENGE "r=" OWN_NONCE SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL "c=biws,r=" OWN_NONCE SERVER_NONCE "," PROOF
#define SIGNATURE "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static const struct apo_scram_keys *keys(void)
{
	static const uint8_t salt[] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
				       0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
	static struct apo_scram_keys made;

	made.iterations = 4096;
	memcpy(made.salt, salt, sizeof salt);
	apo_scram_make_keys(&made, "pencil", 6);
	return &made;
}

static const char *first(struct apo_scram *scram, const char *text)
{
	const char *wrong = apo_scram_on_first(scram, text, strlen(text));

	return wrong ? wrong : "";
}

Test(scram, the_server_follows_the_example)
{
	char answer[APO_SCRAM_FINAL_SIZE];
	struct apo_scram scram;

	cr_assert(eq(str, (char *)first(&scram, FIRST), ""));
	cr_assert(eq(str, scram.user, "user"));
	cr_assert(eq(str, (char *)apo_scram_challenge(&scram, SERVER_NONCE, keys()), CHALLENGE));
	cr_assert(eq(ptr, (char *)apo_scram_on_final(&scram, keys(), FINAL, strlen(FINAL), answer),
		     NULL));
	cr_assert(eq(str, answer, SIGNATURE));
}

Test(scram, the_client_follows_the_example)
{
	char message[APO_SCRAM_MESSAGE_BYTES_MAX * 2];
	struct apo_scram_client client;

	cr_assert(apo_scram_begin(&client, "user", OWN_NONCE, message));
	cr_assert(eq(str, message, FIRST));
	cr_assert(not(apo_scram_is_server_right(&client, "")));
	cr_assert(apo_scram_answer(&client, "pencil", CHALLENGE, message));
	cr_assert(eq(str, message, FINAL));
	cr_assert(apo_scram_is_server_right(&client, SIGNATURE));
	cr_assert(not(apo_scram_is_server_right(&client, "e=other-error")));
	cr_assert(not(apo_scram_is_server_right(&client, "v=" OWN_NONCE)));
}

#define KEYS_END ":W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"

Test(scram, keys_are_written_and_read)
{
	static const char *const invalid[] = {
		"scram-sha-256$4096" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4095" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4294971392" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$+4096" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU",
		"SCRAM-SHA-256$4096" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=:",
		"SCRAM-SHA-256$4096" KEYS_END "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2d!=",
	};
	char text[APO_SCRAM_KEYS_SIZE], secret[APO_SECRET_SIZE];
	struct apo_scram_keys again;
	size_t i;

	apo_scram_write_keys(keys(), text);
	cr_assert(eq(str, text,
		     "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		     "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		     "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="));
	memset(&again, 0, sizeof again);
	cr_assert(apo_scram_read_keys(&again, text));
	cr_assert(eq(int, memcmp(&again, keys(), sizeof again), 0));
	snprintf(secret, sizeof secret, "$argon2id$x;%s", text);
	cr_assert(apo_secret_is_valid(secret));
	cr_assert(eq(str, (char *)apo_secret_keys(secret), text));
	cr_assert(apo_secret_is_same_hash(secret, "$argon2id$x"));
	cr_assert(not(apo_secret_is_same_hash(secret, "$argon2id$")));
	cr_assert(not(apo_secret_is_same_hash(secret, "$argon2id$xy")));
	for (i = 0; i < strlen(text); i++) {
		snprintf(secret, sizeof secret, "$argon2id$x;%.*s", (int)i, text);
		cr_expect(not(apo_secret_is_valid(secret)), "%s", secret);
	}
	for (i = 0; i < sizeof invalid / sizeof *invalid; i++)
		cr_expect(not(apo_scram_read_keys(&again, invalid[i])), "%s", invalid[i]);
	cr_assert(not(apo_secret_is_valid(";x")));
	cr_assert(not(apo_secret_is_valid("$argon2id$x;")));
	cr_assert(apo_secret_is_valid("$argon2id$x"));
}

Test(scram, refuses_what_is_no_first_message)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", "other-error"},
		{"n", "other-error"},
		{"n,", "other-error"},
		{"n,,", "other-error"},
		{"x,,n=user,r=a", "other-error"},
		{"n,x=1,n=user,r=a", "other-error"},
		{"n,a=user", "other-error"},
		{"n,,r=a,n=user", "other-error"},
		{"n,,n=user", "other-error"},
		{"n,,n=user,", "other-error"},
		{"n,,n=user,r=", "other-error"},
		{"n,,n=user,r=a b", "other-error"},
		{"n,,n=user,r=\xc3\xa4", "other-error"},
		{"n,a=other,n=user,r=a", "other-error"},
		{"n,,n=,r=a", "invalid-username-encoding"},
		{"n,,n==,r=a", "invalid-username-encoding"},
		{"n,,n=us=2cer,r=a", "invalid-username-encoding"},
		{"n,,n=us=4Aer,r=a", "invalid-username-encoding"},
		{"n,,n=user=3,r=a", "invalid-username-encoding"},
		{"n,a==,n=user,r=a", "invalid-username-encoding"},
		{"n,,m=ext,n=user,r=a", "extensions-not-supported"},
		{"p=tls-unique,,n=user,r=a", "channel-binding-not-supported"},
		{"y,,n=user,r=a", ""},
		{"n,a=user,n=user,r=a", ""},
		{"n,,n=us=2Ce=3Dr,r=a,x=unknown", ""},
	};
	char text[APO_SCRAM_MESSAGE_BYTES_MAX + 2];
	struct apo_scram scram;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect(eq(str, (char *)first(&scram, rows[i].text), (char *)rows[i].expected),
			  "%s", rows[i].text);
	cr_assert(eq(str, scram.user, "us,e=r"));
	cr_assert(eq(str, (char *)apo_scram_on_first(&scram, "n,,n=user,r=a\0b", 15),
		     "invalid-encoding"));
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "n,,n=user,r=", 12);
	cr_assert(eq(str, (char *)first(&scram, text), "invalid-encoding"));
	text[APO_SCRAM_MESSAGE_BYTES_MAX] = '\0';
	cr_assert(eq(str, (char *)first(&scram, text), ""));
	cr_assert(eq(sz, strlen(apo_scram_challenge(&scram, SERVER_NONCE, keys())),
		     2 + strlen(text) - 12 + strlen(SERVER_NONCE) + strlen(",s=,i=4096") + 24));
}

Test(scram, refuses_what_is_no_final_message)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", "other-error"},
		{"c=biws", "other-error"},
		{"c=eSws,r=" OWN_NONCE SERVER_NONCE "," PROOF, "channel-bindings-dont-match"},
		{"c=,r=" OWN_NONCE SERVER_NONCE "," PROOF, "channel-bindings-dont-match"},
		{"c=b!ws,r=" OWN_NONCE SERVER_NONCE "," PROOF, "channel-bindings-dont-match"},
		{"c=biws,r=" OWN_NONCE "," PROOF, "other-error"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE "x," PROOF, "other-error"},
		{"c=biws,r=" OWN_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1," PROOF, "other-error"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE, "other-error"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE "," PROOF ",x=1", "other-error"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE ",p=", "invalid-encoding"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE ",p=AAAA", "invalid-encoding"},
		{"c=biws,r=" OWN_NONCE SERVER_NONCE
		 ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		 "invalid-proof"},
		/* The proof covers extensions. */
		{"c=biws,r=" OWN_NONCE SERVER_NONCE ",x=1," PROOF, "invalid-proof"},
	};
	char answer[APO_SCRAM_FINAL_SIZE];
	struct apo_scram scram;
	size_t i;

	(void)first(&scram, FIRST);
	(void)apo_scram_challenge(&scram, SERVER_NONCE, keys());
	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect(eq(str,
			     (char *)apo_scram_on_final(&scram, keys(), rows[i].text,
							strlen(rows[i].text), answer),
			     (char *)rows[i].expected),
			  "%s", rows[i].text);
}

Test(scram, the_client_refuses_a_wrong_challenge)
{
	static const char *const challenges[] = {
		"",
		"r=" OWN_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",   /* no nonce of the server */
		"r=x" OWN_NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", /* not our nonce */
		"r=" OWN_NONCE "x,s=W22,i=4096",
		"r=" OWN_NONCE "x,i=4096",
		"r=" OWN_NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==",
		"r=" OWN_NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
		"r=" OWN_NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
		"m=x,r=" OWN_NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"e=unknown-user",
	};
	char message[APO_SCRAM_MESSAGE_BYTES_MAX * 2];
	struct apo_scram_client client;
	size_t i;

	for (i = 0; i < sizeof challenges / sizeof *challenges; i++) {
		cr_assert(apo_scram_begin(&client, "user", OWN_NONCE, message));
		cr_expect(not(apo_scram_answer(&client, "pencil", challenges[i], message)), "%s",
			  challenges[i]);
		cr_expect(not(apo_scram_is_server_right(&client, challenges[i])));
	}
	memset(message, 'x', APO_SCRAM_NAME_SIZE);
	message[APO_SCRAM_NAME_SIZE] = '\0';
	cr_assert(not(apo_scram_begin(&client, message, OWN_NONCE, message)));
}
