/* SPDX-License-Identifier: MIT */
/* Attempts to reach a peer, and what follows when they fail. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

static struct rudpmsg_link *dial(struct rudpmsg_hub *hub, const char *host, uint16_t port,
				 int64_t now_at_ns)
{
	struct rudpmsg_link *link = rudpmsg_link_new(hub, LINK_DIALING);

	if (!link)
		return NULL;
	link->host = strdup(host);
	if (!link->host) {
		rudp_list_remove(&link->all);
		rudpmsg_link_free(link);
		return NULL;
	}
	link->port = port;
	link->is_dialed = true;
	rudpmsg_hub_arm(hub, &link->timer, now_at_ns + hub->config.handshake_timeout_ns);
	rudp_list_append(&hub->to_dial, &link->dial);
	return link;
}

int rudpmsg_conn_dial(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	assert(!conn->attempt && conn->host);
	rudpmsg_hub_arm(hub, &conn->retry, RUDP_NEVER);
	conn->attempt = dial(hub, conn->host, conn->port, now_at_ns);
	if (!conn->attempt)
		return -ENOMEM;
	conn->attempt->conn = conn;
	if (hub->config.give_up_ns != RUDP_NEVER && !rudp_timer_is_armed(&conn->give_up.timer))
		rudpmsg_hub_arm(hub, &conn->give_up, now_at_ns + hub->config.give_up_ns);
	return 0;
}

/* Shortened at random by up to a half: nodes that lost a link together must not dial together. */
int64_t rudpmsg_hub_backoff_ns(struct rudpmsg_hub *hub, unsigned failures)
{
	int64_t span_ns = hub->config.backoff_first_ns;

	while (failures-- > 0 && span_ns < hub->config.backoff_max_ns)
		span_ns *= 2;
	if (span_ns > hub->config.backoff_max_ns)
		span_ns = hub->config.backoff_max_ns;
	return span_ns - (int64_t)(rudpmsg_hub_random(hub) % (uint64_t)(span_ns / 2 + 1));
}

void rudpmsg_conn_retry_later(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	if (!conn->host || conn->attempt || !rudpmsg_conn_may_link(hub, conn))
		return;
	rudpmsg_hub_arm(hub, &conn->retry, now_at_ns + rudpmsg_hub_backoff_ns(hub, conn->failures));
}

void rudpmsg_conn_on_retry(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	if (conn->link || conn->attempt || !rudpmsg_conn_may_link(hub, conn))
		return;
	if (rudpmsg_conn_dial(hub, conn, now_at_ns) < 0)
		rudpmsg_conn_retry_later(hub, conn, now_at_ns);
}

/* Returns whether another attempt would be refused as well. */
static bool is_final(enum rudpmsg_reason reason)
{
	switch (reason) {
	case RUDPMSG_REASON_VERSION:
	case RUDPMSG_REASON_NAME:
	case RUDPMSG_REASON_SELF:
	case RUDPMSG_REASON_NO_STORE:
	case RUDPMSG_REASON_PROTOCOL:
	case RUDPMSG_REASON_KEY:
		return true;
	case RUDPMSG_REASON_NONE:
	case RUDPMSG_REASON_CROSSED:
	case RUDPMSG_REASON_LIMIT:
	case RUDPMSG_REASON_CLOSING:
	case RUDPMSG_REASON_GOODBYE:
	case RUDPMSG_REASON_TAKEN_OVER:
	case RUDPMSG_REASON_TIMEOUT:
	case RUDPMSG_REASON_STALE:
	case RUDPMSG_REASON_STORE:
		return false;
	}
	return false;
}

static void on_attempt_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			      enum rudpmsg_reason reason, int error, int64_t now_at_ns)
{
	conn->attempt = NULL;
	conn->error = error;
	hub->changes |= RUDPMSG_CHANGED_CONNECT;
	if (conn->link)
		return; /* the link that the peer dialed came first */
	if (is_final(reason) && !conn->was_ready && !conn->is_restored) {
		rudpmsg_conn_forget(hub, conn, error);
		return;
	}
	if (reason == RUDPMSG_REASON_CROSSED) {
		/* The peer's link is on its way. If it does not come, we dial again. */
		conn->error = 0;
		rudpmsg_hub_arm(hub, &conn->retry, now_at_ns + hub->config.handshake_timeout_ns);
		return;
	}
	conn->failures++;
	rudpmsg_conn_retry_later(hub, conn, now_at_ns);
}

void rudpmsg_link_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			    enum rudpmsg_reason reason, int error, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;
	struct ticket *ticket = link->ticket;

	if (reason != RUDPMSG_REASON_NONE)
		error = rudpmsg_reason_error(reason);
	rudpmsg_link_end(hub, link);
	link->ticket = NULL;
	if (ticket)
		rudpmsg_ticket_settle(hub, ticket, 0, -error);
	if (conn && conn->attempt == link)
		on_attempt_failed(hub, conn, reason, error, now_at_ns);
}

/* ---- connect ---- */

/* Attempts that no call waits for any more count as well. */
static int ticket_new(struct rudpmsg_hub *hub, struct ticket **ticket)
{
	if (hub->ticket_count >= hub->config.limits.connections_max)
		return -ENFILE;
	*ticket = calloc(1, sizeof **ticket);
	if (!*ticket)
		return -ENOMEM;
	(*ticket)->number = ++hub->last_ticket;
	rudp_list_append(&hub->tickets, &(*ticket)->all);
	hub->ticket_count++;
	return 0;
}

static void ticket_free(struct rudpmsg_hub *hub, struct ticket *ticket)
{
	rudp_list_remove(&ticket->all);
	hub->ticket_count--;
	free(ticket);
}

void rudpmsg_ticket_settle(struct rudpmsg_hub *hub, struct ticket *ticket, rudpmsg_conn_id conn,
			   int error)
{
	ticket->link = NULL;
	ticket->conn = conn;
	ticket->error = error;
	hub->changes |= RUDPMSG_CHANGED_CONNECT;
	if (ticket->is_forgotten)
		ticket_free(hub, ticket);
}

void rudpmsg_tickets_on_forgotten(struct rudpmsg_hub *hub, rudpmsg_conn_id conn, int reason)
{
	struct rudp_list *at;
	struct ticket *ticket;

	for (at = hub->tickets.next; at != &hub->tickets; at = at->next) {
		ticket = RUDP_LIST_OWNER(at, struct ticket, all);
		if (ticket->conn == conn && ticket->error == 0)
			ticket->error = -reason;
	}
}

static struct ticket *ticket_find(const struct rudpmsg_hub *hub, uint64_t number)
{
	struct rudp_list *at;
	struct ticket *ticket;

	for (at = hub->tickets.next; at != &hub->tickets; at = at->next) {
		ticket = RUDP_LIST_OWNER(at, struct ticket, all);
		if (ticket->number == number)
			return ticket;
	}
	return NULL;
}

static int connect_to_anyone(struct rudpmsg_hub *hub, const char *host, uint16_t port,
			     int64_t now_at_ns, uint64_t *number)
{
	struct ticket *ticket;
	int error = ticket_new(hub, &ticket);

	if (error < 0)
		return error;
	ticket->link = dial(hub, host, port, now_at_ns);
	if (!ticket->link) {
		ticket_free(hub, ticket);
		return -ENOMEM;
	}
	ticket->link->ticket = ticket;
	ticket->error = -EINPROGRESS;
	*number = ticket->number;
	return 0;
}

/* The address given last is the one to dial. */
static int set_address(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, const char *host,
		       uint16_t port)
{
	char *copy = strdup(host);

	if (!copy)
		return -ENOMEM;
	free(conn->host);
	conn->host = copy;
	conn->port = port;
	if (conn->outbox.count > 0)
		rudpmsg_store_note(hub, conn);
	return 0;
}

/* A peer that has moved is not at its old address: an attempt there would delay the new one. */
static void drop_attempt_elsewhere(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
				   const char *host, uint16_t port)
{
	if (!conn->attempt || (conn->port == port && strcmp(conn->host, host) == 0))
		return;
	rudpmsg_link_end(hub, conn->attempt);
	conn->attempt = NULL;
}

static int dial_named(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, const char *host,
		      uint16_t port, int64_t now_at_ns)
{
	int error;

	drop_attempt_elsewhere(hub, conn, host, port);
	error = set_address(hub, conn, host, port);
	if (error == 0 && !conn->link && !conn->attempt)
		error = rudpmsg_conn_dial(hub, conn, now_at_ns);
	return error;
}

static int connect_to_name(struct rudpmsg_hub *hub, const char *host, uint16_t port,
			   const char *name, int64_t now_at_ns, uint64_t *number,
			   rudpmsg_conn_id *id)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub, name);
	struct ticket *ticket;
	bool is_new = !conn;
	int error = ticket_new(hub, &ticket);

	if (error < 0)
		return error;
	if (is_new)
		conn = rudpmsg_conn_new(hub, name, &error);
	if (!conn)
		goto free_ticket;
	error = dial_named(hub, conn, host, port, now_at_ns);
	if (error < 0) {
		if (is_new)
			rudpmsg_conn_forget(hub, conn, -error);
		else if (!conn->link)
			rudpmsg_conn_retry_later(hub, conn, now_at_ns);
		goto free_ticket;
	}
	conn->is_leaving = false;
	ticket->conn = *id = conn->id;
	*number = ticket->number;
	return 0;

free_ticket:
	ticket_free(hub, ticket);
	return error;
}

int rudpmsg_hub_connect(struct rudpmsg_hub *hub, const char *host, uint16_t port,
			const char *peer_name, int64_t now_at_ns, uint64_t *ticket,
			rudpmsg_conn_id *conn)
{
	*ticket = 0;
	*conn = 0;
	if (hub->is_stopped)
		return -ESHUTDOWN;
	if (!host || host[0] == '\0' || strlen(host) > RUDPMSG_HOST_MAX || port == 0)
		return -EINVAL;
	if (!peer_name)
		return connect_to_anyone(hub, host, port, now_at_ns, ticket);
	if (!rudpmsg_name_is_valid(peer_name, strlen(peer_name)) ||
	    strcmp(peer_name, hub->config.name) == 0)
		return -EINVAL;
	return connect_to_name(hub, host, port, peer_name, now_at_ns, ticket, conn);
}

int rudpmsg_hub_connect_result(const struct rudpmsg_hub *hub, uint64_t number,
			       rudpmsg_conn_id *conn)
{
	const struct ticket *ticket = ticket_find(hub, number);

	if (!ticket)
		return -ENOENT;
	*conn = ticket->conn;
	return ticket->error;
}

void rudpmsg_hub_connect_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int error)
{
	if (conn->link || conn->was_ready || conn->is_restored || conn->outbox.count > 0)
		return;
	rudpmsg_conn_forget(hub, conn, error);
}

void rudpmsg_hub_connect_forget(struct rudpmsg_hub *hub, uint64_t number)
{
	struct ticket *ticket = ticket_find(hub, number);

	if (!ticket)
		return;
	if (ticket->link) {
		ticket->is_forgotten = true; /* the attempt continues, and may succeed */
		return;
	}
	ticket_free(hub, ticket);
}

void rudpmsg_hub_on_dialed(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			   int64_t now_at_ns)
{
	uint8_t *room;

	if (link->state != LINK_DIALING)
		return; /* given up meanwhile */
	if (error) {
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_NONE, error, now_at_ns);
		return;
	}
	if (link->conn) {
		rudpmsg_link_greet(hub, link, now_at_ns);
		return;
	}
	room = rudpmsg_link_control_room(link, RUDPMSG_FRAME_HEAD_BYTES);
	rudpmsg_link_enter(hub, link, LINK_ASKING, now_at_ns + hub->config.handshake_timeout_ns);
	rudpmsg_link_control_commit(hub, link, rudpmsg_who_write(room));
}
