/* SPDX-License-Identifier: MIT */
#include "conversation/model/tickets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/replies.h"
#include "conversation/model/throttle.h"

struct apo_ticket *apo_ticket_open(struct apo_model *model, struct apo_client *client,
				   enum apo_ticket_kind kind, const char *about)
{
	struct apo_ticket *ticket;

	if (client->ticket || !(ticket = calloc(1, sizeof *ticket)))
		return NULL;
	ticket->id = ++model->last_ticket;
	ticket->client = client;
	ticket->kind = kind;
	if (!RUDP_TABLE_ADD(by_id, model->tickets, id, ticket)) {
		free(ticket);
		return NULL;
	}
	snprintf(ticket->about, sizeof ticket->about, "%s", about ? about : "");
	memcpy(ticket->label, model->turn.label, sizeof ticket->label);
	apo_turn_defer(model);
	client->ticket = ticket;
	return ticket;
}

struct apo_ticket *apo_ticket_find(const struct apo_model *model, uint64_t id)
{
	return RUDP_TABLE_FIND(by_id, model->tickets, &id);
}

void apo_ticket_ask(const struct apo_model *model, const struct apo_ticket *ticket,
		    enum apo_auth question, const char *about, const char *proof)
{
	struct apo_asker asker = {ticket->id, apo_throttle_network(ticket->client)};

	model->calls->ask_auth(model->of, asker, question, about, proof);
}

void apo_ticket_drop(struct apo_model *model, struct apo_client *client)
{
	if (!client->ticket)
		return;
	HASH_DELETE(by_id, model->tickets, client->ticket);
	free(client->ticket);
	client->ticket = NULL;
}
