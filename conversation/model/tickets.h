/* SPDX-License-Identifier: MIT */
/* tickets - requests whose answers come later: one at a time for each client, with the label of its
 * command. */
#ifndef APO_TICKETS_H
#define APO_TICKETS_H

#include "conversation/model/model_private.h"

/* Moves the label of the turn to the ticket; the turn sends no ACK. about: the account or operator;
 * NULL: none. NULL: the client has a ticket already, or memory is short. */
struct apo_ticket *apo_ticket_open(struct apo_model *model, struct apo_client *client,
				   enum apo_ticket_kind kind, const char *about);
struct apo_ticket *apo_ticket_find(const struct apo_model *model, uint64_t id);
/* Asks the owner about a password, an account or a key (model.h, enum apo_auth). */
void apo_ticket_ask(const struct apo_model *model, const struct apo_ticket *ticket,
		    enum apo_auth question, const char *about, const char *proof);
/* Removes the client's ticket, if it has one. */
void apo_ticket_drop(struct apo_model *model, struct apo_client *client);

#endif
