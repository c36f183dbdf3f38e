/* SPDX-License-Identifier: MIT */
/* Serializes what a model that is one of several copies has in addition (state.h). */
#include "conversation/model/account_secrets.h"
#include "conversation/model/shared_private.h"

#define KEY_BYTES 20

/* The numbers of clients that connect to the new process differ from all earlier ones, as long as
 * the count fits. */
static void serialize_hand_overs(struct apo_serializer *serializer, uint16_t *hand_overs)
{
	apo_serializer_u16(serializer, hand_overs);
	apo_serializer_expect(serializer, *hand_overs < UINT16_MAX);
	if (serializer->is_reading && serializer->ok)
		++*hand_overs;
}

void apo_shared_serialize(struct apo_state *state)
{
	struct apo_serializer *serializer = state->serializer;
	struct apo_shared *shared = state->model->shared;

	apo_serializer_u64(serializer, &shared->self);
	apo_serializer_expect(serializer, shared->self > 0 && !shared->is_cut_off);
	apo_serializer_i64(serializer, &shared->wall_ms);
	apo_serializer_i64(serializer, &shared->expiry_minute);
	serialize_hand_overs(serializer, &shared->hand_overs);
	shared->is_loaded |= serializer->is_reading;
	if (serializer->ok)
		apo_accounts_serialize(state);
}

static void serialize_key(struct apo_state *state, const struct apo_shared_client *entry)
{
	struct apo_client *client = entry ? entry->client : NULL;
	struct apo_shared_key key = {0, 0};

	if (entry)
		key = entry->key;
	apo_serializer_u64(state->serializer, &key.node);
	apo_serializer_u64(state->serializer, &key.number);
	apo_state_client(state, &client);
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(
			state->serializer,
			key.node > 0 && client->is_registered &&
				!apo_shared_find(state->model, key.node, key.number) &&
				apo_shared_key_of(state->model, client).node == 0 &&
				apo_shared_add(state->model, key, client));
}

/* In the order of the table, which all copies have alike. */
void apo_shared_keys_serialize(struct apo_state *state)
{
	const struct apo_shared_client *entry = state->model->shared->by_key;
	uint32_t count = HASH_CNT(by_key, state->model->shared->by_key), i;

	apo_serializer_count(state->serializer, &count, KEY_BYTES);
	for (i = 0; i < count && state->serializer->ok; i++) {
		serialize_key(state, state->serializer->is_reading ? NULL : entry);
		entry = state->serializer->is_reading ? NULL : entry->by_key.next;
	}
}
