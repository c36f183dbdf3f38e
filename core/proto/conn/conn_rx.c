/* SPDX-License-Identifier: MIT */
/* Incoming DATA packets: decrypt, check, then change state. docs/protocol.md sections 4, 7, 8. */
#include <errno.h>

#include "base/log.h"
#include "base/wire.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

enum rudp_verdict rudp_conn_take_stream(struct rudp_conn *conn, uint64_t offset,
					const uint8_t *bytes, size_t len, bool fin,
					int64_t now_at_ns)
{
	size_t before = rudp_recvbuf_available(&conn->recvbuf);
	uint64_t tail = conn->recvbuf.ring.tail;
	enum rudp_verdict verdict;

	if (conn->state == RUDP_STATE_RESET_SENT)
		return RUDP_VERDICT_OK;
	verdict = rudp_recvbuf_take(&conn->recvbuf, offset, bytes, len, fin, now_at_ns);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	conn->trim_at_ns = RUDP_NEVER;
	conn->quiet_pings = 0;
	if (rudp_recvbuf_available(&conn->recvbuf) > before)
		rudp_conn_raise(conn, RUDP_EVENT_READABLE);
	/*
	 * After close(2) any new byte causes a RESET, even if SHUT_RD was in effect before: no
	 * program is left for which the bytes could be dropped silently.
	 */
	if (conn->user_closed && conn->recvbuf.ring.tail > tail) {
		rudp_conn_reset_after_delivery(conn, now_at_ns);
		return RUDP_VERDICT_OK;
	}
	if (rudp_recvbuf_window_due(&conn->recvbuf))
		conn->window_due = true;
	if (rudp_recvbuf_is_complete(&conn->recvbuf))
		rudp_conn_on_peer_fin(conn, now_at_ns);
	return RUDP_VERDICT_OK;
}

/*
 * Known bytes after a silence of a round trip are a probe: the ACKs of those bytes were lost. The
 * first of two probes is acknowledged at once, so that both have ACKs of their own: losses come in
 * bursts. Of 468 random paths in the simulator 54 carry more with it, up to twice as much, 20 less.
 */
static bool was_silent(const struct rudp_conn *conn, int64_t now_at_ns)
{
	return now_at_ns - conn->acks.largest_at_ns >= conn->rtt.srtt_ns;
}

static enum rudp_verdict on_stream(struct rudp_conn *conn, const struct rudp_frame *frame,
				   int64_t now_at_ns)
{
	uint64_t known = conn->recvbuf.duplicate_bytes;
	enum rudp_verdict verdict =
		rudp_conn_take_stream(conn, frame->stream.offset, frame->stream.bytes,
				      frame->stream.len, frame->stream.fin, now_at_ns);

	if (conn->recvbuf.duplicate_bytes - known < frame->stream.len)
		rudp_fec_store_on_bytes(&conn->fec_store, frame->stream.offset,
					frame->stream.offset + frame->stream.len);
	else if (frame->stream.len > 0 && was_silent(conn, now_at_ns))
		conn->acks.now = true;
	return verdict;
}

static void on_window(struct rudp_conn *conn, uint64_t window_end, int64_t now_at_ns)
{
	size_t room = rudp_conn_send_room(conn);

	if (window_end <= conn->peer_window_end)
		return;
	conn->peer_window_end = window_end;
	if (conn->reset_by_ns > 0)
		conn->close_at_ns = conn->reset_by_ns;
	if (conn->orphan_at_ns > 0)
		conn->orphan_at_ns = now_at_ns;
	if (rudp_conn_send_room(conn) > room)
		rudp_conn_raise(conn, RUDP_EVENT_WRITABLE);
}

static void on_urgent(struct rudp_conn *conn, uint64_t offset)
{
	if (offset + 1 <= conn->urgent_in)
		return;
	conn->urgent_in = offset + 1;
	rudp_conn_raise(conn, RUDP_EVENT_URGENT);
}

static enum rudp_verdict on_frame(struct rudp_conn *conn, const struct rudp_frame *frame,
				  const struct rudp_ack *ack, int64_t now_at_ns)
{
	switch ((enum rudp_frame_type)frame->type) {
	case RUDP_FRAME_PADDING:
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_PING:
		conn->acks.now = true; /* acknowledge at once: the ping asks for it */
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		return rudp_conn_on_ack(conn, ack, now_at_ns);
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		return on_stream(conn, frame, now_at_ns);
	case RUDP_FRAME_WINDOW:
		on_window(conn, frame->offset, now_at_ns);
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_BLOCKED:
		/* Our last WINDOW may have been lost, or the window has grown since. */
		conn->window_due = true;
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_RESET:
		rudp_conn_on_reset(conn, frame->reason, now_at_ns);
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_PATH_CHALLENGE:
		for (size_t i = 0; i < sizeof conn->response; i++)
			conn->response[i] = frame->path[i];
		conn->response_due = true;
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_PATH_RESPONSE:
		rudp_conn_path_on_response(conn, frame->path, now_at_ns);
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_URGENT:
		on_urgent(conn, frame->offset);
		return RUDP_VERDICT_OK;
	case RUDP_FRAME_REPAIR:
		return rudp_conn_on_repair(conn, frame);
	case RUDP_FRAME_ARRIVED:
		return rudp_conn_on_arrived(conn, frame->offset, now_at_ns);
	case RUDP_FRAME_KEY_SHARE:
		return rudp_conn_on_key_share(conn, frame);
	case RUDP_FRAME_IDENTITY:
		return rudp_conn_on_identity(conn, frame, now_at_ns);
	case RUDP_FRAME_SPARE_ID:
		return rudp_conn_on_spare_id(conn, &frame->spare);
	}
	return RUDP_VERDICT_BAD_FRAME;
}

/*
 * *eliciting: whether the packet is ack-eliciting. A packet without any frame is a protocol
 * violation.
 */
static enum rudp_verdict on_frames(struct rudp_conn *conn, const uint8_t *frames, size_t len,
				   bool *eliciting, int64_t now_at_ns)
{
	struct rudp_reader reader = rudp_reader(frames, len);
	struct rudp_frame frame;
	struct rudp_ack ack;
	enum rudp_verdict verdict;
	unsigned count = 0;

	if (len == 0)
		return RUDP_VERDICT_BAD_FRAME;
	while (rudp_reader_left(&reader) > 0) {
		if (count++ == RUDP_FRAMES_MAX)
			return RUDP_VERDICT_BAD_FRAME;
		if (!rudp_conn_work_may_go_on(conn))
			return RUDP_VERDICT_TOO_COSTLY;
		verdict = rudp_frame_next(&reader, &frame, &ack);
		if (verdict != RUDP_VERDICT_OK)
			return verdict;
		conn->work.units += RUDP_WORK_FRAME;
		*eliciting |= rudp_frame_is_ack_eliciting(frame.type);
		verdict = on_frame(conn, &frame, &ack, now_at_ns);
		if (verdict != RUDP_VERDICT_OK)
			return verdict;
		if (conn->dead)
			return RUDP_VERDICT_OK;
	}
	return RUDP_VERDICT_OK;
}

/*
 * An authenticated packet that violates the protocol ends the connection: the peer is faulty or
 * hostile.
 */
void rudp_conn_on_violation(struct rudp_conn *conn, enum rudp_verdict verdict, int64_t now_at_ns)
{
	if (rudp_log_ratelimit_allows(&conn->ep->ratelimit, now_at_ns))
		rudp_log(RUDP_LOG_ERROR, "connection %016llx reset: %s",
			 (unsigned long long)conn->id, rudp_verdict_reason(verdict));
	if (conn->dead || conn->state >= RUDP_STATE_TIME_WAIT)
		return;
	conn->error = EPROTO;
	rudp_conn_raise(conn, RUDP_EVENT_FAILED);
	rudp_conn_reset(conn, RUDP_RESET_PROTOCOL, now_at_ns);
}

static enum rudp_verdict open_packet(struct rudp_conn *conn, const struct rudp_packet *packet,
				     uint64_t number, int64_t now_at_ns)
{
	uint32_t updates = conn->keys.updates;
	enum rudp_verdict verdict;
	/* Decrypted in place: the datagram's memory is ours to change. */
	uint8_t *body = (uint8_t *)(uintptr_t)packet->body;

	verdict = rudp_keys_open(&conn->keys, number, packet->key_phase, packet->header,
				 packet->header_bytes, packet->body, packet->body_bytes, body);
	if (conn->keys.updates == updates)
		return verdict;
	conn->work.units += RUDP_WORK_KEYS;
	rudp_conn_keys_on_followed(conn, now_at_ns);
	return verdict;
}

/*
 * A packet that was not opened for lack of memory counts as lost and is sent again; it is not a
 * forgery.
 */
static void on_unopened(struct rudp_conn *conn, enum rudp_verdict verdict, size_t datagram_bytes,
			int64_t now_at_ns)
{
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_dropped(conn, verdict, datagram_bytes);
	if (conn->keys.forgeries >= RUDP_KEY_FORGERIES_MAX)
		rudp_conn_on_violation(conn, verdict, now_at_ns);
	rudp_conn_rest_later(conn, now_at_ns); /* opening may have loaded the keys */
}

/*
 * A packet received in SYN_RCVD proves that the peer has our SYNACK, and so that its address is
 * valid.
 */
static void note_heard(struct rudp_conn *conn, size_t datagram_bytes, int64_t now_at_ns)
{
	conn->heard_at_ns = now_at_ns;
	rudp_icmp_errors_forget(&conn->icmp_errors);
	conn->packets_received++;
	conn->bytes_received += datagram_bytes;
	if (conn->state != RUDP_STATE_SYN_RCVD)
		return;
	rudp_conn_on_answer(conn, now_at_ns);
	conn->handshake_due = false;
	rudp_conn_on_established(conn, now_at_ns);
}

static void observe_packet(struct rudp_conn *conn, const struct rudp_packet *packet,
			   uint64_t number, size_t datagram_bytes)
{
	struct rudp_fact_packet fact = {
		.type = RUDP_PACKET_DATA,
		.number = number,
		.size_bytes = datagram_bytes,
		.frames = packet->body,
		.frames_bytes = packet->body_bytes - RUDP_TAG_BYTES,
	};

	rudp_conn_observe_packet(conn, RUDP_FACT_PACKET_RECEIVED, &fact);
}

/* The whole packet was processed. */
static void on_packet_done(struct rudp_conn *conn, uint64_t number,
			   const struct rudp_datagram *datagram, bool eliciting, bool was_resting,
			   int64_t now_at_ns)
{
	rudp_conn_fec_on_taken(conn);
	rudp_acks_on_packet(&conn->acks, number, eliciting, datagram->ecn, conn->rtt.srtt_ns,
			    now_at_ns);
	rudp_acks_on_bytes(&conn->acks, datagram->len);
	if (!eliciting) /* no ACK follows that would schedule it */
		rudp_conn_rest_again(conn, was_resting, now_at_ns);
	if (eliciting && conn->state == RUDP_STATE_TIME_WAIT) {
		conn->acks.now = true;
		rudp_conn_start_time_wait(conn, now_at_ns);
	}
}

static enum rudp_verdict on_opened(struct rudp_conn *conn, const struct rudp_packet *packet,
				   uint64_t number, const struct rudp_datagram *datagram,
				   bool was_resting, int64_t now_at_ns)
{
	bool newest = number >= conn->replay.next;
	bool eliciting = false, has_new_id;
	enum rudp_verdict verdict;

	rudp_replay_mark(&conn->replay, number);
	if (RUDP_IS_OBSERVED(conn))
		observe_packet(conn, packet, number, datagram->len);
	note_heard(conn, datagram->len, now_at_ns);
	has_new_id = rudp_conn_ids_on_packet(conn, packet, now_at_ns);
	rudp_conn_path_on_packet(conn, datagram, newest, has_new_id, now_at_ns);
	verdict = on_frames(conn, packet->body, packet->body_bytes - RUDP_TAG_BYTES, &eliciting,
			    now_at_ns);
	if (verdict == RUDP_VERDICT_OK)
		on_packet_done(conn, number, datagram, eliciting, was_resting, now_at_ns);
	else if (verdict != RUDP_VERDICT_TOO_COSTLY && verdict != RUDP_VERDICT_NO_MEMORY)
		rudp_conn_on_violation(conn, verdict, now_at_ns);
	return verdict;
}

enum rudp_verdict rudp_conn_on_data(struct rudp_conn *conn, const struct rudp_packet *packet,
				    struct rudp_datagram *datagram, int64_t now_at_ns)
{
	uint32_t number_low = packet->number_low - rudp_conn_number_offset(conn, packet);
	uint64_t number = rudp_packet_number_expand(number_low, conn->replay.next);
	bool was_resting = rudp_conn_is_resting(conn);
	enum rudp_verdict verdict;

	if (!conn->has_keys || conn->dead)
		return RUDP_VERDICT_WRONG_STATE;
	if (!rudp_replay_is_fresh(&conn->replay, number)) {
		if (RUDP_IS_OBSERVED(conn))
			rudp_conn_observe_dropped(conn, RUDP_VERDICT_REPLAYED, datagram->len);
		return RUDP_VERDICT_REPLAYED;
	}
	/*
	 * Only authenticated packets add to the debt, so an attacker cannot cause others' packets
	 * to be dropped.
	 */
	if (!rudp_conn_work_may_begin(conn, now_at_ns))
		return RUDP_VERDICT_TOO_COSTLY;
	rudp_conn_work_begin(conn);
	verdict = open_packet(conn, packet, number, now_at_ns);
	if (verdict != RUDP_VERDICT_OK) {
		on_unopened(conn, verdict, datagram->len, now_at_ns);
		return verdict;
	}
	verdict = on_opened(conn, packet, number, datagram, was_resting, now_at_ns);
	rudp_conn_work_end(conn, RUDP_WORK_FREE, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
	return verdict;
}
