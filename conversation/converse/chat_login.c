/* SPDX-License-Identifier: MIT */
/* Logs in to the account before the welcome (SASL). */
#include <sodium.h>
#include <string.h>

#include "conversation/converse/chat_private.h"

void cv_login_on_offer(struct cv_chat *chat, const char *caps)
{
	const char *at = strstr(caps, "sasl=");
	size_t len = at ? strcspn(at, " ") : 0;

	if (at && (at == caps || at[-1] == ' '))
		chat->login.offers_scram =
			memmem(at, len, APO_SCRAM_NAME, sizeof APO_SCRAM_NAME - 1);
}

static void begin(struct cv_chat *chat, enum cv_mechanism mechanism)
{
	static const char *const names[] = {
		[CV_PLAIN] = "PLAIN", [CV_EXTERNAL] = "EXTERNAL", [CV_SCRAM] = APO_SCRAM_NAME};

	chat->login.mechanism = mechanism;
	chat->login.is_begun = chat->login.is_server_right = false;
	chat->login.len = 0;
	cv_send_line(chat, "AUTHENTICATE %s", names[mechanism]);
}

void cv_login_begin(struct cv_chat *chat)
{
	bool has_scram = chat->login.offers_scram || chat->login.is_password_known;

	begin(chat, chat->uses_key ? CV_EXTERNAL : has_scram ? CV_SCRAM : CV_PLAIN);
}

static void send(struct cv_chat *chat, const char *bytes, size_t len)
{
	char text[sodium_base64_ENCODED_LEN(APO_SCRAM_MESSAGE_BYTES_MAX * 2,
					    sodium_base64_VARIANT_ORIGINAL)];
	size_t at = 0;

	sodium_bin2base64(text, sizeof text, (const uint8_t *)bytes, len,
			  sodium_base64_VARIANT_ORIGINAL);
	len = strlen(text);
	do {
		cv_send_line(chat, "AUTHENTICATE %.*s", APO_SASL_PIECE_BYTES,
			     at < len ? text + at : "+");
		at += APO_SASL_PIECE_BYTES;
	} while (at <= len);
	sodium_memzero(text, sizeof text);
}

/* ---- PLAIN (RFC 4616): authorization identity (none), account, password ---- */

static void send_plain(struct cv_chat *chat)
{
	char plain[APO_NICK_BYTES_MAX + CV_PASSWORD_MAX + 2] = {0};
	size_t account_len = strlen(chat->wanted_nick), password_len = strlen(chat->password);

	memcpy(plain + 1, chat->wanted_nick, account_len);
	memcpy(plain + account_len + 2, chat->password, password_len);
	send(chat, plain, account_len + password_len + 2);
	sodium_memzero(plain, sizeof plain);
}

/* ---- SCRAM-SHA-256 (scram.h) ---- */

/* No two logins have the same nonce: an answer of the server to an earlier one proves nothing. */
static void make_nonce(const struct cv_chat *chat, char nonce[APO_SCRAM_NONCE_SIZE])
{
	const uint64_t input[] = {chat->seed, chat->session, chat->epoch, chat->stream,
				  (uint64_t)chat->now_at_ns};
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const uint8_t *)input, sizeof input);
	sodium_bin2base64(nonce, APO_SCRAM_NONCE_SIZE, digest, (APO_SCRAM_NONCE_SIZE - 1) / 4 * 3,
			  sodium_base64_VARIANT_ORIGINAL);
}

static void send_first(struct cv_chat *chat)
{
	char nonce[APO_SCRAM_NONCE_SIZE], first[APO_SCRAM_MESSAGE_BYTES_MAX];

	make_nonce(chat, nonce);
	chat->login.is_begun = apo_scram_begin(&chat->login.scram, chat->wanted_nick, nonce, first);
	if (chat->login.is_begun)
		send(chat, first, strlen(first));
	else
		cv_send_line(chat, "AUTHENTICATE *");
}

/* text: a message of the server, decoded. */
static void answer(struct cv_chat *chat, const char *text)
{
	struct cv_login *login = &chat->login;
	char final[APO_SCRAM_MESSAGE_BYTES_MAX * 2];

	if (!login->scram.final[0] &&
	    apo_scram_answer(&login->scram, chat->password, text, final)) {
		send(chat, final, strlen(final));
		sodium_memzero(final, sizeof final);
	} else if (apo_scram_is_server_right(&login->scram, text)) {
		login->is_server_right = login->is_password_known = true;
		cv_send_line(chat, "AUTHENTICATE +");
	} else {
		cv_tell(chat, CV_STATUS, NULL,
			"not logged in: the server does not know the password");
		cv_send_line(chat, "AUTHENTICATE *");
	}
}

static void on_scram(struct cv_chat *chat, const char *piece)
{
	struct cv_login *login = &chat->login;
	size_t len = strcmp(piece, "+") == 0 ? 0 : strlen(piece), count = 0;
	uint8_t text[sizeof login->text];

	if (!login->is_begun) {
		send_first(chat);
		return;
	}
	if (login->len + len >= sizeof login->text) {
		cv_send_line(chat, "AUTHENTICATE *");
		return;
	}
	memcpy(login->text + login->len, piece, len);
	login->len += len;
	if (len >= APO_SASL_PIECE_BYTES)
		return;
	if (sodium_base642bin(text, sizeof text - 1, login->text, login->len, NULL, &count, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		count = 0;
	login->len = 0;
	text[count] = '\0';
	answer(chat, (const char *)text);
}

/* ---- both ---- */

void cv_login_on_challenge(struct cv_chat *chat, const char *piece)
{
	if (chat->state != CV_OPENED)
		return;
	if (chat->login.mechanism == CV_SCRAM)
		on_scram(chat, piece);
	else if (strcmp(piece, "+") != 0)
		return;
	else if (chat->login.mechanism == CV_EXTERNAL)
		cv_send_line(chat, "AUTHENTICATE +"); /* the account that the key belongs to */
	else
		send_plain(chat);
}

/*
 * After a login has succeeded or failed we go on: the chat works without one. An account that was
 * made before the server had SCRAM has no keys for it until the first login by PLAIN, so a refusal
 * is followed by that one. Not if a server has proven that it knows the password: then the account
 * has keys, and only an impostor or a changed password would refuse us.
 */
void cv_login_on_result(struct cv_chat *chat, const char *numeric, const char *text)
{
	struct cv_login *login = &chat->login;

	if (chat->state == CV_OPENED && strcmp(numeric, "904") == 0 &&
	    login->mechanism == CV_SCRAM && !login->is_password_known) {
		begin(chat, CV_PLAIN);
		return;
	}
	if (strcmp(numeric, "903") == 0 && login->mechanism == CV_SCRAM && !login->is_server_right)
		cv_tell(chat, CV_STATUS, NULL,
			"the server has not proven that it knows the password");
	cv_tell(chat, CV_STATUS, NULL, "%s", text);
	if (chat->state == CV_OPENED && strcmp(numeric, "908") != 0)
		cv_send_line(chat, "CAP END");
}
