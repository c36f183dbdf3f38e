/* SPDX-License-Identifier: MIT */
/* Streams: the descriptor of each link, and dialing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "messaging/node_private.h"

struct stream *rudpmsg_stream_new(struct rudpmsg_node *node, int fd)
{
	struct stream *stream = calloc(1, sizeof *stream);

	if (!stream)
		return NULL;
	stream->watch = (struct rudpmsg_watch){RUDPMSG_WATCH_STREAM, fd, &node->member};
	rudp_list_append(&node->streams, &stream->all);
	return stream;
}

static unsigned events_of(bool in, bool out)
{
	return (in ? (unsigned)EPOLLIN : 0) | (out ? (unsigned)EPOLLOUT : 0);
}

int rudpmsg_stream_watch(struct stream *stream, bool in, bool out)
{
	int rc = rudpmsg_loop_watch(&stream->watch, events_of(stream->wants_in, stream->wants_out),
				    events_of(in, out));

	if (rc < 0)
		return rc;
	stream->wants_in = in;
	stream->wants_out = out;
	return 0;
}

static void drop_descriptor(struct rudpmsg_node *node, struct stream *stream)
{
	if (stream->watch.fd < 0)
		return;
	/* If a child process has the descriptor too, closing alone would leave it watched. */
	(void)rudpmsg_stream_watch(stream, false, false);
	node->transport->close(stream->watch.fd);
	stream->watch.fd = -1;
}

void rudpmsg_stream_free(struct rudpmsg_node *node, struct stream *stream)
{
	drop_descriptor(node, stream);
	rudp_list_remove(&stream->all);
	if (stream->addresses)
		freeaddrinfo(stream->addresses);
	free(stream->host);
	free(stream);
}

static void settle(struct rudpmsg_node *node, struct stream *stream, int error)
{
	uint8_t key[RUDPMSG_KEY_BYTES];
	bool has_key = !error && rudpmsg_transport_key(node->transport, stream->watch.fd, key);

	stream->is_dialing = false;
	if (!error)
		error = -rudpmsg_stream_watch(stream, true, true);
	if (error)
		drop_descriptor(node, stream);
	pthread_mutex_lock(&node->lock);
	if (stream->link && has_key)
		rudpmsg_link_set_key(stream->link, key);
	if (stream->link)
		rudpmsg_hub_on_dialed(node->hub, stream->link, error, rudp_clock_now_ns());
	pthread_mutex_unlock(&node->lock);
}

/* Tries the next addresses, until one is connected or connecting. */
static void try_next(struct rudpmsg_node *node, struct stream *stream, int error)
{
	const struct addrinfo *address;
	int fd, rc;

	drop_descriptor(node, stream);
	while ((address = stream->next)) {
		stream->next = address->ai_next;
		rc = rudpmsg_transport_dial(node->transport, address->ai_addr, address->ai_addrlen,
					    &fd);
		if (rc < 0 && rc != -EINPROGRESS) {
			error = -rc;
			continue;
		}
		stream->watch.fd = fd;
		if (rc == 0) {
			settle(node, stream, 0);
			return;
		}
		rc = rudpmsg_stream_watch(stream, false, true);
		if (rc == 0)
			return;
		error = -rc;
		drop_descriptor(node, stream);
	}
	settle(node, stream, error);
}

void rudpmsg_stream_on_dial_event(struct rudpmsg_node *node, struct stream *stream)
{
	int rc = rudpmsg_transport_dial_result(node->transport, stream->watch.fd);

	if (rc == -EINPROGRESS)
		return;
	if (rc < 0)
		try_next(node, stream, -rc);
	else
		settle(node, stream, 0);
}

void rudpmsg_stream_on_resolved(struct rudpmsg_node *node, struct stream *stream)
{
	if (stream->resolve_error) {
		settle(node, stream, stream->resolve_error == EAI_MEMORY ? ENOMEM : EHOSTUNREACH);
		return;
	}
	stream->next = stream->addresses;
	try_next(node, stream, EHOSTUNREACH);
}

void rudpmsg_stream_dial(struct rudpmsg_node *node, struct rudpmsg_link *link)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct stream *stream = rudpmsg_stream_new(node, -1);
	char port[8];
	int rc;

	if (!stream)
		goto no_memory;
	stream->is_dialing = true;
	stream->link = link;
	stream->port = rudpmsg_link_port(link);
	stream->host = strdup(rudpmsg_link_host(link));
	rudpmsg_link_set_user(link, stream);
	if (!stream->host) {
		settle(node, stream, ENOMEM);
		return;
	}
	snprintf(port, sizeof port, "%u", stream->port);
	rc = getaddrinfo(stream->host, port, &hints, &stream->addresses);
	if (rc == EAI_NONAME)
		rc = rudpmsg_resolve(node, stream);
	else {
		stream->resolve_error = rc;
		rudpmsg_stream_on_resolved(node, stream);
		return;
	}
	if (rc < 0)
		settle(node, stream, -rc);
	return;

no_memory:
	pthread_mutex_lock(&node->lock);
	rudpmsg_hub_on_dialed(node->hub, link, ENOMEM, rudp_clock_now_ns());
	pthread_mutex_unlock(&node->lock);
}
