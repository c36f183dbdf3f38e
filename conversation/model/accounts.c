/* SPDX-License-Identifier: MIT */
#include "conversation/model/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/caps.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/markers.h"
#include "conversation/model/monitor.h"
#include "conversation/model/replies.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

struct apo_owned {
	UT_hash_handle by_name;
	uint32_t mark;
	struct apo_readers readers;
	uint64_t id; /* of no other, be it of the same name */
	int64_t kept_id; /* the same where it is kept; 0: not known */
	char folded[];
};

/* ---- names ---- */

static struct apo_owned *find(const struct apo_model *model, const char *name)
{
	char folded[APO_NICK_BYTES_MAX + 2]; /* one too long is nobody's */
	struct apo_owned *owned;
	size_t len = apo_fold(folded, sizeof folded, name);

	HASH_FIND(by_name, model->owned, folded, len, owned);
	return owned;
}

int apo_account_remember(struct apo_model *model, const char *name, int64_t kept_id)
{
	bool rudp_table_add_failed = false;
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, name);
	struct apo_owned *owned = find(model, name);

	if (owned) {
		owned->mark = model->owned_mark;
		owned->kept_id = kept_id ? kept_id : owned->kept_id;
		return 0;
	}
	owned = calloc(1, sizeof *owned + len + 1);
	if (!owned)
		return -ENOMEM;
	owned->mark = model->owned_mark;
	owned->id = ++model->last_owned;
	owned->kept_id = kept_id;
	rudp_list_init(&owned->readers.clients);
	memcpy(owned->folded, folded, len);
	HASH_ADD_KEYPTR(by_name, model->owned, owned->folded, len, owned);
	if (rudp_table_add_failed) {
		free(owned);
		return -ENOMEM;
	}
	return 0;
}

bool apo_account_is_other(const struct apo_model *model, const char *name, int64_t kept_id)
{
	const struct apo_owned *owned = find(model, name);

	return owned && owned->kept_id && kept_id && owned->kept_id != kept_id;
}

static void drop(struct apo_model *model, struct apo_owned *owned)
{
	HASH_DELETE(by_name, model->owned, owned);
	while (rudp_list_pop(&owned->readers.clients))
		;
	apo_markers_free(owned->readers.markers);
	free(owned);
}

void apo_accounts_forget(struct apo_model *model)
{
	struct apo_owned *owned, *next;

	HASH_ITER(by_name, model->owned, owned, next)
	drop(model, owned);
}

bool apo_account_forget(struct apo_model *model, const char *name)
{
	struct apo_owned *owned = find(model, name);

	if (owned)
		drop(model, owned);
	return owned != NULL;
}

unsigned apo_accounts_forget_unmarked(struct apo_model *model)
{
	unsigned before = HASH_CNT(by_name, model->owned);
	struct apo_owned *owned, *next;

	HASH_ITER(by_name, model->owned, owned, next)
	if (owned->mark != model->owned_mark)
		drop(model, owned);
	return before - HASH_CNT(by_name, model->owned);
}

struct apo_readers *apo_account_readers(const struct apo_model *model, const char *name)
{
	struct apo_owned *owned = find(model, name);

	return owned ? &owned->readers : NULL;
}

uint64_t apo_account_id(const struct apo_model *model, const char *name)
{
	const struct apo_owned *owned = find(model, name);

	return owned ? owned->id : 0;
}

/* A table goes through its items in the order in which they came. */
struct apo_owner *apo_account_owners(const struct apo_model *model, uint32_t *count)
{
	struct apo_owner *owners =
		calloc((size_t)HASH_CNT(by_name, model->owned) + 1, sizeof *owners);
	struct apo_owned *owned, *next;
	uint32_t i = 0;

	*count = 0;
	if (!owners)
		return NULL;
	HASH_ITER(by_name, model->owned, owned, next)
	owners[i++] = (struct apo_owner){owned->id, owned->folded};
	*count = i;
	return owners;
}

bool apo_account_lets(const struct apo_model *model, const struct apo_client *client,
		      const char *nick)
{
	return !find(model, nick) || (client->account && apo_is_same(client->account, nick));
}

void apo_account_refuse(struct apo_model *model, struct apo_client *client, const char *nick)
{
	apo_numeric(model, client, ERR_NICKNAMEINUSE,
		    "%s :Nickname is registered; log in (SASL) to use it", nick);
}

/* ---- logged in ---- */

static void say_account(struct apo_model *model, struct apo_client *client)
{
	struct apo_line line;
	struct apo_say say = {.line = &line, .account = client->account};

	apo_line_from(&line, client, "ACCOUNT");
	apo_line_param(&line, client->account ? client->account : "*");
	apo_line_end(&line);
	if (client->caps & APO_CAP_ACCOUNT_NOTIFY)
		apo_say_to(model, client, &say);
	apo_say_common(model, client, &say, &(struct apo_audience){.with = APO_CAP_ACCOUNT_NOTIFY});
	apo_monitor_say(model, client, &say, APO_CAP_ACCOUNT_NOTIFY);
}

/* With the other connections of its account. */
static void sit_with(struct apo_model *model, struct apo_client *client)
{
	struct apo_readers *readers = apo_account_readers(model, client->account);

	rudp_list_remove(&client->of_account);
	if (readers)
		rudp_list_append(&readers->clients, &client->of_account);
}

int apo_account_sit(struct apo_model *model, struct apo_client *client)
{
	/* It may be one that was added behind our back. */
	int error = apo_account_remember(model, client->account, 0);

	sit_with(model, client);
	return error;
}

int apo_account_enter(struct apo_model *model, struct apo_client *client, const char *account)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	bool is_first;

	if (!apo_is_word(account) || strlen(account) > APO_ACCOUNT_BYTES_MAX)
		return -ENOMEM;
	is_first = !client->account;
	apo_history_on_account_left(model, client);
	if (apo_text_set(&client->account, account) < 0)
		return -ENOMEM;
	(void)apo_account_sit(model, client);
	apo_history_on_account(model, client, is_first);
	model->figures.logins++;
	apo_client_source(client, source);
	apo_reply(model, client, RPL_LOGGEDIN, source, account, account);
	if (client->is_registered)
		say_account(model, client);
	return 0;
}

void apo_account_leave_if_gone(struct apo_model *model, struct apo_client *client)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	if (!client->account || find(model, client->account))
		return;
	apo_history_on_account_left(model, client);
	(void)apo_text_set(&client->account, NULL);
	apo_client_source(client, source);
	apo_reply(model, client, RPL_LOGGEDOUT, source);
	if (client->is_registered)
		say_account(model, client);
}

/* ---- REGISTER ---- */

struct refusal {
	const char *code, *text;
};

static const struct refusal unavailable = {"TEMPORARILY_UNAVAILABLE",
					   "The account could not be registered; try again later"};

static const struct refusal *refusal_of(struct apo_model *model, const struct apo_client *client,
					const char *name, const char *password)
{
	static const struct refusal
		too_early = {"COMPLETE_CONNECTION_REQUIRED", "Come in first"},
		not_here = {"TEMPORARILY_UNAVAILABLE",
			    "Accounts are not registered here, or not over "
			    "a connection that others can read"},
		inside = {"ALREADY_AUTHENTICATED", "You are logged in already"},
		other_name = {"ACCOUNT_NAME_MUST_BE_NICK", "An account is called as your nick"},
		weak = {"WEAK_PASSWORD", "A password has at least 8 bytes"},
		too_long = {"UNACCEPTABLE_PASSWORD", "A password has at most 300 bytes"},
		taken = {"ACCOUNT_EXISTS", "That name is registered already"},
		full = {"TEMPORARILY_UNAVAILABLE", "There are too many accounts"},
		too_often = {"TEMPORARILY_UNAVAILABLE",
			     "Too many tries from your address; try again later"};

	if (!client->is_registered)
		return &too_early;
	if (!(apo_caps_offered(model, client) & APO_CAP_ACCOUNT_REGISTRATION))
		return &not_here;
	if (client->account)
		return &inside;
	if (!apo_is_same(name, client->nick))
		return &other_name;
	if (strlen(password) < APO_PASSWORD_BYTES_MIN)
		return &weak;
	if (strlen(password) > APO_PASSWORD_BYTES_MAX)
		return &too_long;
	if (find(model, name))
		return &taken;
	if (HASH_CNT(by_name, model->owned) >= model->config->accounts_max)
		return &full;
	return apo_throttle_is_open(model, client) ? NULL : &too_often;
}

static void refuse(struct apo_model *model, struct apo_client *client,
		   const struct refusal *refusal, const char *name)
{
	apo_fail_about(model, client, "REGISTER", refusal->code, name, refusal->text);
}

void apo_on_register(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	const char *name = message->params[0], *password = message->params[2];
	const struct refusal *refusal;
	struct apo_ticket *ticket;

	if (strcmp(name, "*") == 0)
		name = apo_shown_nick(client);
	refusal = refusal_of(model, client, name, password);
	if (refusal) {
		refuse(model, client, refusal, name);
		return;
	}
	ticket = apo_ticket_open(model, client, APO_TICKET_REGISTER);
	if (!ticket) {
		refuse(model, client, &unavailable, name);
		return;
	}
	apo_throttle_count(model, client);
	model->calls->register_account(model->of, apo_ticket_asker(ticket), client->nick, password);
}

void apo_account_on_registered(struct apo_model *model, struct apo_client *client,
			       enum apo_checked result, const char *account)
{
	static const struct refusal taken = {"ACCOUNT_EXISTS", "That name is registered already"};
	struct apo_line line;

	if (result != APO_CHECKED_RIGHT || !account ||
	    apo_account_enter(model, client, account) < 0) {
		refuse(model, client, result == APO_CHECKED_WRONG ? &taken : &unavailable,
		       apo_shown_nick(client));
		return;
	}
	model->figures.accounts_registered++;
	apo_line_begin(&line, model->config->server_name, "REGISTER");
	apo_line_param(&line, "SUCCESS");
	apo_line_param(&line, account);
	apo_line_last(&line, "The account is yours, and you are logged in to it");
	apo_line_end(&line);
	apo_tell(model, client, &line);
}

/* Nobody has been sent a code. */
void apo_on_verify(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	apo_fail_about(model, client, "VERIFY", "INVALID_CODE", apo_word(message->params[0]),
		       "No account waits for a code here");
}
