/* SPDX-License-Identifier: MIT */
#include "conversation/model/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/account_secrets.h"
#include "conversation/model/bans.h"
#include "conversation/model/caps.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/events.h"
#include "conversation/model/history.h"
#include "conversation/model/markers.h"
#include "conversation/model/monitor.h"
#include "conversation/model/registration.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

/* ---- names ---- */

struct apo_account_entry *apo_account_entry_of(const struct apo_model *model, const char *name)
{
	/* A longer name is cut to this size and matches no account. */
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, name);

	return RUDP_TABLE_FIND_KEY(by_name, model->accounts, folded, len);
}

int apo_account_remember(struct apo_model *model, const char *name, int64_t kept_id)
{
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, name);
	struct apo_account_entry *account = apo_account_entry_of(model, name);

	if (account) {
		account->mark = model->account_mark;
		account->kept_id = kept_id ? kept_id : account->kept_id;
		return 0;
	}
	account = calloc(1, sizeof *account + len + 1);
	if (!account)
		return -ENOMEM;
	account->mark = model->account_mark;
	account->id = ++model->last_account_id;
	account->kept_id = kept_id;
	rudp_list_init(&account->readers.clients);
	memcpy(account->folded, folded, len);
	if (!RUDP_TABLE_ADD_KEY(by_name, model->accounts, account->folded, len, account)) {
		free(account);
		return -ENOMEM;
	}
	return 0;
}

bool apo_account_is_other(const struct apo_model *model, const char *name, int64_t kept_id)
{
	const struct apo_account_entry *account = apo_account_entry_of(model, name);

	return account && account->kept_id && kept_id && account->kept_id != kept_id;
}

static void drop(struct apo_model *model, struct apo_account_entry *account)
{
	HASH_DELETE(by_name, model->accounts, account);
	while (rudp_list_pop(&account->readers.clients))
		;
	apo_markers_free(account->readers.markers);
	apo_account_secrets_free(model, account);
	free(account);
}

void apo_accounts_forget(struct apo_model *model)
{
	struct apo_account_entry *account, *next;

	HASH_ITER(by_name, model->accounts, account, next)
		drop(model, account);
}

bool apo_account_forget(struct apo_model *model, const char *name)
{
	struct apo_account_entry *account = apo_account_entry_of(model, name);

	if (account)
		drop(model, account);
	return account != NULL;
}

unsigned apo_accounts_forget_unmarked(struct apo_model *model)
{
	unsigned before = HASH_CNT(by_name, model->accounts);
	struct apo_account_entry *account, *next;

	HASH_ITER(by_name, model->accounts, account, next)
		if (account->mark != model->account_mark)
			drop(model, account);
	return before - HASH_CNT(by_name, model->accounts);
}

struct apo_readers *apo_account_readers(const struct apo_model *model, const char *name)
{
	struct apo_account_entry *account = apo_account_entry_of(model, name);

	return account ? &account->readers : NULL;
}

uint64_t apo_account_id(const struct apo_model *model, const char *name)
{
	const struct apo_account_entry *account = apo_account_entry_of(model, name);

	return account ? account->id : 0;
}

/* A hash table iterates in the order of insertion, so by id. */
struct apo_account_key *apo_accounts_list(const struct apo_model *model, uint32_t *count)
{
	struct apo_account_key *account_keys =
		calloc((size_t)HASH_CNT(by_name, model->accounts) + 1, sizeof *account_keys);
	struct apo_account_entry *account, *next;
	uint32_t i = 0;

	*count = 0;
	if (!account_keys)
		return NULL;
	HASH_ITER(by_name, model->accounts, account, next)
		account_keys[i++] = (struct apo_account_key){account->id, account->folded};
	*count = i;
	return account_keys;
}

bool apo_account_allows_nick(const struct apo_model *model, const struct apo_client *client,
			     const char *nick)
{
	return !apo_account_entry_of(model, nick) ||
	       (client->account && apo_is_same(client->account, nick));
}

void apo_account_refuse_nick(struct apo_model *model, struct apo_client *client, const char *nick)
{
	apo_numeric(model, client, ERR_NICKNAMEINUSE,
		    "%s :Nickname is registered; log in (SASL) to use it", nick);
}

/* ---- login and logout ---- */

static void say_account(struct apo_model *model, struct apo_client *client)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);
	const uint32_t caps = APO_CAP_EXTENDED_MONITOR | APO_CAP_ACCOUNT_NOTIFY;

	apo_line_print_from(&line, client, "ACCOUNT %s", client->account ? client->account : "*");
	if (client->caps & APO_CAP_ACCOUNT_NOTIFY)
		apo_say_to(model, client, &say);
	apo_say_common(model, client, &say, &(struct apo_audience){.with = APO_CAP_ACCOUNT_NOTIFY});
	apo_monitor_say(model, client, &say, &(struct apo_audience){.with = caps});
}

static void list_under_account(struct apo_model *model, struct apo_client *client)
{
	struct apo_readers *readers = apo_account_readers(model, client->account);

	rudp_list_remove(&client->of_account);
	if (readers)
		rudp_list_append(&readers->clients, &client->of_account);
}

int apo_account_attach(struct apo_model *model, struct apo_client *client)
{
	/* The account may have been added while this process did not watch the store. */
	int error = apo_account_remember(model, client->account, 0);

	list_under_account(model, client);
	return error;
}

static bool is_suspended(struct apo_model *model, struct apo_client *client, const char *account)
{
	const struct apo_ban *ban = apo_ban_of_account(model, account);

	if (ban)
		apo_standard_reply(model, client, "FAIL", "AUTHENTICATE", "ACCOUNT_SUSPENDED",
				   "The account is suspended: %s", ban->reason);
	return ban != NULL;
}

int apo_account_enter(struct apo_model *model, struct apo_client *client, const char *account)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	bool is_first;

	if (!apo_is_word(account) || strlen(account) > APO_ACCOUNT_BYTES_MAX)
		return -ENOMEM;
	if (is_suspended(model, client, account))
		return -EACCES;
	is_first = !client->account;
	apo_history_on_account_left(model, client);
	if (apo_text_set(&client->account, account) < 0)
		return -ENOMEM;
	(void)apo_account_attach(model, client);
	apo_history_on_account(model, client, is_first);
	apo_markers_free(client->markers);
	client->markers = NULL;
	model->figures.logins++;
	apo_client_source(client, source);
	apo_reply(model, client, RPL_LOGGEDIN, source, account, account);
	if (client->is_registered)
		say_account(model, client);
	apo_registry_on_login(model, client);
	return 0;
}

void apo_account_leave_if_gone(struct apo_model *model, struct apo_client *client)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	if (!client->account || apo_account_entry_of(model, client->account))
		return;
	apo_history_on_account_left(model, client);
	(void)apo_text_set(&client->account, NULL);
	apo_client_source(client, source);
	apo_reply(model, client, RPL_LOGGEDOUT, source);
	if (client->is_registered)
		say_account(model, client);
}

/* ---- REGISTER ---- */

/* REGISTER before the welcome must not get around the password of the server. */
bool apo_account_is_early(const struct apo_model *model)
{
	return model->config->early_registration && !model->config->password_hash;
}

bool apo_account_is_missing(const struct apo_model *model, const struct apo_client *client)
{
	return model->config->account_required && !client->account && !client->is_operator;
}

struct refusal {
	const char *code;
	const char *text; /* NULL: the password is too short */
};

/* In a network of nodes the nick is the client's own at the welcome only. */
static const char *nick_of(const struct apo_client *client)
{
	return client->nick[0] || !client->registration ? client->nick
							: client->registration->wanted;
}

/* A client that waits for its welcome may want the nick of another session, which has it until then
 * at least. */
static bool is_held_by_other(const struct apo_model *model, const struct apo_client *client,
			     const char *nick)
{
	const struct apo_client *owner = apo_nick_owner(model, nick);

	return owner && owner != client;
}

static const struct refusal unavailable = {"TEMPORARILY_UNAVAILABLE",
					   "The account could not be registered; try again later"},
			    too_early = {"COMPLETE_CONNECTION_REQUIRED",
					 "Register your connection first (NICK and USER)"},
			    inside = {"ALREADY_AUTHENTICATED", "You are logged in already"},
			    other_name = {"ACCOUNT_NAME_MUST_BE_NICK",
					  "The name of an account must be your nick"},
			    taken = {"ACCOUNT_EXISTS", "That name is registered already"};

static const struct refusal *refusal_of(struct apo_model *model, const struct apo_client *client,
					const char *name, const char *password)
{
	static const struct refusal disabled = {"TEMPORARILY_UNAVAILABLE",
						"Accounts cannot be registered here, or not over "
						"a connection that others can read"},
				    weak = {"WEAK_PASSWORD", NULL},
				    no_nick = {"NEED_NICK", "Choose a nick first (NICK)"},
				    too_long = {"UNACCEPTABLE_PASSWORD",
						"A password has at most 300 bytes"},
				    suspended = {"BAD_ACCOUNT_NAME", "That name is suspended"},
				    full = {"TEMPORARILY_UNAVAILABLE",
					    "There are too many accounts"},
				    too_often = {
					    "TEMPORARILY_UNAVAILABLE",
					    "Too many tries from your address; try again later"};

	if (!client->is_registered && !apo_account_is_early(model))
		return &too_early;
	if (!*nick_of(client))
		return &no_nick;
	if (!(apo_caps_offered(model, client) & APO_CAP_ACCOUNT_REGISTRATION))
		return &disabled;
	if (client->account)
		return &inside;
	if (!apo_is_same(name, nick_of(client)) || is_held_by_other(model, client, name))
		return &other_name;
	if (strlen(password) < model->config->password_len_min)
		return &weak;
	if (strlen(password) > APO_PASSWORD_BYTES_MAX)
		return &too_long;
	if (apo_account_entry_of(model, name))
		return &taken;
	if (apo_ban_of_account(model, name))
		return &suspended;
	if (HASH_CNT(by_name, model->accounts) >= model->config->accounts_max)
		return &full;
	return apo_throttle_is_open(model, client, APO_THROTTLE_REGISTRATIONS) ? NULL : &too_often;
}

static void refuse(struct apo_model *model, struct apo_client *client,
		   const struct refusal *refusal, const char *name)
{
	char least[64];

	snprintf(least, sizeof least, "A password has at least %u bytes",
		 model->config->password_len_min);
	apo_fail_about(model, client, "REGISTER", refusal->code, name,
		       refusal->text ? refusal->text : least);
}

void apo_on_register(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	const char *name = message->params[0], *password = message->params[2];
	const struct refusal *refusal;
	struct apo_ticket *ticket;

	if (!*nick_of(client))
		name = "*";
	else if (strcmp(name, "*") == 0)
		name = nick_of(client);
	refusal = refusal_of(model, client, name, password);
	if (refusal) {
		refuse(model, client, refusal, name);
		return;
	}
	ticket = apo_ticket_open(model, client, APO_TICKET_REGISTER, nick_of(client));
	if (!ticket) {
		refuse(model, client, &unavailable, name);
		return;
	}
	/* Counted at once, so that many connections together get no further than one. */
	apo_throttle_count(model, client, APO_THROTTLE_REGISTRATIONS);
	if (model->shared)
		apo_ticket_ask(model, ticket, APO_AUTH_HASH, "", password);
	else
		apo_ticket_ask(model, ticket, APO_AUTH_REGISTER, client->nick, password);
}

static void finish_register(struct apo_model *model, struct apo_client *client,
			    enum apo_checked result, const char *account)
{
	const char *nick = *nick_of(client) ? nick_of(client) : "*";

	if (result != APO_CHECKED_RIGHT || !account ||
	    apo_account_enter(model, client, account) < 0) {
		refuse(model, client,
		       result != APO_CHECKED_WRONG             ? &unavailable
		       : is_held_by_other(model, client, nick) ? &other_name
							       : &taken,
		       nick);
		return;
	}
	model->figures.accounts_registered++;
	if (apo_is_remote(model, client))
		return;
	apo_event_logged_in(model, client, true);
	apo_tell_print(model, client, model->config->server_name,
		       "REGISTER SUCCESS %s :The account is yours, and you are logged in to it",
		       account);
}

void apo_account_on_registered(struct apo_model *model, struct apo_client *client,
			       enum apo_checked result, const char *account)
{
	finish_register(model, client, result, account);
	if (!client->is_registered)
		apo_registration_try(model, client);
}

/* The server sends no codes, so every code is wrong. */
void apo_on_verify(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	static const struct refusal invalid = {"INVALID_CODE", "No account waits for a code here"};
	const struct refusal *refusal = &invalid;

	if (!client->is_registered && !apo_account_is_early(model))
		refusal = &too_early;
	else if (client->account)
		refusal = &inside;
	apo_fail_about(model, client, "VERIFY", refusal->code, apo_word(message->params[0]),
		       refusal->text);
}
