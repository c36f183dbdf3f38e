/* SPDX-License-Identifier: MIT */
#include "conversation/model/shared_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/model/clients.h"
#include "conversation/model/shared.h"

/* The host, a space and the fingerprint. */
#define ID_SIZE (APO_HOST_BYTES_MAX + 1 + APO_FINGERPRINT_SIZE)

struct apo_shared_peer {
	UT_hash_handle by_id;
	struct apo_client *client;
	char id[];
};

/* CHGHOST neither changes who a peer is nor makes one of another client. */
static const char *host_of(const struct apo_client *client)
{
	return client->given_host ? client->given_host : client->host;
}

/* Hosts of other clients are addresses, or cloaks, which end with ".ip". */
static bool is_peer(const struct apo_client *client)
{
	static const char tail[] = ".peer";
	const char *host = host_of(client);
	size_t len = strlen(host), tail_len = sizeof tail - 1;

	return len > tail_len && strcmp(host + len - tail_len, tail) == 0;
}

static const char *fingerprint_of(const struct apo_client *client)
{
	return client->fingerprint ? client->fingerprint : "";
}

bool apo_shared_is_same_peer(const struct apo_client *a, const struct apo_client *b)
{
	return is_peer(a) && strcmp(host_of(a), host_of(b)) == 0 &&
	       strcmp(fingerprint_of(a), fingerprint_of(b)) == 0;
}

static struct apo_shared_peer *find(const struct apo_model *model, const struct apo_client *client)
{
	char id[ID_SIZE];

	snprintf(id, sizeof id, "%s %s", host_of(client), fingerprint_of(client));
	return RUDP_TABLE_FIND_KEY(by_id, model->shared->peers, id, strlen(id));
}

void apo_shared_peer_replace(struct apo_model *model, const struct apo_client *client)
{
	struct apo_shared_peer *peer = is_peer(client) ? find(model, client) : NULL;
	char reason[APO_BODY_BYTES_MAX];

	if (!peer)
		return;
	snprintf(reason, sizeof reason, "Replaced by another session of %s", host_of(client));
	model->figures.ghosts++;
	apo_client_end_now(model, peer->client, reason);
}

bool apo_shared_peer_add(struct apo_model *model, struct apo_client *client)
{
	size_t len = strlen(host_of(client)) + 1 + strlen(fingerprint_of(client));
	struct apo_shared_peer *peer;

	if (!is_peer(client))
		return true;
	if (len >= ID_SIZE || find(model, client))
		return false;
	peer = calloc(1, sizeof *peer + len + 1);
	if (!peer)
		return false;
	peer->client = client;
	snprintf(peer->id, len + 1, "%s %s", host_of(client), fingerprint_of(client));
	if (RUDP_TABLE_ADD_KEY(by_id, model->shared->peers, peer->id, len, peer))
		return true;
	free(peer);
	return false;
}

static void drop(struct apo_model *model, struct apo_shared_peer *peer)
{
	HASH_DELETE(by_id, model->shared->peers, peer);
	free(peer);
}

void apo_shared_peer_forget(struct apo_model *model, const struct apo_client *client)
{
	struct apo_shared_peer *peer = is_peer(client) ? find(model, client) : NULL;

	if (peer && peer->client == client)
		drop(model, peer);
}

void apo_shared_peers_free(struct apo_model *model)
{
	struct apo_shared_peer *peer, *next;

	HASH_ITER(by_id, model->shared->peers, peer, next) {
		drop(model, peer);
	}
}

bool apo_shared_peers_check(const struct apo_model *model)
{
	const struct apo_shared_client *entry;
	const struct apo_shared_peer *peer;
	unsigned count = 0;

	for (entry = model->shared->by_key; entry; entry = entry->by_key.next) {
		if (!is_peer(entry->client))
			continue;
		peer = find(model, entry->client);
		if (!peer || peer->client != entry->client)
			return false;
		count++;
	}
	return HASH_CNT(by_id, model->shared->peers) == count;
}
