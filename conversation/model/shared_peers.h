/* SPDX-License-Identifier: MIT */
/*
 * shared_peers - clients over messages in a network of nodes: one id is one client.
 *
 * Model    Such a client is known by its id (its host is "ID.peer") and by the key that it has
 *          proven, if any. If it registers while a session of it is left at another node, which may
 *          have died, all copies end that session, and its nick is free. A client with the same id
 *          and another key, or none, is another client.
 */
#ifndef APO_SHARED_PEERS_H
#define APO_SHARED_PEERS_H

#include "conversation/model/model_private.h"

struct apo_shared_peer;

bool apo_shared_is_same_peer(const struct apo_client *a, const struct apo_client *b);
/* Ends the registered session of the same client, if there is one. It must not be the client of the
 * turn. */
void apo_shared_peer_replace(struct apo_model *model, const struct apo_client *client);

/* ---- for shared.c: the clients of its tables ---- */

/* Returns false if memory is short, or another session of the same client is in the table. */
bool apo_shared_peer_add(struct apo_model *model, struct apo_client *client);
void apo_shared_peer_forget(struct apo_model *model, const struct apo_client *client);
void apo_shared_peers_free(struct apo_model *model);

/* Returns whether this table has exactly the clients over messages that shared's tables have. */
bool apo_shared_peers_check(const struct apo_model *model);

#endif
