/* SPDX-License-Identifier: MIT */
/* Acknowledged, lost and overdue packets: docs/protocol.md sections 9 to 11. */
#include <stdlib.h>

#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

struct rudp_ack_work {
	struct rudp_ack_pass pass;
	struct rudp_ack ack;
};

void rudp_conn_on_answered(void *context, uint64_t number, const struct rudp_sent *sent)
{
	struct rudp_conn *conn = context;

	rudp_conn_mtu_on_answered(conn, number, sent);
	if (sent->content & RUDP_CONTENT_ECT)
		rudp_ecn_on_answered(&conn->ecn);
	if (sent->content & RUDP_CONTENT_ACK)
		rudp_acks_on_acked(&conn->acks, sent->ack_largest);
	if (conn->state == RUDP_STATE_RESET_SENT)
		return; /* the buffers are freed */
	if (sent->content & RUDP_CONTENT_IDENTITY)
		rudp_conn_identity_on_acked(conn);
	if (sent->content & RUDP_CONTENT_SPARE_ID)
		rudp_conn_ids_on_acked(conn, number);
	if (sent->stream_bytes > 0 || (sent->content & RUDP_CONTENT_FIN))
		rudp_sendbuf_on_acked(&conn->sendbuf, sent->stream_start, sent->stream_bytes,
				      sent->content & RUDP_CONTENT_FIN);
}

void rudp_conn_on_lost(void *context, uint64_t number, const struct rudp_sent *sent)
{
	struct rudp_conn *conn = context;

	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_lost(conn, number, sent->size_bytes);
	rudp_conn_mtu_on_lost(conn, number, sent);
	if (sent->content & RUDP_CONTENT_ECT)
		rudp_ecn_on_lost(&conn->ecn);
	if (sent->content & RUDP_CONTENT_RESET)
		conn->reset_due = true;
	if (conn->state == RUDP_STATE_RESET_SENT)
		return;
	if (sent->stream_bytes > 0 || (sent->content & RUDP_CONTENT_FIN))
		rudp_sendbuf_on_lost(&conn->sendbuf, sent->stream_start, sent->stream_bytes,
				     sent->content & RUDP_CONTENT_FIN);
	if (sent->content & RUDP_CONTENT_WINDOW)
		conn->window_due = true;
	if (sent->content & RUDP_CONTENT_URGENT)
		conn->urgent_due = true;
	if (sent->content & RUDP_CONTENT_ARRIVED)
		conn->arrived_due = true;
	if ((sent->content & RUDP_CONTENT_KEY_SHARE) && conn->exchange)
		rudp_key_exchange_on_lost(conn->exchange);
	if (sent->content & RUDP_CONTENT_IDENTITY)
		rudp_conn_identity_on_lost(conn);
	if (sent->content & RUDP_CONTENT_SPARE_ID)
		rudp_conn_ids_on_lost(conn);
	if (sent->content & RUDP_CONTENT_BLOCKED)
		conn->blocked_sent = UINT64_MAX;
	if (sent->content & RUDP_CONTENT_HANDSHAKE)
		conn->handshake_due = true;
}

static void take_rate_sample(const struct rudp_conn *conn,
			     const struct rudp_reliability_result *result,
			     struct rudp_rate_sample *rate)
{
	const struct rudp_reliability *r = &conn->reliability;
	const struct rudp_sent_rate *then = &result->newest.rate;
	int64_t send_ns, ack_ns;

	*rate = (struct rudp_rate_sample){0};
	if (!result->has_sample)
		return;
	send_ns = result->newest.sent_at_ns - then->first_sent_at_ns;
	ack_ns = r->delivered_at_ns - then->delivered_at_ns;
	rate->interval_ns = rudp_time_max(send_ns, ack_ns);
	rate->lost_bytes = r->lost_bytes - then->lost_bytes;
	rate->inflight_at_send_bytes = then->inflight_bytes;
	rate->app_limited = then->app_limited;
	/* An interval shorter than the minimum RTT is a burst of ACKs, not a rate. */
	if (rate->interval_ns > 0 && rate->interval_ns >= conn->rtt.min_ns)
		rate->delivered_bytes = r->delivered_bytes - then->delivered_bytes;
}

static void report_loss(struct rudp_conn *conn, const struct rudp_reliability_result *result,
			int64_t now_at_ns)
{
	struct rudp_cc_loss loss = {
		.now_at_ns = now_at_ns,
		.lost_bytes = result->lost_bytes,
		.acked_bytes = result->answered_bytes,
		.lost_packets = result->lost_packets,
		.lost_runs = result->lost_runs,
		.largest_lost_number = result->lost_largest_number,
		.next_number = conn->reliability.next,
		.inflight_bytes = conn->reliability.bytes_in_flight,
		.rtt = &conn->rtt,
		.persistent_congestion = result->persistent_congestion,
	};

	if (result->lost_bytes == 0)
		return;
	conn->cc.ops->on_loss(&conn->cc, &loss);
	rudp_conn_known_on_lost(conn);
}

static void report_spurious(struct rudp_conn *conn, const struct rudp_reliability_result *result)
{
	struct rudp_cc_spurious spurious = {
		.bytes = result->spurious_bytes,
		.packets = result->spurious_packets,
		.largest_number = result->spurious_largest_number,
	};

	if (result->spurious_packets > 0)
		conn->cc.ops->on_spurious(&conn->cc, &spurious);
}

static void report_ack(struct rudp_conn *conn, const struct rudp_reliability_result *result,
		       int64_t now_at_ns)
{
	struct rudp_cc_ack ack = {
		.now_at_ns = now_at_ns,
		.acked_bytes = result->answered_bytes,
		.inflight_bytes = conn->reliability.bytes_in_flight,
		.inflight_before_bytes = result->inflight_before_bytes,
		.delivered_total_bytes = conn->reliability.delivered_bytes,
		.largest_acked_number = result->newest_number,
		.next_number = conn->reliability.next,
		.rtt = &conn->rtt,
		.has_rtt = result->has_rtt,
		.ecn_ce_new = conn->ecn.ce_new,
		.cwnd_limited = conn->cwnd_limited,
	};

	if (result->answered_bytes == 0)
		return;
	take_rate_sample(conn, result, &ack.rate);
	conn->cc.ops->on_ack(&conn->cc, &ack);
	rudp_conn_known_on_ack(conn, result->has_rtt, now_at_ns);
	rudp_conn_flow_on_ack(conn, now_at_ns);
	conn->ecn.ce_new = 0;
	conn->cwnd_limited = false;
}

/*
 * The faster the path, the more unsent bytes a program may have, as with TCP's send buffer tuning.
 */
void rudp_conn_grow_send_limit(struct rudp_conn *conn)
{
	uint64_t wanted = 2 * conn->cc.cwnd_bytes + RUDP_SEND_LIMIT_MIN_BYTES / 2;
	uint64_t max = conn->ep->config.send_buffer_max_bytes;

	if (wanted > max)
		wanted = max;
	if (wanted > conn->send_limit_bytes)
		conn->send_limit_bytes = wanted;
}

static void note_sent_all(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool fin_acked = conn->sendbuf.fin_acked;
	bool all;

	if (conn->reset_by_ns > 0) {
		rudp_conn_reset_after_delivery(conn, now_at_ns);
		return;
	}
	all = rudp_sendbuf_unacked(&conn->sendbuf) == 0 && (!conn->sendbuf.fin_wanted || fin_acked);
	if (!all)
		return;
	rudp_conn_rest_soon(conn, now_at_ns);
	rudp_conn_known_on_sent_all(conn, now_at_ns);
	rudp_conn_flow_leave(conn);
	rudp_conn_raise(conn, RUDP_EVENT_SENT_ALL);
	if (fin_acked && !conn->sent_all_noted) {
		conn->sent_all_noted = true;
		rudp_conn_on_fin_acked(conn, now_at_ns);
	}
}

enum rudp_verdict rudp_conn_on_arrived(struct rudp_conn *conn, uint64_t offset, int64_t now_at_ns)
{
	struct rudp_sendbuf *buf = &conn->sendbuf;
	size_t room = rudp_conn_send_room(conn);

	if (conn->state == RUDP_STATE_RESET_SENT)
		return RUDP_VERDICT_OK;
	if (offset > buf->reached)
		return RUDP_VERDICT_BAD_ACK;
	if (offset <= buf->ring.head)
		return RUDP_VERDICT_OK;
	rudp_sendbuf_on_acked(buf, buf->ring.head, (size_t)(offset - buf->ring.head), false);
	conn->progress_at_ns = now_at_ns;
	if (rudp_conn_send_room(conn) > room)
		rudp_conn_raise(conn, RUDP_EVENT_WRITABLE);
	note_sent_all(conn, now_at_ns);
	return RUDP_VERDICT_OK;
}

static void on_result(struct rudp_conn *conn, const struct rudp_reliability_result *result,
		      int64_t now_at_ns)
{
	if (result->answered_packets > 0)
		conn->progress_at_ns = now_at_ns;
	report_loss(conn, result, now_at_ns);
	report_spurious(conn, result);
	report_ack(conn, result, now_at_ns);
	rudp_conn_tail_on_result(conn, result, now_at_ns);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, RUDP_FACT_METRICS);
	if (conn->state == RUDP_STATE_RESET_SENT || conn->state == RUDP_STATE_CLOSED)
		return;
	rudp_conn_grow_send_limit(conn);
	if (rudp_budget_is_scarce(&conn->ep->budget))
		rudp_ring_shrink(&conn->sendbuf.ring);
	if (result->answered_packets > 0)
		note_sent_all(conn, now_at_ns);
}

/* The counts of marks are those of all packets that the ACK covers. */
static void on_marks(struct rudp_conn *conn, const struct rudp_ack *ack, int64_t now_at_ns)
{
	rudp_ecn_on_ack(&conn->ecn, ack);
	if (conn->ecn.ce_new > 0)
		rudp_tail_on_congestion(&conn->tail, &conn->rtt, now_at_ns);
}

static void raise_writable(struct rudp_conn *conn, size_t room_before)
{
	if (rudp_conn_send_room(conn) > room_before)
		rudp_conn_raise(conn, RUDP_EVENT_WRITABLE);
}

/* The whole ACK was processed, or another one follows. */
static void on_ack_done(struct rudp_conn *conn, const struct rudp_ack_pass *pass, int64_t now_at_ns)
{
	rudp_conn_prove_offer(conn, pass->ack->largest);
	on_result(conn, &pass->result, now_at_ns);
	/* Any ACK after our RESET acknowledges the RESET: nothing else is outstanding. */
	if (conn->state == RUDP_STATE_RESET_SENT && !conn->reset_due &&
	    conn->reliability.outstanding == 0)
		rudp_conn_die(conn, now_at_ns);
}

static bool step_on(struct rudp_conn *conn, struct rudp_ack_pass *pass, int64_t now_at_ns)
{
	if (!rudp_reliability_recv_step(&conn->reliability, &conn->rtt, pass,
					conn->peer_ack_delay_ns, now_at_ns))
		return false;
	on_marks(conn, pass->ack, now_at_ns);
	on_ack_done(conn, pass, now_at_ns);
	return true;
}

/* Leaves the rest of the ACK to a later one, which covers the same packets. */
static void end_pass(struct rudp_conn *conn, struct rudp_ack_pass *pass, int64_t now_at_ns)
{
	rudp_reliability_recv_end(&conn->reliability, &conn->rtt, pass, conn->peer_ack_delay_ns,
				  now_at_ns);
	on_ack_done(conn, pass, now_at_ns);
}

void rudp_conn_ack_drop(struct rudp_conn *conn)
{
	free(conn->ack_work);
	conn->ack_work = NULL;
}

void rudp_conn_ack_on_path_left(struct rudp_conn *conn)
{
	if (conn->ack_work)
		rudp_reliability_recv_forget(&conn->ack_work->pass);
}

static void keep_work(struct rudp_conn *conn, struct rudp_ack_pass *pass, int64_t now_at_ns)
{
	conn->ack_work = malloc(sizeof *conn->ack_work);
	if (!conn->ack_work) {
		end_pass(conn, pass, now_at_ns);
		return;
	}
	*conn->ack_work = (struct rudp_ack_work){*pass, *pass->ack};
	conn->ack_work->pass.ack = &conn->ack_work->ack;
}

enum rudp_verdict rudp_conn_on_ack(struct rudp_conn *conn, const struct rudp_ack *ack,
				   int64_t now_at_ns)
{
	size_t room = rudp_conn_send_room(conn);
	struct rudp_ack_pass pass;
	enum rudp_verdict verdict;

	/*
	 * This ACK was overtaken, so it is only checked. The one that is processed in turns covers
	 * its packets, too, unless the peer has dropped their ranges because it keeps too many.
	 */
	if (conn->ack_work && ack->largest < conn->ack_work->ack.largest)
		return rudp_reliability_recv_begin(&conn->reliability, ack, now_at_ns, &pass);
	if (conn->ack_work)
		end_pass(conn, &conn->ack_work->pass, now_at_ns);
	rudp_conn_ack_drop(conn);
	verdict = rudp_reliability_recv_begin(&conn->reliability, ack, now_at_ns, &pass);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	if (!step_on(conn, &pass, now_at_ns))
		keep_work(conn, &pass, now_at_ns);
	raise_writable(conn, room);
	return RUDP_VERDICT_OK;
}

void rudp_conn_ack_turn(struct rudp_conn *conn, int64_t now_at_ns)
{
	size_t room = rudp_conn_send_room(conn);

	rudp_conn_work_begin(conn);
	if (step_on(conn, &conn->ack_work->pass, now_at_ns))
		rudp_conn_ack_drop(conn);
	rudp_conn_work_end(conn, RUDP_WORK_FREE, now_at_ns);
	raise_writable(conn, room);
}

void rudp_conn_on_answer(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_reliability_result result;
	size_t room = rudp_conn_send_room(conn);

	rudp_reliability_recv_answer(&conn->reliability, &conn->rtt, 0, now_at_ns, &result);
	on_result(conn, &result, now_at_ns);
	raise_writable(conn, room);
}

/* Chooses ack-eliciting content for a probe: the data that the peer most likely lacks. */
static void prepare_probe(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_SYN_SENT || conn->state == RUDP_STATE_SYN_RCVD) {
		rudp_conn_handshake_repeat(conn, now_at_ns);
		if (conn->is_early)
			rudp_sendbuf_probe(&conn->sendbuf, RUDP_DATAGRAM_BASE_BYTES);
		if (conn->reliability.pto_count > RUDP_TRUST_TIMEOUTS)
			rudp_conn_distrust(conn);
		return;
	}
	if (conn->state == RUDP_STATE_RESET_SENT) {
		conn->reset_due = true;
		return;
	}
	rudp_sendbuf_probe(&conn->sendbuf, RUDP_DATAGRAM_BASE_BYTES);
	/* A peer that is short of memory may accept only the next bytes in order. */
	if (conn->reliability.pto_count > 1)
		rudp_sendbuf_probe_oldest(&conn->sendbuf, RUDP_DATAGRAM_BASE_BYTES);
	conn->ping_due = !rudp_sendbuf_has_due(&conn->sendbuf, conn->peer_window_end);
}

/*
 * Packets in flight were sent on the old path and are most likely lost. While they count as in
 * flight nothing new may be sent, so probe at once.
 */
void rudp_conn_on_path_taken(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->reliability.outstanding == 0 || conn->probes_due > 0)
		return;
	conn->reliability.pto_count = 0;
	conn->reliability.pto_from_ns = now_at_ns;
	conn->probes_due = RUDP_PROBES_PER_PTO;
	prepare_probe(conn, now_at_ns);
}

void rudp_conn_probe(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_reliability *r = &conn->reliability;

	if (conn->dead || r->outstanding == 0 || r->pto_count == 0 || conn->probes_due > 0 ||
	    now_at_ns - r->pto_from_ns < rudp_conn_pto_ns(conn))
		return;
	conn->probes_due = RUDP_PROBES_PER_PTO;
	prepare_probe(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_on_overdue(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_reliability_result result;
	unsigned probes = rudp_reliability_retransmit(&conn->reliability, &conn->rtt,
						      conn->peer_ack_delay_ns, now_at_ns, &result);

	report_loss(conn, &result, now_at_ns);
	rudp_conn_tail_on_result(conn, &result, now_at_ns);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, probes ? RUDP_FACT_PROBE_TIMEOUT : RUDP_FACT_METRICS);
	if (probes == 0)
		return;
	conn->probes_due = probes;
	prepare_probe(conn, now_at_ns);
}
