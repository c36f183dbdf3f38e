/* SPDX-License-Identifier: MIT */
/* Writes packets and their frames as qlog records. */
#include "engine/trace/qlog_json.h"
#include "proto/wire/frame.h"

#define TAIL_BYTES 512 /* reserved for what follows the list of frames */

static void put_ack(struct rudp_qlog_text *t, const struct rudp_ack *ack)
{
	rudp_qlog_put_word(t, "frame_type", "ack");
	rudp_qlog_put_key(t, "ack_delay");
	rudp_qlog_put_ms(t, ack->delay_ns);
	rudp_qlog_put_key(t, "acked_ranges");
	rudp_qlog_put(t, "[");
	for (uint32_t i = 0; i < ack->range_count; i++) {
		rudp_qlog_put(t, i ? ",[" : "[");
		rudp_qlog_put_number(t, ack->ranges[i].start);
		rudp_qlog_put(t, ",");
		rudp_qlog_put_number(t, ack->ranges[i].end - 1);
		rudp_qlog_put(t, "]");
	}
	rudp_qlog_put(t, "]");
	if (!ack->has_ecn)
		return;
	rudp_qlog_put_pair(t, "ect0", ack->ecn_ect0);
	rudp_qlog_put_pair(t, "ect1", ack->ecn_ect1);
	rudp_qlog_put_pair(t, "ce", ack->ecn_ce);
}

static void put_stream(struct rudp_qlog_text *t, uint64_t offset, size_t len, bool fin)
{
	rudp_qlog_put_word(t, "frame_type", "stream");
	rudp_qlog_put_pair(t, "stream_id", 0);
	rudp_qlog_put_pair(t, "offset", offset);
	rudp_qlog_put_pair(t, "length", len);
	if (fin)
		rudp_qlog_put(t, ",\"fin\":true");
}

static void put_reset(struct rudp_qlog_text *t, uint64_t reason)
{
	rudp_qlog_put_word(t, "frame_type", "connection_close");
	rudp_qlog_put_word(t, "error_space", "application");
	rudp_qlog_put_pair(t, "error_code", reason);
	rudp_qlog_put_pair(t, "raw_error_code", reason);
}

/* Uses the frame type of QUIC if one means the same, else "unknown". */
static void put_frame(struct rudp_qlog_text *t, const struct rudp_frame *frame,
		      const struct rudp_ack *ack)
{
	switch ((enum rudp_frame_type)frame->type) {
	case RUDP_FRAME_PADDING: /* all padding of a packet is reported together */
		return;
	case RUDP_FRAME_PING:
		rudp_qlog_put_word(t, "frame_type", "ping");
		return;
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		put_ack(t, ack);
		return;
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		put_stream(t, frame->stream.offset, frame->stream.len, frame->stream.fin);
		return;
	case RUDP_FRAME_WINDOW:
		rudp_qlog_put_word(t, "frame_type", "max_data");
		rudp_qlog_put_pair(t, "maximum", frame->offset);
		return;
	case RUDP_FRAME_BLOCKED:
		rudp_qlog_put_word(t, "frame_type", "data_blocked");
		rudp_qlog_put_pair(t, "limit", frame->offset);
		return;
	case RUDP_FRAME_RESET:
		put_reset(t, frame->reason);
		return;
	case RUDP_FRAME_PATH_CHALLENGE:
		rudp_qlog_put_word(t, "frame_type", "path_challenge");
		return;
	case RUDP_FRAME_PATH_RESPONSE:
		rudp_qlog_put_word(t, "frame_type", "path_response");
		return;
	case RUDP_FRAME_URGENT:
	case RUDP_FRAME_ARRIVED:
		rudp_qlog_put_word(t, "frame_type", "unknown");
		rudp_qlog_put_pair(t, "raw_frame_type", frame->type);
		rudp_qlog_put_pair(t, "offset", frame->offset);
		return;
	case RUDP_FRAME_KEY_SHARE:
		rudp_qlog_put_word(t, "frame_type", "unknown");
		rudp_qlog_put_pair(t, "raw_frame_type", RUDP_FRAME_KEY_SHARE);
		rudp_qlog_put_pair(t, "number", frame->share.number);
		return;
	case RUDP_FRAME_SPARE_ID: /* the trace names no id but that of the connection */
		rudp_qlog_put_word(t, "frame_type", "new_connection_id");
		rudp_qlog_put_pair(t, "sequence_number", frame->spare.number);
		return;
	case RUDP_FRAME_IDENTITY:
		break;
	case RUDP_FRAME_REPAIR:
		rudp_qlog_put_word(t, "frame_type", "unknown");
		rudp_qlog_put_pair(t, "raw_frame_type", RUDP_FRAME_REPAIR);
		rudp_qlog_put_pair(t, "offset", frame->repair.offset);
		rudp_qlog_put_pair(t, "count", frame->repair.count);
		rudp_qlog_put_pair(t, "row", frame->repair.row);
		return;
	}
	rudp_qlog_put_word(t, "frame_type", "unknown");
	rudp_qlog_put_pair(t, "raw_frame_type", frame->type);
}

static void put_padding(struct rudp_qlog_text *t, size_t bytes)
{
	if (bytes == 0)
		return;
	rudp_qlog_put(t, t->next[-1] == '[' ? "{" : ",{");
	rudp_qlog_put_word(t, "frame_type", "padding");
	rudp_qlog_put_pair(t, "payload_length", bytes);
	rudp_qlog_put(t, "}");
}

/*
 * Writes the frames that fit, and returns how many do not: a peer may put thousands of the smallest
 * frames into one packet. Padding is only counted.
 */
static uint64_t put_frames(struct rudp_qlog_text *t, const struct rudp_fact_packet *packet,
			   size_t *padding_bytes)
{
	struct rudp_reader reader = rudp_reader(packet->frames, packet->frames_bytes);
	struct rudp_frame frame;
	struct rudp_ack ack;
	uint64_t left_out = 0;
	char *end = t->end;

	t->end -= TAIL_BYTES;
	for (size_t left; (left = rudp_reader_left(&reader)) > 0;) {
		char *before = t->next;

		if (rudp_frame_next(&reader, &frame, &ack) != RUDP_VERDICT_OK)
			break;
		if (frame.type == RUDP_FRAME_PADDING) {
			*padding_bytes += left - rudp_reader_left(&reader);
			continue;
		}
		rudp_qlog_put(t, t->next[-1] == '[' ? "{" : ",{");
		put_frame(t, &frame, &ack);
		rudp_qlog_put(t, "}");
		if (t->ok)
			continue;
		t->ok = true;
		t->next = before;
		left_out++;
	}
	t->end = end;
	return left_out;
}

static const char *packet_type(enum rudp_packet_type type)
{
	if (type == RUDP_PACKET_SYN)
		return "initial";
	return type == RUDP_PACKET_SYNACK ? "handshake" : "1RTT";
}

void rudp_qlog_put_header(struct rudp_qlog_text *t, enum rudp_packet_type type, uint64_t number)
{
	rudp_qlog_put_key(t, "header");
	rudp_qlog_put(t, "{");
	rudp_qlog_put_word(t, "packet_type", packet_type(type));
	rudp_qlog_put_pair(t, "packet_number", number);
	rudp_qlog_put(t, "}");
}

void rudp_qlog_put_length(struct rudp_qlog_text *t, size_t bytes)
{
	rudp_qlog_put_key(t, "raw");
	rudp_qlog_put(t, "{");
	rudp_qlog_put_pair(t, "length", bytes);
	rudp_qlog_put(t, "}");
}

void rudp_qlog_put_packet(struct rudp_qlog_text *t, const struct rudp_qlog_reported *reported,
			  const char *name, const struct rudp_fact_packet *packet,
			  int64_t now_at_ns)
{
	size_t padding_bytes = packet->padding_bytes;
	uint64_t left_out = 0;

	rudp_qlog_event_begin(t, reported, name, now_at_ns);
	rudp_qlog_put_header(t, packet->type, packet->number);
	rudp_qlog_put_length(t, packet->size_bytes);
	rudp_qlog_put(t, ",\"frames\":[");
	if (packet->type != RUDP_PACKET_DATA)
		rudp_qlog_put(t, "{\"frame_type\":\"crypto\"}");
	else
		left_out = put_frames(t, packet, &padding_bytes);
	if (packet->has_stream) {
		rudp_qlog_put(t, t->next[-1] == '[' ? "{" : ",{");
		put_stream(t, packet->stream_start, packet->stream_bytes, packet->fin);
		rudp_qlog_put(t, "}");
	}
	put_padding(t, padding_bytes);
	rudp_qlog_put(t, "]");
	if (left_out)
		rudp_qlog_put_pair(t, "frames_left_out", left_out);
	rudp_qlog_event_end(t);
}
