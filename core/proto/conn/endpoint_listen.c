/* SPDX-License-Identifier: MIT */
/* LISTEN: turns SYNs into connections, one per attempt. docs/protocol.md section 6. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"

static void key_init(struct rudp_listener_key *key, const void *socket, uint16_t target_port)
{
	key->socket = (uint64_t)(uintptr_t)socket;
	key->port = target_port;
}

static struct rudp_listener *find_listener(struct rudp_endpoint *ep, const void *socket,
					   uint16_t target_port)
{
	struct rudp_listener_key key;

	key_init(&key, socket, target_port);
	return RUDP_TABLE_FIND(hh, ep->listeners, &key);
}

struct rudp_listener *rudp_endpoint_listen(struct rudp_endpoint *ep, void *socket,
					   uint16_t target_port, unsigned backlog, void *user,
					   const struct rudp_conn_options *options)
{
	struct rudp_listener *listener;

	if (find_listener(ep, socket, target_port))
		return NULL;
	listener = calloc(1, sizeof *listener);
	if (!listener)
		return NULL;
	key_init(&listener->key, socket, target_port);
	listener->ep = ep;
	listener->user = user;
	listener->backlog = backlog;
	if (options)
		listener->options = *options;
	rudp_list_init(&listener->established);
	if (!RUDP_TABLE_ADD(hh, ep->listeners, key, listener)) {
		free(listener);
		return NULL;
	}
	return listener;
}

void *rudp_listener_user(const struct rudp_listener *listener)
{
	return listener->user;
}

void rudp_listener_set_backlog(struct rudp_listener *listener, unsigned backlog)
{
	listener->backlog = backlog;
}

void rudp_listener_set_options(struct rudp_listener *listener,
			       const struct rudp_conn_options *options)
{
	listener->options = *options;
}

void rudp_listener_set_early(struct rudp_listener *listener, unsigned count)
{
	listener->early_max = count;
}

unsigned rudp_listener_queued(const struct rudp_listener *listener)
{
	return listener->queued;
}

struct rudp_conn *rudp_listener_accept(struct rudp_listener *listener)
{
	struct rudp_list *link = rudp_list_pop(&listener->established);
	struct rudp_conn *conn;

	if (!link)
		return NULL;
	listener->queued--;
	conn = RUDP_LIST_OWNER(link, struct rudp_conn, queue_link);
	conn->in_queue = false;
	conn->listener = NULL;
	return conn;
}

static void count_half_open(struct rudp_endpoint *ep, const struct rudp_conn *conn)
{
	ep->half_open_count++;
	rudp_syn_shares_add(&ep->syn_shares, &conn->first_remote);
}

static void uncount_half_open(struct rudp_endpoint *ep, const struct rudp_conn *conn)
{
	ep->half_open_count--;
	rudp_syn_shares_remove(&ep->syn_shares, &conn->first_remote);
}

/*
 * Moves a connection from the half-open list to the established queue: it is ESTABLISHED, or it has
 * early data.
 */
void rudp_listener_on_established(struct rudp_listener *listener, struct rudp_conn *conn)
{
	rudp_list_remove(&conn->queue_link);
	uncount_half_open(listener->ep, conn);
	rudp_list_append(&listener->established, &conn->queue_link);
	listener->queued++;
	conn->in_queue = true;
}

/* Early data has arrived: the program can accept and read before the handshake is complete. */
static void on_early(struct rudp_listener *listener, struct rudp_conn *conn)
{
	conn->is_early = true;
	listener->ep->early_count++;
	rudp_listener_on_established(listener, conn);
	rudp_conn_raise(conn, RUDP_EVENT_ESTABLISHED | RUDP_EVENT_READABLE | RUDP_EVENT_WRITABLE);
}

/* Removes a connection from its listener's lists. It has no user then. */
void rudp_listener_forget(struct rudp_conn *conn)
{
	struct rudp_listener *listener = conn->listener;

	if (!listener)
		return;
	rudp_list_remove(&conn->queue_link);
	if (conn->in_queue)
		listener->queued--;
	else
		uncount_half_open(listener->ep, conn);
	conn->in_queue = false;
	conn->listener = NULL;
	/* It was never accepted, so no user will close it. */
	conn->user_closed = true;
	conn->events = 0;
	rudp_list_remove(&conn->event_link);
}

static void reset_all(struct rudp_list *head, const struct rudp_listener *listener,
		      int64_t now_at_ns)
{
	RUDP_LIST_EACH_SAFE(struct rudp_conn, conn, head, queue_link) {
		if (conn->listener != listener)
			continue;
		rudp_conn_reset(conn, RUDP_RESET_APPLICATION, now_at_ns);
		if (conn->listener) /* it was already closing for another reason */
			rudp_listener_forget(conn);
	}
}

void rudp_listener_close(struct rudp_listener *listener, int64_t now_at_ns)
{
	reset_all(&listener->ep->half_open, listener, now_at_ns);
	reset_all(&listener->established, listener, now_at_ns);
	HASH_DELETE(hh, listener->ep->listeners, listener);
	free(listener);
}

struct rudp_syn_answer *rudp_endpoint_find_syn(struct rudp_endpoint *ep,
					       const struct rudp_syn_key *key)
{
	return RUDP_TABLE_FIND(hh, ep->by_syn, key);
}

static bool needs_cookie(struct rudp_endpoint *ep, const struct rudp_packet *packet,
			 const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	if (ep->half_open_count < ep->config.half_open_cookie_count)
		return false;
	return !rudp_cookie_check(ep->cookie_secret, &datagram->remote, packet->id, now_at_ns,
				  packet->cookie, packet->cookie_bytes);
}

static void log_mismatch(const struct rudp_endpoint *ep, const struct rudp_datagram *datagram,
			 uint16_t port)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	rudp_log(
		RUDP_LOG_ERROR,
		"refused %s on port %u: the pre-shared keys differ (this side has %s; set the same "
		"RUDP_KEY_FILE on both sides)",
		rudp_addr_format(&datagram->remote, remote), port,
		ep->config.has_psk ? "a key" : "no key");
}

static bool may_take_early(const struct rudp_endpoint *ep, const struct rudp_listener *listener)
{
	return !ep->config.early_off && ep->early_count < listener->early_max;
}

static enum rudp_verdict admit(struct rudp_endpoint *ep, struct rudp_listener *listener,
			       const struct rudp_packet *packet,
			       const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_conn *conn =
		rudp_endpoint_add(ep, datagram->socket, &datagram->local, &datagram->remote,
				  &listener->options, now_at_ns);
	enum rudp_verdict verdict;
	int rc;

	if (!conn)
		return RUDP_VERDICT_NO_MEMORY;
	verdict = rudp_conn_handshake_answer(conn, listener, packet, may_take_early(ep, listener),
					     now_at_ns);
	if (verdict != RUDP_VERDICT_OK) {
		rudp_conn_free(conn);
		return verdict;
	}
	rc = RUDP_TABLE_ADD(hh, ep->by_syn, key, conn->syn_answer)
		     ? rudp_endpoint_know_peer_id(ep, conn, now_at_ns)
		     : -ENOMEM;
	if (rc < 0) {
		rudp_conn_free(conn);
		return rc == -EEXIST ? RUDP_VERDICT_EARLY_TAKEN : RUDP_VERDICT_NO_MEMORY;
	}
	rudp_path_on_received(&conn->path, datagram->len);
	conn->listener = listener;
	rudp_list_append(&ep->half_open, &conn->queue_link);
	count_half_open(ep, conn);
	if (packet->flags & RUDP_SYN_RESUME)
		rudp_endpoint_on_resumed(ep, packet, now_at_ns);
	if (conn->early_bytes > 0) {
		rudp_conn_trust(conn, now_at_ns);
		on_early(listener, conn);
	}
	rudp_endpoint_touch(ep, conn);
	return RUDP_VERDICT_OK;
}

/*
 * Evicts one of the oldest half-open connections, if its network has far more of them than from's.
 */
static bool make_room_by_weight(struct rudp_endpoint *ep, const struct rudp_addr *from,
				int64_t now_at_ns)
{
	struct rudp_list *link = ep->half_open.next;

	for (unsigned i = 0; i < RUDP_HALF_OPEN_WEIGH_MAX && link != &ep->half_open; i++) {
		struct rudp_conn *conn = RUDP_LIST_OWNER(link, struct rudp_conn, queue_link);

		if (rudp_syn_shares_outweighs(&ep->syn_shares, &conn->first_remote, from)) {
			rudp_conn_die(conn, now_at_ns);
			return true;
		}
		link = link->next;
	}
	return false;
}

/*
 * A peer that answers does so within a few round trips, so an old half-open connection can be
 * evicted. Otherwise one host could block all others for the duration of a handshake time-out, and
 * an attack on one listener would block all listeners.
 */
static bool make_room(struct rudp_endpoint *ep, const struct rudp_addr *from, int64_t now_at_ns)
{
	struct rudp_conn *oldest;

	if (ep->half_open_count < ep->config.half_open_max)
		return true;
	if (rudp_list_is_empty(&ep->half_open))
		return false;
	oldest = RUDP_LIST_OWNER(ep->half_open.next, struct rudp_conn, queue_link);
	if (now_at_ns - oldest->opened_at_ns < RUDP_HALF_OPEN_FAIR_NS)
		return make_room_by_weight(ep, from, now_at_ns);
	rudp_conn_die(oldest, now_at_ns);
	return true;
}

/*
 * Evicts one of the oldest half-open connections of the network that has reached its share. Hosts
 * of other networks need not wait.
 */
static bool make_room_in(struct rudp_endpoint *ep, int length, const struct rudp_addr *from,
			 int64_t now_at_ns)
{
	struct rudp_list *link = ep->half_open.next;

	for (unsigned i = 0; i < RUDP_HALF_OPEN_SEARCH_MAX && link != &ep->half_open; i++) {
		struct rudp_conn *conn = RUDP_LIST_OWNER(link, struct rudp_conn, queue_link);

		if (now_at_ns - conn->opened_at_ns < RUDP_HALF_OPEN_FAIR_NS)
			return false;
		if (rudp_syn_shares_same(length, &conn->first_remote, from)) {
			rudp_conn_die(conn, now_at_ns);
			return true;
		}
		link = link->next;
	}
	return false;
}

/* Shares apply only when cookies are required: before, source addresses are not validated. */
static bool has_share(struct rudp_endpoint *ep, const struct rudp_addr *from, int64_t now_at_ns)
{
	unsigned free_count = ep->config.half_open_max - ep->half_open_count;
	int length;

	if (ep->half_open_count < ep->config.half_open_cookie_count)
		return true;
	length = rudp_syn_shares_full(&ep->syn_shares, from, free_count);
	return length < 0 || make_room_in(ep, length, from, now_at_ns);
}

/*
 * A resumed SYN that cannot be accepted is refused, and its sender starts a full handshake. This
 * includes a replayed counter: the connection that first used the counter may be gone without its
 * initiator's knowledge.
 */
static enum rudp_verdict admit_resumed(struct rudp_endpoint *ep, struct rudp_listener *listener,
				       const struct rudp_packet *packet,
				       const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	enum rudp_verdict verdict = rudp_endpoint_check_resumed(ep, packet, now_at_ns);
	struct rudp_conn *conn = RUDP_TABLE_FIND(hh_peer, ep->by_peer_id, &packet->id);

	if (conn && rudp_addr_equal(&conn->first_remote, &datagram->remote))
		/* it is late: its initiator has already started a full handshake */
		return RUDP_VERDICT_DUPLICATE_SYN;
	if (verdict == RUDP_VERDICT_OK)
		verdict = admit(ep, listener, packet, datagram, now_at_ns);
	if (verdict == RUDP_VERDICT_NOT_AUTHORIZED)
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_NOT_AUTHORIZED,
				     now_at_ns);
	if (verdict == RUDP_VERDICT_NO_ASSOCIATION || verdict == RUDP_VERDICT_REPLAYED_SYN ||
	    verdict == RUDP_VERDICT_AUTH_FAILED)
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_RESUME, now_at_ns);
	return verdict;
}

/*
 * The initiator accepted a REFUSE (which is not authenticated) for a SYN whose early data the
 * program already has. Accepting this second SYN would deliver the same bytes twice, and the
 * initiator no longer answers on the first connection. So both attempts end.
 */
static void refuse_second_attempt(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				  const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_conn *conn = RUDP_TABLE_FIND(hh_peer, ep->by_peer_id, &packet->id);

	rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_EARLY_TAKEN, now_at_ns);
	if (conn && conn->is_early)
		rudp_conn_fail(conn, ECONNRESET, now_at_ns);
}

static enum rudp_verdict on_new_syn(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				    const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_listener *listener = find_listener(ep, datagram->socket, packet->target_port);
	enum rudp_verdict verdict;

	if (!listener) {
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_PORT_CLOSED, now_at_ns);
		return RUDP_VERDICT_NO_LISTENER;
	}
	if (needs_cookie(ep, packet, datagram, now_at_ns)) {
		rudp_endpoint_ask_cookie(ep, datagram, packet->id, now_at_ns);
		return RUDP_VERDICT_BAD_COOKIE;
	}
	if (listener->queued > listener->backlog || ep->conn_count >= RUDP_CONNECTIONS_MAX ||
	    !make_room(ep, &datagram->remote, now_at_ns))
		return RUDP_VERDICT_TOO_MANY;
	if (!has_share(ep, &datagram->remote, now_at_ns))
		return RUDP_VERDICT_SHARE_FULL;
	if (packet->flags & RUDP_SYN_RESUME)
		return admit_resumed(ep, listener, packet, datagram, now_at_ns);
	verdict = admit(ep, listener, packet, datagram, now_at_ns);
	if (verdict == RUDP_VERDICT_OTHER_KEY)
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_OTHER_KEY, now_at_ns);
	if (verdict == RUDP_VERDICT_NOT_AUTHORIZED)
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_NOT_AUTHORIZED,
				     now_at_ns);
	if (verdict == RUDP_VERDICT_EARLY_TAKEN)
		refuse_second_attempt(ep, packet, datagram, now_at_ns);
	if (verdict == RUDP_VERDICT_KEY_MISMATCH) {
		rudp_endpoint_refuse(ep, datagram, packet->id, RUDP_REFUSAL_KEY_MISMATCH,
				     now_at_ns);
		if (rudp_log_ratelimit_allows(&ep->ratelimit, now_at_ns))
			log_mismatch(ep, datagram, packet->target_port);
	}
	return verdict;
}

enum rudp_verdict rudp_endpoint_on_syn(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				       const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_syn_answer *answer;
	struct rudp_syn_key key;

	/* A damaged SYN must not be reported as a wrong key or a closed port. */
	if (!rudp_syn_check(datagram->data, datagram->len))
		return RUDP_VERDICT_AUTH_FAILED;
	rudp_syn_key_of(packet, &key);
	answer = rudp_endpoint_find_syn(ep, &key);
	if (!answer)
		return on_new_syn(ep, packet, datagram, now_at_ns);
	if (!rudp_addr_equal(&answer->remote, &datagram->remote)) {
		answer->sent_elsewhere = true;
		rudp_conn_distrust(answer->conn);
	}
	rudp_endpoint_answer(ep, datagram, answer->synack, answer->len);
	return RUDP_VERDICT_DUPLICATE_SYN;
}
