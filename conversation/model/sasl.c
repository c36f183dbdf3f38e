/* SPDX-License-Identifier: MIT */
/* SASL PLAIN (RFC 4616), EXTERNAL (RFC 4422 appendix A) and SCRAM-SHA-256 (sasl_scram.c) by
 * AUTHENTICATE (IRCv3 sasl 3.2). */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/accounts.h"
#include "conversation/model/caps.h"
#include "conversation/model/commands.h"
#include "conversation/model/events.h"
#include "conversation/model/replies.h"
#include "conversation/model/registration.h"
#include "conversation/model/shared_accounts.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

/* The buffer may have held a password. */
void apo_sasl_forget(struct apo_client *client)
{
	client->registration->mechanism = APO_MECHANISM_NONE;
	apo_scram_free(client->registration);
	client->registration->sasl_len = 0;
	OPENSSL_cleanse(client->registration->sasl, sizeof client->registration->sasl);
	if (client->is_registered) {
		free(client->registration);
		client->registration = NULL;
	}
}

bool apo_sasl_may_try(struct apo_model *model, struct apo_client *client, const char *account)
{
	if (apo_throttle_is_open(model, client, APO_THROTTLE_LOGINS))
		return true;
	apo_event_login_refused(model, client, "SASL", account);
	apo_standard_reply(model, client, "FAIL", "AUTHENTICATE", "TOO_MANY_TRIES",
			   "Too many wrong passwords from your address; try again later");
	return false;
}

static enum apo_mechanism mechanism_of(const struct apo_model *model,
				       const struct apo_client *client, const char *name)
{
	if (strcasecmp(name, "PLAIN") == 0 && apo_caps_has_plain(model, client))
		return APO_MECHANISM_PLAIN;
	if (strcasecmp(name, "EXTERNAL") == 0 && apo_caps_has_external(model, client))
		return APO_MECHANISM_EXTERNAL;
	if (strcasecmp(name, APO_SCRAM_NAME) == 0 && apo_caps_has_scram(model, client))
		return APO_MECHANISM_SCRAM;
	return APO_MECHANISM_NONE;
}

static void begin(struct apo_model *model, struct apo_client *client, const char *mechanism)
{
	enum apo_mechanism number = mechanism_of(model, client, mechanism);

	if (number == APO_MECHANISM_NONE) {
		apo_reply(model, client, RPL_SASLMECHS, apo_caps_mechanisms(model, client));
		apo_reply(model, client, ERR_SASLFAIL);
		return;
	}
	if (!client->registration &&
	    !(client->registration = calloc(1, sizeof *client->registration))) {
		apo_reply(model, client, ERR_SASLFAIL);
		return;
	}
	client->registration->mechanism = (uint8_t)number;
	apo_tell_print(model, client, NULL, "AUTHENTICATE +");
}

/* Returns the number of decoded bytes, without the terminator; -1: not base64. EVP_DecodeBlock
 * counts the padding as bytes. */
static int decode(const char *base64, size_t len, char *to)
{
	int bytes;

	if (len == 0 || len % 4 != 0 ||
	    strspn(base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
			   "pqrstuvwxyz0123456789+/=") != len)
		return -1;
	bytes = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)base64, (int)len);
	if (bytes < 0)
		return -1;
	bytes -= base64[len - 1] == '=';
	bytes -= base64[len - 2] == '=';
	to[bytes] = '\0';
	return bytes;
}

/* The text is the account, or empty: then the key says which it is. Returns false if it is no
 * account, or if it is refused. */
static bool check_key(struct apo_model *model, struct apo_client *client, const char *account,
		      size_t len)
{
	struct apo_ticket *ticket;

	if (model->shared) {
		if (strlen(account) != len)
			return false;
		account = apo_shared_account_of_key(model, client->fingerprint, account);
		apo_sasl_on_key(model, client, account ? APO_CHECKED_RIGHT : APO_CHECKED_WRONG,
				account, "*");
		return true;
	}
	if (strlen(account) != len || (len > 0 && !apo_nick_is_valid(account, APO_NICK_BYTES_MAX)))
		return false;
	ticket = apo_ticket_open(model, client, APO_TICKET_KEY, account);
	if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_KEY, account, client->fingerprint);
	return ticket != NULL;
}

/* "authzid NUL authcid NUL password". A client may act only as itself. Returns false if the text is
 * no such triple, or if it is refused. */
static bool check(struct apo_model *model, struct apo_client *client, const char *plain, size_t len)
{
	const char *as = plain, *account, *password;
	struct apo_ticket *ticket;

	account = memchr(plain, '\0', len);
	password = account ? memchr(account + 1, '\0', len - (size_t)(account + 1 - plain)) : NULL;
	if (!password)
		return false;
	account++;
	password++;
	if (!*account || !*password || strlen(password) != len - (size_t)(password - plain))
		return false;
	if (*as && !apo_is_same(as, account))
		return false;
	if (!apo_sasl_may_try(model, client, account))
		return false;
	ticket = apo_ticket_open(model, client, APO_TICKET_ACCOUNT, account);
	if (ticket && model->shared)
		apo_shared_ask_account(model, ticket, account, password);
	else if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_ACCOUNT, account, password);
	return ticket != NULL;
}

static void finish(struct apo_model *model, struct apo_client *client)
{
	char plain[APO_SASL_BYTES_MAX + 4] = "";
	struct apo_registration *registration = client->registration;
	enum apo_mechanism mechanism = registration->mechanism;
	bool is_right;
	int len = 0;

	registration->sasl[registration->sasl_len] = '\0';
	if (registration->sasl_len > 0 || mechanism == APO_MECHANISM_PLAIN)
		len = decode(registration->sasl, registration->sasl_len, plain);
	registration->sasl_len = 0;
	if (len >= 0 && mechanism == APO_MECHANISM_SCRAM) {
		apo_scram_take(model, client, plain, (size_t)len);
		return;
	}
	is_right = len >= 0 && (mechanism == APO_MECHANISM_EXTERNAL
					? check_key(model, client, plain, (size_t)len)
					: check(model, client, plain, (size_t)len));
	if (!is_right)
		apo_reply(model, client, ERR_SASLFAIL);
	OPENSSL_cleanse(plain, sizeof plain);
	apo_sasl_forget(client);
}

static void take_piece(struct apo_model *model, struct apo_client *client, const char *piece)
{
	struct apo_registration *registration = client->registration;
	size_t len = strcmp(piece, "+") == 0 ? 0 : strlen(piece);

	if (len > APO_SASL_PIECE_BYTES || registration->sasl_len + len > APO_SASL_BYTES_MAX) {
		apo_reply(model, client, ERR_SASLTOOLONG);
		apo_sasl_forget(client);
		return;
	}
	memcpy(registration->sasl + registration->sasl_len, piece, len);
	registration->sasl_len += len;
	if (len < APO_SASL_PIECE_BYTES)
		finish(model, client);
}

void apo_on_authenticate(struct apo_model *model, struct apo_client *client,
			 const struct apo_message *message)
{
	const char *what = message->params[0];
	bool is_sasl =
		client->registration && client->registration->mechanism != APO_MECHANISM_NONE;

	if (!(client->caps & APO_CAP_SASL) || client->ticket) {
		apo_reply(model, client, ERR_SASLFAIL);
	} else if (strcmp(what, "*") == 0) {
		apo_reply(model, client, ERR_SASLABORTED);
		if (is_sasl)
			apo_sasl_forget(client);
	} else if (is_sasl) {
		take_piece(model, client, what);
	} else { /* also if it is logged in: it may log in to another account */
		begin(model, client, what);
	}
}

/* After too many tries even a right password is refused, so that the client does not learn that it
 * is right. */
static bool is_right(struct apo_model *model, const struct apo_client *client,
		     enum apo_checked result, const char *account)
{
	return result == APO_CHECKED_RIGHT && account &&
	       apo_throttle_is_open(model, client, APO_THROTTLE_LOGINS);
}

void apo_sasl_log_in(struct apo_model *model, struct apo_client *client, const char *account)
{
	if (apo_account_enter(model, client, account) < 0) {
		apo_reply(model, client, ERR_SASLFAIL);
		return;
	}
	if (!apo_is_remote(model, client))
		apo_event_logged_in(model, client, false);
	apo_reply(model, client, RPL_SASLSUCCESS);
}

void apo_sasl_enter(struct apo_model *model, struct apo_client *client, const char *account)
{
	if (!apo_shared_propose_login(model, client, account))
		apo_sasl_log_in(model, client, account);
}

void apo_sasl_on_checked(struct apo_model *model, struct apo_client *client,
			 enum apo_checked result, const char *account, const char *tried)
{
	if (is_right(model, client, result, account)) {
		apo_sasl_enter(model, client, account);
	} else {
		if (result == APO_CHECKED_WRONG) {
			apo_throttle_count(model, client, APO_THROTTLE_LOGINS);
			apo_registration_count_wrong(model, client, "SASL", tried, "password");
		}
		apo_reply(model, client, ERR_SASLFAIL);
	}
	if (!client->is_registered)
		apo_registration_try(model, client);
}

void apo_sasl_on_key(struct apo_model *model, struct apo_client *client, enum apo_checked result,
		     const char *account, const char *tried)
{
	if (result == APO_CHECKED_RIGHT && account) {
		apo_sasl_enter(model, client, account);
	} else {
		/* A key cannot be guessed: this limits only how often a connection asks. */
		if (result == APO_CHECKED_WRONG)
			apo_registration_count_wrong(model, client, "EXTERNAL", tried, "key");
		apo_reply(model, client, ERR_SASLFAIL);
	}
	if (!client->is_registered)
		apo_registration_try(model, client);
}
