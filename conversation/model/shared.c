/* SPDX-License-Identifier: MIT */
/* Proposes the events of this copy to all copies. */
#include "conversation/model/shared_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/irc/utf8.h"
#include "conversation/model/answers.h"
#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/chanserv.h"
#include "conversation/model/clients.h"
#include "conversation/model/messages.h"
#include "conversation/model/monitor.h"
#include "conversation/model/nickserv.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared_peers.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Raised whenever the same events would lead to another state than before. */
#define RULES_VERSION 13

/* ---- copies of the same model ---- */

static uint64_t add_text(uint64_t digest, const char *text)
{
	return XXH3_64bits_withSeed(text, strlen(text), digest);
}

uint64_t apo_model_shared_fingerprint(const struct apo_model_config *config)
{
	const unsigned limits[] = {RULES_VERSION,
				   APO_CAP_COUNT,
				   config->nick_len_max,
				   config->user_len_max,
				   config->real_len_max,
				   config->channel_len_max,
				   config->topic_len_max,
				   config->away_len_max,
				   config->kick_len_max,
				   config->key_len_max,
				   config->channels_max,
				   config->channels_per_client_max,
				   config->list_entries_max,
				   config->invites_max,
				   config->targets_max,
				   config->modes_max,
				   config->network_bans_max,
				   config->whowas_max,
				   config->audit_max,
				   config->reports_max,
				   config->accounts_max,
				   config->account_required,
				   config->has_history,
				   config->registered_channels_max,
				   config->channels_per_account_max,
				   config->access_max,
				   config->markers_max};
	const int64_t spans_ns[] = {config->audit_age_ns, config->channel_expiry_ns,
				    config->absence_ns};
	uint64_t digest = XXH3_64bits(limits, sizeof limits);

	digest = XXH3_64bits_withSeed(spans_ns, sizeof spans_ns, digest);
	return add_text(add_text(digest, config->server_name), config->network);
}

/* ---- the clients of the cluster ---- */

struct apo_shared_client *apo_shared_find(const struct apo_model *model, uint64_t node,
					  uint64_t number)
{
	struct apo_shared_key key = {node, number};

	return RUDP_TABLE_FIND(by_key, model->shared->by_key, &key);
}

static void drop(struct apo_model *model, struct apo_shared_client *entry)
{
	HASH_DELETE(by_key, model->shared->by_key, entry);
	HASH_DELETE(by_client, model->shared->by_client, entry);
	free(entry);
}

bool apo_shared_add(struct apo_model *model, struct apo_shared_key key, struct apo_client *client)
{
	struct apo_shared_client *entry = calloc(1, sizeof *entry);

	if (!entry)
		return false;
	entry->key = key;
	entry->client = client;
	if (!RUDP_TABLE_ADD(by_key, model->shared->by_key, key, entry)) {
		free(entry);
		return false;
	}
	if (!RUDP_TABLE_ADD(by_client, model->shared->by_client, client, entry)) {
		HASH_DELETE(by_key, model->shared->by_key, entry);
		free(entry);
		return false;
	}
	if (!apo_shared_peer_add(model, client)) {
		drop(model, entry);
		return false;
	}
	return true;
}

struct apo_shared_key apo_shared_key_of(const struct apo_model *model,
					const struct apo_client *client)
{
	struct apo_shared_client *entry =
		RUDP_TABLE_FIND(by_client, model->shared->by_client, &client);

	return entry ? entry->key : (struct apo_shared_key){0, 0};
}

void apo_shared_forget(struct apo_model *model, const struct apo_client *client)
{
	struct apo_shared_client *entry;

	if (!model->shared)
		return;
	model->shared->remote_count -= apo_is_remote(model, client);
	entry = RUDP_TABLE_FIND(by_client, model->shared->by_client, &client);
	if (!entry)
		return;
	apo_shared_peer_forget(model, client);
	drop(model, entry);
}

void apo_shared_free(struct apo_model *model)
{
	struct apo_shared_client *entry, *next;

	if (!model->shared)
		return;
	HASH_ITER(by_key, model->shared->by_key, entry, next) {
		drop(model, entry);
	}
	apo_shared_peers_free(model);
	free(model->shared);
	model->shared = NULL;
}

/* Another process gives other places to the same clients, and then their former places to new
 * ones. The count of hand-overs keeps the numbers apart. */
uint64_t apo_shared_number(const struct apo_model *model, const struct apo_client *client)
{
	if (client->is_registered)
		return apo_shared_key_of(model, client).number;
	return (uint64_t)model->shared->hand_overs << 48 | (uint64_t)client->peer.worker << 40 |
	       (uint64_t)client->peer.slot << 16 | (client->peer.generation & 0xffff);
}

struct apo_client *apo_shared_own_waiting(const struct apo_model *model, struct apo_shared_key key)
{
	const struct apo_slots *slots = &model->slots[key.number >> 40 & 0xff];
	uint32_t slot = key.number >> 16 & 0xffffff;
	struct apo_client *client = slot < slots->count ? slots->clients[slot] : NULL;

	return key.node == model->shared->self && client && client->is_proposing &&
			       !client->is_registered &&
			       apo_shared_number(model, client) == key.number
		       ? client
		       : NULL;
}

bool apo_shared_is_proposing(const struct apo_model *model)
{
	const struct apo_client *client;

	if (!model->shared)
		return false;
	APO_OWN_CLIENTS_EACH(client, model) {
		if (client->is_proposing)
			return true;
	}
	return false;
}

/* Half of the places at least are free, so the search is short. */
struct apo_peer apo_shared_remote_peer(struct apo_model *model)
{
	struct apo_shared *shared = model->shared;
	const struct apo_slots *slots = &model->slots[APO_REMOTE_WORKER];
	uint32_t slot = slots->count;

	if (2 * shared->remote_count < slots->count)
		for (slot = shared->remote_hint; slots->clients[slot];
		     slot = (slot + 1) % slots->count)
			;
	shared->remote_hint = slot;
	return (struct apo_peer){.worker = APO_REMOTE_WORKER, .slot = slot & 0xffffff};
}

/* ---- proposals ---- */

static bool is_always_shared(const char *command)
{
	static const char *const names[] = {
		"AWAY",   "BATCH",  "CHANSERV", "CHGHOST", "CS",      "DLINE",   "JOIN",
		"KICK",   "KILL",   "KLINE",    "NICK",    "NOTICE",  "PART",    "PRIVMSG",
		"RENAME", "TAGMSG", "UNDLINE",  "UNKLINE", "UNXLINE", "WALLOPS", "XLINE"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(command, names[i]) == 0)
			return true;
	return false;
}

/* With fewer parameters most of these only ask. */
static bool is_change(struct apo_model *model, const struct apo_client *client,
		      const struct apo_message *message)
{
	const char *command = message->command;

	if (strcasecmp(command, "NS") == 0 || strcasecmp(command, "NICKSERV") == 0)
		return apo_nickserv_is_shared(message->params[0]);
	if (strcasecmp(command, "CAP") == 0)
		return strcasecmp(message->params[0], "REQ") == 0;
	/* A banned name is refused here: bans end at each node by its own clock. */
	if (strcasecmp(command, "SETNAME") == 0)
		return !apo_ban_of_real(model, message->params[0]);
	if (strcasecmp(command, "REPORTS") == 0)
		return strcasecmp(message->params[0], "CLOSE") == 0;
	/* Subscriptions are the business of the client's own node. */
	if (strcasecmp(command, "METADATA") == 0)
		return strcasecmp(message->params[1], "SET") == 0 ||
		       strcasecmp(message->params[1], "CLEAR") == 0;
	/* A client without account has markers at its own node only. */
	if (strcasecmp(command, "MARKREAD") == 0)
		return message->param_count >= 2 && client->account;
	/* Each node limits the reports of its own clients. */
	if (strcasecmp(command, "REPORT") == 0)
		return apo_throttle_is_open(model, client, APO_THROTTLE_REPORTS);
	return message->param_count >= 2 &&
	       (strcasecmp(command, "MODE") == 0 || strcasecmp(command, "TOPIC") == 0 ||
		strcasecmp(command, "INVITE") == 0);
}

static bool is_message(const struct apo_message *message)
{
	return strcasecmp(message->command, "PRIVMSG") == 0 ||
	       strcasecmp(message->command, "NOTICE") == 0;
}

/* Commands to NickServ may have a password in them, which is no business of the others. The command
 * is refused here if it has several recipients. ChanServ's are the same for all. */
static bool is_for_own_node(const struct apo_message *message)
{
	const char *target = message->params[0];
	bool is_for_chanserv = apo_chanserv_is_meant(target);

	return is_message(message) && !apo_message_tag(message, "batch") &&
	       apo_targets_have_service(target) && !is_for_chanserv &&
	       !(apo_nickserv_is_meant(target) && apo_nickserv_is_shared(message->params[1]));
}

/* A line of a batch that no batch can have: all copies refuse it. It may have a password in it. */
static bool is_misplaced(const struct apo_message *message)
{
	return apo_message_tag(message, "batch") && (strcasecmp(message->command, "PRIVMSG") != 0 ||
						     apo_targets_have_service(message->params[0]));
}

/* The same line without parameters. Returns its length. */
static size_t strip(const struct apo_message *message, char to[APO_LINE_BYTES_MAX])
{
	static const char head[] = "@batch=";
	size_t len = sizeof head - 1, cap = APO_LINE_BYTES_MAX - APO_BODY_BYTES_MAX, value;

	memcpy(to, head, len);
	value = apo_tag_escape(to + len, cap - len, apo_message_tag(message, "batch"));
	len += value == SIZE_MAX ? 0 : value; /* what came in fits */
	return len + (size_t)snprintf(to + len, APO_LINE_BYTES_MAX - len, " %.*s",
				      APO_BODY_BYTES_MAX - 2, message->command);
}

bool apo_shared_wants(struct apo_model *model, const struct apo_client *client,
		      const struct apo_message *message)
{
	return model->shared && !model->shared->is_applying && client->is_registered &&
	       !is_for_own_node(message) &&
	       (apo_message_tag(message, "batch") || is_always_shared(message->command) ||
		is_change(model, client, message));
}

void apo_shared_event(struct apo_serializer *serializer, enum apo_shared_kind kind, uint64_t number)
{
	uint8_t byte = (uint8_t)kind;

	apo_serializer_u8(serializer, &byte);
	apo_serializer_u64(serializer, &number);
}

bool apo_shared_propose(struct apo_model *model, struct apo_serializer *serializer, bool is_vital)
{
	bool is_accepted =
		serializer->ok && model->shared->self && (is_vital || !model->shared->is_cut_off) &&
		model->calls->propose(model->of, serializer->bytes, serializer->len, is_vital);

	apo_serializer_fini(serializer);
	return is_accepted;
}

bool apo_shared_propose_command(struct apo_model *model, struct apo_client *client,
				struct apo_serializer *serializer)
{
	if (!apo_shared_propose(model, serializer, false))
		return false;
	client->is_proposing = true;
	apo_turn_defer(model);
	return true;
}

void apo_shared_refuse(struct apo_model *model, struct apo_client *client, const char *command)
{
	apo_standard_reply(model, client, "FAIL", command, "TEMPORARILY_UNAVAILABLE",
			   "This server is cut off from its network; try again later");
}

void apo_shared_propose_line(struct apo_model *model, struct apo_client *client,
			     const struct apo_message *message, const char *line, size_t len)
{
	struct apo_serializer serializer;
	char stripped[APO_LINE_BYTES_MAX];
	uint32_t count;

	if (is_misplaced(message)) {
		len = strip(message, stripped);
		line = stripped;
	}
	count = (uint32_t)len;
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_LINE, apo_shared_number(model, client));
	apo_serializer_u32(&serializer, &count);
	apo_serializer_bytes(&serializer, (void *)line, len);
	if (!apo_shared_propose_command(model, client, &serializer))
		apo_shared_refuse(model, client, message->command);
}

void apo_shared_propose_client(struct apo_model *model, struct apo_client *client)
{
	struct apo_serializer serializer;

	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_CLIENT, apo_shared_number(model, client));
	apo_serializer_string(&serializer, client->registration->wanted,
			      sizeof client->registration->wanted);
	apo_shared_describe(&serializer, model, client);
	if (apo_shared_propose(model, &serializer, false))
		client->is_proposing = true;
	else
		apo_client_end(model, client,
			       "This server is cut off from its network; try another one");
}

bool apo_shared_propose_operator(struct apo_model *model, struct apo_client *client,
				 const char *name)
{
	char label[APO_LABEL_BYTES_MAX + 1], copy[APO_NICK_BYTES_MAX + 2];
	struct apo_serializer serializer;

	if (!model->shared || model->shared->is_applying)
		return false;
	snprintf(label, sizeof label, "%s", model->turn.is_labeled ? model->turn.label : "");
	snprintf(copy, sizeof copy, "%s", name);
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_OPERATOR, apo_shared_number(model, client));
	apo_serializer_string(&serializer, copy, sizeof copy);
	apo_serializer_string(&serializer, label, sizeof label);
	if (!apo_shared_propose_command(model, client, &serializer))
		apo_shared_refuse(model, client, "OPER");
	return true;
}

bool apo_shared_propose_note(struct apo_model *model, const char *action, const char *text)
{
	char copy[APO_AUDIT_ACTION_BYTES_MAX + 1], whole[APO_AUDIT_TEXT_BYTES_MAX + 1];
	struct apo_serializer serializer;

	if (!model->shared || model->shared->is_applying)
		return false;
	snprintf(copy, sizeof copy, "%s", action);
	snprintf(whole, sizeof whole, "%.*s",
		 (int)apo_utf8_cut(text, strlen(text), APO_AUDIT_TEXT_BYTES_MAX), text);
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_NOTE, 0);
	apo_serializer_string(&serializer, copy, sizeof copy);
	apo_serializer_string(&serializer, whole, sizeof whole);
	/* If it is refused, the log of this node has it at least. */
	(void)apo_shared_propose(model, &serializer, false);
	return true;
}

/* ---- the end of an own client ---- */

static void move_memberships(struct apo_client *client)
{
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		apo_membership_slot(membership)->peer = client->peer;
	}
}

/* Its connection is closed, or will be; to the cluster it exists until all copies remove it.
 * Returns false if memory is short. */
static bool make_remote(struct apo_model *model, struct apo_client *client)
{
	struct apo_peer before = client->peer;

	client->peer = apo_shared_remote_peer(model);
	if (apo_client_place(model, client) < 0) {
		client->peer = before;
		return false;
	}
	model->slots[before.worker].clients[before.slot] = NULL;
	model->shared->remote_count++;
	move_memberships(client);
	rudp_timer_cancel(&model->wheel, &client->timer);
	apo_monitor_clear(model, client);
	apo_ticket_drop(model, client);
	apo_answers_drop(model, client);
	client->is_gone = client->is_unconnected = client->is_proposing = false;
	free(client->end_reason);
	client->end_reason = NULL;
	return true;
}

bool apo_shared_propose_end(struct apo_model *model, struct apo_client *client, const char *reason)
{
	struct apo_shared *shared = model->shared;
	struct apo_serializer serializer;
	char text[APO_BODY_BYTES_MAX];

	if (!shared || !shared->self || apo_is_remote(model, client) ||
	    !(client->is_registered || client->is_proposing))
		return false;
	/* All copies remove it; but one whose registration is on its way they do not know yet. */
	if (shared->is_applying && client->is_registered)
		return false;
	snprintf(text, sizeof text, "%s", reason);
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_END, apo_shared_number(model, client));
	apo_serializer_string(&serializer, text, sizeof text);
	/* If it is refused, the owner leaves the cluster, and all clients end. */
	(void)apo_shared_propose(model, &serializer, true);
	return client->is_registered && make_remote(model, client);
}
