/* SPDX-License-Identifier: MIT */
/*
 * state - serializes the whole state of a model, so that another process can continue it
 * (hand-over).
 *
 * Model    During the transfer clients have ordinals: the owner of the connections transfers them
 *          with the ordinals of their clients, and the new owner says which peer each ordinal is
 *          there. Timers, receipts, message ids, invitations, throttles of passwords and presences
 *          in history continue. Not transferred: accounts and their read markers (the new process
 *          reads them from the store before), and what lives only during a turn.
 * Copies   A model that is one of several copies (shared.h) also transfers the accounts, the remote
 *          clients, and the keys of all clients. So it is the same copy in the new process.
 * Trust    The input is untrusted: it is complete and consistent, or nothing of it is used.
 * Version  APO_STATE_VERSION identifies the format; another version is refused. If you add a member
 *          to one of the model's structs, serialize it in its module and raise the version. The
 *          assertions at the end of state.c fail if the size of a struct changes, as a reminder.
 */
#ifndef APO_STATE_H
#define APO_STATE_H

#include "conversation/model/serializer.h"
#include "conversation/model/model.h"

#define APO_STATE_VERSION 15u
#define APO_ORDINAL_NONE UINT32_MAX

/* Gives every client its ordinal, remote ones included. Returns the number of clients. */
uint32_t apo_state_number(struct apo_model *model);
/* Returns the number of them that are remote. */
uint32_t apo_state_remote(const struct apo_model *model);
/* The ordinal of the client that is this peer; APO_ORDINAL_NONE if there is none. */
uint32_t apo_state_ordinal(const struct apo_model *model, struct apo_peer peer);

/* Fails (serializer->ok is false) if apo_model_is_settled is false, or after apo_model_end. */
void apo_state_write(struct apo_serializer *serializer, struct apo_model *model);

/*
 * Reads the state into a new model. peers[ordinal] is the peer of each client; a remote one has a
 * worker that the model does not have. count must equal the number of clients. Clients are told
 * which capabilities differ in this process.
 *
 * Returns  false: the state is refused. Then only apo_model_free may be called for the model.
 */
bool apo_state_read(struct apo_serializer *serializer, struct apo_model *model,
		    const struct apo_peer *peers, uint32_t count);

/* The history of this process is not the one that the previous process kept (or that one kept
 * none): for history every member of a channel joins it now. */
void apo_state_begin_history(struct apo_model *model);

#endif
