/* SPDX-License-Identifier: MIT */
/*
 * state - all that a model knows, as bytes, for another process that goes on with it (hand-over).
 *
 * Model    clients have ordinals while they are carried: whoever owns the connections carries them
 *          with the ordinals of their clients, and says at the other end which peer each ordinal is
 *          there. Timers, receipts, message ids, invitations, penalties of tries and who hears what
 *          for history go on. Not carried: accounts and read markers (the store has them; the
 *          reader is told of them before), and what only lives in a turn.
 * Trust    what is read may be anybody's: it is all there and consistent, or nothing of it is used.
 * Version  APO_STATE_VERSION says what is carried, and how. Another one is not understood: who adds
 *          a member to the model's structs carries it in the module that has it, and raises it. The
 *          assertions at the end of state.c are there to be met by whoever forgets.
 */
#ifndef APO_STATE_H
#define APO_STATE_H

#include "conversation/model/serializer.h"
#include "conversation/model/model.h"

#define APO_STATE_VERSION 2u
#define APO_ORDINAL_NONE UINT32_MAX

/* Every client gets its ordinal. Returns how many there are. */
uint32_t apo_state_number(struct apo_model *model);
/* Of the client that is this peer; APO_ORDINAL_NONE: there is none. */
uint32_t apo_state_ordinal(const struct apo_model *model, struct apo_peer peer);

/* Not ok where apo_model_is_settled says no, or after apo_model_end. */
void apo_state_write(struct apo_serializer *serializer, struct apo_model *model);

/*
 * Into a model that is new. peers[ordinal]: who each is here; count of them, which must be as many
 * as there are. Clients are told of capabilities that are others here.
 *
 * Returns  false: it cannot be used, nor can the model, but for apo_model_free.
 */
bool apo_state_read(struct apo_serializer *serializer, struct apo_model *model,
		    const struct apo_peer *peers, uint32_t count);

/* History here is not that which the other process has kept (or it has kept none): whoever is in a
 * channel has just joined it, for history. */
void apo_state_begin_history(struct apo_model *model);

#endif
