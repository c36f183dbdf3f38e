/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_handshake.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"

struct rudp_endpoint *rudp_endpoint_new(const struct rudp_endpoint_config *config,
					int64_t now_at_ns)
{
	struct rudp_endpoint *ep = calloc(1, sizeof *ep);

	if (!ep)
		return NULL;
	ep->config = *config;
	if (!ep->config.has_psk)
		memset(ep->config.psk, 0, sizeof ep->config.psk);
	ep->psks[0].id = ep->config.has_psk ? RUDP_PSK_ID_FIRST : 0;
	memcpy(ep->psks[0].bytes, ep->config.psk, sizeof ep->psks[0].bytes);
	ep->psk_count = 1;
	if (!ep->config.cc)
		ep->config.cc = &rudp_cc_bbr;
	if (!ep->config.suite)
		ep->config.suite = rudp_cipher_preferred() == RUDP_CIPHER_AES_256_GCM
					   ? RUDP_SUITE_AES_256_GCM
					   : RUDP_SUITE_CHACHA20_POLY1305;
	if (!ep->config.send_buffer_max_bytes)
		ep->config.send_buffer_max_bytes = RUDP_BUFFER_MAX_BYTES;
	if (!ep->config.receive_buffer_max_bytes)
		ep->config.receive_buffer_max_bytes = RUDP_BUFFER_MAX_BYTES;
	ep->budget.limit_bytes = config->memory_max_bytes ? config->memory_max_bytes : UINT64_MAX;
	if (!ep->config.half_open_cookie_count)
		ep->config.half_open_cookie_count = RUDP_HALF_OPEN_COOKIE_COUNT;
	if (!ep->config.half_open_max)
		ep->config.half_open_max = RUDP_HALF_OPEN_MAX;
	rudp_endpoint_random(ep, ep->cookie_secret, sizeof ep->cookie_secret);
	rudp_list_init(&ep->ready);
	rudp_list_init(&ep->events);
	rudp_list_init(&ep->free_list);
	rudp_list_init(&ep->unused_sockets);
	rudp_list_init(&ep->half_open);
	rudp_timer_wheel_init(&ep->wheel, now_at_ns);
	rudp_pool_init(&ep->conns, sizeof(struct rudp_conn));
	rudp_pool_init(&ep->syn_answers, sizeof(struct rudp_syn_answer));
	rudp_pool_init(&ep->conn_ids, sizeof(struct rudp_conn_ids));
	rudp_pool_init(&ep->other_ids, sizeof(struct rudp_other_id));
	rudp_pool_init(&ep->socket_pool, sizeof(struct rudp_endpoint_socket));
	rudp_associations_init(&ep->associations);
	rudp_host_cache_init(&ep->hosts);
	ep->answer_limit.second_at_ns = now_at_ns;
	return ep;
}

void rudp_endpoint_free(struct rudp_endpoint *ep)
{
	struct rudp_conn *conn, *next_conn;
	struct rudp_listener *listener, *next_listener;

	HASH_ITER(hh, ep->by_short_id, conn, next_conn)
		rudp_conn_free(conn);
	HASH_ITER(hh, ep->listeners, listener, next_listener) {
		HASH_DELETE(hh, ep->listeners, listener);
		free(listener);
	}
	while (rudp_endpoint_next_unused_socket(ep, &(bool){false}))
		;
	rudp_associations_clear(&ep->associations);
	rudp_host_cache_forget(&ep->hosts, NULL);
	rudp_pool_fini(&ep->conns);
	rudp_pool_fini(&ep->syn_answers);
	rudp_pool_fini(&ep->conn_ids);
	rudp_pool_fini(&ep->other_ids);
	rudp_pool_fini(&ep->socket_pool);
	rudp_x25519_fini(&ep->static_key);
	while (ep->spare_key_count > 0)
		rudp_x25519_fini(&ep->spare_keys[--ep->spare_key_count]);
	rudp_wipe(ep, sizeof *ep);
	free(ep);
}

void rudp_endpoint_random(struct rudp_endpoint *ep, void *out, size_t len)
{
	ep->config.random(ep->config.random_context, out, len);
}

static int make_key(struct rudp_endpoint *ep, struct rudp_x25519 *key)
{
	uint8_t private_key[RUDP_X25519_BYTES];
	int rc;

	rudp_endpoint_random(ep, private_key, sizeof private_key);
	rc = rudp_x25519_init(key, private_key);
	rudp_wipe(private_key, sizeof private_key);
	return rc;
}

int rudp_endpoint_take_key(struct rudp_endpoint *ep, struct rudp_x25519 *key)
{
	ep->spare_keys_wanted = true;
	if (ep->spare_key_count == 0)
		return make_key(ep, key);
	*key = ep->spare_keys[--ep->spare_key_count];
	ep->spare_keys[ep->spare_key_count] = (struct rudp_x25519){0};
	return 0;
}

bool rudp_endpoint_may_prepare(const struct rudp_endpoint *ep)
{
	return ep->spare_keys_wanted;
}

void rudp_endpoint_prepare(struct rudp_endpoint *ep)
{
	if (ep->spare_key_count < RUDP_SPARE_KEYS_MAX &&
	    make_key(ep, &ep->spare_keys[ep->spare_key_count]) == 0)
		ep->spare_key_count++;
	else
		ep->spare_keys_wanted = false;
}

void rudp_endpoint_set_resume(struct rudp_endpoint *ep, bool on)
{
	ep->config.resume_off = !on;
	if (on)
		return;
	rudp_associations_clear(&ep->associations);
	rudp_host_cache_forget(&ep->hosts, NULL);
}

void rudp_endpoint_set_tail(struct rudp_endpoint *ep, bool on)
{
	ep->config.tail_off = !on;
}

void rudp_endpoint_set_early(struct rudp_endpoint *ep, bool on)
{
	ep->config.early_off = !on;
}

void rudp_endpoint_touch(struct rudp_endpoint *ep, struct rudp_conn *conn)
{
	rudp_conn_charge(conn);
	if (!rudp_list_is_linked(&conn->ready_link))
		rudp_list_append(&ep->ready, &conn->ready_link);
}

struct rudp_conn *rudp_endpoint_add(struct rudp_endpoint *ep, void *socket,
				    const struct rudp_addr *local, const struct rudp_addr *remote,
				    const struct rudp_conn_options *options, int64_t now_at_ns)
{
	struct rudp_conn *conn = rudp_conn_new(ep, local, remote, options, now_at_ns);

	if (!conn)
		return NULL;
	conn->id = rudp_endpoint_new_id(ep, socket);
	conn->short_id = (uint32_t)conn->id;
	if (!RUDP_TABLE_ADD(hh, ep->by_short_id, short_id, conn)) {
		conn->id = 0; /* it is not in the table */
		rudp_conn_free(conn);
		return NULL;
	}
	ep->conn_count++;
	if (rudp_conn_use_socket(conn, socket) < 0) {
		rudp_conn_free(conn);
		return NULL;
	}
	return conn;
}

/* Removes a connection from every table, list and timer. */
void rudp_endpoint_forget(struct rudp_endpoint *ep, struct rudp_conn *conn)
{
	rudp_listener_forget(conn);
	(void)rudp_conn_use_socket(conn, NULL);
	rudp_conn_remember_path(conn, NULL);
	if (conn->syn_answer && conn->syn_answer->len > 0 &&
	    rudp_endpoint_find_syn(ep, &conn->syn_answer->key) == conn->syn_answer)
		HASH_DELETE(hh, ep->by_syn, conn->syn_answer);
	if (conn->has_peer_id)
		HASH_DELETE(hh_peer, ep->by_peer_id, conn);
	rudp_conn_ids_free(conn);
	if (ep->last_found == conn)
		ep->last_found = NULL;
	if (conn->id != 0) {
		HASH_DELETE(hh, ep->by_short_id, conn);
		ep->conn_count--;
	}
	rudp_list_remove(&conn->ready_link);
	rudp_list_remove(&conn->event_link);
	rudp_timer_cancel(&ep->wheel, &conn->timer);
}

struct rudp_conn *rudp_endpoint_connect(struct rudp_endpoint *ep, void *socket,
					const struct rudp_addr *local,
					const struct rudp_addr *remote, uint16_t target_port,
					const struct rudp_conn_options *options, int64_t now_at_ns,
					int *error)
{
	struct rudp_conn *conn;

	if (ep->conn_count >= RUDP_CONNECTIONS_MAX) {
		*error = -EMFILE;
		return NULL;
	}
	*error = -ENOMEM;
	conn = rudp_endpoint_add(ep, socket, local, remote, options, now_at_ns);
	if (!conn)
		return NULL;
	if (rudp_conn_handshake_begin(conn, target_port, now_at_ns) < 0) {
		rudp_conn_free(conn);
		return NULL;
	}
	*error = 0;
	rudp_endpoint_touch(ep, conn);
	return conn;
}

static enum rudp_verdict on_reset(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				  int64_t now_at_ns)
{
	struct rudp_conn *conn = rudp_endpoint_find_reset(ep, packet);

	if (!conn)
		return RUDP_VERDICT_BAD_RESET;
	/* The peer has already finished; only its last acknowledgement was lost. */
	if (conn->state == RUDP_STATE_LAST_ACK || conn->state == RUDP_STATE_CLOSING ||
	    conn->state == RUDP_STATE_TIME_WAIT || conn->state == RUDP_STATE_RESET_SENT ||
	    conn->user_closed)
		rudp_conn_die(conn, now_at_ns);
	else
		rudp_conn_fail(conn, rudp_reset_error(RUDP_RESET_STATELESS), now_at_ns);
	return RUDP_VERDICT_OK;
}

static enum rudp_verdict dispatch(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				  struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_conn *conn;

	if (packet->type == RUDP_PACKET_SYN)
		return rudp_endpoint_on_syn(ep, packet, datagram, now_at_ns);
	if (packet->type == RUDP_PACKET_RESET)
		return on_reset(ep, packet, now_at_ns);
	conn = rudp_endpoint_find_receiver(ep, packet);
	/*
	 * A dead connection only waits for its user; a deferred one must look unknown. Their peers
	 * get a RESET. A RESET needs the full id, which the peer sends when it gets no answer.
	 */
	if (!conn || conn->dead || conn->is_deferred) {
		if (!conn && rudp_endpoint_pass_on(ep, datagram, packet->id))
			return RUDP_VERDICT_PASSED_ON;
		if ((packet->type == RUDP_PACKET_DATA && !packet->is_short) ||
		    packet->type == RUDP_PACKET_SYNACK)
			rudp_endpoint_reset_unknown(ep, datagram, packet->id, now_at_ns);
		return RUDP_VERDICT_UNKNOWN_ID;
	}
	if (packet->type == RUDP_PACKET_DATA)
		return rudp_conn_on_data(conn, packet, datagram, now_at_ns);
	if (packet->type == RUDP_PACKET_SYNACK)
		return rudp_conn_on_synack(conn, packet, datagram->len, now_at_ns);
	if (packet->type == RUDP_PACKET_COOKIE)
		return rudp_conn_on_cookie(conn, packet);
	return rudp_conn_on_refuse(conn, packet, now_at_ns);
}

enum rudp_verdict rudp_endpoint_on_datagram(struct rudp_endpoint *ep,
					    struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_packet packet;
	enum rudp_verdict verdict = rudp_packet_parse(datagram->data, datagram->len, &packet);

	if (verdict == RUDP_VERDICT_OK)
		verdict = dispatch(ep, &packet, datagram, now_at_ns);
	else if (rudp_syn_is_of_another_version(verdict, &packet, datagram->len))
		rudp_endpoint_refuse(ep, datagram, packet.id, RUDP_REFUSAL_VERSION, now_at_ns);
	ep->verdicts.count[verdict]++;
	return verdict;
}

static void reap(struct rudp_endpoint *ep)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&ep->free_list)))
		rudp_conn_free(RUDP_LIST_OWNER(link, struct rudp_conn, ready_link));
}

/* The connection has nothing to send now: arms its timer. */
static void settle(struct rudp_endpoint *ep, struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t deadline = rudp_conn_deadline_ns(conn, now_at_ns);

	rudp_conn_charge(conn);
	if (conn->dead) {
		rudp_timer_cancel(&ep->wheel, &conn->timer);
		if (conn->user_closed)
			rudp_list_append(&ep->free_list, &conn->ready_link);
		return;
	}
	if (!rudp_timer_is_armed(&conn->timer) || conn->timer.deadline_at_ns != deadline)
		rudp_timer_arm(&ep->wheel, &conn->timer, deadline);
}

bool rudp_endpoint_transmit(struct rudp_endpoint *ep, struct rudp_train *train, int64_t now_at_ns)
{
	unsigned turns = 0;
	struct rudp_list *link;
	struct rudp_conn *conn;

	reap(ep);
	if (rudp_endpoint_transmit_answer(ep, train))
		return true;
	while (rudp_endpoint_work_turn(ep, &turns, now_at_ns) &&
	       (link = rudp_list_pop(&ep->ready))) {
		conn = RUDP_LIST_OWNER(link, struct rudp_conn, ready_link);
		if (!conn->dead && conn->path.socket &&
		    rudp_conn_transmit(conn, train, now_at_ns)) {
			rudp_endpoint_touch(ep, conn); /* to the end of the ready list */
			return true;
		}
		if (rudp_conn_has_work(conn))
			rudp_endpoint_touch(ep, conn);
		else
			settle(ep, conn, now_at_ns);
	}
	reap(ep);
	return false;
}

int64_t rudp_endpoint_deadline_ns(const struct rudp_endpoint *ep)
{
	if (!rudp_list_is_empty(&ep->ready) || ep->answer_count > 0)
		return 0;
	return rudp_time_min(rudp_timer_wheel_next_at_ns(&ep->wheel),
			     rudp_associations_deadline_ns(&ep->associations));
}

void rudp_endpoint_on_time(struct rudp_endpoint *ep, int64_t now_at_ns)
{
	struct rudp_timer *timer;

	rudp_associations_on_time(&ep->associations, now_at_ns);
	for (int i = 0; i < RUDP_TIMERS_PER_PASS; i++) {
		timer = rudp_timer_wheel_pop(&ep->wheel, now_at_ns);
		if (!timer)
			return;
		rudp_conn_on_time(
			(struct rudp_conn *)((char *)timer - offsetof(struct rudp_conn, timer)),
			now_at_ns);
	}
}

struct rudp_conn *rudp_endpoint_next_event(struct rudp_endpoint *ep)
{
	return RUDP_LIST_POP(&ep->events, struct rudp_conn, event_link);
}

uint64_t rudp_endpoint_rest_count(const struct rudp_endpoint *ep)
{
	return ep->rest_count;
}

uint64_t rudp_endpoint_free_count(const struct rudp_endpoint *ep)
{
	return ep->free_count;
}

const struct rudp_budget *rudp_endpoint_budget(const struct rudp_endpoint *ep)
{
	return &ep->budget;
}

void rudp_endpoint_charge(struct rudp_endpoint *ep, int64_t bytes)
{
	ep->owner_bytes += (uint64_t)bytes;
	ep->budget.used_bytes += (uint64_t)bytes;
}

unsigned rudp_endpoint_conn_count(const struct rudp_endpoint *ep)
{
	return ep->conn_count;
}

bool rudp_endpoint_owes(const struct rudp_endpoint *ep)
{
	struct rudp_conn *conn, *next;

	HASH_ITER(hh, ep->by_short_id, conn, next)
		if (rudp_conn_owes(conn))
			return true;
	return false;
}

void rudp_endpoint_end(struct rudp_endpoint *ep, int64_t now_at_ns)
{
	struct rudp_conn *conn, *next;

	HASH_ITER(hh, ep->by_short_id, conn, next)
		rudp_conn_die(conn, now_at_ns);
}

void rudp_endpoint_visit(struct rudp_endpoint *ep,
			 bool (*visit)(void *context, struct rudp_conn *conn), void *context)
{
	struct rudp_conn *conn, *next;

	HASH_ITER(hh, ep->by_short_id, conn, next)
		if (!visit(context, conn))
			return;
}

struct rudp_conn *rudp_endpoint_find(const struct rudp_endpoint *ep, uint64_t id)
{
	struct rudp_conn *conn = rudp_endpoint_find_short(ep, (uint32_t)id);

	return conn && conn->id == id ? conn : NULL;
}

const struct rudp_verdict_counts *rudp_endpoint_verdicts(const struct rudp_endpoint *ep)
{
	return &ep->verdicts;
}
