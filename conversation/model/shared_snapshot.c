/* SPDX-License-Identifier: MIT */
/* Serializes the state that all copies share, for a node that joins. */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/account_secrets.h"
#include "conversation/model/accounts.h"
#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/clients.h"
#include "conversation/model/channels.h"
#include "conversation/model/history.h"
#include "conversation/model/markers.h"
#include "conversation/model/metadata.h"
#include "conversation/model/multiline.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared_private.h"
#include "conversation/model/state_private.h"
#include "conversation/model/whowas.h"

#define CLIENT_BYTES_MIN 48
#define IDLE_MS_MAX (INT64_C(1) << 42)

static void serialize_key(struct apo_serializer *serializer, struct apo_shared_key *key)
{
	apo_serializer_u64(serializer, &key->node);
	apo_serializer_u64(serializer, &key->number);
}

/* Clocks of different machines differ, so the time is that since the client spoke. */
static void serialize_idle(struct apo_state *state, struct apo_client *client)
{
	int64_t now_at_ns = state->model->now_at_ns;
	int64_t idle_ms = (now_at_ns - client->spoke_at_ns) / RUDP_NS_PER_MS;

	apo_serializer_i64(state->serializer, &idle_ms);
	apo_serializer_expect(state->serializer, idle_ms >= 0 && idle_ms < IDLE_MS_MAX);
	if (!state->serializer->is_reading || !state->serializer->ok)
		return;
	client->spoke_at_ns = now_at_ns - idle_ms * RUDP_NS_PER_MS;
	client->connected_at_ns = client->heard_at_ns = client->spoke_at_ns;
}

static void serialize_members(struct apo_state *state, struct apo_shared_key *key,
			      struct apo_client *client)
{
	serialize_key(state->serializer, key);
	apo_serializer_string(state->serializer, client->nick, sizeof client->nick);
	apo_shared_describe(state->serializer, state->model, client);
	apo_serializer_second(state->serializer, &client->signed_on_s);
	serialize_idle(state, client);
	apo_metadata_serialize(state->serializer, &client->metadata);
	apo_multiline_serialize(state, client);
}

static void write_clients(struct apo_state *state)
{
	struct apo_shared_client *entry;
	uint32_t i = 0;

	for (entry = state->model->shared->by_key; entry; entry = entry->by_key.next, i++) {
		state->clients[i] = entry->client;
		entry->client->ordinal = i;
		serialize_members(state, &entry->key, entry->client);
	}
}

static void read_client(struct apo_state *state, uint32_t ordinal)
{
	struct apo_client *client = apo_client_blank((struct apo_peer){0});
	struct apo_shared_key key = {0};

	if (!client) {
		state->serializer->ok = false;
		return;
	}
	serialize_members(state, &key, client);
	client->ordinal = ordinal;
	if (!state->serializer->ok) {
		apo_client_discard(client);
		return;
	}
	state->clients[ordinal] = client;
	if (!apo_shared_insert(state->model, key, client))
		state->serializer->ok = false;
}

/* Copies must agree on what their owners keep. */
static void serialize_offers(struct apo_state *state)
{
	const struct apo_model_calls *calls = state->model->calls;
	bool has_accounts = calls->has_accounts, theirs = has_accounts;
	bool has_history = calls->keep != NULL, their_history = has_history;

	apo_serializer_flag(state->serializer, &theirs);
	apo_serializer_flag(state->serializer, &their_history);
	apo_serializer_expect(state->serializer,
			      theirs == has_accounts && their_history == has_history);
}

static void serialize(struct apo_state *state)
{
	struct apo_model *model = state->model;
	uint64_t fingerprint = apo_model_shared_fingerprint(model->config), theirs = fingerprint;
	uint32_t i;

	apo_serializer_u64(state->serializer, &theirs);
	apo_serializer_expect(state->serializer, theirs == fingerprint);
	serialize_offers(state);
	apo_serializer_u64(state->serializer, &model->last_msgid);
	apo_serializer_expect(state->serializer, model->last_msgid <= INT64_MAX / 2);
	apo_serializer_i64(state->serializer, &model->shared->expiry_minute);
	if (state->serializer->ok)
		apo_accounts_serialize(state);
	state->client_count = HASH_CNT(by_key, model->shared->by_key);
	apo_serializer_count(state->serializer, &state->client_count, CLIENT_BYTES_MIN);
	state->clients = calloc((size_t)state->client_count + 1, sizeof(struct apo_client *));
	if (!state->clients || !state->serializer->ok) {
		state->serializer->ok = false;
		return;
	}
	if (!state->serializer->is_reading)
		write_clients(state);
	for (i = 0; state->serializer->is_reading && i < state->client_count; i++)
		if (state->serializer->ok)
			read_client(state, i);
	if (state->serializer->ok)
		apo_channels_serialize(state);
	if (state->serializer->ok)
		apo_bans_serialize(state);
	if (state->serializer->ok)
		apo_audit_serialize(state);
	if (state->serializer->ok)
		apo_whowas_serialize(state);
}

bool apo_model_shared_save(struct apo_model *model, uint8_t **bytes, size_t *len)
{
	struct apo_serializer serializer;
	struct apo_state state = {.serializer = &serializer, .model = model};

	apo_serializer_to(&serializer);
	state.account_keys = apo_accounts_list(model, &state.account_key_count);
	if (state.account_keys)
		serialize(&state);
	else
		serializer.ok = false;
	free(state.clients);
	free(state.channels);
	free(state.account_keys);
	if (!serializer.ok) {
		apo_serializer_fini(&serializer);
		return false;
	}
	*bytes = serializer.bytes;
	*len = serializer.len;
	return true;
}

uint64_t apo_model_shared_kept(const struct apo_model *model)
{
	return model->calls->keep_record ? model->last_msgid + 1 : 0;
}

/* ---- reading ---- */

static void drop_bans(struct apo_model *model)
{
	const struct rudp_list *bans;
	unsigned kind;

	for (kind = 0; kind < APO_BAN_KINDS; kind++) {
		bans = apo_bans_of(model, (enum apo_ban_kind)kind);
		while (!rudp_list_is_empty(bans))
			apo_ban_remove(model, RUDP_LIST_OWNER(bans->next, struct apo_ban, of_kind));
	}
}

/* Frees accounts, registered channels, bans and the audit log. Nothing is written to disk. */
static void forget_lasting(struct apo_model *model)
{
	struct apo_channel *channel, *next;

	model->is_reading_registry = true;
	HASH_ITER(by_name, model->channels, channel, next) {
		if (!channel->registration)
			continue;
		apo_registry_forget(model, channel);
		apo_channel_free_if_empty(model, channel);
	}
	drop_bans(model);
	apo_audit_clear(model);
	apo_whowas_clear(model);
	apo_accounts_forget(model);
	model->is_reading_registry = false;
}

/* A client that has logged in before its welcome belongs to an account of the state before. */
static void end_logged_in(struct apo_model *model)
{
	struct apo_client *client;

	APO_OWN_CLIENTS_EACH(client, model) {
		if (client->account)
			apo_client_end(model, client,
				       "This server has joined its network; please connect again");
	}
	apo_turn_end(model);
}

static bool read_state(struct apo_model *model, const void *bytes, size_t len)
{
	struct apo_serializer serializer;
	struct apo_state state = {.serializer = &serializer, .model = model};

	apo_serializer_from(&serializer, bytes, len);
	model->is_reading_registry = true;
	serialize(&state);
	model->is_reading_registry = false;
	free(state.clients);
	free(state.channels);
	return apo_serializer_is_whole(&serializer);
}

/* The owner replaces what it has on disk. */
static void keep_all(struct apo_model *model)
{
	const struct apo_channel *channel;

	if (apo_history_is_on(model)) {
		model->calls->replace_history(model->of, (int64_t)model->last_msgid);
		apo_markers_keep_all(model);
	}
	if (!apo_registry_is_on(model))
		return;
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){.kind = APO_REGISTRY_ALL_BEGIN});
	apo_accounts_keep_all(model);
	for (channel = model->channels; channel; channel = channel->by_name.next)
		if (channel->registration)
			apo_registry_keep_all(model, channel);
	apo_bans_keep_all(model);
	apo_audit_keep_all(model);
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){.kind = APO_REGISTRY_ALL_END});
}

/* If the state cannot be read, the model has what it had before. */
bool apo_model_shared_load(struct apo_model *model, const void *bytes, size_t len,
			   int64_t now_at_ns)
{
	uint64_t last_msgid = model->last_msgid;
	struct apo_lasting *lasting;
	uint8_t *before = NULL;
	size_t before_len = 0;
	bool is_read;

	model->now_at_ns = now_at_ns;
	end_logged_in(model);
	if (!apo_model_shared_save(model, &before, &before_len))
		return false;
	lasting = apo_lasting_new(model);
	forget_lasting(model);
	is_read = read_state(model, bytes, len);
	if (!is_read) {
		apo_model_shared_end(model, "The state of the network cannot be read", now_at_ns);
		forget_lasting(model);
		(void)read_state(model, before, before_len);
		model->last_msgid = last_msgid;
	} else {
		if (model->calls->keep_copy && apo_lasting_is_lost(model, lasting))
			model->calls->keep_copy(model->of);
		keep_all(model);
	}
	apo_lasting_free(lasting);
	model->shared->is_loaded = is_read;
	explicit_bzero(before, before_len);
	free(before);
	return is_read;
}
