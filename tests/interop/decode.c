/* SPDX-License-Identifier: MIT */
/*
 * decode - what the decoders of the product make of inputs, for comparison with those of the second
 * implementation (tests/interop/test_decoders.py).
 *
 * Input   on stdin, any number of: kind (1 byte), length (4 bytes, network byte order), that many
 *         bytes. Kinds: 'p' a datagram, 'f' the plaintext of a DATA packet, 's' and 'a' the
 *         parameters of a SYN and of a SYNACK.
 * Output  one line for each input: the verdict, and the meaning if it is accepted. Long bytes are
 *         shown as length and CRC-32.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/conn/conn_handshake.h"
#include "proto/wire/frame.h"
#include "proto/wire/packet.h"

#define INPUT_MAX_BYTES 65535
#define CRC32_POLYNOMIAL 0xedb88320u

static uint32_t crc32(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32_POLYNOMIAL : 0);
	}
	return ~crc;
}

static void show_bytes(const uint8_t *bytes, size_t len)
{
	printf(" %zu:%08" PRIx32, len, crc32(bytes, len));
}

static void show_number(uint64_t number)
{
	printf(" %" PRIu64, number);
}

static void show_syn(const uint8_t *data, size_t len, const struct rudp_packet *packet)
{
	if (!rudp_syn_check(data, len)) {
		printf("drop");
		return;
	}
	printf("syn %d %d %" PRIu64 " %d", packet->suite, packet->flags, packet->id,
	       packet->target_port);
	show_bytes(packet->cookie, packet->cookie_bytes);
	show_bytes(packet->body, packet->body_bytes - RUDP_SYN_CHECK_BYTES);
}

static void show_packet(const uint8_t *data, size_t len, const struct rudp_packet *packet)
{
	switch (packet->type) {
	case RUDP_PACKET_SYN:
		show_syn(data, len, packet);
		break;
	case RUDP_PACKET_SYNACK:
		printf("synack %d %d %" PRIu64, packet->suite, packet->flags, packet->id);
		show_bytes(packet->body, packet->body_bytes);
		break;
	case RUDP_PACKET_COOKIE:
		printf("cookie %" PRIu64, packet->id);
		show_bytes(packet->cookie, packet->cookie_bytes);
		break;
	case RUDP_PACKET_DATA:
		printf("data %d %d %" PRIu64 " %" PRIu32, packet->key_phase, packet->is_short,
		       packet->id, packet->number_low);
		show_bytes(packet->header, packet->header_bytes);
		show_bytes(packet->body, packet->body_bytes);
		break;
	case RUDP_PACKET_RESET:
		printf("reset %" PRIu64, packet->id);
		show_bytes(packet->reset_token, RUDP_RESET_TOKEN_BYTES);
		break;
	case RUDP_PACKET_REFUSE:
		printf("refuse %" PRIu64 " %d %d", packet->id, packet->refusal, packet->version);
		break;
	}
}

static void decode_packet(const uint8_t *data, size_t len)
{
	struct rudp_packet packet;
	enum rudp_verdict verdict = rudp_packet_parse(data, len, &packet);

	if (verdict == RUDP_VERDICT_OK)
		show_packet(data, len, &packet);
	else if (rudp_syn_is_of_another_version(verdict, &packet, len))
		printf("version %" PRIu64, packet.id);
	else
		printf("drop");
}

static void show_ack(const struct rudp_ack *ack)
{
	printf("ack %" PRIu64 " %" PRId64, ack->largest, ack->delay_ns / RUDP_NS_PER_US);
	for (uint32_t i = 0; i < ack->range_count; i++)
		printf(" %" PRIu64 "-%" PRIu64, ack->ranges[i].start, ack->ranges[i].end);
	if (ack->has_ecn)
		printf(" ecn %" PRIu64 " %" PRIu64 " %" PRIu64, ack->ecn_ect0, ack->ecn_ect1,
		       ack->ecn_ce);
}

static void show_frame(const struct rudp_frame *frame, const struct rudp_ack *ack)
{
	switch ((enum rudp_frame_type)frame->type) {
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		show_ack(ack);
		return;
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		printf("stream %d %" PRIu64, frame->stream.fin, frame->stream.offset);
		show_bytes(frame->stream.bytes, frame->stream.len);
		return;
	case RUDP_FRAME_REPAIR:
		printf("repair %" PRIu64 " %d %d", frame->repair.offset, frame->repair.count,
		       frame->repair.row);
		show_bytes(frame->repair.bytes, frame->repair.len);
		return;
	case RUDP_FRAME_PADDING:
	case RUDP_FRAME_PING:
		printf("%d", frame->type);
		return;
	case RUDP_FRAME_WINDOW:
	case RUDP_FRAME_BLOCKED:
	case RUDP_FRAME_URGENT:
	case RUDP_FRAME_ARRIVED:
		printf("%d %" PRIu64, frame->type, frame->offset);
		return;
	case RUDP_FRAME_RESET:
		printf("%d %" PRIu64, frame->type, frame->reason);
		return;
	case RUDP_FRAME_PATH_CHALLENGE:
	case RUDP_FRAME_PATH_RESPONSE:
		printf("%d", frame->type);
		show_bytes(frame->path, sizeof frame->path);
		return;
	case RUDP_FRAME_KEY_SHARE:
		printf("%d %" PRIu64, frame->type, frame->share.number);
		show_bytes(frame->share.public_key, sizeof frame->share.public_key);
		return;
	case RUDP_FRAME_IDENTITY:
		printf("%d", frame->type);
		show_bytes(frame->proof, RUDP_IDENTITY_PROOF_BYTES);
		return;
	case RUDP_FRAME_SPARE_ID:
		printf("%d %" PRIu64 " %" PRIu64, frame->type, frame->spare.number,
		       frame->spare.id);
		show_bytes(frame->spare.reset_token, sizeof frame->spare.reset_token);
		show_number(frame->spare.number_offset);
		return;
	}
}

/* A malformed packet has no meaning: its frames are read once before they are shown. */
static bool is_well_formed(const uint8_t *data, size_t len)
{
	struct rudp_reader reader = rudp_reader(data, len);
	struct rudp_frame frame;
	struct rudp_ack ack;
	unsigned count = 0;

	while (rudp_reader_left(&reader) > 0)
		if (count++ == RUDP_FRAMES_MAX ||
		    rudp_frame_next(&reader, &frame, &ack) != RUDP_VERDICT_OK)
			return false;
	return count > 0;
}

static void decode_frames(const uint8_t *data, size_t len)
{
	struct rudp_reader reader = rudp_reader(data, len);
	struct rudp_frame frame;
	struct rudp_ack ack;

	if (!is_well_formed(data, len)) {
		printf("malformed");
		return;
	}
	while (rudp_reader_left(&reader) > 0) {
		rudp_frame_next(&reader, &frame, &ack);
		show_frame(&frame, &ack);
		printf("; ");
	}
}

/* Parameters of the other message are ignored. */
static void show_params(const struct rudp_params *params, bool in_syn)
{
	printf("params");
	show_number(params->source_id);
	show_number(params->window_bytes);
	show_number(params->datagram_max_bytes);
	show_number((uint64_t)(params->ack_delay_max_ns / RUDP_NS_PER_US));
	show_bytes(params->reset_token, sizeof params->reset_token);
	printf(" %d%d%d%d", params->takes_repairs, params->takes_short_ids,
	       params->takes_key_shares, params->takes_spare_ids);
	if (!in_syn) {
		show_number(params->association_id);
		show_number(params->early_taken_bytes);
		printf(" %d", params->key_lasts);
		return;
	}
	printf(" %d", params->wants_association);
	show_bytes(params->early, params->early_bytes);
	show_number(params->spent.association_id);
	if (params->spent.association_id) {
		show_number(params->spent.counter);
		show_bytes(params->spent.proof, sizeof params->spent.proof);
	}
}

static void decode_params(const uint8_t *data, size_t len, bool in_syn)
{
	struct rudp_params params;

	if (rudp_params_parse(data, len, &params) == RUDP_VERDICT_OK &&
	    rudp_params_fit(&params, in_syn))
		show_params(&params, in_syn);
	else
		printf("malformed");
}

static bool read_all(uint8_t *bytes, size_t len)
{
	return fread(bytes, 1, len, stdin) == len;
}

int main(void)
{
	uint8_t head[5];

	while (read_all(head, sizeof head)) {
		struct rudp_reader reader = rudp_reader(head, sizeof head);
		char kind = (char)rudp_read_u8(&reader);
		size_t len = rudp_read_u32(&reader);
		/* of its exact length, so that a sanitizer sees what is read beyond it */
		uint8_t *data = malloc(len + (len == 0));

		assert(data && len <= INPUT_MAX_BYTES);
		if (!read_all(data, len))
			return 1;
		if (kind == 'p')
			decode_packet(data, len);
		else if (kind == 'f')
			decode_frames(data, len);
		else
			decode_params(data, len, kind == 's');
		putchar('\n');
		free(data);
	}
	return 0;
}
