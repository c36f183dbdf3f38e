/* SPDX-License-Identifier: MIT */
/*
 * shared - the model as one of several equal copies, each in a node of a cluster.
 *
 * Model    What changes the shared state - the registered clients, the channels and what they say -
 *          is not done at once, but proposed to the owner (apo_model_calls.propose) as an event.
 *          The owner puts the events of all nodes into one order and gives each to all copies
 *          (apo_model_shared_apply), which then have the same state. A client whose connection is
 *          at another node is remote here: it has no slot of a worker, and nothing is sent to it.
 *          Its own lines wait until its last proposal is applied (answers.h). Everything else -
 *          what is before the welcome, MONITOR, questions, long answers - is the business of the
 *          client's own node.
 * Same     All copies must have the same program and limits: apo_model_shared_fingerprint.
 * Accounts, bans, registered channels and the audit log outlive the network: each copy passes
 *          changes to its owner, who writes them to its disk (account_secrets.h).
 * History  each copy passes the same messages, presences and redactions to its owner. Questions are
 *          answered by the owner of the client's copy.
 */
#ifndef APO_SHARED_H
#define APO_SHARED_H

#include "conversation/model/model_private.h"
#include "conversation/model/serializer.h"

/* The worker number of remote clients. */
#define APO_REMOTE_WORKER (APO_WORKERS_MAX - 1)

struct apo_account_key_entry;
struct apo_shared_peer;

struct apo_shared {
	uint64_t self; /* this node; 0: it is no part of a cluster now */
	bool is_cut_off, is_applying;
	bool is_resetting; /* no client is told who leaves */
	int64_t wall_ms;   /* the time that all copies use for events */
	uint32_t remote_count, remote_hint;
	struct apo_shared_client *by_key, *by_client;
	struct apo_shared_peer *peers;      /* shared_peers.h */
	struct apo_account_key_entry *keys; /* of accounts (account_secrets.h) */
	bool is_loaded;                     /* the shared state is that of another copy */
	int64_t expiry_minute; /* of wall_ms, at the last search for unused registrations */
	uint16_t hand_overs;   /* of this copy from one process to the next */
};

/* A client of the cluster: the node that it is connected to, and its number there. */
struct apo_shared_key {
	uint64_t node, number;
};

struct apo_shared_client {
	UT_hash_handle by_key, by_client;
	struct apo_shared_key key;
	struct apo_client *client;
};

static inline bool apo_is_remote(const struct apo_model *model, const struct apo_client *client)
{
	return client->peer.worker >= model->workers;
}

/* Returns whether this is the turn of an event that all copies apply alike. */
static inline bool apo_shared_is_applying(const struct apo_model *model)
{
	return model->shared && model->shared->is_applying;
}

/* ---- for the other files of the model ---- */

/* The key of a client that is registered, or was. Node 0: no table has the client any more. */
struct apo_shared_key apo_shared_key_of(const struct apo_model *model,
					const struct apo_client *client);

/* Returns whether the line must be proposed instead of being handled now. */
bool apo_shared_wants(struct apo_model *model, const struct apo_client *client,
		      const struct apo_message *message);
/* Proposes the line of the turn's client, or refuses it. */
void apo_shared_propose_line(struct apo_model *model, struct apo_client *client,
			     const struct apo_message *message, const char *line, size_t len);
/* The client has said all that is needed for the welcome. */
void apo_shared_propose_client(struct apo_model *model, struct apo_client *client);
/* Returns false if the client becomes an operator at once: it is no copy, or all copies do it. */
bool apo_shared_propose_operator(struct apo_model *model, struct apo_client *client,
				 const char *name);
/* A client that was ended is to be removed. Returns false if it is to be removed at once. Else it
 * has been proposed, and the client is remote from now on, or freed if no node knows it yet. */
bool apo_shared_propose_end(struct apo_model *model, struct apo_client *client, const char *reason);
/* An entry of the audit log that arises at this node only: it is for all copies. Returns false if
 * it is to be added now. */
bool apo_shared_propose_note(struct apo_model *model, const char *action, const char *text);
/* The client has been removed. */
void apo_shared_forget(struct apo_model *model, const struct apo_client *client);
void apo_shared_free(struct apo_model *model);

/* Returns whether a client of this copy waits for its proposal. */
bool apo_shared_is_proposing(const struct apo_model *model);

#endif
