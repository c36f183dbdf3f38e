/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_plan.h"

#include <assert.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"

#define SHORT_ID_NS (1 * RUDP_NS_PER_S) /* the peer was heard within this time */

static bool is_blocked_by_peer(const struct rudp_conn *conn)
{
	return rudp_conn_may_send(conn) && rudp_sendbuf_unsent(&conn->sendbuf) > 0 &&
	       conn->sendbuf.sent >= conn->peer_window_end;
}

/*
 * A packet with our FIN also carries an ACK. When the peer acknowledges it, the peer has our ACK of
 * its own FIN, and needs nothing more from us after LAST_ACK.
 */
static bool is_fin_due(const struct rudp_conn *conn)
{
	const struct rudp_sendbuf *buf = &conn->sendbuf;

	return buf->fin_wanted && !buf->fin_acked && (!buf->fin_sent || buf->fin_lost);
}

static bool is_share_due(const struct rudp_conn *conn)
{
	return conn->exchange && conn->exchange->is_due;
}

static void add_ack(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;

	if (!rudp_acks_is_owed(&conn->acks) && !is_fin_due(conn))
		return;
	plan->is_ack_only_due = rudp_acks_is_due(&conn->acks, plan->now_at_ns);
	plan->has_ack = rudp_acks_write(&conn->acks, &plan->head, plan->now_at_ns);
	if (!plan->has_ack)
		return;
	plan->sent.content |= RUDP_CONTENT_ACK;
	plan->sent.ack_largest = conn->acks.largest;
}

static void add_path(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	struct rudp_path *path = &conn->path;

	if (conn->response_due && rudp_frame_write_path(&plan->head, true, conn->response)) {
		conn->response_due = false;
		plan->sent.content |= RUDP_CONTENT_PATH_RESPONSE;
	}
	if (path->challenge_at_ns <= plan->now_at_ns &&
	    path->challenges < RUDP_PATH_CHALLENGES_MAX &&
	    rudp_frame_write_path(&plan->head, false, path->challenge)) {
		rudp_path_on_challenge_sent(path, rudp_rtt_pto_ns(&conn->rtt, 0), plan->now_at_ns);
		plan->sent.content |= RUDP_CONTENT_PATH_CHALLENGE;
	}
}

static void add_window(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	uint64_t end = rudp_recvbuf_window_end(&conn->recvbuf);

	if (!conn->window_due || !rudp_frame_write_value(&plan->head, RUDP_FRAME_WINDOW, end))
		return;
	rudp_recvbuf_on_window_sent(&conn->recvbuf, end);
	conn->window_due = false;
	plan->sent.content |= RUDP_CONTENT_WINDOW;
}

static void add_keys(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;

	if (is_share_due(conn) && rudp_frame_write_key_share(&plan->head, conn->keys.exchanges + 1,
							     conn->exchange->own_public)) {
		conn->exchange->is_due = false;
		plan->sent.content |= RUDP_CONTENT_KEY_SHARE;
	}
	if (rudp_conn_identity_is_due(conn) &&
	    rudp_frame_write_identity(&plan->head, conn->identity_proof->message)) {
		conn->identity_proof->is_due = false;
		plan->sent.content |= RUDP_CONTENT_IDENTITY;
	}
}

static void add_spare_id(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	struct rudp_spare_id spare;

	/* A spare id wakes no idle connection: it is made with a packet that has another reason. */
	if (rudp_conn_ids_is_wanted(conn, plan->now_at_ns) &&
	    rudp_conn_has_anything_due(conn, plan->now_at_ns))
		rudp_conn_ids_issue(conn);
	if (!rudp_conn_ids_is_due(conn))
		return;
	spare = rudp_conn_ids_frame(conn);
	if (rudp_frame_write_spare_id(&plan->head, &spare)) {
		conn->ids->is_spare_due = false;
		plan->sent.content |= RUDP_CONTENT_SPARE_ID;
	}
}

static void add_arrived(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;

	if (!conn->arrived_due ||
	    !rudp_frame_write_value(&plan->head, RUDP_FRAME_ARRIVED, conn->recvbuf.ring.tail))
		return;
	rudp_conn_fec_on_told(conn);
	plan->sent.content |= RUDP_CONTENT_ARRIVED;
}

static void add_signals(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;

	add_keys(plan);
	if (conn->reset_due &&
	    rudp_frame_write_value(&plan->head, RUDP_FRAME_RESET, conn->reset_reason)) {
		conn->reset_due = false;
		plan->sent.content |= RUDP_CONTENT_RESET;
	}
	if (conn->urgent_due &&
	    rudp_frame_write_value(&plan->head, RUDP_FRAME_URGENT, conn->urgent_out)) {
		conn->urgent_due = false;
		plan->sent.content |= RUDP_CONTENT_URGENT;
	}
	add_arrived(plan);
	if (conn->reset_by_ns > 0 && conn->ping_due && rudp_frame_write_ping(&plan->head)) {
		conn->ping_due = false;
		plan->sent.content |= RUDP_CONTENT_PING;
	}
	if (is_blocked_by_peer(conn) && conn->blocked_sent != conn->peer_window_end &&
	    rudp_frame_write_value(&plan->head, RUDP_FRAME_BLOCKED, conn->peer_window_end)) {
		conn->blocked_sent = conn->peer_window_end;
		plan->sent.content |= RUDP_CONTENT_BLOCKED;
	}
}

static void add_stream(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	struct rudp_sendbuf *buf = &conn->sendbuf;
	struct rudp_sendbuf_chunk chunk;
	size_t used = rudp_writer_len(&plan->head);
	size_t head = rudp_frame_stream_head_bytes(RUDP_VARINT_MAX);

	if (!rudp_conn_has_data_due(conn) || used + head >= plan->plain_max_bytes)
		return;
	if (!rudp_sendbuf_next(buf, plan->plain_max_bytes - used - head, conn->peer_window_end,
			       &chunk))
		return;
	/*
	 * The length of the frame head is known now: use the room that the worst case had reserved.
	 */
	head = rudp_frame_stream_head_bytes(chunk.offset);
	rudp_sendbuf_next(buf, plan->plain_max_bytes - used - head, conn->peer_window_end, &chunk);
	if (rudp_conn_tail_takes(conn, &chunk)) {
		chunk.again = false; /* a copy, not a retransmission after loss */
		plan->sent.content |= RUDP_CONTENT_COPY;
	}
	if (rudp_sendbuf_on_sent(buf, &chunk) < 0)
		return;
	if (chunk.len > 0)
		plan->stream_count =
			rudp_ring_readable(&buf->ring, chunk.offset, chunk.len, plan->stream);
	rudp_frame_write_stream_head(&plan->head, chunk.offset, chunk.len, chunk.fin);
	assert(plan->head.ok);
	plan->stream_bytes = chunk.len;
	plan->sent.stream_start = chunk.offset;
	plan->sent.stream_bytes = (uint32_t)chunk.len;
	if (chunk.fin)
		plan->sent.content |= RUDP_CONTENT_FIN;
}

/* The ACKs of a pure receiver are never acknowledged, so its list of ranges would never shrink. */
static bool wants_ack_of_acks(const struct rudp_plan *plan)
{
	const struct rudp_conn *conn = plan->conn;

	return plan->has_ack && conn->acks.received.count > RUDP_ACKS_RANGES_MANY &&
	       conn->ack_ping_at_ns <= plan->now_at_ns;
}

static void add_ping(struct rudp_plan *plan)
{
	struct rudp_conn *conn = plan->conn;
	bool eliciting = plan->sent.stream_bytes > 0 ||
			 (plan->sent.content & (unsigned)~RUDP_CONTENT_ACK) != 0;

	if (eliciting) {
		conn->ping_due = false;
		return;
	}
	/*
	 * A due probe that has nothing to carry sends a PING. If it stayed due, it would later let
	 * data exceed the window.
	 */
	if (!conn->ping_due && conn->probes_due == 0 && !wants_ack_of_acks(plan))
		return;
	if (!rudp_frame_write_ping(&plan->head))
		return;
	conn->ping_due = false;
	conn->ack_ping_at_ns = plan->now_at_ns + conn->rtt.srtt_ns;
	plan->sent.content |= RUDP_CONTENT_PING;
}

/*
 * Half of the connection id is enough for a peer that was heard a moment ago. Otherwise send the
 * full id: without it a peer that forgot us cannot send a stateless reset (docs/protocol.md section
 * 12.4).
 */
static bool is_short_due(const struct rudp_conn *conn, int64_t now_at_ns)
{
	return conn->peer_takes_short_ids && conn->probes_due == 0 &&
	       conn->reliability.pto_count == 0 && now_at_ns - conn->heard_at_ns < SHORT_ID_NS;
}

static void set_form(struct rudp_plan *plan, bool is_short, size_t datagram_max)
{
	plan->is_short = is_short;
	plan->plain_max_bytes = datagram_max - rudp_packet_data_overhead_bytes(is_short);
}

void rudp_plan_init(struct rudp_plan *plan, struct rudp_conn *conn, size_t datagram_max,
		    int64_t now_at_ns)
{
	plan->conn = conn;
	plan->now_at_ns = now_at_ns;
	set_form(plan, is_short_due(conn, now_at_ns), datagram_max);
	plan->head = rudp_writer(plan->head_bytes, plan->plain_max_bytes < RUDP_PLAN_HEAD_MAX_BYTES
							   ? plan->plain_max_bytes
							   : RUDP_PLAN_HEAD_MAX_BYTES);
	plan->sent = (struct rudp_sent){.sent_at_ns = now_at_ns};
	plan->stream_count = 0;
	plan->stream_bytes = plan->padding_bytes = plan->repair_bytes = 0;
	plan->has_ack = plan->is_ack_only_due = false;
}

void rudp_plan_fill(struct rudp_plan *plan, bool may_send_data)
{
	bool only_acks = plan->conn->state == RUDP_STATE_TIME_WAIT;

	/* Path frames come first: an ACK may fill all the room, and the allowance may be small. */
	if (!only_acks)
		add_path(plan);
	add_ack(plan);
	if (only_acks) {
		add_arrived(plan); /* no ACK covers repaired bytes */
		return;
	}
	add_window(plan);
	add_signals(plan);
	add_spare_id(plan);
	if (may_send_data)
		add_stream(plan);
	add_ping(plan);
}

void rudp_plan_fill_fec(struct rudp_plan *plan, size_t datagram_max)
{
	struct rudp_conn *conn = plan->conn;
	const struct rudp_fec_block *block = &conn->fec_sender.block;

	/* The form for which the repair symbols were sized. */
	set_form(plan, conn->peer_takes_short_ids, datagram_max);
	rudp_frame_write_repair_head(&plan->head, block->start, (uint8_t)block->count,
				     conn->fec_sender.row);
	assert(plan->head.ok);
	assert(rudp_writer_len(&plan->head) + block->symbol_bytes <= plan->plain_max_bytes);
	rudp_fec_symbol(&conn->sendbuf.ring, block, conn->fec_sender.row, conn->ep->repair_symbol);
	plan->repair_bytes = block->symbol_bytes;
	plan->stream[0] = (struct iovec){conn->ep->repair_symbol, plan->repair_bytes};
	plan->stream_count = 1;
	plan->sent.content |= RUDP_CONTENT_REPAIR;
}

static void observe(const struct rudp_plan *plan)
{
	const struct rudp_sent *sent = &plan->sent;
	size_t head = rudp_writer_len(&plan->head);
	struct rudp_fact_packet packet = {
		.type = RUDP_PACKET_DATA,
		.number = plan->conn->reliability.next,
		.size_bytes = rudp_packet_data_overhead_bytes(plan->is_short) + head +
			      plan->stream_bytes + plan->padding_bytes + plan->repair_bytes,
		.frames = plan->head.start,
		.frames_bytes = head,
		.fin = sent->content & RUDP_CONTENT_FIN,
		.stream_start = sent->stream_start,
		.stream_bytes = plan->stream_bytes,
		.padding_bytes = plan->padding_bytes,
	};

	packet.has_stream = packet.fin || packet.stream_bytes > 0;
	if (packet.has_stream)
		packet.frames_bytes -= rudp_frame_stream_head_bytes(packet.stream_start);
	rudp_conn_observe_packet(plan->conn, RUDP_FACT_PACKET_SENT, &packet);
}

size_t rudp_plan_seal(struct rudp_plan *plan, uint8_t *out)
{
	struct rudp_conn *conn = plan->conn;
	uint64_t number = conn->reliability.next, dest_id = rudp_conn_dest_id(conn);
	uint32_t offset = rudp_conn_dest_offset(conn);
	struct iovec in[3] = {{plan->head.start, rudp_writer_len(&plan->head)}};
	size_t len;

	if (RUDP_IS_OBSERVED(conn))
		observe(plan);
	memcpy(in + 1, plan->stream, sizeof plan->stream);
	len = plan->is_short ? rudp_packet_write_short_data(out, conn->keys.send_phase, dest_id,
							    number + offset)
			     : rudp_packet_write_data(out, conn->keys.send_phase, dest_id,
						      number + offset);
	len += rudp_keys_seal(&conn->keys, number, out, len, in, 1 + plan->stream_count, out + len);
	plan->sent.size_bytes = (uint32_t)len;
	return len;
}

bool rudp_conn_has_anything_due(const struct rudp_conn *conn, int64_t now_at_ns)
{
	return rudp_acks_is_owed(&conn->acks) || rudp_conn_has_data_due(conn) ||
	       rudp_conn_fec_is_due(conn) || is_fin_due(conn) || conn->probes_due > 0 ||
	       conn->ping_due || conn->window_due || conn->reset_due || conn->response_due ||
	       conn->urgent_due || conn->arrived_due || is_blocked_by_peer(conn) ||
	       is_share_due(conn) || rudp_conn_identity_is_due(conn) ||
	       rudp_conn_ids_is_due(conn) || conn->path.challenge_at_ns <= now_at_ns;
}
