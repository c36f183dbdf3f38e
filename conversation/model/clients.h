/* SPDX-License-Identifier: MIT */
/* clients - the connected clients: found by peer and by nick, their timers, and how they leave. */
#ifndef APO_CLIENTS_H
#define APO_CLIENTS_H

#include "conversation/model/model_private.h"

/* NULL if the slot is empty or has a client of another generation. */
struct apo_client *apo_client_at(const struct apo_model *model, struct apo_peer peer);
/* The client that has the nick, registered or not; NULL if there is none. */
struct apo_client *apo_nick_owner(const struct apo_model *model, const char *nick);
/* The registered client that has the nick; NULL if there is none. */
struct apo_client *apo_client_named(const struct apo_model *model, const char *nick);

/* A position among the clients of the first worker_count workers; all zeros: the beginning. */
struct apo_client_position {
	unsigned worker;
	uint32_t slot;
};
/* The next client; NULL: there is no more. Clients may come and end meanwhile. */
struct apo_client *apo_client_next(const struct apo_model *model, unsigned worker_count,
				   struct apo_client_position *position);

/* A loop over the clients that are connected here; client is a variable. */
#define APO_OWN_CLIENTS_EACH(client, model)                                                        \
	for (struct apo_client_position client##_position = {0, 0};                                \
	     ((client) = apo_client_next(model, (model)->workers, &client##_position));)
/* The same, then over those of other nodes (shared.h). */
#define APO_CLIENTS_EACH(client, model)                                                            \
	for (struct apo_client_position client##_position = {0, 0};                                \
	     ((client) = apo_client_next(model, APO_WORKERS_MAX, &client##_position));)

/* NULL if memory is short. */
struct apo_client *apo_client_new(struct apo_model *model, struct apo_peer peer,
				  const struct apo_peer_facts *facts);
/* ---- taken over from another process (state.h) ---- */

/* A client without any data yet; NULL if memory is short. */
struct apo_client *apo_client_blank(struct apo_peer peer);
/* Adds a complete client, whose nick no other has, to the tables. Returns 0, -ENOMEM, or
 * -EEXIST: its peer is taken. */
int apo_client_insert(struct apo_model *model, struct apo_client *client);
/* Puts it into the place of its peer only. Returns as apo_client_insert. */
int apo_client_place(struct apo_model *model, struct apo_client *client);
/* Frees a client that is not in the tables. */
void apo_client_discard(struct apo_client *client);
/* Returns whether the address, the hosts and the notices of a client that was read are valid. */
bool apo_client_has_valid_facts(const struct apo_client *client);
/* A client that has already gone, with one reference to it. */
struct apo_client *apo_client_gone_new(void);

/* ---- changes ---- */

/* The nick is valid and free. Returns 0, or -ENOMEM: the old nick stays. */
int apo_client_set_nick(struct apo_model *model, struct apo_client *client, const char *nick);
/* Takes the nick from a client that is not registered yet. */
void apo_client_drop_nick(struct apo_model *model, struct apo_client *client);
/* Frees the batch that the client has opened, if there is one (multiline.h). */
void apo_client_drop_batch(struct apo_client *client);
void apo_client_set_caps(struct apo_client *client, uint32_t caps);
/* Ends registration: frees what only registration needed, and starts the PING timer. */
void apo_client_registered(struct apo_model *model, struct apo_client *client);

/* Ends the client when the turn is over: other users are sent QUIT with the reason, the client an
 * ERROR line. Later calls do not change the reason. */
void apo_client_end(struct apo_model *model, struct apo_client *client, const char *reason);
/* Ends the client at once, so that its nick is free. It must not be the client of the turn, and no
 * caller may still use it. */
void apo_client_end_now(struct apo_model *model, struct apo_client *client, const char *reason);
/* Closes a connection with an ERROR line. For connections without a client: others need
 * apo_client_end. */
void apo_connection_close(struct apo_model *model, struct apo_peer peer, const char *host,
			  const char *reason);
/* Like apo_client_end, for a connection that is already closed. */
void apo_client_closed(struct apo_model *model, struct apo_client *client, const char *reason);
/* Removes the clients that were ended. No turn may be running. */
void apo_clients_remove_ended(struct apo_model *model);

void apo_client_on_timer(struct apo_model *model, struct apo_client *client);

struct apo_client *apo_client_get(struct apo_client *client);
void apo_client_put(struct apo_client *client);

/* Frees all clients and sends nothing (the end of the model). */
void apo_clients_forget(struct apo_model *model);

#endif
