/* SPDX-License-Identifier: MIT */
#include "conversation/model/shared_accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/account_secrets.h"
#include "conversation/model/clients.h"
#include "conversation/model/nickserv.h"
#include "conversation/model/registration.h"
#include "conversation/model/replies.h"
#include "conversation/model/tickets.h"

/* The fields that the events have in common. An account is named together with its id: one that was
 * removed and registered again is another one. */
struct event {
	char label[APO_LABEL_BYTES_MAX + 1];
	char name[APO_NICK_BYTES_MAX + 1];
	int64_t id;                 /* REGISTER: 0 */
	char more[APO_SECRET_SIZE]; /* REGISTER, SECRET: the secret; KEY: the fingerprint */
	bool is_added;              /* KEY */
};

static void serialize(struct apo_serializer *serializer, struct event *event)
{
	apo_serializer_string(serializer, event->label, sizeof event->label);
	apo_serializer_string(serializer, event->name, sizeof event->name);
	apo_serializer_i64(serializer, &event->id);
	apo_serializer_string(serializer, event->more, sizeof event->more);
	apo_serializer_flag(serializer, &event->is_added);
}

int64_t apo_model_shared_account_id(const struct apo_model *model, const char *account)
{
	const struct apo_account_entry *entry = apo_account_entry_of(model, account);

	return entry ? entry->kept_id : 0;
}

/* ---- proposals ---- */

/* Returns false if it is refused. */
static bool propose(struct apo_model *model, struct apo_client *client, enum apo_shared_kind kind,
		    struct event *event)
{
	struct apo_serializer serializer;
	bool is_accepted;

	snprintf(event->label, sizeof event->label, "%s",
		 model->turn.is_labeled ? model->turn.label : "");
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, kind, apo_shared_number(model, client));
	serialize(&serializer, event);
	is_accepted = apo_shared_propose_command(model, client, &serializer);
	explicit_bzero(event, sizeof *event);
	return is_accepted;
}

static struct event event_of(const struct apo_account_entry *account)
{
	struct event event = {.id = account->kept_id};

	strcpy(event.name, account->secrets->name);
	return event;
}

static const struct apo_account_entry *whole(const struct apo_account_entry *account)
{
	return account && account->secrets ? account : NULL;
}

static const struct apo_account_entry *find(const struct apo_model *model, const char *name)
{
	return whole(apo_account_entry_of(model, name));
}

bool apo_shared_propose_login(struct apo_model *model, struct apo_client *client,
			      const char *account)
{
	const struct apo_account_entry *entry;
	struct event event;

	if (!model->shared || model->shared->is_applying || !client->is_registered)
		return false;
	entry = find(model, account);
	if (entry) {
		event = event_of(entry);
		if (propose(model, client, APO_SHARED_LOGIN, &event))
			return true;
		apo_shared_refuse(model, client, "AUTHENTICATE");
	}
	apo_reply(model, client, ERR_SASLFAIL);
	return true;
}

void apo_shared_propose_drop(struct apo_model *model, struct apo_client *client,
			     const char *account)
{
	const struct apo_account_entry *entry = find(model, account);
	struct event event;

	if (!entry) {
		apo_nickserv_on_dropped(model, client, APO_CHECKED_WRONG, NULL);
		return;
	}
	event = event_of(entry);
	if (!propose(model, client, APO_SHARED_DROP, &event))
		apo_nickserv_on_dropped(model, client, APO_CHECKED_FAILED, NULL);
}

void apo_shared_propose_key(struct apo_model *model, struct apo_client *client,
			    const char *fingerprint, bool is_added)
{
	const struct apo_account_entry *entry = find(model, client->account);
	struct event event = {.is_added = is_added};

	if (entry) {
		event = event_of(entry);
		event.is_added = is_added;
		snprintf(event.more, sizeof event.more, "%s", fingerprint);
		if (propose(model, client, APO_SHARED_KEY, &event))
			return;
	}
	apo_nickserv_on_key_changed(model, client, APO_CHECKED_FAILED, fingerprint, is_added);
}

static void propose_account(struct apo_model *model, struct apo_client *client, const char *name,
			    const char *hash)
{
	struct event event = {.id = 0};

	snprintf(event.name, sizeof event.name, "%.*s", APO_NICK_BYTES_MAX, name);
	snprintf(event.more, sizeof event.more, "%s", hash);
	if (!propose(model, client, APO_SHARED_REGISTER, &event))
		apo_account_on_registered(model, client, APO_CHECKED_FAILED, NULL);
}

/* Not the client's turn: its login does not wait for this, and if it is lost the next login does
 * it. */
static void propose_secret(struct apo_model *model, const struct apo_account_entry *account,
			   const char *secret)
{
	struct event event = event_of(account);
	struct apo_serializer serializer;

	snprintf(event.more, sizeof event.more, "%s", secret);
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_SECRET, 0);
	serialize(&serializer, &event);
	(void)apo_shared_propose(model, &serializer, false);
	explicit_bzero(&event, sizeof event);
}

/* ---- passwords ---- */

/* No password has the hash "". */
void apo_shared_ask_account(struct apo_model *model, struct apo_ticket *ticket, const char *account,
			    const char *password)
{
	const struct apo_account_entry *entry = find(model, account);

	ticket->account_id = entry ? entry->id : 0;
	apo_ticket_ask(model, ticket, APO_AUTH_SECRET, entry ? entry->secrets->hash : "", password);
}

void apo_shared_ask_scram(struct apo_model *model, const struct apo_ticket *ticket,
			  const char *account)
{
	const struct apo_account_entry *entry = find(model, account);

	apo_ticket_ask(model, ticket, APO_AUTH_SCRAM_OF_SECRET, account,
		       entry ? entry->secrets->hash : "");
}

const char *apo_shared_account_name(const struct apo_model *model, const char *account)
{
	const struct apo_account_entry *entry = find(model, account);

	return entry ? entry->secrets->name : NULL;
}

const char *apo_shared_account_of_key(const struct apo_model *model, const char *fingerprint,
				      const char *wanted)
{
	const struct apo_account_entry *entry = whole(apo_account_of_key(model, fingerprint));

	return entry && (!*wanted || apo_is_same(wanted, entry->secrets->name))
		       ? entry->secrets->name
		       : NULL;
}

bool apo_shared_on_checked(struct apo_model *model, struct apo_client *client,
			   const struct apo_ticket *ticket, enum apo_checked result,
			   const char *text)
{
	const struct apo_account_entry *entry;

	if (ticket->kind == APO_TICKET_REGISTER && result == APO_CHECKED_RIGHT && text) {
		propose_account(model, client, ticket->about, text);
		return true;
	}
	if (ticket->kind != APO_TICKET_ACCOUNT && ticket->kind != APO_TICKET_DROP)
		return false;
	entry = find(model, ticket->about);
	/* The account may have been removed meanwhile, and registered by somebody else. */
	if (result == APO_CHECKED_RIGHT && (!entry || entry->id != ticket->account_id))
		result = APO_CHECKED_WRONG;
	if (result == APO_CHECKED_RIGHT && text && *text)
		propose_secret(model, entry, text);
	if (ticket->kind == APO_TICKET_ACCOUNT)
		apo_sasl_on_checked(model, client, result, entry ? entry->secrets->name : NULL,
				    ticket->about);
	else if (result == APO_CHECKED_RIGHT)
		apo_shared_propose_drop(model, client, ticket->about);
	else
		apo_nickserv_on_dropped(model, client, result, NULL);
	return true;
}

/* ---- events ---- */

/* A user may have taken the nick since REGISTER was accepted. client: NULL at other nodes than its
 * own before the welcome; until then it has no nick. */
static enum apo_checked add_account(struct apo_model *model, const struct apo_client *client,
				    const struct event *event)
{
	const struct apo_client *owner = apo_nick_owner(model, event->name);

	if (apo_account_entry_of(model, event->name) || (owner && owner != client))
		return APO_CHECKED_WRONG;
	if (HASH_CNT(by_name, model->accounts) >= model->config->accounts_max ||
	    apo_account_add_shared(model, event->name, (int64_t)++model->last_msgid, event->more,
				   apo_wall_s(model)) < 0)
		return APO_CHECKED_FAILED;
	apo_account_keep(model, apo_account_entry_of(model, event->name), true);
	return APO_CHECKED_RIGHT;
}

static enum apo_checked drop_account(struct apo_model *model, struct apo_account_entry *account)
{
	char name[APO_NICK_BYTES_MAX + 1];

	if (!account)
		return APO_CHECKED_WRONG;
	strcpy(name, account->secrets->name);
	apo_account_keep(model, account, false);
	apo_account_end(model, name);
	return APO_CHECKED_RIGHT;
}

static void apply_key(struct apo_model *model, struct apo_client *client,
		      struct apo_account_entry *account, const struct event *event)
{
	enum apo_checked result = APO_CHECKED_WRONG;

	if (account)
		result = apo_account_change_key(model, account, event->more, event->is_added);
	apo_nickserv_on_key_changed(model, client, result, event->more, event->is_added);
}

static void apply_login(struct apo_model *model, struct apo_client *client,
			const struct apo_account_entry *account)
{
	if (account)
		apo_sasl_log_in(model, client, account->secrets->name);
	else
		apo_reply(model, client, ERR_SASLFAIL);
}

/* The turn of the client, if it is still there. Accounts are added and removed without it, too. */
static void apply(struct apo_model *model, enum apo_shared_kind kind, struct apo_client *client,
		  const struct event *event)
{
	struct apo_account_entry *account = apo_account_entry_of(model, event->name);
	enum apo_checked result;

	if (account && (!account->secrets || account->kept_id != event->id))
		account = NULL;
	if (kind == APO_SHARED_REGISTER) {
		result = add_account(model, client, event);
		if (client)
			apo_account_on_registered(model, client, result, event->name);
	} else if (kind == APO_SHARED_DROP) {
		result = drop_account(model, account);
		if (client)
			apo_nickserv_on_dropped(model, client,
						result == APO_CHECKED_RIGHT ? APO_CHECKED_RIGHT
									    : APO_CHECKED_FAILED,
						event->name);
	} else if (account && kind == APO_SHARED_SECRET) {
		apo_account_replace_secret(model, account, event->more);
	} else if (client && kind == APO_SHARED_LOGIN) {
		apply_login(model, client, account);
	} else if (client && kind == APO_SHARED_KEY) {
		apply_key(model, client, account, event);
	}
}

void apo_shared_apply_account(struct apo_model *model, enum apo_shared_kind kind,
			      struct apo_client *client, struct apo_serializer *serializer)
{
	struct event event;

	serialize(serializer, &event);
	if (client)
		client->is_proposing = false;
	if (!serializer->ok)
		return;
	if (client)
		apo_turn_begin(model, client, event.label);
	apply(model, kind, client, &event);
	apo_turn_end(model);
	explicit_bzero(&event, sizeof event);
}

void apo_shared_describe_account(struct apo_serializer *serializer, const struct apo_model *model,
				 struct apo_client *client)
{
	const struct apo_account_entry *account =
		client->account ? apo_account_entry_of(model, client->account) : NULL;
	int64_t id = account ? account->kept_id : 0;

	apo_serializer_text(serializer, &client->account, APO_ACCOUNT_BYTES_MAX);
	apo_serializer_i64(serializer, &id);
	if (!serializer->is_reading || !client->account)
		return;
	account = apo_account_entry_of(model, client->account);
	if (account && account->kept_id == id)
		return;
	free(client->account);
	client->account = NULL;
}
