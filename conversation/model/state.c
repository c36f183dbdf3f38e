/* SPDX-License-Identifier: MIT */
#include "conversation/model/state_private.h"

#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/caps.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/registry.h"
#include "conversation/model/shared.h"

#define COMMAND_NAME_SIZE 32

bool apo_model_is_settled(const struct apo_model *model)
{
	return HASH_CNT(by_id, model->tickets) == 0 && !model->requests &&
	       rudp_list_is_empty(&model->ending) && model->backlog_count == 0 &&
	       !apo_shared_is_proposing(model);
}

/* ---- clients by ordinal ---- */

/* Clients with nicks in the order of the nick table, which WALLOPS follows; then those without
 * nick. */
uint32_t apo_state_number(struct apo_model *model)
{
	struct apo_client *client, *next;
	uint32_t count = 0;

	HASH_ITER(by_nick, model->by_nick, client, next)
		client->ordinal = count++;
	APO_CLIENTS_EACH(client, model) {
		if (!client->nick[0])
			client->ordinal = count++;
	}
	return count;
}

uint32_t apo_state_remote(const struct apo_model *model)
{
	return model->shared ? model->shared->remote_count : 0;
}

uint32_t apo_state_ordinal(const struct apo_model *model, struct apo_peer peer)
{
	const struct apo_client *client = apo_client_at(model, peer);

	return client ? client->ordinal : APO_ORDINAL_NONE;
}

static bool gather_clients(struct apo_state *state)
{
	struct apo_client *client;

	state->client_count = apo_state_number(state->model);
	state->clients = calloc((size_t)state->client_count + 1, sizeof(struct apo_client *));
	state->account_keys = apo_accounts_list(state->model, &state->account_key_count);
	if (!state->clients || !state->account_keys)
		return false;
	APO_CLIENTS_EACH(client, state->model)
		state->clients[client->ordinal] = client;
	return true;
}

void apo_state_client(struct apo_state *state, struct apo_client **client)
{
	uint32_t ordinal = state->serializer->is_reading ? 0 : (*client)->ordinal;

	apo_serializer_u32(state->serializer, &ordinal);
	if (!state->serializer->is_reading)
		return;
	apo_serializer_expect(state->serializer, ordinal < state->client_count);
	*client = state->serializer->ok ? state->clients[ordinal] : NULL;
}

/* Writes or reads a client. If the client has gone, its nick is enough. */
void apo_state_anybody(struct apo_state *state, struct apo_client **client)
{
	bool is_gone = !state->serializer->is_reading && (*client)->is_gone;

	apo_serializer_flag(state->serializer, &is_gone);
	if (!is_gone) {
		apo_state_client(state, client);
		if (state->serializer->is_reading && *client)
			(void)apo_client_get(*client);
		return;
	}
	if (state->serializer->is_reading) {
		*client = apo_client_gone_new();
		apo_serializer_expect(state->serializer, *client != NULL);
	}
	if (*client)
		apo_serializer_string(state->serializer, (*client)->nick, sizeof(*client)->nick);
}

/* ---- items identified by name, since another version may lack them ---- */

static void serialize_caps(struct apo_state *state)
{
	uint32_t count = APO_CAP_COUNT, i;
	char name[64];

	apo_serializer_u32(state->serializer, &count);
	apo_serializer_expect(state->serializer, count <= 32);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (!state->serializer->is_reading)
			strcpy(name, apo_cap_names[i]);
		apo_serializer_string(state->serializer, name, sizeof name);
		state->caps[i] = apo_cap_named(name);
	}
}

static void serialize_command_counts(struct apo_state *state)
{
	uint32_t count = apo_command_count, i;
	const struct apo_command *row;
	char name[COMMAND_NAME_SIZE];
	uint64_t times;

	apo_serializer_count(state->serializer, &count, 12);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (!state->serializer->is_reading) {
			strcpy(name, apo_commands[i].name);
			times = state->model->command_counts[i];
		}
		apo_serializer_string(state->serializer, name, sizeof name);
		apo_serializer_u64(state->serializer, &times);
		row = state->serializer->ok ? apo_command_find(name) : NULL;
		if (row)
			state->model->command_counts[row - apo_commands] = times;
	}
}

/* ---- the whole state ---- */

/* New message ids must also exceed those in the history of this process, which may be another
 * one. In a network it may not. */
static void serialize_last_msgid(struct apo_state *state)
{
	uint64_t last = state->model->last_msgid;

	apo_serializer_u64(state->serializer, &last);
	apo_serializer_expect(state->serializer,
			      last <= INT64_MAX / 2 &&
				      (!state->model->shared || last >= state->model->last_msgid));
	if (state->serializer->ok && last > state->model->last_msgid)
		state->model->last_msgid = last;
}

static void serialize_counters(struct apo_state *state)
{
	struct apo_model *model = state->model;
	int64_t started_s;

	apo_serializer_u64(state->serializer, &model->run);
	serialize_last_msgid(state);
	apo_serializer_u64(state->serializer, &model->last_ticket);
	apo_serializer_u64(state->serializer, &model->last_batch);
	apo_serializer_instant(state->serializer, &model->started_at_ns);
	apo_serializer_expect(state->serializer, model->started_at_ns <= model->now_at_ns);
	started_s = model->started_ms / 1000;
	apo_serializer_second(state->serializer, &started_s);
	if (state->serializer->is_reading)
		model->started_ms = started_s * 1000;
}

/* Figures last: creating channels and memberships has already changed them. */
static void serialize_all(struct apo_state *state)
{
	serialize_counters(state);
	serialize_caps(state);
	if (state->model->shared && state->serializer->ok)
		apo_shared_serialize(state);
	apo_clients_serialize(state);
	if (state->model->shared && state->serializer->ok)
		apo_shared_keys_serialize(state);
	apo_channels_serialize(state);
	apo_monitor_serialize(state);
	apo_receipts_serialize(state);
	apo_throttles_serialize(state);
	apo_bans_serialize(state);
	apo_audit_serialize(state);
	apo_whowas_serialize(state);
	serialize_command_counts(state);
	APO_SERIALIZE_COUNTERS(state->serializer, APO_MODEL_FIGURES, state->model->figures);
}

static void serialize_offers(struct apo_state *state, uint32_t offered[2])
{
	struct apo_client sample = {.is_secure = false};
	uint32_t theirs, bit;
	unsigned i;

	for (i = 0; i < 2; i++) {
		sample.is_secure = i == 1;
		theirs = apo_caps_offered(state->model, &sample);
		apo_serializer_u32(state->serializer, &theirs);
		offered[i] = 0;
		for (bit = 0; bit < 32; bit++)
			if (theirs & 1u << bit)
				offered[i] |= state->caps[bit];
	}
}

void apo_state_write(struct apo_serializer *serializer, struct apo_model *model)
{
	struct apo_state state = {.serializer = serializer, .model = model};
	uint32_t offered[2];

	apo_serializer_expect(serializer, apo_model_is_settled(model) && !model->end_reason[0]);
	if (!gather_clients(&state))
		serializer->ok = false;
	if (serializer->ok) {
		serialize_all(&state);
		serialize_offers(&state, offered);
	}
	free(state.clients);
	free(state.channels);
	free(state.account_keys);
}

bool apo_state_read(struct apo_serializer *serializer, struct apo_model *model,
		    const struct apo_peer *peers, uint32_t count)
{
	struct apo_state state = {
		.serializer = serializer, .model = model, .peers = peers, .client_count = count};
	uint32_t offered[2] = {0, 0}, i;

	state.clients = calloc((size_t)count + 1, sizeof(struct apo_client *));
	if (!state.clients)
		return false;
	model->is_reading_registry = true; /* the previous process has written all changes */
	serialize_all(&state);
	model->is_reading_registry = false;
	serialize_offers(&state, offered);
	apo_serializer_expect(serializer, serializer->ok && apo_model_check(model));
	for (i = 0; i < count && serializer->ok; i++)
		if (!apo_is_remote(model, state.clients[i]))
			apo_caps_tell_changes(model, state.clients[i],
					      offered[state.clients[i]->is_secure]);
	free(state.clients);
	free(state.channels);
	return serializer->ok;
}

/*
 * A build stops here if one of these structs changed its size. If the new member must be handed
 * over, serialize it with the others of its struct and raise APO_STATE_VERSION. Then enter the new
 * size here.
 */
#if __SIZEOF_POINTER__ == 8
_Static_assert(sizeof(struct apo_client) == 456, "serialize the new member");
_Static_assert(sizeof(struct apo_registration) == 1104, "serialize the new member");
_Static_assert(sizeof(struct apo_channel) == 480, "serialize the new member");
_Static_assert(sizeof(struct apo_membership) == 128, "serialize the new member");
_Static_assert(sizeof(struct apo_access) == 168, "serialize the new member");
_Static_assert(sizeof(struct apo_channel_registration) == 136, "serialize the new member");
_Static_assert(sizeof(struct apo_entry) == 40, "serialize the new member");
_Static_assert(sizeof(struct apo_invite) == 56, "serialize the new member");
_Static_assert(offsetof(struct apo_model, turn) == 11720, "serialize the new member");
#endif
