/* SPDX-License-Identifier: MIT */
#include "conversation/model/nickserv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/accounts.h"
#include "conversation/model/ban_commands.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/audit.h"
#include "conversation/model/account_secrets.h"
#include "conversation/model/replies.h"
#include "conversation/model/registration.h"
#include "conversation/model/shared_accounts.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"
#include "conversation/model/words.h"

/* ---- replies ---- */

#define answer(model, client, ...) apo_service_notice(model, client, APO_NICKSERV, __VA_ARGS__)

static void on_help(struct apo_model *model, struct apo_client *client, char *rest)
{
	static const char *const lines[] = {
		"Log in by SASL, and register the nick that you have with REGISTER * * <password>.",
		"GHOST <nick>: ends another session of yours, or one that has your account's nick",
		"REGAIN <nick>: the same, and the nick is yours again",
		"DROP <account> <password>: removes your account, for good",
		"CERT ADD, DEL <fingerprint>, LIST: the keys by which you log in (SASL EXTERNAL)",
		"SUSPEND ADD <account>, DEL <account>, LIST: for operators (HELP BANS)",
	};
	size_t i;

	(void)rest;
	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		answer(model, client, "%s", lines[i]);
}

/* ---- habits of other networks ---- */

static void on_identify(struct apo_model *model, struct apo_client *client, char *rest)
{
	(void)rest;
	answer(model, client,
	       "There is no IDENTIFY: set SASL in your client, with your account and its password, "
	       "and connect again");
}

static void on_register(struct apo_model *model, struct apo_client *client, char *rest)
{
	(void)rest;
	answer(model, client,
	       "To register the nick that you have, send /quote REGISTER * * <password>");
}

/* ---- GHOST and REGAIN ---- */

static bool is_own(const struct apo_client *client, const struct apo_client *other,
		   const char *nick)
{
	return apo_is_same(nick, client->account) ||
	       (other && other->account && apo_is_same(other->account, client->account));
}

/* Reveals nothing about the owner of the nick that WHOIS would not show. Returns false after
 * telling the client why not. *other is NULL if nobody has the nick. */
static bool find_ghost(struct apo_model *model, struct apo_client *client, const char *nick,
		       struct apo_client **other)
{
	*other = apo_nick_owner(model, nick);
	if (!client->account)
		answer(model, client, "Log in to your account first (SASL)");
	else if (!apo_nick_is_valid(nick, model->config->nick_len_max))
		answer(model, client, "Which nick?");
	else if (*other == client)
		answer(model, client, "That is you");
	else if (!is_own(client, *other, nick))
		answer(model, client, "%s is neither your account's nick nor a session of yours",
		       nick);
	else
		return true;
	return false;
}

static void end_ghost(struct apo_model *model, struct apo_client *client, struct apo_client *other)
{
	char reason[APO_BODY_BYTES_MAX];

	snprintf(reason, sizeof reason, "Ghost of %s", client->nick);
	model->figures.ghosts++;
	apo_client_end_now(model, other, reason);
}

static void on_ghost(struct apo_model *model, struct apo_client *client, char *rest)
{
	const char *nick = strsep(&rest, " ");
	struct apo_client *other;

	if (!find_ghost(model, client, nick, &other))
		return;
	if (!other) {
		answer(model, client, "No client has the nick %s", nick);
		return;
	}
	end_ghost(model, client, other);
	answer(model, client, "The session of %s has been ended", nick);
}

static void on_regain(struct apo_model *model, struct apo_client *client, char *rest)
{
	const char *nick = strsep(&rest, " ");
	const struct apo_channel *channel = apo_channel_that_mutes(client);
	struct apo_client *other;

	if (!find_ghost(model, client, nick, &other))
		return;
	if (channel) {
		apo_reply(model, client, ERR_BANONCHAN, nick, channel->name);
		return;
	}
	if (other)
		end_ghost(model, client, other);
	apo_nick_change(model, client, nick);
	answer(model, client, "You are %s again", client->nick);
}

/* ---- DROP ---- */

/* An operator needs no password and may name any account. */
static void ask_to_drop(struct apo_model *model, struct apo_client *client, const char *account,
			const char *password)
{
	struct apo_ticket *ticket = NULL;

	if (password || !model->shared)
		ticket = apo_ticket_open(model, client, APO_TICKET_DROP, account);
	if (!ticket && !(model->shared && !password)) {
		answer(model, client, "Another password is being checked; try again later");
		return;
	}
	if (!password)
		apo_audit_note(model, "drop", "%s by %s", account, client->nick);
	if (!ticket)
		apo_shared_propose_drop(model, client, account);
	else if (model->shared)
		apo_shared_ask_account(model, ticket, account, password);
	else
		apo_ticket_ask(model, ticket, password ? APO_AUTH_REMOVE : APO_AUTH_REMOVE_UNASKED,
			       account, password ? password : "");
}

/* Which accounts exist stays secret: unless the client is logged in to the account, the answer is
 * the same for every name. */
static void on_drop(struct apo_model *model, struct apo_client *client, char *rest)
{
	const char *account = strsep(&rest, " "), *password = rest && *rest ? rest : NULL;

	if (!model->calls->has_accounts)
		answer(model, client, "Accounts are not removed here");
	else if (!apo_nick_is_valid(account, APO_NICK_BYTES_MAX))
		answer(model, client, "DROP <account> <password>");
	else if (client->is_operator && !password)
		ask_to_drop(model, client, account, NULL);
	else if (!client->account || !apo_is_same(account, client->account))
		answer(model, client, "Log in to that account first (SASL)");
	else if (!password)
		answer(model, client, "DROP <account> <password>: the password is missing");
	else if (!apo_throttle_is_open(model, client, APO_THROTTLE_LOGINS))
		answer(model, client,
		       "Too many wrong passwords from your address; try again later");
	else
		ask_to_drop(model, client, account, password);
}

void apo_nickserv_on_dropped(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result, const char *account)
{
	if (result == APO_CHECKED_RIGHT && account) {
		answer(model, client, "The account %s was removed", account);
		return;
	}
	if (result == APO_CHECKED_WRONG && !client->is_operator) {
		apo_throttle_count(model, client, APO_THROTTLE_LOGINS);
		apo_registration_count_wrong(model, client, "DROP", client->account, "password");
	}
	answer(model, client, "%s",
	       result != APO_CHECKED_WRONG ? "The account could not be removed; try again later"
	       : client->is_operator       ? "There is no such account, or the password is wrong"
					   : "The password is wrong");
}

/* ---- CERT ---- */

/* Only a key that its owner has shown in this session: no client can claim the key of
 * another. */
static void change_key(struct apo_model *model, struct apo_client *client, const char *fingerprint,
		       bool is_added)
{
	struct apo_ticket *ticket;

	if (model->shared) {
		apo_shared_propose_key(model, client, fingerprint, is_added);
		return;
	}
	ticket = apo_ticket_open(
		model, client, is_added ? APO_TICKET_KEY_ADD : APO_TICKET_KEY_REMOVE, fingerprint);
	if (ticket)
		apo_ticket_ask(model, ticket, is_added ? APO_AUTH_KEY_ADD : APO_AUTH_KEY_REMOVE,
			       client->account, fingerprint);
	else
		answer(model, client, "Another request is being handled; try again later");
}

static void list_keys(struct apo_model *model, struct apo_client *client)
{
	const struct apo_account_entry *account = apo_account_entry_of(model, client->account);
	char keys[APO_KEYS_TEXT_SIZE];
	struct apo_ticket *ticket;

	if (account && account->secrets) {
		apo_account_list_keys(account, keys);
		apo_nickserv_on_keys(model, client, APO_CHECKED_RIGHT, keys);
		return;
	}
	ticket = apo_ticket_open(model, client, APO_TICKET_KEYS, NULL);
	if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_KEYS, client->account, "");
	else
		answer(model, client, "Another request is being handled; try again later");
}

static void on_cert(struct apo_model *model, struct apo_client *client, char *rest)
{
	const char *what = strsep(&rest, " "), *key = rest && *rest ? rest : NULL;

	if (!model->calls->has_accounts)
		answer(model, client, "Keys are not kept here");
	else if (!client->account)
		answer(model, client, "Log in to your account first (SASL)");
	else if (strcasecmp(what, "LIST") == 0)
		list_keys(model, client);
	else if (strcasecmp(what, "DEL") == 0 && key && apo_fingerprint_is_valid(key))
		change_key(model, client, key, false);
	else if (strcasecmp(what, "ADD") != 0)
		answer(model, client, "CERT ADD, DEL <fingerprint>, LIST");
	else if (!client->fingerprint)
		answer(model, client,
		       "You have shown no key: neither a TLS certificate nor a rudp identity");
	else if (key && strcmp(key, client->fingerprint) != 0)
		answer(model, client, "Only the key that you have shown can be added: %s",
		       client->fingerprint);
	else
		change_key(model, client, client->fingerprint, true);
}

void apo_nickserv_on_key_changed(struct apo_model *model, struct apo_client *client,
				 enum apo_checked result, const char *fingerprint, bool is_added)
{
	const char *account = client->account ? client->account : "*";

	if (result == APO_CHECKED_FAILED) {
		answer(model, client, "The keys could not be changed; try again later");
	} else if (result == APO_CHECKED_WRONG) {
		answer(model, client, "%s",
		       is_added ? "The key belongs to an account already, or yours has too many"
				: "That is no key of your account");
	} else {
		apo_audit_note(model, is_added ? "cert-add" : "cert-del", "%s %s by %s", account,
			       fingerprint, apo_shown_nick(client));
		answer(model, client,
		       is_added ? "%s is a key of your account now"
				: "%s is no key of your account any more",
		       fingerprint);
	}
}

void apo_nickserv_on_keys(struct apo_model *model, struct apo_client *client,
			  enum apo_checked result, const char *keys)
{
	size_t len;

	if (result != APO_CHECKED_RIGHT)
		answer(model, client, "The keys could not be read; try again later");
	else if (!*keys)
		answer(model, client, "Your account has no keys");
	for (; result == APO_CHECKED_RIGHT && *keys; keys += len + (keys[len] == ' ')) {
		len = strcspn(keys, " ");
		answer(model, client, "%.*s%s", (int)len, keys,
		       client->fingerprint && strlen(client->fingerprint) == len &&
				       strncmp(client->fingerprint, keys, len) == 0
			       ? " (shown in this session)"
			       : "");
	}
}

/* ---- SUSPEND ---- */

static void on_suspend(struct apo_model *model, struct apo_client *client, char *rest)
{
	const char *what = strsep(&rest, " ");

	if (!client->is_operator)
		answer(model, client, "Only operators of the server can do that");
	else if (strcasecmp(what, "LIST") == 0)
		apo_ban_list(model, client, APO_BAN_ACCOUNT, rest && *rest ? rest : NULL);
	else if (strcasecmp(what, "ADD") == 0 && rest)
		apo_ban_add(model, client, APO_BAN_ACCOUNT, rest);
	else if (strcasecmp(what, "DEL") == 0 && rest)
		apo_ban_delete(model, client, APO_BAN_ACCOUNT, rest);
	else
		answer(model, client,
		       "SUSPEND ADD [<duration>] <account> [<reason>], DEL <account>, LIST");
}

/* ---- commands ---- */

/* is_shared: it changes the sessions or bans of all nodes, and has no password in it. */
static const struct row {
	const char *name;
	void (*handler)(struct apo_model *model, struct apo_client *client, char *rest);
	bool is_shared;
} rows[] = {
	{"CERT", on_cert, false},      {"DROP", on_drop, false},
	{"GHOST", on_ghost, true},     {"HELP", on_help, false},
	{"ID", on_identify, false},    {"IDENTIFY", on_identify, false},
	{"LOGIN", on_identify, false}, {"RECOVER", on_regain, true},
	{"REGAIN", on_regain, true},   {"REGISTER", on_register, false},
	{"SUSPEND", on_suspend, true}, {"UNREGISTER", on_drop, false},
};

static const struct row *find_row(const char *name)
{
	const struct row *row;

	for (row = rows; row < rows + sizeof rows / sizeof *rows; row++)
		if (strcasecmp(name, row->name) == 0)
			return row;
	return NULL;
}

bool apo_nickserv_is_shared(const char *text)
{
	char name[16];
	const struct row *row;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
	row = find_row(name);
	return row && row->is_shared;
}

bool apo_nickserv_is_meant(const char *nick)
{
	return apo_is_same(nick, APO_NICKSERV);
}

bool apo_nickserv_handle(struct apo_model *model, struct apo_client *client, const char *text)
{
	char copy[APO_BODY_BYTES_MAX + 1], nothing[] = "";
	char *rest = copy;
	const struct row *row;

	if (!model->calls->has_accounts)
		return false;
	snprintf(copy, sizeof copy, "%s", text);
	row = find_row(strsep(&rest, " "));
	if (row)
		row->handler(model, client, rest ? rest : nothing);
	else
		answer(model, client, "Unknown command; HELP lists the commands");
	explicit_bzero(copy, sizeof copy);
	return true;
}

void apo_on_nickserv(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX + 1];

	apo_words_join(text, message);
	if (!apo_nickserv_handle(model, client, text))
		apo_standard_reply(model, client, "FAIL", "NICKSERV", "NO_ACCOUNTS",
				   "There are no accounts here");
	explicit_bzero(text, sizeof text);
}
