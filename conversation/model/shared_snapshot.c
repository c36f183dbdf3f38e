/* SPDX-License-Identifier: MIT */
/* Serializes the state that all copies share, for a node that joins. */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/clients.h"
#include "conversation/model/metadata.h"
#include "conversation/model/multiline.h"
#include "conversation/model/shared_private.h"
#include "conversation/model/state_private.h"

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
	apo_shared_describe(state->serializer, client);
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

static void serialize(struct apo_state *state)
{
	struct apo_model *model = state->model;
	uint64_t fingerprint = apo_model_shared_fingerprint(model->config), theirs = fingerprint;
	uint32_t i;

	apo_serializer_u64(state->serializer, &theirs);
	apo_serializer_expect(state->serializer, theirs == fingerprint);
	apo_serializer_u64(state->serializer, &model->last_msgid);
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
	serialize(&state);
	free(state.clients);
	free(state.channels);
	if (!serializer.ok) {
		apo_serializer_fini(&serializer);
		return false;
	}
	*bytes = serializer.bytes; /* no secret is in it */
	*len = serializer.len;
	return true;
}

bool apo_model_shared_load(struct apo_model *model, const void *bytes, size_t len,
			   int64_t now_at_ns)
{
	struct apo_serializer serializer;
	struct apo_state state = {.serializer = &serializer, .model = model};

	model->now_at_ns = now_at_ns;
	apo_serializer_from(&serializer, bytes, len);
	serialize(&state);
	free(state.clients);
	free(state.channels);
	if (apo_serializer_is_whole(&serializer))
		return true;
	apo_model_shared_end(model, "The state of the network cannot be read", now_at_ns);
	return false;
}
