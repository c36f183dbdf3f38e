/* SPDX-License-Identifier: MIT */
/* Outgoing packets. A train is filled packet by packet, as far as path, pacer and peer allow. */
#include <errno.h>
#include <string.h>

#include "proto/cc/cc_pace.h"
#include "proto/conn/conn_gate.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_plan.h"
#include "proto/conn/endpoint_private.h"

/* Remaining send limits of this call. */
struct allowance {
	uint64_t pacer_bytes;
	uint64_t path_bytes;
};

/* Whether stream bytes may be sent now; also true for a probe. */
static bool may_send_data(struct rudp_conn *conn, const struct allowance *allowance)
{
	enum rudp_gate gate;

	if (conn->probes_due > 0)
		return true;
	gate = rudp_conn_gate_of_data(conn, allowance->pacer_bytes);
	if (gate == RUDP_GATE_WINDOW)
		conn->cwnd_limited = true;
	return gate == RUDP_GATE_OPEN;
}

/*
 * Repair symbols obey the same limits as new data. They are sent after acknowledgements, windows
 * and probes, each alone in a packet.
 */
static bool may_send_repair(struct rudp_conn *conn, const struct allowance *allowance,
			    size_t datagram_max, int64_t now_at_ns)
{
	if (rudp_conn_gate_of_repairs(conn, allowance->pacer_bytes) != RUDP_GATE_OPEN ||
	    conn->probes_due > 0 || datagram_max < conn->path.datagram_bytes ||
	    rudp_acks_is_due(&conn->acks, now_at_ns) || conn->window_due || conn->response_due ||
	    conn->path.challenge_at_ns <= now_at_ns)
		return false;
	return rudp_conn_fec_next(conn, now_at_ns);
}

uint64_t rudp_conn_pacing_bytes_per_s(const struct rudp_conn *conn)
{
	uint64_t rate = conn->cc.pacing_bytes_per_s;
	uint64_t max = conn->options.pacing_bytes_per_s_max;

	return max > 0 && (rate == 0 || rate > max) ? max : rate;
}

static uint64_t quantum_bytes(const struct rudp_conn *conn)
{
	uint64_t rate = rudp_conn_pacing_bytes_per_s(conn);

	if (rate == conn->cc.pacing_bytes_per_s)
		return conn->cc.send_quantum_bytes;
	return rudp_cc_quantum_bytes(rate, conn->rtt.min_ns, conn->cc.datagram_bytes);
}

static void record(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	struct rudp_sent *sent = &plan->sent;
	uint64_t number = conn->reliability.next;
	bool sparse = rudp_conn_is_sparse(conn);

	if (sent->stream_bytes > 0 || (sent->content & (unsigned)~RUDP_CONTENT_ACK)) {
		sent->expects = RUDP_EXPECTS_ACK;
		sent->in_flight = !(sent->content & RUDP_CONTENT_MTU_PROBE);
		if (conn->reliability.outstanding == 0)
			conn->progress_at_ns = plan->now_at_ns;
		if (conn->reliability.bytes_in_flight == 0 && sent->stream_bytes > 0)
			conn->cc.ops->on_idle_restart(&conn->cc, plan->now_at_ns);
	}
	if (conn->probes_due > 0 && sent->in_flight) {
		sent->content |= RUDP_CONTENT_PROBE;
		conn->probes_due--;
	}
	if (plan->has_ack)
		rudp_acks_on_sent(&conn->acks, plan->now_at_ns);
	/* A copy packet that also carries other content is treated as a normal packet. */
	if (sent->content & (unsigned)~(RUDP_CONTENT_COPY | RUDP_CONTENT_ACK | RUDP_CONTENT_FIN))
		sent->content &= (unsigned)~RUDP_CONTENT_COPY;
	if (conn->ecn.marking) {
		sent->content |= RUDP_CONTENT_ECT;
		rudp_ecn_on_sent(&conn->ecn);
	}
	rudp_reliability_send(&conn->reliability, sent);
	if (!sent->in_flight)
		return;
	if (sent->content & RUDP_CONTENT_REPAIR)
		rudp_conn_fec_on_sent(conn, number);
	if (sent->content & RUDP_CONTENT_COPY)
		rudp_conn_tail_on_copy_sent(conn, number, sent->stream_bytes);
	conn->cc.ops->on_sent(&conn->cc, number, sent->size_bytes,
			      conn->reliability.bytes_in_flight, plan->now_at_ns);
	/* Packets that were not paced do not delay later ones. */
	if (!sparse || rudp_pacer_release_at_ns(&conn->pacer) <= plan->now_at_ns)
		rudp_pacer_on_sent(&conn->pacer, rudp_conn_pacing_bytes_per_s(conn),
				   quantum_bytes(conn), sent->size_bytes, plan->now_at_ns);
}

/* No memory for the keys: the packet counts as sent and will be declared lost and sent again. */
static size_t count_as_lost(struct rudp_plan *plan)
{
	plan->sent.size_bytes =
		(uint32_t)(rudp_packet_data_overhead_bytes(plan->is_short) + plan->stream_bytes +
			   plan->repair_bytes + rudp_writer_len(&plan->head));
	record(plan);
	return 0;
}

/*
 * Every packet needs a record. Without one, whatever would be due again at every tick counts as
 * sent (and lost).
 */
static void count_due_as_lost(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_path *path = &conn->path;

	if (rudp_acks_is_due(&conn->acks, now_at_ns))
		rudp_acks_on_sent(&conn->acks, now_at_ns);
	if (path->challenge_at_ns <= now_at_ns && path->challenges < RUDP_PATH_CHALLENGES_MAX)
		rudp_path_on_challenge_sent(path, rudp_rtt_pto_ns(&conn->rtt, 0), now_at_ns);
}

static uint64_t next_skip_number(struct rudp_conn *conn)
{
	uint16_t random;

	rudp_endpoint_random(conn->ep, &random, sizeof random);
	return conn->reliability.next + RUDP_SKIP_AFTER_MIN + random % RUDP_SKIP_AFTER_SPAN;
}

/*
 * Skips a number. A receiver that acknowledges packets in advance, to get more than its share,
 * reveals itself by it.
 */
static void skip_number(struct rudp_conn *conn)
{
	uint64_t number = conn->reliability.next;

	if (number < RUDP_SKIP_AFTER_MIN || number < conn->skip_number)
		return;
	if (conn->skip_number > 0)
		rudp_reliability_skip(&conn->reliability);
	conn->skip_number = next_skip_number(conn);
}

/* No packet may be sent any more: there is neither a key nor a number for it. */
static bool is_spent(const struct rudp_conn *conn)
{
	return rudp_keys_is_spent(&conn->keys) || conn->reliability.next >= RUDP_VARINT_MAX;
}

/* Builds one packet at out. Returns its length, or 0 if nothing may or needs to be sent. */
static size_t build(struct rudp_conn *conn, uint8_t *out, struct allowance *allowance,
		    int64_t now_at_ns)
{
	struct rudp_plan plan;
	size_t max = conn->path.datagram_bytes;
	size_t len;

	/* If the path MTU has shrunk, only small packets can get through to reveal it. */
	if (conn->probes_due > 0 && max > RUDP_DATAGRAM_BASE_BYTES)
		max = RUDP_DATAGRAM_BASE_BYTES;
	if (max > allowance->path_bytes)
		max = (size_t)allowance->path_bytes;
	if (conn->reliability.capacity == 0 && !rudp_conn_has_anything_due(conn, now_at_ns))
		return 0;
	if (max < RUDP_PATH_PACKET_MIN_BYTES)
		return 0;
	skip_number(conn);
	if (!rudp_conn_may_record(conn)) {
		count_due_as_lost(conn, now_at_ns);
		return 0;
	}
	rudp_plan_init(&plan, conn, max, now_at_ns);
	if (may_send_repair(conn, allowance, max, now_at_ns))
		rudp_plan_fill_fec(&plan, max);
	else
		rudp_plan_fill(&plan, may_send_data(conn, allowance));
	if (rudp_writer_len(&plan.head) == 0 ||
	    (plan.sent.content == RUDP_CONTENT_ACK && plan.sent.stream_bytes == 0 &&
	     !plan.is_ack_only_due))
		return 0;
	if (is_spent(conn)) {
		rudp_conn_fail(conn, EPROTO, now_at_ns);
		return 0;
	}
	if (rudp_keys_wake_to_send(&conn->keys) < 0)
		return count_as_lost(&plan);
	len = rudp_plan_seal(&plan, out);
	record(&plan);
	if (plan.sent.in_flight)
		allowance->pacer_bytes -=
			len < allowance->pacer_bytes ? len : allowance->pacer_bytes;
	if (!conn->path.validated)
		allowance->path_bytes -= len;
	return len;
}

/*
 * Probes whether a packet of this size passes. The packet does not count as in flight, because its
 * loss must not affect congestion control. At most one probe is outstanding (RFC 8899 section 3).
 */
static size_t build_mtu_probe(struct rudp_conn *conn, uint8_t *out, size_t size_bytes,
			      int64_t now_at_ns)
{
	static uint8_t padding[RUDP_DATAGRAM_MAX_BYTES]; /* PADDING frames; never written to */
	struct rudp_plan plan;
	size_t len;

	rudp_plan_init(&plan, conn, size_bytes, now_at_ns);
	rudp_frame_write_ping(&plan.head);
	plan.sent.content = RUDP_CONTENT_PING | RUDP_CONTENT_MTU_PROBE;
	plan.padding_bytes = plan.plain_max_bytes - rudp_writer_len(&plan.head);
	plan.stream[0] = (struct iovec){padding, plan.padding_bytes};
	plan.stream_count = 1;
	rudp_path_mtu_on_probe_sent(&conn->path.mtu, conn->reliability.next, (uint32_t)size_bytes);
	len = rudp_plan_seal(&plan, out);
	record(&plan);
	rudp_pacer_on_sent(&conn->pacer, rudp_conn_pacing_bytes_per_s(conn), quantum_bytes(conn),
			   len, now_at_ns);
	return len;
}

static size_t build_handshake(struct rudp_conn *conn, uint8_t *out,
			      const struct allowance *allowance, int64_t now_at_ns)
{
	struct rudp_sent sent = {
		.sent_at_ns = now_at_ns,
		.content = RUDP_CONTENT_HANDSHAKE,
		.expects = conn->initiator ? RUDP_EXPECTS_SYNACK : RUDP_EXPECTS_ACK,
		.in_flight = true,
	};
	size_t len;

	if (!conn->handshake_due)
		return 0;
	if (conn->initiator) {
		len = rudp_conn_write_syn(conn, out);
	} else {
		len = conn->syn_answer->len;
		if (len > allowance->path_bytes)
			return 0;
		memcpy(out, conn->syn_answer->synack, len);
	}
	conn->handshake_due = false;
	/*
	 * If the SYNACK is lost, the early answer is too: the peer cannot decrypt it. So probe with
	 * data as well.
	 */
	if (!conn->tail.syn_copy)
		conn->probes_due = conn->is_early && rudp_conn_has_data_due(conn);
	/*
	 * No memory to encrypt it: the SYN counts as sent and will be declared lost and sent again.
	 */
	sent.size_bytes = len > 0 ? (uint32_t)len : RUDP_DATAGRAM_MIN_SYN_BYTES;
	if (len > 0 && RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_packet(
			conn, RUDP_FACT_PACKET_SENT,
			&(struct rudp_fact_packet){.type = conn->initiator ? RUDP_PACKET_SYN
									   : RUDP_PACKET_SYNACK,
						   .size_bytes = len});
	if (conn->reliability.next == 0) {
		rudp_reliability_send(&conn->reliability, &sent);
		rudp_conn_tail_on_syn_sent(conn, now_at_ns);
	} else if (conn->tail.syn_copy) {
		/*
		 * The RTT is measured from the first SYN: it may be too long, but never too short.
		 */
		conn->tail.syn_copy = false;
	} else {
		rudp_reliability_resend(&conn->reliability, 0, now_at_ns);
	}
	return len;
}

/*
 * The peer cannot decrypt packets before it has a SYNACK. Extra copies prevent one loss from
 * costing a whole flight.
 */
static void copy_synack(struct rudp_conn *conn)
{
	static const uint8_t behind[] = {2, 16, 64}; /* after this many packets */
	struct rudp_syn_answer *answer = conn->syn_answer;

	if (!conn->path.validated || conn->tail.disabled || answer->copies == sizeof behind ||
	    conn->reliability.next <= behind[answer->copies])
		return;
	answer->copies++;
	conn->tail.syn_copy = !conn->handshake_due;
	conn->handshake_due = true;
}

static size_t next_packet(struct rudp_conn *conn, uint8_t *out, struct allowance *allowance,
			  int64_t now_at_ns)
{
	if (conn->is_early)
		copy_synack(conn);
	if (conn->state == RUDP_STATE_SYN_SENT ||
	    (conn->state == RUDP_STATE_SYN_RCVD && (conn->handshake_due || !conn->is_early)))
		return build_handshake(conn, out, allowance, now_at_ns);
	if (conn->dead || !conn->has_keys)
		return 0;
	return build(conn, out, allowance, now_at_ns);
}

/* The application, not the network, limits the rate: marks later rate samples as such. */
static void note_app_limited(struct rudp_conn *conn)
{
	if (rudp_conn_may_send(conn) && !rudp_conn_has_data_due(conn) &&
	    conn->reliability.bytes_in_flight < conn->cc.cwnd_bytes)
		rudp_reliability_on_app_limited(&conn->reliability);
}

static void put(struct rudp_conn *conn, struct rudp_train *train, size_t len)
{
	if (train->count == 0)
		train->segment_bytes = len;
	train->len += len;
	train->count++;
	rudp_path_on_sent(&conn->path, len);
}

/* A path MTU probe is larger than the other packets and is sent alone. */
static bool put_mtu_probe(struct rudp_conn *conn, struct rudp_train *train,
			  const struct allowance *allowance, int64_t now_at_ns)
{
	uint32_t size_bytes;

	if (!conn->has_keys || allowance->pacer_bytes == 0)
		return false;
	size_bytes = rudp_conn_mtu_probe_bytes(conn, now_at_ns);
	if (size_bytes == 0 || !rudp_conn_may_record(conn) || is_spent(conn) ||
	    rudp_keys_wake_to_send(&conn->keys) < 0)
		return false;
	put(conn, train, build_mtu_probe(conn, train->data, size_bytes, now_at_ns));
	return true;
}

static void put_packets(struct rudp_conn *conn, struct rudp_train *train,
			struct allowance *allowance, int64_t now_at_ns)
{
	size_t full = conn->path.datagram_bytes;

	while (train->count < RUDP_TRAIN_DATAGRAMS_MAX && train->len + full <= train->cap) {
		size_t len = next_packet(conn, train->data + train->len, allowance, now_at_ns);

		if (len == 0)
			return;
		put(conn, train, len);
		if (len < full || len > train->segment_bytes)
			return;
	}
}

bool rudp_conn_transmit(struct rudp_conn *conn, struct rudp_train *train, int64_t now_at_ns)
{
	bool was_resting = rudp_conn_is_resting(conn);
	struct allowance allowance;
	uint8_t ecn = 0;

	rudp_conn_known_on_due(conn, now_at_ns);
	allowance = (struct allowance){
		.pacer_bytes =
			rudp_pacer_budget_bytes(&conn->pacer, rudp_conn_pacing_bytes_per_s(conn),
						quantum_bytes(conn), now_at_ns),
		.path_bytes = rudp_path_allowance_bytes(&conn->path),
	};
	train->len = train->segment_bytes = 0;
	train->count = 0;
	conn->ecn.marking = false;
	if (rudp_state_is_established(conn->state))
		/* For the whole train: it is sent with one TOS value. */
		ecn = rudp_ecn_mark(&conn->ecn);
	if (conn->has_keys)
		rudp_conn_keys_on_transmit(conn, now_at_ns);
	if (!put_mtu_probe(conn, train, &allowance, now_at_ns))
		put_packets(conn, train, &allowance, now_at_ns);
	note_app_limited(conn);
	rudp_conn_tail_on_sent_all(conn, now_at_ns);
	if (train->count == 0)
		return false;
	train->socket = conn->path.socket;
	train->local = conn->path.local;
	train->remote = conn->path.remote;
	train->tos =
		(conn->path.remote.family == AF_INET ? conn->options.tos : conn->options.tclass) &
		RUDP_TOS_DSCP;
	train->tos |= ecn;
	conn->packets_sent += train->count;
	conn->bytes_sent += train->len;
	rudp_conn_rest_again(conn, was_resting, now_at_ns);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, RUDP_FACT_METRICS);
	return true;
}
