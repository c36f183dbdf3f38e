/* SPDX-License-Identifier: MIT */
/*
 * Which connections use a socket. Thousands of connections may live on one socket, and thousands of
 * sockets in one endpoint: what concerns one socket must not look at all the rest.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/endpoint_private.h"

static struct rudp_socket *find(const struct rudp_endpoint *ep, const void *handle)
{
	uint64_t key = (uint64_t)(uintptr_t)handle;
	struct rudp_socket *socket;

	HASH_FIND(hh, ep->sockets, &key, sizeof key, socket);
	return socket;
}

static struct rudp_socket *find_or_add(struct rudp_endpoint *ep, const void *handle)
{
	bool rudp_table_add_failed = false;
	struct rudp_socket *socket = find(ep, handle);

	if (socket)
		return socket;
	socket = calloc(1, sizeof *socket);
	if (!socket)
		return NULL;
	socket->handle = (uint64_t)(uintptr_t)handle;
	rudp_list_init(&socket->users);
	rudp_list_init(&socket->returners);
	HASH_ADD(hh, ep->sockets, handle, sizeof socket->handle, socket);
	if (rudp_table_add_failed) {
		free(socket);
		return NULL;
	}
	return socket;
}

static void remove_if_unused(struct rudp_endpoint *ep, const void *handle)
{
	struct rudp_socket *socket = handle ? find(ep, handle) : NULL;

	if (!socket || !rudp_list_is_empty(&socket->users) ||
	    !rudp_list_is_empty(&socket->returners))
		return;
	HASH_DELETE(hh, ep->sockets, socket);
	free(socket);
}

int rudp_conn_use_socket(struct rudp_conn *conn, void *handle)
{
	struct rudp_socket *socket = handle ? find_or_add(conn->ep, handle) : NULL;
	void *before = conn->path.socket;

	if (handle && !socket)
		return -ENOMEM;
	rudp_list_remove(&conn->user_link);
	conn->path.socket = handle;
	if (socket)
		rudp_list_append(&socket->users, &conn->user_link);
	if (before != handle)
		remove_if_unused(conn->ep, before);
	return 0;
}

void rudp_conn_remember_path(struct rudp_conn *conn, const struct rudp_path *path)
{
	struct rudp_socket *socket =
		path && path->socket ? find_or_add(conn->ep, path->socket) : NULL;
	void *before = conn->previous.socket;

	rudp_list_remove(&conn->returner_link);
	conn->previous = socket ? *path : (struct rudp_path){0};
	if (socket)
		rudp_list_append(&socket->returners, &conn->returner_link);
	if (before != conn->previous.socket)
		remove_if_unused(conn->ep, before);
}

void rudp_endpoint_socket_gone(struct rudp_endpoint *ep, void *handle)
{
	struct rudp_socket *socket = find(ep, handle);
	struct rudp_list *link;

	for (unsigned i = 0; i < ep->answer_count; i++) {
		struct rudp_answer *answer =
			&ep->answers[(ep->answer_first + i) % RUDP_ANSWERS_MAX];

		if (answer->socket == handle)
			answer->len = 0;
	}
	if (!socket)
		return;
	while ((link = rudp_list_pop(&socket->returners)))
		RUDP_LIST_OWNER(link, struct rudp_conn, returner_link)->previous =
			(struct rudp_path){0};
	while ((link = rudp_list_pop(&socket->users))) {
		struct rudp_conn *conn = RUDP_LIST_OWNER(link, struct rudp_conn, user_link);

		conn->path.socket = NULL;
		if (conn->user_closed)
			conn->close_at_ns = 0; /* nobody will rebind it */
		rudp_endpoint_touch(ep, conn);
	}
	HASH_DELETE(hh, ep->sockets, socket);
	free(socket);
}

struct rudp_conn *rudp_endpoint_find_peer(const struct rudp_endpoint *ep, const void *handle,
					  const struct rudp_addr *remote)
{
	const struct rudp_socket *socket = find(ep, handle);
	struct rudp_conn *found = NULL;

	if (!socket)
		return NULL;
	for (struct rudp_list *link = socket->users.next; link != &socket->users;
	     link = link->next) {
		struct rudp_conn *conn = RUDP_LIST_OWNER(link, struct rudp_conn, user_link);

		if (conn->dead || !rudp_addr_equal(&conn->path.remote, remote))
			continue;
		if (found)
			return NULL;
		found = conn;
	}
	return found;
}
