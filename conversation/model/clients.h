/* SPDX-License-Identifier: MIT */
/* clients - who is connected: found by peer and by nick, timed, and gone again. */
#ifndef APO_CLIENTS_H
#define APO_CLIENTS_H

#include "conversation/model/model_private.h"

/* NULL: nobody, or another generation. */
struct apo_client *apo_client_at(const struct apo_model *model, struct apo_peer peer);
/* Whoever has the nick, registered or not; NULL. */
struct apo_client *apo_nick_owner(const struct apo_model *model, const char *nick);
/* Who can be talked to: registered; NULL. */
struct apo_client *apo_client_named(const struct apo_model *model, const char *nick);

/* NULL without memory. */
struct apo_client *apo_client_new(struct apo_model *model, struct apo_peer peer,
				  const struct apo_peer_facts *facts);
/* ---- from another process (state.h) ---- */

/* With nothing in it yet; NULL without memory. */
struct apo_client *apo_client_blank(struct apo_peer peer);
/* It is as it will be, its nick nobody else's, and takes its place. -EEXIST: its peer is somebody
 * already; -ENOMEM. */
int apo_client_place(struct apo_model *model, struct apo_client *client);
/* One that has not been placed. */
void apo_client_unmake(struct apo_client *client);
/* One that has gone, and one reference to it. */
struct apo_client *apo_client_gone_new(void);

/* ---- changed ---- */

/* The nick is valid and nobody else's. -ENOMEM: the old one stays. */
int apo_client_set_nick(struct apo_model *model, struct apo_client *client, const char *nick);
/* It has none any more, and is not registered yet. */
void apo_client_drop_nick(struct apo_model *model, struct apo_client *client);
void apo_client_set_caps(struct apo_client *client, uint32_t caps);
/* Registration is over: what only that needed goes, the clock of PING begins. */
void apo_client_registered(struct apo_model *model, struct apo_client *client);

/* It goes when the turn is over: others are told QUIT with the reason, it gets an ERROR line. Only
 * the first reason counts. */
void apo_client_end(struct apo_model *model, struct apo_client *client, const char *reason);
/* The same at once, for one whose turn it is not and whom nobody has in hand: its nick is free
 * then. */
void apo_client_end_now(struct apo_model *model, struct apo_client *client, const char *reason);
/* The connection is gone already. */
void apo_client_closed(struct apo_model *model, struct apo_client *client, const char *reason);
/* Who is to go, goes. Nobody's turn. */
void apo_clients_go(struct apo_model *model);

void apo_client_on_timer(struct apo_model *model, struct apo_client *client);

struct apo_client *apo_client_get(struct apo_client *client);
void apo_client_put(struct apo_client *client);

/* Forgotten without a word to anybody (the end of the model). */
void apo_clients_forget(struct apo_model *model);

#endif
