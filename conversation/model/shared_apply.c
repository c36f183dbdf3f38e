/* SPDX-License-Identifier: MIT */
/* Applies the events of the cluster, in all copies alike. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/accounts.h"
#include "conversation/model/clients.h"
#include "conversation/model/history_ask.h"
#include "conversation/model/monitor.h"
#include "conversation/model/operator.h"
#include "conversation/model/registration.h"
#include "conversation/model/replies.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/receipts.h"
#include "conversation/model/registry.h"
#include "conversation/model/shared_accounts.h"
#include "conversation/model/shared_peers.h"
#include "conversation/model/whowas.h"

#define TEXT_BYTES_MAX 512
#define POSITION_BITS                                                                              \
	10 /* a network never says more than 2^10 lines in a millisecond, on average */

/* ---- clients ---- */

static void describe_flags(struct apo_serializer *serializer, struct apo_client *client)
{
	uint8_t flags = 0;

	flags |= (uint8_t)(client->is_secure << 0);
	flags |= (uint8_t)(client->is_operator << 1);
	flags |= (uint8_t)(client->is_invisible << 2);
	flags |= (uint8_t)(client->hears_wallops << 3);
	flags |= (uint8_t)(client->is_bot << 4);
	flags |= (uint8_t)(client->refuses_guests << 5);
	flags |= (uint8_t)(client->refuses_ctcp << 6);
	apo_serializer_u8(serializer, &flags);
	client->is_secure = flags >> 0 & 1;
	client->is_operator = flags >> 1 & 1;
	client->is_invisible = flags >> 2 & 1;
	client->hears_wallops = flags >> 3 & 1;
	client->is_bot = flags >> 4 & 1;
	client->refuses_guests = flags >> 5 & 1;
	client->refuses_ctcp = flags >> 6 & 1;
}

void apo_shared_describe(struct apo_serializer *serializer, const struct apo_model *model,
			 struct apo_client *client)
{
	apo_serializer_string(serializer, client->user, sizeof client->user);
	apo_serializer_text(serializer, &client->host, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->given_host, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->address, APO_HOST_BYTES_MAX);
	apo_serializer_text(serializer, &client->fingerprint, TEXT_BYTES_MAX);
	apo_serializer_text(serializer, &client->real, TEXT_BYTES_MAX);
	apo_serializer_text(serializer, &client->away, TEXT_BYTES_MAX);
	apo_serializer_u32(serializer, &client->caps);
	describe_flags(serializer, client);
	apo_serializer_u8(serializer, &client->notices);
	apo_shared_describe_account(serializer, model, client);
}

/* Checks what all other files take for granted of a client of another node. */
static bool is_right(const struct apo_client *client)
{
	return apo_client_has_valid_facts(client) &&
	       apo_nick_is_valid(client->nick, APO_NICK_BYTES_MAX) && apo_is_word(client->user) &&
	       client->real;
}

static void count(struct apo_model *model, const struct apo_client *client)
{
	struct apo_model_figures *figures = &model->figures;

	figures->operators += client->is_operator;
	figures->invisible += client->is_invisible;
	if (++figures->clients > figures->clients_peak)
		figures->clients_peak = figures->clients;
}

bool apo_shared_insert(struct apo_model *model, struct apo_shared_key key,
		       struct apo_client *client)
{
	uint32_t notices = client->notices;

	client->peer = apo_shared_remote_peer(model);
	if (!is_right(client) || apo_nick_owner(model, client->nick) ||
	    apo_shared_find(model, key.node, key.number) || !apo_shared_add(model, key, client)) {
		apo_client_discard(client);
		return false;
	}
	if (apo_client_insert(model, client) < 0) {
		model->shared->remote_count++; /* apo_shared_forget counts it */
		apo_shared_forget(model, client);
		apo_client_discard(client);
		return false;
	}
	model->shared->remote_count++;
	client->is_registered = true;
	if (client->account)
		(void)apo_account_attach(model, client);
	count(model, client);
	client->notices = 0;
	apo_notices_set(model, client, notices);
	return true;
}

/* ---- a client registers ---- */

/* Copies decide alike: client has the account that the event tells, if that still exists. */
static bool may_register(struct apo_model *model, struct apo_client *client, const char *nick)
{
	apo_shared_peer_replace(model, client);
	if (!apo_registration_may_take(model, client, nick))
		return false;
	if (apo_account_allows_nick(model, client, nick))
		return true;
	apo_account_refuse_nick(model, client, nick);
	return false;
}

static void apply_own_client(struct apo_model *model, struct apo_shared_key key,
			     struct apo_client *client, const char *nick)
{
	client->is_proposing = false;
	apo_turn_begin(model, client, NULL);
	client->registration->wanted[0] = '\0';
	if (!may_register(model, client, nick))
		; /* it has been told, and may try another nick */
	else if (apo_client_set_nick(model, client, nick) < 0 ||
		 !apo_shared_add(model, key, client))
		apo_client_end(model, client, "Out of memory");
	else
		apo_registration_welcome(model, client);
	apo_turn_end(model);
}

static void apply_remote_client(struct apo_model *model, struct apo_shared_key key,
				struct apo_client *client)
{
	client->connected_at_ns = client->heard_at_ns = client->spoke_at_ns = model->now_at_ns;
	client->signed_on_s = apo_wall_s(model);
	client->peer.worker = APO_REMOTE_WORKER; /* it is sent nothing */
	if (!is_right(client) || !may_register(model, client, client->nick)) {
		apo_client_discard(client);
		return;
	}
	if (!apo_shared_insert(model, key, client))
		return;
	model->figures.registered++;
	apo_notices_on_welcome(model, client);
	apo_monitor_tell(model, client, client->nick, RPL_MONONLINE);
}

static void apply_client(struct apo_model *model, struct apo_shared_key key,
			 struct apo_serializer *serializer)
{
	struct apo_client *client = apo_client_blank((struct apo_peer){0});
	struct apo_client *own = apo_shared_own_waiting(model, key);
	char nick[APO_NICK_BYTES_MAX + 1];

	if (!client)
		return;
	apo_serializer_string(serializer, nick, sizeof nick);
	apo_shared_describe(serializer, model, client);
	if (!serializer->ok || apo_shared_find(model, key.node, key.number)) {
		apo_client_discard(client);
		return;
	}
	if (own) {
		apo_client_discard(client);
		apply_own_client(model, key, own, nick);
		return;
	}
	/* An own client that has left meanwhile: its end follows. */
	strcpy(client->nick, nick);
	apply_remote_client(model, key, client);
}

/* ---- the other events ---- */

static void apply_line(struct apo_model *model, struct apo_client *client,
		       struct apo_serializer *serializer)
{
	char line[APO_LINE_BYTES_MAX + 1];
	uint32_t len;

	apo_serializer_u32(serializer, &len);
	apo_serializer_expect(serializer, len <= APO_LINE_BYTES_MAX);
	if (!serializer->ok)
		return;
	apo_serializer_bytes(serializer, line, len);
	client->is_proposing = false;
	if (serializer->ok)
		apo_line_handle(model, client, line, len);
}

static void apply_operator(struct apo_model *model, struct apo_client *client,
			   struct apo_serializer *serializer)
{
	char name[APO_NICK_BYTES_MAX + 2], label[APO_LABEL_BYTES_MAX + 1];

	apo_serializer_string(serializer, name, sizeof name);
	apo_serializer_string(serializer, label, sizeof label);
	client->is_proposing = false;
	if (!serializer->ok || client->is_operator)
		return;
	apo_turn_begin(model, client, label);
	apo_operator_on_checked(model, client, APO_CHECKED_RIGHT, name);
	apo_turn_end(model);
}

static void apply_end(struct apo_model *model, struct apo_client *client,
		      struct apo_serializer *serializer)
{
	char reason[APO_BODY_BYTES_MAX];

	apo_serializer_string(serializer, reason, sizeof reason);
	if (serializer->ok)
		apo_client_end(model, client, reason);
}

static void apply_note(struct apo_model *model, struct apo_serializer *serializer)
{
	char action[APO_AUDIT_ACTION_BYTES_MAX + 1], text[APO_AUDIT_TEXT_BYTES_MAX + 1];

	apo_serializer_string(serializer, action, sizeof action);
	apo_serializer_string(serializer, text, sizeof text);
	if (serializer->ok && apo_is_word(action))
		apo_audit_note_copy(model, action, text);
}

static void apply(struct apo_model *model, uint64_t node, struct apo_serializer *serializer)
{
	struct apo_shared_key key = {.node = node};
	struct apo_shared_client *entry;
	uint8_t kind;

	apo_serializer_u8(serializer, &kind);
	apo_serializer_u64(serializer, &key.number);
	if (!serializer->ok)
		return;
	if (kind == APO_SHARED_CLIENT) {
		apply_client(model, key, serializer);
		return;
	}
	if (kind == APO_SHARED_RECEIPTS) {
		apo_receipts_apply(model, node, key.number, serializer);
		return;
	}
	if (kind == APO_SHARED_NOTE) {
		apply_note(model, serializer);
		return;
	}
	entry = apo_shared_find(model, node, key.number);
	if ((kind >= APO_SHARED_REGISTER && kind <= APO_SHARED_KEY) || kind == APO_SHARED_SECRET) {
		apo_shared_apply_account(model, (enum apo_shared_kind)kind,
					 entry ? entry->client : apo_shared_own_waiting(model, key),
					 serializer);
		return;
	}
	if (!entry)
		return; /* it has been removed before */
	if (kind == APO_SHARED_LINE)
		apply_line(model, entry->client, serializer);
	else if (kind == APO_SHARED_OPERATOR)
		apply_operator(model, entry->client, serializer);
	else if (kind == APO_SHARED_REDACT)
		apo_redact_apply(model, entry->client, serializer);
	else if (kind == APO_SHARED_END)
		apply_end(model, entry->client, serializer);
}

/* ---- inputs ---- */

/* This node's clock, while that of all copies is used. */
struct own_wall {
	int64_t wall_ms, wall_at_ns;
};

static struct own_wall begin_applying(struct apo_model *model, int64_t now_at_ns)
{
	struct own_wall own = {model->wall_ms, model->wall_at_ns};

	model->now_at_ns = now_at_ns;
	model->shared->is_applying = true;
	apo_model_set_wall(model, model->shared->wall_ms, now_at_ns);
	return own;
}

static void end_applying(struct apo_model *model, struct own_wall own)
{
	apo_turn_end(model);
	model->shared->is_applying = false;
	apo_model_set_wall(model, own.wall_ms, own.wall_at_ns);
}

void apo_model_shared_time(struct apo_model *model, int64_t wall_ms, int64_t now_at_ns)
{
	struct own_wall own;

	model->shared->wall_ms = wall_ms;
	own = begin_applying(model, now_at_ns);
	apo_bans_on_time(model);
	apo_audit_on_time(model);
	apo_registry_on_shared_time(model);
	end_applying(model, own);
}

void apo_model_shared_apply(struct apo_model *model, uint64_t node, const void *event, size_t len,
			    int64_t now_at_ns)
{
	struct own_wall own = begin_applying(model, now_at_ns);
	struct apo_serializer serializer;

	apo_serializer_from(&serializer, event, len);
	apply(model, node, &serializer);
	end_applying(model, own);
}

void apo_model_shared_node_gone(struct apo_model *model, uint64_t node, const char *name,
				int64_t now_at_ns)
{
	struct apo_shared_client *entry;
	struct own_wall own;
	char reason[64];

	snprintf(reason, sizeof reason, "Node %s has gone", name);
	own = begin_applying(model, now_at_ns);
	for (entry = model->shared->by_key; entry; entry = entry->by_key.next)
		if (entry->key.node == node)
			apo_client_end(model, entry->client, reason);
	apo_receipts_on_node_gone(model, node);
	end_applying(model, own);
}

void apo_model_shared_begin(struct apo_model *model, uint64_t self, uint64_t run, int64_t now_at_ns)
{
	uint64_t first;

	model->now_at_ns = now_at_ns;
	model->run = run;
	/* Positions of a network that begins come after those of all earlier ones, also of those
	 * that this node does not know. */
	first = (uint64_t)apo_wall_ms(model) << POSITION_BITS;
	if (!model->shared->is_loaded && model->calls->keep_record && model->last_msgid < first)
		model->last_msgid = first;
	model->shared->self = self;
	model->shared->is_cut_off = false;
}

static void end_own(struct apo_model *model, const char *reason)
{
	struct apo_client *client;

	APO_OWN_CLIENTS_EACH(client, model) {
		if (client->is_registered || client->is_proposing)
			apo_client_end(model, client, reason);
	}
}

void apo_model_shared_end(struct apo_model *model, const char *reason, int64_t now_at_ns)
{
	struct apo_shared *shared = model->shared;
	struct apo_shared_client *entry;
	struct own_wall own = begin_applying(model, now_at_ns);

	shared->is_resetting = true;
	end_own(model, reason);
	for (entry = shared->by_key; entry; entry = entry->by_key.next)
		apo_client_end(model, entry->client, reason);
	end_applying(model, own);
	apo_whowas_clear(model);
	shared->is_resetting = shared->is_loaded = false;
	shared->self = 0;
}

void apo_model_shared_cut_off(struct apo_model *model, bool is_cut_off, int64_t now_at_ns)
{
	struct apo_client *client;

	model->now_at_ns = now_at_ns;
	model->shared->is_cut_off = is_cut_off;
	APO_OWN_CLIENTS_EACH(client, model) {
		if (client->is_registered)
			apo_notice(model, client, "%s",
				   is_cut_off ? "This server is cut off from its network: what you "
						"say now is not delivered"
					      : "This server is connected to its network again");
	}
	apo_turn_end(model);
}
