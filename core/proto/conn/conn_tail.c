/* SPDX-License-Identifier: MIT */
/*
 * Copies of sparse traffic: when they are sent and when they are no longer needed. docs/protocol.md
 * section 9.6.
 */
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

/* The first byte that was sent, is not acknowledged with all before it, and has no copy. */
static uint64_t unguarded_start(const struct rudp_conn *conn)
{
	uint64_t head = conn->sendbuf.ring.head;

	return conn->tail.guarded_end > head ? conn->tail.guarded_end : head;
}

static bool is_fin_unguarded(const struct rudp_conn *conn)
{
	return conn->sendbuf.fin_sent && !conn->sendbuf.fin_acked && !conn->tail.fin_guarded;
}

static bool has_unguarded(const struct rudp_conn *conn)
{
	return unguarded_start(conn) < conn->sendbuf.sent || is_fin_unguarded(conn);
}

/* The RTT is known, from the peer or from known paths, so a burst may have repair symbols. */
static bool is_rtt_known(const struct rudp_conn *conn)
{
	return rudp_state_is_established(conn->state) ||
	       (conn->is_early && conn->known.presumed_rtt_ns > 0);
}

/*
 * The application has written everything; nothing waits for the pacer, a window or retransmission.
 */
static bool is_idle(const struct rudp_conn *conn)
{
	return is_rtt_known(conn) && !rudp_conn_has_data_due(conn) &&
	       rudp_sendbuf_unsent(&conn->sendbuf) == 0;
}

static bool is_burst(const struct rudp_conn *conn)
{
	return rudp_conn_fec_is_for(conn, conn->sendbuf.sent - unguarded_start(conn));
}

void rudp_conn_tail_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->tail.due_at_ns == RUDP_NEVER && is_idle(conn) && has_unguarded(conn))
		rudp_tail_on_idle(&conn->tail, &conn->rtt, is_burst(conn), now_at_ns);
}

void rudp_conn_tail_on_syn_sent(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->initiator && !conn->tail.disabled)
		conn->tail.due_at_ns = now_at_ns + RUDP_TAIL_SYN_DELAY_NS;
}

/*
 * The listener waits for our first packet. If the server speaks first, that packet is a plain ACK,
 * which nothing would repeat before the SYNACK's time-out. So it is sent twice.
 */
void rudp_conn_tail_on_established(struct rudp_conn *conn, int64_t now_at_ns)
{
	conn->tail.due_at_ns = RUDP_NEVER;
	conn->tail.syn_copy = false;
	if (!conn->initiator || conn->tail.disabled)
		return;
	conn->tail.ack_again = true;
	rudp_tail_on_idle(&conn->tail, &conn->rtt, false, now_at_ns);
}

/* Many connection attempts at the same time must not be doubled. */
static bool may_repeat_syn(struct rudp_endpoint *ep, int64_t now_at_ns)
{
	if (now_at_ns - ep->early_syn_window_at_ns >= RUDP_NS_PER_S) {
		ep->early_syn_window_at_ns = now_at_ns;
		ep->early_syn_count = 0;
	}
	return ep->early_syn_count++ < RUDP_TAIL_SYNS_PER_S;
}

static void repeat_syn(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!may_repeat_syn(conn->ep, now_at_ns))
		return;
	conn->tail.syn_copy = !conn->handshake_due;
	conn->handshake_due = true;
}

static void repeat_ack(struct rudp_conn *conn)
{
	conn->tail.ack_again = false;
	if (conn->sendbuf.sent == 0 && conn->reliability.outstanding == 0)
		conn->acks.now = true;
}

static void guard_all(struct rudp_conn *conn)
{
	conn->tail.guarded_end = conn->sendbuf.sent;
	conn->tail.fin_guarded = conn->sendbuf.fin_sent;
}

static bool has_room(const struct rudp_conn *conn, uint64_t bytes)
{
	return conn->reliability.bytes_in_flight + bytes <=
	       conn->cc.cwnd_bytes / RUDP_TAIL_CWND_DIVISOR;
}

/* A copy is queued as if the bytes were lost: this reuses the code for retransmission. */
void rudp_conn_tail_copy(struct rudp_conn *conn, uint64_t start, bool fin)
{
	struct rudp_sendbuf *buf = &conn->sendbuf;

	conn->tail.copy_start = start;
	conn->tail.copy_end = buf->sent;
	rudp_sendbuf_on_lost(buf, start, (size_t)(buf->sent - start), fin);
	guard_all(conn);
}

/*
 * Where the copy starts: at the first byte without a copy; later in a long burst, earlier after
 * short ones.
 */
static uint64_t copy_start(const struct rudp_conn *conn)
{
	const struct rudp_sendbuf *buf = &conn->sendbuf;
	uint64_t start = unguarded_start(conn);
	uint64_t hole = rudp_sendbuf_hole_start(buf, start);

	if (buf->sent - start > RUDP_TAIL_BYTES)
		return buf->sent - RUDP_TAIL_BYTES;
	return start - hole > RUDP_TAIL_BUNDLE_BYTES ? start - RUDP_TAIL_BUNDLE_BYTES : hole;
}

/*
 * Decides what protects the last bytes: repair symbols, a copy, nothing, or the same question
 * later. If they are lost all the same, a probe time-out is left (docs/decisions/repairs.md).
 */
static void protect_tail(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_tail *tail = &conn->tail;
	uint64_t start = copy_start(conn);
	uint64_t bytes = conn->sendbuf.sent - start + RUDP_TAIL_COPY_EXTRA_BYTES;

	if (conn->reliability.pto_count > 0 || !rudp_tail_is_path_clear(tail, now_at_ns) ||
	    tail->copy_count + RUDP_TAIL_BYTES / RUDP_DATAGRAM_BASE_BYTES >= RUDP_TAIL_COPIES_MAX)
		guard_all(conn);
	else if (is_burst(conn)) {
		rudp_conn_fec_begin(conn, unguarded_start(conn));
		guard_all(conn);
	} else if (!has_room(conn, bytes))
		rudp_tail_on_idle(tail, &conn->rtt, false, now_at_ns);
	else if (!rudp_tail_spend(tail, bytes, now_at_ns))
		guard_all(conn);
	else
		rudp_conn_tail_copy(conn, start, is_fin_unguarded(conn));
}

void rudp_conn_on_tail(struct rudp_conn *conn, int64_t now_at_ns)
{
	conn->tail.due_at_ns = RUDP_NEVER;
	if (conn->state == RUDP_STATE_SYN_SENT)
		repeat_syn(conn, now_at_ns);
	if (!is_rtt_known(conn))
		return;
	if (conn->tail.ack_again)
		repeat_ack(conn);
	if (is_idle(conn) && has_unguarded(conn))
		protect_tail(conn, now_at_ns);
}

bool rudp_conn_tail_takes(struct rudp_conn *conn, const struct rudp_sendbuf_chunk *chunk)
{
	struct rudp_tail *tail = &conn->tail;
	uint64_t end = chunk->offset + chunk->len;

	if (tail->copy_end == 0 || !chunk->again || chunk->offset < tail->copy_start ||
	    end > tail->copy_end)
		return false;
	tail->copy_start = end; /* from now on these bytes are retransmitted only after a loss */
	if (end == tail->copy_end)
		tail->copy_end = 0;
	return true;
}

void rudp_conn_tail_on_copy_sent(struct rudp_conn *conn, uint64_t number, uint32_t stream_bytes)
{
	struct rudp_tail *tail = &conn->tail;

	/* If there are too many pieces, the rest are acknowledged or lost like other packets. */
	if (tail->copy_count < RUDP_TAIL_COPIES_MAX)
		tail->copies[tail->copy_count++] = (uint32_t)number;
	tail->copied_packets++;
	tail->copied_bytes += stream_bytes;
}

/*
 * The full packet number for its low 32 bits: copies are recent, so it is the largest one below
 * next.
 */
static uint64_t number_of(const struct rudp_conn *conn, uint32_t low)
{
	uint64_t newest = conn->reliability.next - 1;

	return newest - (uint32_t)((uint32_t)newest - low);
}

/* If the bytes of a copy were acknowledged by either packet, the copy is no longer waited for. */
static void settle_copies(struct rudp_conn *conn)
{
	struct rudp_tail *tail = &conn->tail;
	unsigned kept = 0;

	for (unsigned i = 0; i < tail->copy_count; i++) {
		uint64_t number = number_of(conn, tail->copies[i]);
		const struct rudp_sent *sent = rudp_reliability_find(&conn->reliability, number);

		if (!sent || sent->fate != RUDP_FATE_OUTSTANDING)
			continue;
		if (rudp_sendbuf_is_acked(&conn->sendbuf, sent->stream_start, sent->stream_bytes,
					  sent->content & RUDP_CONTENT_FIN))
			rudp_reliability_settle(&conn->reliability, number);
		else
			tail->copies[kept++] = (uint32_t)number;
	}
	tail->copy_count = kept;
}

void rudp_conn_tail_on_result(struct rudp_conn *conn, const struct rudp_reliability_result *result,
			      int64_t now_at_ns)
{
	rudp_tail_on_fates(&conn->tail, &conn->rtt, result->has_rtt, result->answered_packets,
			   result->lost_packets, now_at_ns);
	if (result->persistent_congestion)
		rudp_tail_on_congestion(&conn->tail, &conn->rtt, now_at_ns);
	if (conn->state == RUDP_STATE_RESET_SENT)
		return;
	if (conn->tail.copy_count > 0)
		settle_copies(conn);
	if (conn->fec_sender.first_number < conn->fec_sender.end_number)
		rudp_conn_fec_settle(conn);
	/* Bytes sent next start a new delay. */
	if (rudp_state_is_established(conn->state) && !conn->tail.ack_again && !has_unguarded(conn))
		conn->tail.due_at_ns = RUDP_NEVER;
}
