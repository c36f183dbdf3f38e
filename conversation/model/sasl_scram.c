/* SPDX-License-Identifier: MIT */
/* SASL SCRAM-SHA-256: the exchange with a client. conversation/irc/scram.h has the messages. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/scram.h"
#include "conversation/model/accounts.h"
#include "conversation/model/registration.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared_accounts.h"
#include "conversation/model/state_private.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

struct apo_scram_login {
	int64_t began_at_ns;
	int64_t account_id; /* in the store: one that is registered again is another one */
	bool is_proven;
	char account[APO_NICK_BYTES_MAX + 1]; /* "": none, or without keys: no proof is right */
	struct apo_scram_keys keys;
	struct apo_scram scram;
};

_Static_assert(APO_SCRAM_NAME_SIZE > APO_NICK_BYTES_MAX, "the name of an account fits");

void apo_scram_free(struct apo_registration *registration)
{
	if (registration->scram)
		explicit_bzero(registration->scram, sizeof *registration->scram);
	free(registration->scram);
	registration->scram = NULL;
}

/* The reason is for the author of a client: which of its messages' rules it has broken. */
static void refuse(struct apo_model *model, struct apo_client *client, const char *reason)
{
	if (reason)
		apo_numeric(model, client, ERR_SASLFAIL, ":SASL authentication failed (%s)",
			    reason);
	else
		apo_reply(model, client, ERR_SASLFAIL);
	apo_sasl_forget(client);
}

/* In pieces; a last one of full length is followed by an empty one. */
static void send(struct apo_model *model, struct apo_client *client, const char *text)
{
	char base64[APO_SCRAM_MESSAGE_BYTES_MAX * 3], piece[APO_SASL_PIECE_BYTES + 1];
	size_t len = strlen(text), at = 0;

	len = (size_t)EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)text,
				      (int)len);
	do {
		snprintf(piece, sizeof piece, "%s", at < len ? base64 + at : "+");
		apo_tell_print(model, client, NULL, "AUTHENTICATE %s", piece);
		at += APO_SASL_PIECE_BYTES;
	} while (at <= len);
}

/* ---- client-first-message ---- */

static bool ask_for_keys(struct apo_model *model, struct apo_client *client, const char *account)
{
	struct apo_ticket *ticket;

	if (!apo_sasl_may_try(model, client, account))
		return false;
	ticket = apo_ticket_open(model, client, APO_TICKET_SCRAM, account);
	if (ticket && model->shared)
		apo_shared_ask_scram(model, ticket, account);
	else if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_SCRAM, account, "");
	return ticket != NULL;
}

static void take_first(struct apo_model *model, struct apo_client *client, const char *text,
		       size_t len)
{
	struct apo_scram_login *login = calloc(1, sizeof *login);
	const char *wrong = NULL;

	client->registration->scram = login;
	if (login)
		wrong = apo_scram_on_first(&login->scram, text, len);
	if (!login || wrong || !ask_for_keys(model, client, login->scram.user))
		refuse(model, client, wrong);
}

/* "nonce keys name" */
static bool read_answer(char *text, struct apo_scram_keys *keys, const char **nonce,
			const char **name)
{
	const char *words[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		words[i] = strsep(&text, " ");
		if (!words[i] || !*words[i])
			return false;
	}
	*nonce = words[0];
	*name = words[2];
	return apo_scram_read_keys(keys, words[1]);
}

static bool challenge(struct apo_model *model, struct apo_client *client, bool is_right,
		      const char *text)
{
	struct apo_scram_login *login = client->registration->scram;
	char copy[APO_KEYS_TEXT_SIZE];
	const char *nonce, *name;
	bool is_readable;

	snprintf(copy, sizeof copy, "%s", text);
	is_readable = read_answer(copy, &login->keys, &nonce, &name);
	if (is_readable && is_right && model->shared)
		name = apo_shared_account_name(model, login->scram.user);
	if (is_readable && is_right && name) {
		snprintf(login->account, sizeof login->account, "%s", name);
		login->account_id = apo_model_shared_account_id(model, name);
	}
	if (is_readable) {
		login->began_at_ns = model->now_at_ns;
		send(model, client, apo_scram_challenge(&login->scram, nonce, &login->keys));
	}
	explicit_bzero(copy, sizeof copy);
	return is_readable;
}

void apo_scram_on_keys(struct apo_model *model, struct apo_client *client, enum apo_checked result,
		       const char *text, const char *tried)
{
	(void)tried;
	if (!client->registration || !client->registration->scram) {
		apo_reply(model, client, ERR_SASLFAIL);
		return;
	}
	if (result == APO_CHECKED_FAILED || !text ||
	    !challenge(model, client, result == APO_CHECKED_RIGHT, text))
		refuse(model, client, NULL);
}

/* ---- client-final-message ---- */

static void take_final(struct apo_model *model, struct apo_client *client, const char *text,
		       size_t len)
{
	struct apo_scram_login *login = client->registration->scram;
	bool is_open = apo_throttle_is_open(model, client, APO_THROTTLE_LOGINS);
	char answer[APO_SCRAM_FINAL_SIZE];
	const char *wrong = apo_scram_on_final(&login->scram, &login->keys, text, len, answer);
	char tried[APO_SCRAM_NAME_SIZE];

	if (wrong && strcmp(wrong, "invalid-proof") != 0) {
		refuse(model, client, wrong);
	} else if (wrong || !login->account[0] || !is_open) {
		strcpy(tried, login->scram.user);
		if (is_open) {
			apo_throttle_count(model, client, APO_THROTTLE_LOGINS);
			apo_registration_count_wrong(model, client, "SASL", tried, "password");
		}
		refuse(model, client, NULL);
	} else {
		login->is_proven = true;
		send(model, client, answer);
	}
}

/* The client has checked our proof, and logs in. */
static void take_end(struct apo_model *model, struct apo_client *client, size_t len)
{
	const struct apo_scram_login *login = client->registration->scram;
	bool is_late =
		model->now_at_ns - login->began_at_ns > model->config->registration_timeout_ns;
	char account[APO_NICK_BYTES_MAX + 1];

	if (len > 0 || is_late ||
	    apo_model_shared_account_id(model, login->account) != login->account_id) {
		refuse(model, client, len > 0 ? "other-error" : NULL);
		return;
	}
	strcpy(account, login->account);
	apo_sasl_forget(client);
	apo_sasl_enter(model, client, account);
	if (!client->is_registered)
		apo_registration_try(model, client);
}

void apo_scram_take(struct apo_model *model, struct apo_client *client, const char *text,
		    size_t len)
{
	const struct apo_scram_login *login = client->registration->scram;

	if (!login)
		take_first(model, client, text, len);
	else if (login->is_proven)
		take_end(model, client, len);
	else
		take_final(model, client, text, len);
}

/* ---- hand-over ---- */

static void serialize(struct apo_serializer *serializer, struct apo_scram_login *login)
{
	apo_serializer_instant(serializer, &login->began_at_ns);
	apo_serializer_i64(serializer, &login->account_id);
	apo_serializer_flag(serializer, &login->is_proven);
	apo_serializer_string(serializer, login->account, sizeof login->account);
	apo_serializer_u32(serializer, &login->keys.iterations);
	apo_serializer_bytes(serializer, login->keys.salt, sizeof login->keys.salt);
	apo_serializer_bytes(serializer, login->keys.stored_key, sizeof login->keys.stored_key);
	apo_serializer_bytes(serializer, login->keys.server_key, sizeof login->keys.server_key);
	apo_serializer_string(serializer, login->scram.header, sizeof login->scram.header);
	apo_serializer_string(serializer, login->scram.user, sizeof login->scram.user);
	apo_serializer_string(serializer, login->scram.nonce, sizeof login->scram.nonce);
	apo_serializer_string(serializer, login->scram.messages, sizeof login->scram.messages);
	apo_serializer_expect(serializer, login->account[0] || !login->is_proven);
}

void apo_scram_serialize(struct apo_state *state, struct apo_registration *registration)
{
	struct apo_serializer *serializer = state->serializer;
	/* The client has a challenge: before that it has a ticket, and the state is not written. */
	bool is_there = registration->scram != NULL;

	apo_serializer_flag(serializer, &is_there);
	apo_serializer_expect(serializer,
			      !is_there || registration->mechanism == APO_MECHANISM_SCRAM);
	if (is_there && serializer->is_reading && serializer->ok &&
	    !(registration->scram = calloc(1, sizeof *registration->scram)))
		serializer->ok = false;
	if (is_there && serializer->ok)
		serialize(serializer, registration->scram);
}
