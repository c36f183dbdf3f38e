/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 3. */
#include "proto/wire/packet.h"

#include <assert.h>

#include "base/wire.h"

#define TYPE_SHIFT 4
#define LOW_BITS 0x0f
#define KEY_PHASE_BIT 0x01 /* DATA */
#define SHORT_BIT 0x02     /* DATA; all other low bits must be 0 */

#define NUMBER_WINDOW (UINT64_C(1) << 32) /* numbers that differ in their low 32 bits */

static bool suite_is_supported(uint8_t suite)
{
	return suite == RUDP_SUITE_AES_256_GCM || suite == RUDP_SUITE_CHACHA20_POLY1305;
}

static bool flags_are_supported(uint8_t flags)
{
	switch (flags) {
	case 0:
	case RUDP_SYN_RESUME:
	case RUDP_SYN_RESUME | RUDP_SYN_DH:
	case RUDP_SYN_TO_KEY:
	case RUDP_SYN_TO_KEY | RUDP_SYN_OWN_KEY:
	case RUDP_SYN_ASK_KEY:
	case RUDP_SYN_ASK_KEY | RUDP_SYN_OWN_KEY:
		return true;
	default:
		return false;
	}
}

/*
 * Parses the start of SYN and SYNACK. It has the same layout in all future versions, so that a peer
 * of another version can be told the supported one. An unknown flag requests a feature that this
 * version does not have.
 */
static enum rudp_verdict parse_version_part(struct rudp_reader *r, struct rudp_packet *out)
{
	out->version = rudp_read_u8(r);
	out->suite = rudp_read_u8(r);
	out->flags = rudp_read_u8(r);
	out->id = rudp_read_u64(r);
	if (!r->ok)
		return RUDP_VERDICT_TRUNCATED;
	if (out->version != RUDP_VERSION || !flags_are_supported(out->flags))
		return RUDP_VERDICT_BAD_VERSION;
	return suite_is_supported(out->suite) ? RUDP_VERDICT_OK : RUDP_VERDICT_BAD_CIPHER;
}

static void take_body(struct rudp_reader *r, struct rudp_packet *out)
{
	out->body_bytes = rudp_reader_left(r);
	out->body = rudp_read_bytes(r, out->body_bytes);
}

static enum rudp_verdict parse_syn(struct rudp_reader *r, size_t len, struct rudp_packet *out)
{
	enum rudp_verdict verdict = parse_version_part(r, out);
	uint8_t reserved;

	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	out->target_port = rudp_read_u16(r);
	out->cookie_bytes = rudp_read_u8(r);
	reserved = rudp_read_u8(r);
	if (!r->ok)
		return RUDP_VERDICT_TRUNCATED;
	if (len < RUDP_DATAGRAM_MIN_SYN_BYTES)
		return RUDP_VERDICT_SHORT_SYN;
	if (reserved != 0)
		return RUDP_VERDICT_BAD_VERSION;
	if (out->cookie_bytes > RUDP_COOKIE_MAX_BYTES)
		return RUDP_VERDICT_BAD_COOKIE;
	if (out->cookie_bytes > 0)
		out->cookie = rudp_read_bytes(r, out->cookie_bytes);
	take_body(r, out);
	return out->id == 0 ? RUDP_VERDICT_BAD_PARAM : RUDP_VERDICT_OK;
}

static enum rudp_verdict parse_synack(struct rudp_reader *r, size_t len, struct rudp_packet *out)
{
	enum rudp_verdict verdict = parse_version_part(r, out);

	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	if (len < RUDP_SYNACK_MIN_BYTES)
		return RUDP_VERDICT_TRUNCATED;
	if (len > RUDP_SYNACK_MAX_BYTES)
		return RUDP_VERDICT_BAD_TYPE;
	take_body(r, out);
	return RUDP_VERDICT_OK;
}

/* For packets with one exact length. */
static enum rudp_verdict check_end(const struct rudp_reader *r)
{
	if (!r->ok)
		return RUDP_VERDICT_TRUNCATED;
	return rudp_reader_left(r) > 0 ? RUDP_VERDICT_BAD_TYPE : RUDP_VERDICT_OK;
}

static enum rudp_verdict parse_cookie(struct rudp_reader *r, struct rudp_packet *out)
{
	out->id = rudp_read_u64(r);
	out->cookie_bytes = rudp_read_u8(r);
	if (r->ok && (out->cookie_bytes == 0 || out->cookie_bytes > RUDP_COOKIE_MAX_BYTES))
		return RUDP_VERDICT_BAD_COOKIE;
	out->cookie = rudp_read_bytes(r, out->cookie_bytes);
	return check_end(r);
}

static enum rudp_verdict parse_data(struct rudp_reader *r, struct rudp_packet *out)
{
	out->id = out->is_short ? rudp_read_u32(r) : rudp_read_u64(r);
	out->number_low = rudp_read_u32(r);
	out->header_bytes = out->is_short ? RUDP_DATA_HEADER_SHORT_BYTES : RUDP_DATA_HEADER_BYTES;
	if (!r->ok || rudp_reader_left(r) < RUDP_TAG_BYTES)
		return RUDP_VERDICT_TRUNCATED;
	take_body(r, out);
	return RUDP_VERDICT_OK;
}

static enum rudp_verdict parse_reset(struct rudp_reader *r, struct rudp_packet *out)
{
	out->id = rudp_read_u64(r);
	out->reset_token = rudp_read_bytes(r, RUDP_RESET_TOKEN_BYTES);
	return check_end(r);
}

static enum rudp_verdict parse_refuse(struct rudp_reader *r, struct rudp_packet *out)
{
	out->id = rudp_read_u64(r);
	out->refusal = rudp_read_u8(r);
	out->version = rudp_read_u8(r);
	return check_end(r);
}

enum rudp_verdict rudp_packet_parse(const uint8_t *datagram, size_t len, struct rudp_packet *out)
{
	struct rudp_reader r = rudp_reader(datagram, len);
	uint8_t first = rudp_read_u8(&r);

	*out = (struct rudp_packet){
		.type = (enum rudp_packet_type)(first >> TYPE_SHIFT),
		.header = datagram,
	};
	if (!r.ok)
		return RUDP_VERDICT_TRUNCATED;
	if (out->type == RUDP_PACKET_DATA) {
		out->key_phase = first & KEY_PHASE_BIT;
		out->is_short = first & SHORT_BIT;
		first &= (uint8_t) ~(KEY_PHASE_BIT | SHORT_BIT);
	}
	if (first & LOW_BITS)
		return RUDP_VERDICT_BAD_TYPE;
	switch (out->type) {
	case RUDP_PACKET_SYN:
		return parse_syn(&r, len, out);
	case RUDP_PACKET_SYNACK:
		return parse_synack(&r, len, out);
	case RUDP_PACKET_COOKIE:
		return parse_cookie(&r, out);
	case RUDP_PACKET_DATA:
		return parse_data(&r, out);
	case RUDP_PACKET_RESET:
		return parse_reset(&r, out);
	case RUDP_PACKET_REFUSE:
		return parse_refuse(&r, out);
	}
	return RUDP_VERDICT_BAD_TYPE;
}

static void write_type(struct rudp_writer *w, enum rudp_packet_type type, uint8_t low_bits)
{
	rudp_write_u8(w, (uint8_t)((unsigned)type << TYPE_SHIFT | low_bits));
}

static void write_version_part(struct rudp_writer *w, enum rudp_packet_type type, uint8_t suite,
			       uint8_t flags, uint64_t id)
{
	write_type(w, type, 0);
	rudp_write_u8(w, RUDP_VERSION);
	rudp_write_u8(w, suite);
	rudp_write_u8(w, flags);
	rudp_write_u64(w, id);
}

size_t rudp_packet_write_syn(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
			     uint16_t target_port, const uint8_t *cookie, size_t cookie_bytes)
{
	struct rudp_writer w = rudp_writer(out, RUDP_SYN_HEADER_BYTES + cookie_bytes);

	assert(cookie_bytes <= RUDP_COOKIE_MAX_BYTES);
	write_version_part(&w, RUDP_PACKET_SYN, suite, flags, source_id);
	rudp_write_u16(&w, target_port);
	rudp_write_u8(&w, (uint8_t)cookie_bytes);
	rudp_write_u8(&w, 0);
	rudp_write_bytes(&w, cookie, cookie_bytes);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_synack(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t dest_id)
{
	struct rudp_writer w = rudp_writer(out, RUDP_SYNACK_HEADER_BYTES);

	write_version_part(&w, RUDP_PACKET_SYNACK, suite, flags, dest_id);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_cookie(uint8_t *out, uint64_t dest_id, const uint8_t *cookie,
				size_t cookie_bytes)
{
	struct rudp_writer w = rudp_writer(out, 1 + RUDP_ID_BYTES + 1 + cookie_bytes);

	assert(cookie_bytes > 0 && cookie_bytes <= RUDP_COOKIE_MAX_BYTES);
	write_type(&w, RUDP_PACKET_COOKIE, 0);
	rudp_write_u64(&w, dest_id);
	rudp_write_u8(&w, (uint8_t)cookie_bytes);
	rudp_write_bytes(&w, cookie, cookie_bytes);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_data(uint8_t *out, bool key_phase, uint64_t dest_id, uint64_t number)
{
	struct rudp_writer w = rudp_writer(out, RUDP_DATA_HEADER_BYTES);

	write_type(&w, RUDP_PACKET_DATA, key_phase ? KEY_PHASE_BIT : 0);
	rudp_write_u64(&w, dest_id);
	rudp_write_u32(&w, (uint32_t)number);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_short_data(uint8_t *out, bool key_phase, uint64_t dest_id, uint64_t number)
{
	struct rudp_writer w = rudp_writer(out, RUDP_DATA_HEADER_SHORT_BYTES);

	write_type(&w, RUDP_PACKET_DATA, SHORT_BIT | (key_phase ? KEY_PHASE_BIT : 0));
	rudp_write_u32(&w, (uint32_t)dest_id);
	rudp_write_u32(&w, (uint32_t)number);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_reset(uint8_t *out, uint64_t dest_id,
			       const uint8_t token[RUDP_RESET_TOKEN_BYTES])
{
	struct rudp_writer w = rudp_writer(out, RUDP_RESET_BYTES);

	write_type(&w, RUDP_PACKET_RESET, 0);
	rudp_write_u64(&w, dest_id);
	rudp_write_bytes(&w, token, RUDP_RESET_TOKEN_BYTES);
	return rudp_writer_len(&w);
}

size_t rudp_packet_write_refuse(uint8_t *out, uint64_t dest_id, enum rudp_refusal reason)
{
	struct rudp_writer w = rudp_writer(out, RUDP_REFUSE_BYTES);

	write_type(&w, RUDP_PACKET_REFUSE, 0);
	rudp_write_u64(&w, dest_id);
	rudp_write_u8(&w, (uint8_t)reason);
	rudp_write_u8(&w, RUDP_VERSION);
	return rudp_writer_len(&w);
}

void rudp_packet_write_prologue(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
				uint16_t target_port)
{
	rudp_packet_write_syn(out, suite, flags, source_id, target_port, NULL, 0);
}

uint64_t rudp_packet_number_expand(uint32_t number_low, uint64_t expected)
{
	uint64_t number = (expected & ~(NUMBER_WINDOW - 1)) | number_low;

	if (number + NUMBER_WINDOW / 2 <= expected && number + NUMBER_WINDOW <= RUDP_VARINT_MAX)
		return number + NUMBER_WINDOW;
	if (number > expected + NUMBER_WINDOW / 2 && number >= NUMBER_WINDOW)
		return number - NUMBER_WINDOW;
	return number;
}
