/* SPDX-License-Identifier: MIT */
/*
 * Tracks which connections use a socket. Thousands of connections may use one socket, and one
 * endpoint may have thousands of sockets: an operation on one socket must not visit all
 * connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"

static struct rudp_endpoint_socket *find(const struct rudp_endpoint *ep, const void *handle)
{
	uint64_t key = (uint64_t)(uintptr_t)handle;

	return RUDP_TABLE_FIND(hh, ep->sockets, &key);
}

static struct rudp_endpoint_socket *find_or_add(struct rudp_endpoint *ep, const void *handle)
{
	struct rudp_endpoint_socket *socket = find(ep, handle);

	if (socket)
		return socket;
	socket = rudp_pool_take(&ep->socket_pool);
	if (!socket)
		return NULL;
	socket->handle = (uint64_t)(uintptr_t)handle;
	rudp_list_init(&socket->users);
	rudp_list_init(&socket->returners);
	if (!RUDP_TABLE_ADD(hh, ep->sockets, handle, socket)) {
		rudp_pool_give(&ep->socket_pool, socket);
		return NULL;
	}
	return socket;
}

static void remove_if_unused(struct rudp_endpoint *ep, struct rudp_endpoint_socket *socket)
{
	if (!rudp_list_is_empty(&socket->users) || !rudp_list_is_empty(&socket->returners) ||
	    rudp_list_is_linked(&socket->unused_link))
		return;
	HASH_DELETE(hh, ep->sockets, socket);
	rudp_pool_give(&ep->socket_pool, socket);
}

static bool ended_in_order(const struct rudp_conn *conn)
{
	return conn->dead && !conn->error && conn->reliability.outstanding == 0 &&
	       conn->sendbuf.fin_acked && rudp_recvbuf_is_complete(&conn->recvbuf);
}

/* A connection has left the socket. If it was the last, the socket is reported to its owner. */
static void on_left(const struct rudp_conn *conn, const void *handle)
{
	struct rudp_endpoint *ep = conn->ep;
	struct rudp_endpoint_socket *socket = handle ? find(ep, handle) : NULL;

	if (!socket || !rudp_list_is_empty(&socket->users))
		return;
	socket->left_in_order = ended_in_order(conn);
	if (!rudp_list_is_linked(&socket->unused_link))
		rudp_list_append(&ep->unused_sockets, &socket->unused_link);
}

void *rudp_endpoint_next_unused_socket(struct rudp_endpoint *ep, bool *in_order)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&ep->unused_sockets))) {
		struct rudp_endpoint_socket *socket =
			RUDP_LIST_OWNER(link, struct rudp_endpoint_socket, unused_link);
		void *handle = (void *)(uintptr_t)socket->handle;

		if (!rudp_list_is_empty(&socket->users))
			continue;
		*in_order = socket->left_in_order && rudp_list_is_empty(&socket->returners);
		remove_if_unused(ep, socket);
		return handle;
	}
	return NULL;
}

bool rudp_endpoint_uses_socket(const struct rudp_endpoint *ep, const void *handle,
			       enum rudp_state last)
{
	const struct rudp_endpoint_socket *socket = find(ep, handle);

	if (!socket)
		return false;
	RUDP_LIST_EACH(const struct rudp_conn, conn, &socket->users, user_link) {
		if (!conn->dead && conn->state <= last)
			return true;
	}
	return false;
}

static void unlist_path(struct rudp_conn *conn)
{
	if (conn->is_path_known)
		HASH_DELETE(hh_path, conn->ep->by_path, conn);
	conn->is_path_known = false;
}

/*
 * Adds the path to the table for ICMP errors. Without memory the connection only misses ICMP
 * errors. Connections in TIME_WAIT are left out: many of them may have the same path, when
 * connections were made from the same port one after the other.
 */
void rudp_conn_list_path(struct rudp_conn *conn)
{
	unlist_path(conn);
	if (!conn->path.socket || conn->state == RUDP_STATE_TIME_WAIT)
		return;
	conn->path_key = rudp_path_key_of(conn->path.socket, &conn->path.remote);
	conn->is_path_known = RUDP_TABLE_ADD(hh_path, conn->ep->by_path, path_key, conn);
}

int rudp_conn_use_socket(struct rudp_conn *conn, void *handle)
{
	struct rudp_endpoint_socket *socket = handle ? find_or_add(conn->ep, handle) : NULL;
	void *before = conn->path.socket;

	if (handle && !socket)
		return -ENOMEM;
	rudp_list_remove(&conn->user_link);
	conn->path.socket = handle;
	if (socket)
		rudp_list_append(&socket->users, &conn->user_link);
	rudp_conn_list_path(conn);
	if (before != handle)
		on_left(conn, before);
	return 0;
}

static void forget_previous(struct rudp_conn *conn)
{
	free(conn->previous);
	conn->previous = NULL;
}

void rudp_conn_remember_path(struct rudp_conn *conn, const struct rudp_path *path)
{
	struct rudp_endpoint_socket *socket =
		path && path->socket ? find_or_add(conn->ep, path->socket) : NULL;
	struct rudp_endpoint_socket *before =
		conn->previous ? find(conn->ep, conn->previous->socket) : NULL;

	rudp_list_remove(&conn->returner_link);
	if (!socket)
		forget_previous(conn);
	else if (!conn->previous)
		conn->previous = malloc(sizeof *conn->previous);
	if (conn->previous) {
		*conn->previous = *path;
		rudp_list_append(&socket->returners, &conn->returner_link);
	} else if (socket) {
		remove_if_unused(conn->ep, socket);
	}
	if (before && before != socket)
		remove_if_unused(conn->ep, before);
}

void rudp_endpoint_socket_gone(struct rudp_endpoint *ep, void *handle)
{
	struct rudp_endpoint_socket *socket = find(ep, handle);
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
		forget_previous(RUDP_LIST_OWNER(link, struct rudp_conn, returner_link));
	while ((link = rudp_list_pop(&socket->users))) {
		struct rudp_conn *conn = RUDP_LIST_OWNER(link, struct rudp_conn, user_link);

		conn->path.socket = NULL;
		unlist_path(conn);
		if (conn->user_closed)
			conn->close_at_ns = 0; /* a closed connection is never rebound */
		rudp_endpoint_touch(ep, conn);
	}
	rudp_list_remove(&socket->unused_link);
	HASH_DELETE(hh, ep->sockets, socket);
	rudp_pool_give(&ep->socket_pool, socket);
}

/* The next connection in the hash bucket with the same path, or NULL. */
static struct rudp_conn *next_on_path(const struct rudp_endpoint *ep, const struct rudp_conn *conn)
{
	for (const UT_hash_handle *hh = conn->hh_path.hh_next; hh; hh = hh->hh_next) {
		struct rudp_conn *other = ELMT_FROM_HH(ep->by_path->hh_path.tbl, hh);

		if (memcmp(&other->path_key, &conn->path_key, sizeof conn->path_key) == 0)
			return other;
	}
	return NULL;
}

struct rudp_conn *rudp_endpoint_find_peer(const struct rudp_endpoint *ep, const void *handle,
					  const struct rudp_addr *remote)
{
	const struct rudp_path_key key = rudp_path_key_of(handle, remote);
	struct rudp_conn *conn = RUDP_TABLE_FIND(hh_path, ep->by_path, &key), *found = NULL;

	for (; conn; conn = next_on_path(ep, conn)) {
		if (conn->dead)
			continue;
		if (found)
			return NULL;
		found = conn;
	}
	return found;
}
