/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the inside of a packet: each frame that is taken is written again, is then no longer
 * than it was, and says the same when read once more.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire/frame.h"

#define AGAIN_MAX_BYTES (2048 + 65536)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool write_ack(struct rudp_writer *w, const struct rudp_ack *ack)
{
	struct rudp_range ascending[RUDP_ACK_RANGES_MAX];
	struct rudp_range_set set = {.ranges = ascending, .count = ack->range_count};
	uint64_t ecn[3] = {ack->ecn_ect0, ack->ecn_ect1, ack->ecn_ce};

	assert(ack->range_count >= 1 && ack->range_count <= RUDP_ACK_RANGES_MAX);
	assert(ack->ranges[0].end == ack->largest + 1);
	for (uint32_t i = 0; i < ack->range_count; i++) {
		assert(ack->ranges[i].start < ack->ranges[i].end);
		if (i > 0)
			assert(ack->ranges[i].end < ack->ranges[i - 1].start);
		ascending[ack->range_count - 1 - i] = ack->ranges[i];
	}
	return rudp_frame_write_ack(w, &set, ack->delay_ns, ack->has_ecn ? ecn : NULL);
}

static bool write_stream(struct rudp_writer *w, const struct rudp_frame *frame)
{
	if (!rudp_frame_write_stream_head(w, frame->stream.offset, frame->stream.len,
					  frame->stream.fin))
		return false;
	assert(rudp_writer_len(w) == rudp_frame_stream_head_bytes(frame->stream.offset));
	rudp_write_bytes(w, frame->stream.bytes, frame->stream.len);
	return w->ok;
}

static bool write_repair(struct rudp_writer *w, const struct rudp_frame *frame)
{
	if (!rudp_frame_write_repair_head(w, frame->repair.offset, frame->repair.count,
					  frame->repair.row))
		return false;
	assert(rudp_writer_len(w) == rudp_frame_repair_head_bytes(frame->repair.offset));
	rudp_write_bytes(w, frame->repair.bytes, frame->repair.len);
	return w->ok;
}

static bool write_frame(struct rudp_writer *w, const struct rudp_frame *frame,
			const struct rudp_ack *ack)
{
	switch ((enum rudp_frame_type)frame->type) {
	case RUDP_FRAME_PADDING:
		rudp_write_zeros(w, 1);
		return w->ok;
	case RUDP_FRAME_PING:
		return rudp_frame_write_ping(w);
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		return write_ack(w, ack);
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		return write_stream(w, frame);
	case RUDP_FRAME_WINDOW:
	case RUDP_FRAME_BLOCKED:
	case RUDP_FRAME_URGENT:
	case RUDP_FRAME_ARRIVED:
		return rudp_frame_write_value(w, frame->type, frame->offset);
	case RUDP_FRAME_RESET:
		return rudp_frame_write_value(w, RUDP_FRAME_RESET, frame->reason);
	case RUDP_FRAME_PATH_CHALLENGE:
	case RUDP_FRAME_PATH_RESPONSE:
		return rudp_frame_write_path(w, frame->type == RUDP_FRAME_PATH_RESPONSE,
					     frame->path);
	case RUDP_FRAME_KEY_SHARE:
		return rudp_frame_write_key_share(w, frame->share.number, frame->share.public_key);
	case RUDP_FRAME_IDENTITY:
		return rudp_frame_write_identity(w, frame->proof);
	case RUDP_FRAME_SPARE_ID:
		return rudp_frame_write_spare_id(w, &frame->spare);
	case RUDP_FRAME_REPAIR:
		return write_repair(w, frame);
	}
	abort();
}

static bool ack_equal(const struct rudp_ack *a, const struct rudp_ack *b)
{
	return a->largest == b->largest && a->delay_ns == b->delay_ns &&
	       a->range_count == b->range_count &&
	       memcmp(a->ranges, b->ranges, a->range_count * sizeof a->ranges[0]) == 0 &&
	       a->has_ecn == b->has_ecn && a->ecn_ect0 == b->ecn_ect0 &&
	       a->ecn_ect1 == b->ecn_ect1 && a->ecn_ce == b->ecn_ce;
}

static bool frame_equal(const struct rudp_frame *a, const struct rudp_frame *b)
{
	switch ((enum rudp_frame_type)a->type) {
	case RUDP_FRAME_PADDING:
	case RUDP_FRAME_PING:
	case RUDP_FRAME_ACK:
	case RUDP_FRAME_ACK_ECN:
		return true;
	case RUDP_FRAME_STREAM:
	case RUDP_FRAME_STREAM_FIN:
		return a->stream.offset == b->stream.offset && a->stream.len == b->stream.len &&
		       a->stream.fin == b->stream.fin &&
		       memcmp(a->stream.bytes, b->stream.bytes, a->stream.len) == 0;
	case RUDP_FRAME_WINDOW:
	case RUDP_FRAME_BLOCKED:
	case RUDP_FRAME_URGENT:
	case RUDP_FRAME_ARRIVED:
		return a->offset == b->offset;
	case RUDP_FRAME_RESET:
		return a->reason == b->reason;
	case RUDP_FRAME_PATH_CHALLENGE:
	case RUDP_FRAME_PATH_RESPONSE:
		return memcmp(a->path, b->path, sizeof a->path) == 0;
	case RUDP_FRAME_KEY_SHARE:
		return a->share.number == b->share.number &&
		       memcmp(a->share.public_key, b->share.public_key,
			      sizeof a->share.public_key) == 0;
	case RUDP_FRAME_IDENTITY:
		return memcmp(a->proof, b->proof, RUDP_IDENTITY_PROOF_BYTES) == 0;
	case RUDP_FRAME_SPARE_ID:
		return a->spare.number == b->spare.number && a->spare.id == b->spare.id &&
		       memcmp(a->spare.reset_token, b->spare.reset_token,
			      sizeof a->spare.reset_token) == 0 &&
		       a->spare.number_offset == b->spare.number_offset;
	case RUDP_FRAME_REPAIR:
		return a->repair.offset == b->repair.offset && a->repair.count == b->repair.count &&
		       a->repair.row == b->repair.row && a->repair.len == b->repair.len &&
		       memcmp(a->repair.bytes, b->repair.bytes, a->repair.len) == 0;
	}
	abort();
}

/* One byte less: nothing is written and the writer stays. An ACK frame leaves ranges out instead.
 */
static void check_tight(const struct rudp_frame *frame, const struct rudp_ack *ack, size_t len)
{
	uint8_t *tight = malloc(len);
	struct rudp_writer w = rudp_writer(tight, len - 1);
	bool is_ack = frame->type == RUDP_FRAME_ACK || frame->type == RUDP_FRAME_ACK_ECN;
	bool is_whole = frame->type == RUDP_FRAME_PING ||
			(frame->type >= RUDP_FRAME_WINDOW && frame->type != RUDP_FRAME_REPAIR);

	assert(tight);
	if (is_whole)
		assert(!write_frame(&w, frame, ack));
	else if (is_ack && ack->range_count == 1)
		assert(!write_ack(&w, ack));
	else if (is_ack)
		assert(write_ack(&w, ack) && rudp_writer_len(&w) < len);
	assert(w.ok && (is_ack || rudp_writer_len(&w) == 0));
	free(tight);
}

static void check_again(const struct rudp_frame *frame, const struct rudp_ack *ack, size_t consumed)
{
	static uint8_t again[AGAIN_MAX_BYTES];
	struct rudp_writer w = rudp_writer(again, sizeof again);
	struct rudp_reader r;
	struct rudp_frame frame_again;
	struct rudp_ack ack_again;

	assert(write_frame(&w, frame, ack));
	assert(rudp_writer_len(&w) <= consumed);
	r = rudp_reader(again, rudp_writer_len(&w));
	assert(rudp_frame_next(&r, &frame_again, &ack_again) == RUDP_VERDICT_OK);
	assert(rudp_reader_left(&r) == 0 && frame_again.type == frame->type);
	assert(frame_equal(frame, &frame_again));
	if (frame->type == RUDP_FRAME_ACK || frame->type == RUDP_FRAME_ACK_ECN)
		assert(ack_equal(ack, &ack_again));
	check_tight(frame, ack, rudp_writer_len(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rudp_reader r = rudp_reader(data, len);
	struct rudp_frame frame;
	struct rudp_ack ack;

	while (rudp_reader_left(&r) > 0) {
		const uint8_t *start = r.next;
		enum rudp_verdict verdict = rudp_frame_next(&r, &frame, &ack);

		assert(frame.type == *start);
		assert(verdict == RUDP_VERDICT_OK || verdict == RUDP_VERDICT_BAD_FRAME);
		if (verdict != RUDP_VERDICT_OK)
			break;
		assert(r.ok && r.next > start);
		check_again(&frame, &ack, (size_t)(r.next - start));
	}
	return 0;
}
