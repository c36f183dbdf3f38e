/* SPDX-License-Identifier: MIT */
/* The hand-over of a node of cluster_fixture.h, as the server does it (server/hand_over.c). */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

#include "conversation/cluster/replica_private.h"
#include "conversation/model/state.h"

#define SETTLE_NS (15 * RUDP_NS_PER_S)

/* The state, and which client each ordinal is. */
struct moved {
	struct apo_serializer state;
	uint8_t *replica;
	size_t replica_len;
	uint32_t count, ordinals[CLUSTER_CLIENTS];
};

static bool may_move(const struct cluster_node *node)
{
	return node->model && node->replica->state == APO_REPLICA_LIVE &&
	       !node->replica->is_cut_off;
}

static bool settle(struct cluster *cluster, const struct cluster_node *node)
{
	int64_t until_ns = cluster->now_ns + SETTLE_NS;

	while (may_move(node) && !apo_model_is_settled(node->model) && cluster->now_ns < until_ns)
		cluster_run(cluster, RUDP_NS_PER_MS);
	return may_move(node) && apo_model_is_settled(node->model);
}

static void write(struct cluster_node *node, struct moved *moved)
{
	unsigned i;

	cr_assert(apo_replica_save(node->replica, &moved->replica, &moved->replica_len));
	moved->count = apo_state_number(node->model);
	for (i = 0; i < CLUSTER_CLIENTS; i++)
		moved->ordinals[i] = node->clients[i].is_connected
					     ? apo_state_ordinal(node->model, node->clients[i].peer)
					     : APO_ORDINAL_NONE;
	apo_serializer_to(&moved->state);
	apo_state_write(&moved->state, node->model);
	cr_assert(moved->state.ok);
}

/* Each client gets the place that another one had, as it may happen in a new process. */
static struct apo_peer *new_peers(struct cluster_node *node, const struct moved *moved)
{
	struct apo_peer *peers = calloc((size_t)moved->count + 1, sizeof *peers);
	struct cluster_client *client;
	uint32_t i;

	for (i = 0; i < moved->count; i++)
		peers[i].worker = APO_WORKERS_MAX - 1;
	for (i = 0; i < CLUSTER_CLIENTS; i++) {
		client = &node->clients[i];
		client->peer.slot = (client->peer.slot + 1) % CLUSTER_CLIENTS & 0xff;
		client->peer.generation = client->is_connected;
		if (moved->ordinals[i] != APO_ORDINAL_NONE)
			peers[moved->ordinals[i]] = client->peer;
	}
	return peers;
}

static bool read_model(struct cluster_node *node, const struct apo_peer *peers, uint32_t count,
		       const uint8_t *bytes, size_t len)
{
	struct apo_serializer serializer;

	apo_serializer_from(&serializer, bytes, len);
	return apo_state_read(&serializer, node->model, peers, count) &&
	       apo_serializer_is_whole(&serializer);
}

static void read(struct cluster_node *node, const struct moved *moved)
{
	struct apo_peer *peers = new_peers(node, moved);
	uint64_t seen_seq = 0;
	unsigned i;

	apo_model_free(node->model);
	apo_replica_free(node->replica);
	node->model = cluster_new_model(node);
	node->replica = cluster_new_replica(node);
	cr_assert(apo_replica_resume(node->replica, moved->replica, moved->replica_len, &seen_seq));
	cr_assert(read_model(node, peers, moved->count, moved->state.bytes, moved->state.len));
	free(peers);
	/* Entries on their way to the log still come there; answers went to the process before. */
	for (i = 0; i < CLUSTER_MAIL; i++)
		node->answers[i].is_used = false;
	node->published = 0;
	node->next_seq = seen_seq + 1;
	node->moves++;
}

bool cluster_hand_over(struct cluster *cluster, unsigned index, bool is_failing)
{
	struct cluster_node *node = &cluster->nodes[index];
	struct moved moved;

	if (!settle(cluster, node))
		return false;
	write(node, &moved);
	node->is_standing = true;
	cluster_run(cluster, (int64_t)cluster_random(cluster, 2000) * RUDP_NS_PER_MS);
	node->is_standing = false;
	if (!is_failing)
		read(node, &moved);
	apo_serializer_fini(&moved.state);
	free(moved.replica);
	return !is_failing;
}

void cluster_read_damaged(struct cluster *cluster, unsigned index)
{
	struct cluster_node *node = &cluster->nodes[index];
	struct apo_model *model = node->model;
	struct apo_peer *peers, before[CLUSTER_CLIENTS];
	struct moved moved;
	uint8_t byte;
	size_t at;

	cr_assert(settle(cluster, node));
	write(node, &moved);
	for (at = 0; at < CLUSTER_CLIENTS; at++)
		before[at] = node->clients[at].peer;
	peers = new_peers(node, &moved);
	for (at = 0; at < moved.state.len; at++) {
		node->model = cluster_new_model(node);
		cr_assert(not(read_model(node, peers, moved.count, moved.state.bytes, at)));
		apo_model_free(node->model);
		node->model = cluster_new_model(node);
		byte = moved.state.bytes[at];
		moved.state.bytes[at] ^= (uint8_t)(1u << cluster_random(cluster, 8));
		(void)read_model(node, peers, moved.count, moved.state.bytes, moved.state.len);
		moved.state.bytes[at] = byte;
		apo_model_free(node->model);
	}
	node->model = model;
	for (at = 0; at < CLUSTER_CLIENTS; at++)
		node->clients[at].peer = before[at];
	free(peers);
	apo_serializer_fini(&moved.state);
	free(moved.replica);
}
