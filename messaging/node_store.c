/* SPDX-License-Identifier: MIT */
/*
 * The storer: a thread that writes the hub's batches to the store. While one batch is being written
 * the next one fills (group commit). So the busier the node, the more messages share a commit.
 */

#include "messaging/node_private.h"

/* The caller holds the lock; it is released while the disk is written. */
static void store_batch(struct rudpmsg_node *node, const struct rudpmsg_batch *batch)
{
	int rc;

	pthread_mutex_unlock(&node->lock);
	rc = rudpmsg_disk_commit(node->disk, batch);
	pthread_mutex_lock(&node->lock);
	rudpmsg_hub_on_stored(node->hub, rc, rudp_clock_now_ns());
	rudpmsg_node_tell(node);
}

static void *run(void *context)
{
	struct rudpmsg_node *node = context;
	const struct rudpmsg_batch *batch;

	pthread_mutex_lock(&node->lock);
	for (;;) {
		if (node->is_storing_over)
			rudpmsg_hub_store_now(node->hub);
		batch = rudpmsg_hub_take_batch(node->hub);
		rudpmsg_node_tell(node); /* taking the batch may have made room */
		if (batch)
			store_batch(node, batch);
		else if (node->is_storing_over)
			break;
		else
			pthread_cond_wait(&node->to_store_cond, &node->lock);
		if (node->is_storing_over && rudpmsg_hub_store_error(node->hub))
			break;
	}
	pthread_mutex_unlock(&node->lock);
	return NULL;
}

int rudpmsg_storer_start(struct rudpmsg_node *node)
{
	int rc = node->disk ? rudpmsg_thread_start(&node->storer, run, node) : 0;

	node->has_storer = node->disk && rc == 0;
	return rc;
}

void rudpmsg_storer_stop(struct rudpmsg_node *node)
{
	if (!node->has_storer)
		return;
	pthread_mutex_lock(&node->lock);
	node->is_storing_over = true;
	pthread_cond_signal(&node->to_store_cond);
	pthread_mutex_unlock(&node->lock);
	pthread_join(node->storer, NULL);
	node->has_storer = false;
}

void rudpmsg_storer_flush(struct rudpmsg_node *node)
{
	if (!node->has_storer)
		return;
	while (!rudpmsg_hub_is_saved(node->hub) && !rudpmsg_hub_store_error(node->hub)) {
		rudpmsg_hub_store_now(node->hub);
		rudpmsg_node_tell(node);
		rudpmsg_node_wait(node, &node->saved, RUDP_NEVER);
	}
}
