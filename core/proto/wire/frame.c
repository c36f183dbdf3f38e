/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 4. */
#include "proto/wire/frame.h"

#include <assert.h>
#include <string.h>

#include "base/time.h"

/*
 * Longer delays are clamped: they carry no more information, and nanoseconds must fit into int64_t.
 */
#define ACK_DELAY_MAX_US UINT32_MAX

/*
 * At least one number is missing between two ranges, and no range is empty: both are written minus
 * one.
 */
#define GAP_MIN 1
#define LENGTH_MIN 1

bool rudp_frame_is_ack_eliciting(uint8_t type)
{
#define ELICITING_CASE(name, value, eliciting)                                                     \
	case value:                                                                                \
		return eliciting;
	switch (type) {
		RUDP_FRAMES(ELICITING_CASE)
	}
#undef ELICITING_CASE
	return false;
}

/*
 * Reads the next lower range. All numbers are below 2^62 and at most two of them are added, so no
 * sum wraps.
 */
static bool read_range(struct rudp_reader *r, uint64_t smallest_above, struct rudp_range *range)
{
	uint64_t gap = rudp_read_varint(r) + GAP_MIN;
	uint64_t length = rudp_read_varint(r) + LENGTH_MIN;

	if (!r->ok || gap + length > smallest_above)
		return false;
	range->end = smallest_above - gap;
	range->start = range->end - length;
	return true;
}

static bool read_ranges(struct rudp_reader *r, struct rudp_ack *ack)
{
	uint64_t further = rudp_read_varint(r);
	uint64_t length = rudp_read_varint(r) + LENGTH_MIN;
	struct rudp_range *range = ack->ranges;

	if (!r->ok || further >= RUDP_ACK_RANGES_MAX || length > ack->largest + 1)
		return false;
	range->end = ack->largest + 1;
	range->start = range->end - length;
	ack->range_count = (uint32_t)further + 1;
	for (; further > 0; further--, range++)
		if (!read_range(r, range->start, range + 1))
			return false;
	return true;
}

static bool read_ack(struct rudp_reader *r, bool has_ecn, struct rudp_ack *ack)
{
	uint64_t delay_us;

	ack->largest = rudp_read_varint(r);
	delay_us = rudp_read_varint(r);
	if (delay_us > ACK_DELAY_MAX_US)
		delay_us = ACK_DELAY_MAX_US;
	ack->delay_ns = (int64_t)delay_us * RUDP_NS_PER_US;
	if (!read_ranges(r, ack))
		return false;
	ack->has_ecn = has_ecn;
	ack->ecn_ect0 = has_ecn ? rudp_read_varint(r) : 0;
	ack->ecn_ect1 = has_ecn ? rudp_read_varint(r) : 0;
	ack->ecn_ce = has_ecn ? rudp_read_varint(r) : 0;
	return r->ok;
}

static bool read_stream(struct rudp_reader *r, bool fin, struct rudp_frame *frame)
{
	frame->stream.fin = fin;
	frame->stream.offset = rudp_read_varint(r);
	frame->stream.len = rudp_read_u16(r);
	frame->stream.bytes = rudp_read_bytes(r, frame->stream.len);
	return r->ok && frame->stream.len <= RUDP_VARINT_MAX - frame->stream.offset;
}

static bool read_path(struct rudp_reader *r, struct rudp_frame *frame)
{
	const uint8_t *data = rudp_read_bytes(r, sizeof frame->path);

	if (data)
		memcpy(frame->path, data, sizeof frame->path);
	return r->ok;
}

static bool read_key_share(struct rudp_reader *r, struct rudp_frame *frame)
{
	const uint8_t *public_key;

	frame->share.number = rudp_read_varint(r);
	public_key = rudp_read_bytes(r, sizeof frame->share.public_key);
	if (public_key)
		memcpy(frame->share.public_key, public_key, sizeof frame->share.public_key);
	return r->ok && frame->share.number > 0;
}

static bool read_spare_id(struct rudp_reader *r, struct rudp_spare_id *spare)
{
	const uint8_t *token;

	spare->number = rudp_read_varint(r);
	spare->id = rudp_read_u64(r);
	token = rudp_read_bytes(r, sizeof spare->reset_token);
	if (token)
		memcpy(spare->reset_token, token, sizeof spare->reset_token);
	spare->number_offset = rudp_read_u32(r);
	return r->ok && spare->number > 0 && spare->id != 0;
}

/* The repair symbol is the rest of the packet. */
static bool read_repair(struct rudp_reader *r, struct rudp_frame *frame)
{
	frame->repair.offset = rudp_read_varint(r);
	frame->repair.count = rudp_read_u8(r);
	frame->repair.row = rudp_read_u8(r);
	frame->repair.len = rudp_reader_left(r);
	frame->repair.bytes = rudp_read_bytes(r, frame->repair.len);
	return r->ok && frame->repair.count > 0 && frame->repair.count <= RUDP_FEC_COUNT_MAX &&
	       frame->repair.row < RUDP_FEC_ROWS_MAX &&
	       frame->repair.count * frame->repair.len <= RUDP_VARINT_MAX - frame->repair.offset;
}

static bool skip_padding(struct rudp_reader *r)
{
	while (r->next < r->end && *r->next == RUDP_FRAME_PADDING)
		r->next++;
	return true;
}

static bool read_fields(struct rudp_reader *r, struct rudp_frame *frame, struct rudp_ack *ack)
{
	switch ((enum rudp_frame_type)frame->type) {
	case RUDP_FRAME_PADDING:
		return skip_padding(r);
	case RUDP_FRAME_PING:
		return true;
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		return read_ack(r, frame->type == RUDP_FRAME_ACK_ECN, ack);
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		return read_stream(r, frame->type == RUDP_FRAME_STREAM_FIN, frame);
	case RUDP_FRAME_WINDOW:
	case RUDP_FRAME_BLOCKED:
	case RUDP_FRAME_URGENT:
	case RUDP_FRAME_ARRIVED:
		frame->offset = rudp_read_varint(r);
		return r->ok;
	case RUDP_FRAME_RESET:
		frame->reason = rudp_read_varint(r);
		return r->ok;
	case RUDP_FRAME_PATH_CHALLENGE:
	case RUDP_FRAME_PATH_RESPONSE:
		return read_path(r, frame);
	case RUDP_FRAME_REPAIR:
		return read_repair(r, frame);
	case RUDP_FRAME_KEY_SHARE:
		return read_key_share(r, frame);
	case RUDP_FRAME_IDENTITY:
		frame->proof = rudp_read_bytes(r, RUDP_IDENTITY_PROOF_BYTES);
		return frame->proof;
	case RUDP_FRAME_SPARE_ID:
		return read_spare_id(r, &frame->spare);
	}
	return false;
}

enum rudp_verdict rudp_frame_next(struct rudp_reader *reader, struct rudp_frame *frame,
				  struct rudp_ack *ack)
{
	frame->type = rudp_read_u8(reader);
	if (!reader->ok || !read_fields(reader, frame, ack))
		return RUDP_VERDICT_BAD_FRAME;
	return RUDP_VERDICT_OK;
}

/* Ends every write function: the whole frame was written, or the writer is restored. */
static bool finish(struct rudp_writer *w, const struct rudp_writer *before)
{
	if (w->ok)
		return true;
	*w = *before;
	return false;
}

bool rudp_frame_write_ping(struct rudp_writer *w)
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, RUDP_FRAME_PING);
	return finish(w, &before);
}

bool rudp_frame_write_value(struct rudp_writer *w, enum rudp_frame_type type, uint64_t value)
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, (uint8_t)type);
	rudp_write_varint(w, value);
	return finish(w, &before);
}

bool rudp_frame_write_key_share(struct rudp_writer *w, uint64_t number,
				const uint8_t public_key[RUDP_KEY_SHARE_BYTES])
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, RUDP_FRAME_KEY_SHARE);
	rudp_write_varint(w, number);
	rudp_write_bytes(w, public_key, RUDP_KEY_SHARE_BYTES);
	return finish(w, &before);
}

bool rudp_frame_write_identity(struct rudp_writer *w,
			       const uint8_t proof[RUDP_IDENTITY_PROOF_BYTES])
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, RUDP_FRAME_IDENTITY);
	rudp_write_bytes(w, proof, RUDP_IDENTITY_PROOF_BYTES);
	return finish(w, &before);
}

bool rudp_frame_write_spare_id(struct rudp_writer *w, const struct rudp_spare_id *spare)
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, RUDP_FRAME_SPARE_ID);
	rudp_write_varint(w, spare->number);
	rudp_write_u64(w, spare->id);
	rudp_write_bytes(w, spare->reset_token, sizeof spare->reset_token);
	rudp_write_u32(w, spare->number_offset);
	return finish(w, &before);
}

bool rudp_frame_write_path(struct rudp_writer *w, bool response, const uint8_t data[8])
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, response ? RUDP_FRAME_PATH_RESPONSE : RUDP_FRAME_PATH_CHALLENGE);
	rudp_write_bytes(w, data, 8);
	return finish(w, &before);
}

bool rudp_frame_write_stream_head(struct rudp_writer *w, uint64_t offset, size_t len, bool fin)
{
	struct rudp_writer before = *w;

	if (len > UINT16_MAX)
		return false;
	rudp_write_u8(w, fin ? RUDP_FRAME_STREAM_FIN : RUDP_FRAME_STREAM);
	rudp_write_varint(w, offset);
	rudp_write_u16(w, (uint16_t)len);
	return finish(w, &before);
}

size_t rudp_frame_stream_head_bytes(uint64_t offset)
{
	return 1 + rudp_varint_size(offset) + sizeof(uint16_t);
}

bool rudp_frame_write_repair_head(struct rudp_writer *w, uint64_t offset, uint8_t count,
				  uint8_t row)
{
	struct rudp_writer before = *w;

	rudp_write_u8(w, RUDP_FRAME_REPAIR);
	rudp_write_varint(w, offset);
	rudp_write_u8(w, count);
	rudp_write_u8(w, row);
	return finish(w, &before);
}

size_t rudp_frame_repair_head_bytes(uint64_t offset)
{
	return 1 + rudp_varint_size(offset) + 2 * sizeof(uint8_t);
}

static uint64_t delay_us(int64_t delay_ns)
{
	int64_t us = delay_ns / RUDP_NS_PER_US;

	if (us < 0)
		return 0;
	return us < ACK_DELAY_MAX_US ? (uint64_t)us : ACK_DELAY_MAX_US;
}

static size_t ecn_bytes(const uint64_t ecn[3])
{
	if (!ecn)
		return 0;
	return rudp_varint_size(ecn[0]) + rudp_varint_size(ecn[1]) + rudp_varint_size(ecn[2]);
}

/*
 * Writes ranges below the newest, in descending order, and leaves tail_bytes free. Returns their
 * number.
 */
static uint8_t write_older(struct rudp_writer *w, const struct rudp_range_set *received,
			   size_t tail_bytes)
{
	const struct rudp_range *above = &received->ranges[received->count - 1];
	uint32_t max =
		received->count < RUDP_ACK_RANGES_MAX ? received->count : RUDP_ACK_RANGES_MAX;
	uint8_t count = 0;

	for (; count + 1u < max; count++, above--) {
		uint64_t gap = above->start - above[-1].end - GAP_MIN;
		uint64_t length = above[-1].end - above[-1].start - LENGTH_MIN;

		if (rudp_varint_size(gap) + rudp_varint_size(length) + tail_bytes >
		    rudp_writer_room(w))
			break;
		rudp_write_varint(w, gap);
		rudp_write_varint(w, length);
	}
	return count;
}

bool rudp_frame_write_ack(struct rudp_writer *w, const struct rudp_range_set *received,
			  int64_t delay_ns, const uint64_t ecn[3])
{
	struct rudp_writer before = *w;
	const struct rudp_range *newest;
	uint8_t *further_count;

	/* The count of further ranges, at most 63, is known last. It always takes one byte. */
	_Static_assert(RUDP_ACK_RANGES_MAX <= 64, "count of further ranges is a one-byte varint");
	assert(received->count > 0);
	newest = &received->ranges[received->count - 1];
	rudp_write_u8(w, ecn ? RUDP_FRAME_ACK_ECN : RUDP_FRAME_ACK);
	rudp_write_varint(w, newest->end - 1);
	rudp_write_varint(w, delay_us(delay_ns));
	further_count = w->next;
	rudp_write_u8(w, 0);
	rudp_write_varint(w, newest->end - newest->start - LENGTH_MIN);
	if (w->ok)
		*further_count = write_older(w, received, ecn_bytes(ecn));
	for (int i = 0; ecn && i < 3; i++)
		rudp_write_varint(w, ecn[i]);
	return finish(w, &before);
}
