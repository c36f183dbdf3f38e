/* SPDX-License-Identifier: MIT */
/* state_private - shared by the modules of the model that serialize their part of its state
 * (state.h). */
#ifndef APO_STATE_PRIVATE_H
#define APO_STATE_PRIVATE_H

#include "conversation/model/model_private.h"
#include "conversation/model/state.h"

struct apo_state {
	struct apo_serializer *serializer;
	struct apo_model *model;
	const struct apo_peer *peers;
	struct apo_client **clients; /* by ordinal */
	uint32_t client_count;
	struct apo_account_key *account_keys; /* writing: sorted by id */
	uint32_t account_key_count;
	struct apo_channel **channels;
	uint32_t channel_count;
	uint32_t caps[32]; /* reading: our bit for each of the writer's bits */
};

/* A connected client, by its ordinal. Reading NULL is an error. */
void apo_state_client(struct apo_state *state, struct apo_client **client);
/* A connected client, or one that has gone and is only referenced. Takes a reference. Reading NULL
 * is an error. */
void apo_state_anybody(struct apo_state *state, struct apo_client **client);

/* The history data of a membership, and of each account that is absent from a channel. */
void apo_membership_serialize_history(struct apo_state *state, struct apo_membership *membership);
void apo_absences_serialize(struct apo_state *state, struct apo_channel *channel);

void apo_clients_serialize(struct apo_state *state);
void apo_channels_serialize(struct apo_state *state);
/* If the model is one of several copies: what precedes the clients, and their keys. */
void apo_shared_serialize(struct apo_state *state);
void apo_shared_keys_serialize(struct apo_state *state);
void apo_monitor_serialize(struct apo_state *state);
void apo_receipts_serialize(struct apo_state *state);
void apo_throttles_serialize(struct apo_state *state);
void apo_whowas_serialize(struct apo_state *state);

#endif
