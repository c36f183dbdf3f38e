/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

#define BIT(state) (1u << RUDP_STATE_##state)

#define STATE_ONE(name) +1
enum { STATE_COUNT = 0 RUDP_STATES(STATE_ONE) };
#undef STATE_ONE

static const uint16_t may_follow[STATE_COUNT] = {
	[RUDP_STATE_CLOSED] = BIT(SYN_SENT) | BIT(SYN_RCVD),
	[RUDP_STATE_LISTEN] = BIT(CLOSED),
	[RUDP_STATE_SYN_SENT] = BIT(ESTABLISHED) | BIT(CLOSED),
	[RUDP_STATE_SYN_RCVD] = BIT(ESTABLISHED) | BIT(RESET_SENT) | BIT(TIME_WAIT) | BIT(CLOSED),
	[RUDP_STATE_ESTABLISHED] =
		BIT(FIN_WAIT_1) | BIT(CLOSE_WAIT) | BIT(RESET_SENT) | BIT(TIME_WAIT) | BIT(CLOSED),
	[RUDP_STATE_FIN_WAIT_1] =
		BIT(FIN_WAIT_2) | BIT(CLOSING) | BIT(RESET_SENT) | BIT(TIME_WAIT) | BIT(CLOSED),
	[RUDP_STATE_FIN_WAIT_2] = BIT(TIME_WAIT) | BIT(RESET_SENT) | BIT(CLOSED),
	[RUDP_STATE_CLOSE_WAIT] = BIT(LAST_ACK) | BIT(RESET_SENT) | BIT(TIME_WAIT) | BIT(CLOSED),
	[RUDP_STATE_CLOSING] = BIT(TIME_WAIT) | BIT(RESET_SENT) | BIT(CLOSED),
	[RUDP_STATE_LAST_ACK] = BIT(RESET_SENT) | BIT(TIME_WAIT) | BIT(CLOSED),
	[RUDP_STATE_TIME_WAIT] = BIT(CLOSED),
	[RUDP_STATE_RESET_SENT] = BIT(TIME_WAIT) | BIT(CLOSED),
};

const char *rudp_state_name(enum rudp_state state)
{
#define STATE_TEXT(name) #name,
	static const char *const names[STATE_COUNT] = {RUDP_STATES(STATE_TEXT)};
#undef STATE_TEXT

	return names[state];
}

bool rudp_state_is_established(enum rudp_state state)
{
	return state >= RUDP_STATE_ESTABLISHED && state <= RUDP_STATE_LAST_ACK;
}

/* With early data the listener may answer in SYN_RCVD already. */
bool rudp_conn_may_send(const struct rudp_conn *conn)
{
	return rudp_state_is_established(conn->state) || conn->is_early;
}

int rudp_reset_error(uint64_t reason)
{
#define RESET_CASE(name, value, error)                                                             \
	case value:                                                                                \
		return error;
	switch (reason) {
		RUDP_RESET_REASONS(RESET_CASE)
	}
#undef RESET_CASE
	return ECONNRESET;
}

/* The only function that changes the state. */
void rudp_conn_enter(struct rudp_conn *conn, enum rudp_state next)
{
	enum rudp_state from = conn->state;

	assert(may_follow[from] & (1u << next));
	conn->state = next;
	if (conn->is_early) { /* the address is validated, or the connection is over */
		conn->is_early = false;
		conn->ep->early_count--;
	}
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_state(conn, from, next);
}

void rudp_conn_raise(struct rudp_conn *conn, unsigned events)
{
	if (conn->user_closed)
		return;
	conn->events |= events;
	if (rudp_conn_identity_is_awaited(conn))
		return;
	if (!rudp_list_is_linked(&conn->event_link))
		rudp_list_append(&conn->ep->events, &conn->event_link);
}

struct rudp_conn *rudp_conn_new(struct rudp_endpoint *ep, const struct rudp_addr *local,
				const struct rudp_addr *remote,
				const struct rudp_conn_options *options, int64_t now_at_ns)
{
	struct rudp_conn *conn = rudp_pool_take(&ep->conns);
	struct rudp_reliability_owner owner = {conn, rudp_conn_on_answered, rudp_conn_on_lost,
					       rudp_conn_work_may_go_on};

	if (!conn)
		return NULL;
	if (rudp_reliability_init(&conn->reliability, &owner) < 0) {
		rudp_pool_give(&ep->conns, conn);
		return NULL;
	}
	conn->ep = ep;
	conn->first_local = *local;
	conn->first_remote = *remote;
	rudp_path_init(&conn->path, NULL, local, remote, false);
	rudp_conn_mtu_init(conn);
	if (options)
		conn->options = *options;
	rudp_replay_init(&conn->replay);
	rudp_rtt_init(&conn->rtt, rudp_host_cache_rtt_ns(&ep->hosts, remote, now_at_ns));
	rudp_acks_init(&conn->acks);
	rudp_cc_init(&conn->cc, conn->options.cc ? conn->options.cc : ep->config.cc,
		     conn->path.datagram_bytes, now_at_ns);
	rudp_pacer_init(&conn->pacer, now_at_ns);
	rudp_ecn_init(&conn->ecn);
	rudp_tail_init(&conn->tail, ep->config.tail_off, now_at_ns);
	rudp_conn_fec_init(conn, now_at_ns);
	conn->known.noted_at_ns = now_at_ns;
	rudp_sendbuf_init(&conn->sendbuf, ep->config.send_buffer_max_bytes);
	rudp_recvbuf_init(&conn->recvbuf, ep->config.receive_buffer_max_bytes, &ep->budget);
	conn->send_limit_bytes = RUDP_SEND_LIMIT_MIN_BYTES;
	if (conn->send_limit_bytes > ep->config.send_buffer_max_bytes)
		conn->send_limit_bytes = ep->config.send_buffer_max_bytes;
	conn->is_same_host = rudp_addr_is_loopback(remote) || rudp_addr_same_host(local, remote);
	rudp_conn_limit_buffers(conn);
	conn->blocked_sent = UINT64_MAX;
	conn->peer_ack_delay_ns = RUDP_ACK_DELAY_MAX_NS;
	conn->opened_at_ns = conn->progress_at_ns = conn->heard_at_ns = conn->keys_from_ns =
		now_at_ns;
	conn->exchange_from_ns = now_at_ns;
	conn->pinged_at_ns = now_at_ns;
	/* No data has arrived yet, so there is no reason to ping for more. */
	conn->quiet_pings = RUDP_QUIET_PINGS_MAX;
	conn->close_at_ns = conn->forget_keys_at_ns = conn->trim_at_ns = RUDP_NEVER;
	return conn;
}

static void drop_buffers(struct rudp_conn *conn)
{
	rudp_sendbuf_fini(&conn->sendbuf);
	rudp_recvbuf_fini(&conn->recvbuf);
	rudp_conn_fec_end(conn);
	rudp_sendbuf_init(&conn->sendbuf, conn->ep->config.send_buffer_max_bytes);
	rudp_recvbuf_init(&conn->recvbuf, conn->ep->config.receive_buffer_max_bytes,
			  &conn->ep->budget);
}

void rudp_conn_free(struct rudp_conn *conn)
{
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, RUDP_FACT_GONE);
	rudp_endpoint_forget(conn->ep, conn);
	rudp_conn_known_leave(conn);
	rudp_conn_flow_end(conn);
	rudp_handshake_free(conn->handshake);
	rudp_syn_answer_free(conn->ep, conn->syn_answer);
	if (conn->has_keys)
		rudp_keys_fini(&conn->keys);
	rudp_key_exchange_free(conn->exchange);
	rudp_identity_proof_free(conn->identity_proof);
	rudp_reliability_fini(&conn->reliability);
	rudp_conn_ack_drop(conn);
	rudp_acks_fini(&conn->acks);
	rudp_replay_fini(&conn->replay);
	rudp_sendbuf_fini(&conn->sendbuf);
	rudp_recvbuf_fini(&conn->recvbuf);
	rudp_fec_store_clear(&conn->fec_store);
	rudp_conn_uncharge(conn);
	conn->ep->free_count++;
	rudp_pool_give(&conn->ep->conns, conn);
}

void rudp_conn_die(struct rudp_conn *conn, int64_t now_at_ns)
{
	(void)now_at_ns;
	if (conn->dead)
		return;
	conn->dead = true;
	rudp_conn_fec_end(conn);
	rudp_conn_known_leave(conn);
	rudp_conn_flow_end(conn);
	if (conn->state != RUDP_STATE_CLOSED)
		rudp_conn_enter(conn, RUDP_STATE_CLOSED);
	rudp_listener_forget(conn);
	rudp_conn_raise(conn, RUDP_EVENT_DEAD);
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_fail(struct rudp_conn *conn, int error, int64_t now_at_ns)
{
	if (conn->dead)
		return;
	conn->error = error;
	rudp_conn_raise(conn, RUDP_EVENT_FAILED);
	rudp_conn_die(conn, now_at_ns);
}

void rudp_conn_on_authenticated(struct rudp_conn *conn, bool is_new, int64_t now_at_ns)
{
	rudp_conn_keep_offer(conn, now_at_ns);
	rudp_conn_prove_address(conn);
	if (conn->listener && is_new)
		rudp_listener_on_established(conn->listener, conn);
}

void rudp_conn_on_established(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool was_early = conn->is_early; /* the program has accepted it already */

	rudp_conn_enter(conn, RUDP_STATE_ESTABLISHED);
	conn->handshake_ns = now_at_ns - conn->opened_at_ns;
	if (conn->initiator || !conn->syn_answer->sent_elsewhere)
		conn->path.validated = true;
	else
		rudp_conn_path_validate(conn, now_at_ns);
	conn->progress_at_ns = now_at_ns;
	rudp_conn_fec_on_established(conn);
	rudp_conn_tail_on_established(conn, now_at_ns);
	rudp_conn_raise(conn, was_early ? RUDP_EVENT_WRITABLE
					: RUDP_EVENT_ESTABLISHED | RUDP_EVENT_WRITABLE);
	if (!conn->initiator && !rudp_conn_identity_is_awaited(conn))
		rudp_conn_on_authenticated(conn, !was_early, now_at_ns);
	if (conn->sendbuf.fin_wanted)
		rudp_conn_enter(conn, RUDP_STATE_FIN_WAIT_1);
}

/* Our FIN, and so every byte before it, is acknowledged. */
void rudp_conn_on_fin_acked(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_FIN_WAIT_1) {
		rudp_conn_enter(conn, RUDP_STATE_FIN_WAIT_2);
		if (conn->user_closed)
			conn->close_at_ns = now_at_ns + RUDP_FIN_TIMEOUT_NS;
	} else if (conn->state == RUDP_STATE_CLOSING) {
		rudp_conn_start_time_wait(conn, now_at_ns);
	} else if (conn->state == RUDP_STATE_LAST_ACK) {
		rudp_conn_die(conn, now_at_ns);
	}
}

/* All bytes of the peer and its FIN have arrived. */
void rudp_conn_on_peer_fin(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->peer_fin_reported)
		return;
	conn->peer_fin_reported = true;
	rudp_conn_raise(conn, RUDP_EVENT_PEER_FIN | RUDP_EVENT_READABLE);
	if (conn->state == RUDP_STATE_ESTABLISHED) {
		rudp_conn_enter(conn, RUDP_STATE_CLOSE_WAIT);
		rudp_acks_on_peer_fin(&conn->acks);
	} else if (conn->state == RUDP_STATE_FIN_WAIT_1)
		rudp_conn_enter(conn, RUDP_STATE_CLOSING);
	else if (conn->state == RUDP_STATE_FIN_WAIT_2)
		rudp_conn_start_time_wait(conn, now_at_ns);
}

/*
 * The peer has reset the connection. We keep its id for a while to acknowledge repeated RESETs.
 * Received bytes stay readable, as with TCP; unsent bytes are dropped.
 */
void rudp_conn_on_reset(struct rudp_conn *conn, uint64_t reason, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_TIME_WAIT || conn->state == RUDP_STATE_CLOSED)
		return;
	if (conn->state != RUDP_STATE_RESET_SENT) {
		conn->error = rudp_reset_error(reason);
		rudp_conn_raise(conn, RUDP_EVENT_FAILED);
	}
	rudp_listener_forget(conn);
	rudp_conn_fec_end(conn);
	rudp_conn_start_time_wait(conn, now_at_ns);
}

void rudp_conn_start_waiting(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (rudp_sendbuf_unacked(&conn->sendbuf) == 0)
		conn->progress_at_ns = now_at_ns;
}

void rudp_conn_shutdown_send(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->sendbuf.fin_wanted || conn->dead || conn->state >= RUDP_STATE_TIME_WAIT)
		return;
	rudp_conn_start_waiting(conn, now_at_ns);
	conn->sendbuf.fin_wanted = true;
	if (conn->state == RUDP_STATE_ESTABLISHED)
		rudp_conn_enter(conn, RUDP_STATE_FIN_WAIT_1);
	else if (conn->state == RUDP_STATE_CLOSE_WAIT)
		rudp_conn_enter(conn, RUDP_STATE_LAST_ACK);
	rudp_conn_handshake_release(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_shutdown_receive(struct rudp_conn *conn)
{
	rudp_recvbuf_discard(&conn->recvbuf);
	/* The peer sent BLOCKED long ago and now waits: only a new window makes it send again. */
	if (rudp_recvbuf_window_due(&conn->recvbuf))
		conn->window_due = true;
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_reset(struct rudp_conn *conn, enum rudp_reset_reason reason, int64_t now_at_ns)
{
	if (conn->dead || conn->state >= RUDP_STATE_TIME_WAIT)
		return;
	rudp_listener_forget(conn);
	/*
	 * Before our SYNACK was sent the peer could not decrypt a RESET: its next SYN is refused
	 * instead.
	 */
	if (!conn->has_keys || conn->reliability.next == 0) {
		rudp_conn_die(conn, now_at_ns);
		return;
	}
	rudp_conn_enter(conn, RUDP_STATE_RESET_SENT);
	drop_buffers(conn);
	conn->handshake_due = conn->window_due = conn->urgent_due = false;
	conn->reset_reason = reason;
	conn->reset_due = true;
	conn->close_at_ns = now_at_ns + RUDP_RESET_GIVE_UP_NS;
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_abandon(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_conn_die(conn, now_at_ns);
	rudp_conn_close(conn, now_at_ns);
}

/*
 * No listener has answered yet. But with early data the bytes may have reached the listener, and
 * the program was told that they are written: then the attempt continues.
 */
static bool is_attempt_only(const struct rudp_conn *conn)
{
	return conn->state == RUDP_STATE_SYN_SENT &&
	       !(conn->options.early && rudp_ring_used(&conn->sendbuf.ring) > 0);
}

/* The peer's program does not read: TCP would have reset at the close. */
static void wait_for_reader(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (rudp_conn_waits_for_reader(conn))
		conn->close_at_ns = rudp_time_min(conn->close_at_ns, now_at_ns + RUDP_NO_READER_NS);
	else
		conn->close_at_ns = conn->reset_by_ns;
}

void rudp_conn_reset_after_delivery(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (rudp_sendbuf_unacked(&conn->sendbuf) == 0 || conn->reliability.next == 0) {
		rudp_conn_reset(conn, RUDP_RESET_APPLICATION, now_at_ns);
		return;
	}
	if (conn->reset_by_ns == 0) {
		conn->reset_by_ns =
			rudp_time_min(conn->close_at_ns, now_at_ns + RUDP_FIN_TIMEOUT_NS);
		conn->ping_due = true; /* the peer acknowledges it at once, with the last bytes */
		if (!conn->sendbuf.fin_sent)
			conn->sendbuf.fin_wanted = false;
	}
	wait_for_reader(conn, now_at_ns);
}

void rudp_conn_orphan(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->orphan_at_ns > 0)
		return;
	conn->orphan_at_ns = now_at_ns;
	rudp_endpoint_touch(conn->ep, conn);
}

static void close_conn(struct rudp_conn *conn, bool unread, int64_t now_at_ns)
{
	if (conn->user_closed)
		return;
	rudp_conn_orphan(conn, now_at_ns);
	conn->user_closed = true;
	conn->user = NULL;
	conn->events = 0;
	rudp_list_remove(&conn->event_link);
	rudp_endpoint_touch(conn->ep, conn);
	if (conn->dead || conn->state >= RUDP_STATE_TIME_WAIT)
		return;
	if (is_attempt_only(conn) || !conn->path.socket)
		rudp_conn_die(conn, now_at_ns); /* no listener yet, or no socket to send from */
	else if (unread)
		rudp_conn_reset_after_delivery(conn, now_at_ns);
	else
		rudp_conn_shutdown_send(conn, now_at_ns);
	if (conn->state == RUDP_STATE_FIN_WAIT_2)
		conn->close_at_ns = now_at_ns + RUDP_FIN_TIMEOUT_NS;
}

void rudp_conn_close(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_recvbuf *in = &conn->recvbuf;

	close_conn(conn,
		   !in->discarding && (rudp_recvbuf_available(in) > 0 || in->pending.count > 0),
		   now_at_ns);
}

void rudp_conn_close_unread(struct rudp_conn *conn, int64_t now_at_ns)
{
	close_conn(conn, true, now_at_ns);
}

/* ICMP reports that the peer's port is closed. */
static void on_refused(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_host_cache_note_refusal(&conn->ep->hosts, &conn->path.remote, now_at_ns);
	if (conn->state == RUDP_STATE_TIME_WAIT || conn->state == RUDP_STATE_RESET_SENT) {
		rudp_conn_die(conn, now_at_ns);
		return;
	}
	switch (rudp_icmp_errors_on_refused(&conn->icmp_errors, rudp_rtt_pto_ns(&conn->rtt, 0),
					    now_at_ns)) {
	case RUDP_ICMP_ERRORS_ASK:
		conn->ping_due = true;
		conn->probes_due = 1;
		rudp_endpoint_touch(conn->ep, conn);
		break;
	case RUDP_ICMP_ERRORS_WAIT:
		break;
	case RUDP_ICMP_ERRORS_BELIEVE:
		rudp_conn_fail(conn, ECONNRESET, now_at_ns);
		break;
	}
}

/*
 * Ends a connection attempt, as with TCP. An established connection only records the error
 * (icmp_errors.h).
 */
void rudp_conn_on_icmp(struct rudp_conn *conn, int error, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_SYN_SENT) {
		rudp_conn_fail(conn, error, now_at_ns);
		return;
	}
	if (error != ECONNREFUSED)
		rudp_icmp_errors_on_unreachable(&conn->icmp_errors, error);
	else if (!conn->dead)
		on_refused(conn, now_at_ns);
}

void rudp_conn_on_unreachable(struct rudp_conn *conn, int error, int64_t now_at_ns)
{
	rudp_icmp_errors_on_unreachable(&conn->icmp_errors, error);
	if (conn->state == RUDP_STATE_SYN_SENT && conn->packets_sent <= 1)
		rudp_conn_fail(conn, error, now_at_ns);
}

uint8_t rudp_conn_refusal(const struct rudp_conn *conn)
{
	return conn->refusal;
}

int rudp_conn_timeout_error(const struct rudp_conn *conn)
{
	return rudp_icmp_errors_timeout_error(&conn->icmp_errors);
}
