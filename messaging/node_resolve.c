/* SPDX-License-Identifier: MIT */
/* Looks up host names in a thread of its own, because getaddrinfo blocks. */
#include <stdio.h>

#include "messaging/node_private.h"

static void look_up(struct stream *stream)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	char port[8];

	snprintf(port, sizeof port, "%u", stream->port);
	stream->resolve_error = getaddrinfo(stream->host, port, &hints, &stream->addresses);
}

static void *run(void *context)
{
	struct rudpmsg_node *node = context;
	struct rudp_list *link;
	struct stream *stream;

	pthread_mutex_lock(&node->lock);
	while (!node->is_over) {
		link = rudp_list_pop(&node->to_resolve);
		if (!link) {
			pthread_cond_wait(&node->to_resolve_cond, &node->lock);
			continue;
		}
		stream = RUDP_LIST_OWNER(link, struct stream, resolved);
		/* Skip a stream that was given up meanwhile: it must not delay those after it. */
		if (stream->link) {
			pthread_mutex_unlock(&node->lock);
			look_up(stream);
			pthread_mutex_lock(&node->lock);
		}
		rudp_list_append(&node->resolved, &stream->resolved);
		rudpmsg_node_wake(node);
	}
	pthread_mutex_unlock(&node->lock);
	return NULL;
}

int rudpmsg_resolve(struct rudpmsg_node *node, struct stream *stream)
{
	int rc;

	if (!node->has_resolver) {
		rc = rudpmsg_thread_start(&node->resolver, run, node);
		if (rc < 0)
			return rc;
		node->has_resolver = true;
	}
	pthread_mutex_lock(&node->lock);
	rudp_list_append(&node->to_resolve, &stream->resolved);
	pthread_cond_signal(&node->to_resolve_cond);
	pthread_mutex_unlock(&node->lock);
	return 0;
}

void rudpmsg_resolver_stop(struct rudpmsg_node *node)
{
	if (!node->has_resolver)
		return;
	pthread_mutex_lock(&node->lock);
	pthread_cond_signal(&node->to_resolve_cond);
	pthread_mutex_unlock(&node->lock);
	pthread_join(node->resolver, NULL);
	node->has_resolver = false;
}
