/* SPDX-License-Identifier: MIT */
/* state_private - for the modules of the model that carry their own part of its state (state.h). */
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
	struct apo_owner *owners; /* writing: by their ids */
	uint32_t owner_count;
	struct apo_channel **channels;
	uint32_t channel_count;
	uint32_t caps[32]; /* reading: ours, for each bit of theirs */
};

/* One that is there, by its ordinal. Read, NULL is never ok. */
void apo_state_client(struct apo_state *state, struct apo_client **client);
/* One that is there, or that has gone and is only remembered: a reference. Read, NULL is not ok. */
void apo_state_anybody(struct apo_state *state, struct apo_client **client);

/* What history keeps for each membership, and for each user who is absent from a channel. */
void apo_membership_serialize_history(struct apo_state *state, struct apo_membership *membership);
void apo_absences_serialize(struct apo_state *state, struct apo_channel *channel);

void apo_clients_serialize(struct apo_state *state);
void apo_channels_serialize(struct apo_state *state);
void apo_monitor_serialize(struct apo_state *state);
void apo_receipts_serialize(struct apo_state *state);
void apo_throttles_serialize(struct apo_state *state);
void apo_whowas_serialize(struct apo_state *state);

#endif
