/* SPDX-License-Identifier: MIT */
/* Any bytes as handshake parameters: what is taken is written again and then says the same. */
#include <assert.h>
#include <string.h>

#include "proto/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_ranges(const struct rudp_params *p)
{
	assert(p->source_id != 0);
	assert(p->window_bytes <= RUDP_VARINT_MAX);
	assert(p->datagram_max_bytes >= RUDP_DATAGRAM_BASE_BYTES);
	assert(p->ack_delay_max_ns >= 0 && p->ack_delay_max_ns <= RUDP_PARAM_ACK_DELAY_MAX_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rudp_params in, out;
	uint8_t bytes[4096 + 300];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	enum rudp_verdict verdict = rudp_params_parse(data, len, &in);

	if (verdict != RUDP_VERDICT_OK) {
		assert(verdict == RUDP_VERDICT_BAD_PARAM);
		return 0;
	}
	check_ranges(&in);
	if (in.early_bytes > 4096)
		return 0;
	assert(rudp_params_write(&w, &in));
	assert(rudp_writer_len(&w) <= len);
	assert(rudp_params_parse(bytes, rudp_writer_len(&w), &out) == RUDP_VERDICT_OK);
	assert(in.wants_association == out.wants_association &&
	       in.association_id == out.association_id);
	assert(in.takes_repairs == out.takes_repairs && in.takes_short_ids == out.takes_short_ids);
	assert(in.takes_key_shares == out.takes_key_shares &&
	       in.takes_spare_ids == out.takes_spare_ids);
	assert(!in.wants_association || in.association_id == 0);
	assert(in.early_bytes == out.early_bytes && in.early_taken_bytes == out.early_taken_bytes);
	assert(in.early_bytes == 0 || memcmp(in.early, out.early, in.early_bytes) == 0);
	assert(in.spent.association_id == out.spent.association_id &&
	       in.spent.counter == out.spent.counter &&
	       memcmp(in.spent.proof, out.spent.proof, sizeof in.spent.proof) == 0);
	assert(in.source_id == out.source_id && in.window_bytes == out.window_bytes &&
	       in.datagram_max_bytes == out.datagram_max_bytes &&
	       in.ack_delay_max_ns == out.ack_delay_max_ns &&
	       memcmp(in.reset_token, out.reset_token, sizeof in.reset_token) == 0);
	return 0;
}
