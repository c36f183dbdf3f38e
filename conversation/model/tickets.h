/* SPDX-License-Identifier: MIT */
/* tickets - questions whose answers come later, one at a time a client. They keep the label. */
#ifndef APO_TICKETS_H
#define APO_TICKETS_H

#include "conversation/model/model_private.h"

/* The label of the turn goes with it, and the turn is not acknowledged. NULL: there is one already,
 * or no memory. */
struct apo_ticket *apo_ticket_open(struct apo_model *model, struct apo_client *client,
				   enum apo_ticket_kind kind);
struct apo_ticket *apo_ticket_find(const struct apo_model *model, uint64_t id);
/* For the calls that check a password. */
struct apo_asker apo_ticket_asker(const struct apo_ticket *ticket);
/* The client's, if it has one. */
void apo_ticket_drop(struct apo_model *model, struct apo_client *client);

#endif
