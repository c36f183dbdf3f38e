/* SPDX-License-Identifier: MIT */
/* The mock log of cluster_fixture.h: what is on its way to it and from it. */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>

void cluster_lose(struct cluster *cluster, size_t count)
{
	while (count-- > 0 && cluster->log_len > 0)
		free(cluster->log[--cluster->log_len].bytes);
}

void cluster_deviate(struct cluster *cluster, unsigned index, int shift, unsigned times)
{
	struct cluster_node *node = &cluster->nodes[index];

	node->copy_shift = shift;
	node->copy_at = cluster->log_len;
	node->copies_left = times;
}

void cluster_fault(struct cluster *cluster, unsigned node, unsigned kind)
{
	switch (kind) {
	case 0:
		cluster->nodes[node].is_apart = true;
		break;
	case 1:
	case 2:
		cluster->nodes[node].is_apart = false;
		break;
	case 3:
		cluster->is_log_down = true;
		break;
	case 4:
	case 5:
		cluster->is_log_down = false;
		break;
	case 6:
		cluster_kill(cluster, node);
		break;
	case 7:
	case 8:
	case 9:
		if (!cluster->nodes[node].model)
			cluster_start(cluster, node);
		break;
	case 10:
		cluster_deviate(cluster, node, (int)cluster_random(cluster, 7) - 3,
				(unsigned)cluster_random(cluster, 3));
		break;
	case 11:
		(void)cluster_hand_over(cluster, node, false);
		break;
	case 12:
		(void)cluster_hand_over(cluster, node, true);
		(void)cluster_hand_over(cluster, node, false);
		break;
	default:
		break;
	}
}

uint64_t cluster_copy_len(const struct cluster *cluster, const struct cluster_node *node)
{
	if (!node->copy_shift || cluster->log_len < node->copy_at)
		return cluster->log_len;
	if (node->copy_shift < 0 && cluster->log_len - node->copy_at < (uint64_t)-node->copy_shift)
		return node->copy_at;
	return cluster->log_len + (uint64_t)(int64_t)node->copy_shift;
}

static struct cluster_entry *copy_entry(struct cluster *cluster, const struct cluster_node *node,
					uint64_t seq)
{
	if (!node->copy_shift || seq <= node->copy_at)
		return &cluster->log[seq - 1];
	if (node->copy_shift > 0 && seq <= node->copy_at + (uint64_t)node->copy_shift)
		return &cluster->log[node->copy_at - 1];
	return &cluster->log[seq - 1 - (uint64_t)(int64_t)node->copy_shift];
}

void cluster_open_log(struct cluster *cluster, struct cluster_node *node)
{
	if (node->unreadable_at_ns <= cluster->now_ns) {
		node->unreadable_at_ns = RUDP_NEVER;
		apo_replica_on_unreadable(node->replica);
	}
	if (node->open_at_ns > cluster->now_ns || node->is_apart || cluster->is_log_down)
		return;
	node->open_at_ns = RUDP_NEVER;
	if (node->copies_left > 0)
		node->copies_left--;
	else
		node->copy_shift = 0;
	node->next_seq = cluster_copy_len(cluster, node) + 1;
	apo_replica_on_bus(node->replica);
}

/* Takes the bytes. A repetition is stored again. */
static void store(struct cluster *cluster, struct cluster_publication *publication)
{
	if (cluster->log_len == cluster->log_capacity) {
		cluster->log_capacity = cluster->log_capacity ? 2 * cluster->log_capacity : 64;
		cluster->log = realloc(cluster->log, cluster->log_capacity * sizeof *cluster->log);
	}
	cluster->log[cluster->log_len++] =
		(struct cluster_entry){publication->bytes, publication->len};
	publication->bytes = NULL;
}

/* Only repetitions are answered. */
static void answer(struct cluster *cluster, struct cluster_node *node,
		   const struct cluster_publication *publication, bool is_stored)
{
	struct cluster_answer *to = node->answers;

	if (!publication->is_repetition)
		return;
	while (to < node->answers + CLUSTER_MAIL && to->is_used)
		to++;
	if (to < node->answers + CLUSTER_MAIL)
		*to = (struct cluster_answer){true, publication->number, is_stored,
					      cluster_delay_ns(cluster)};
}

static bool is_lost(struct cluster *cluster, const struct cluster_node *node)
{
	return cluster->is_log_down || node->is_apart ||
	       cluster_random(cluster, 100) < cluster->loss_percent;
}

void cluster_take_publications(struct cluster *cluster, struct cluster_node *node)
{
	struct cluster_publication *publication;

	for (publication = node->publications; publication < node->publications + CLUSTER_MAIL;
	     publication++) {
		if (!publication->is_used || publication->at_ns > cluster->now_ns)
			continue;
		publication->is_used = false;
		if (cluster->is_log_down) { /* its servers have no leader */
			answer(cluster, node, publication, false);
		} else if (!is_lost(cluster, node)) {
			store(cluster, publication);
			if (!is_lost(cluster, node))
				answer(cluster, node, publication, true);
		}
		free(publication->bytes);
	}
}

void cluster_take_answers(struct cluster *cluster, struct cluster_node *node)
{
	struct cluster_answer *to;

	for (to = node->answers; to < node->answers + CLUSTER_MAIL; to++) {
		if (!to->is_used || to->at_ns > cluster->now_ns)
			continue;
		to->is_used = false;
		apo_replica_on_published(node->replica, to->number, to->is_stored);
	}
}

void cluster_take_entries(struct cluster *cluster, struct cluster_node *node)
{
	struct cluster_entry *entry;

	while (node->next_seq <= cluster_copy_len(cluster, node) &&
	       node->deliver_at_ns <= cluster->now_ns && !node->is_apart && !node->is_deaf &&
	       !cluster->is_log_down) {
		entry = copy_entry(cluster, node, node->next_seq);
		apo_replica_on_entry(node->replica, node->next_seq, entry->bytes, entry->len);
		node->next_seq++;
		if (cluster->loss_percent && cluster_random(cluster, 50) == 0)
			node->next_seq -= cluster_random(cluster, 3) % node->next_seq;
		node->deliver_at_ns = cluster_delay_ns(cluster);
	}
	if (node->next_seq > cluster_copy_len(cluster, node) + 1)
		node->next_seq = cluster_copy_len(cluster, node) + 1; /* the log has lost entries */
	if (node->next_seq == 0)
		node->next_seq = 1;
}

void cluster_take_snapshots(struct cluster *cluster, struct cluster_node *node)
{
	struct cluster_snapshot *snapshot;

	for (snapshot = node->snapshots; snapshot < node->snapshots + 4; snapshot++) {
		if (!snapshot->is_used || snapshot->at_ns > cluster->now_ns)
			continue;
		snapshot->is_used = false;
		if (!is_lost(cluster, node))
			apo_replica_on_snapshot(node->replica, snapshot->position, snapshot->bytes,
						snapshot->len);
		free(snapshot->bytes);
	}
}
