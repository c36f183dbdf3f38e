/* SPDX-License-Identifier: MIT */
/*
 * Any datagram: the parser stays inside it, and what it takes is what the writers would have
 * written, bit for bit; there is no second spelling of a packet.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_inside(const uint8_t *data, size_t len, const uint8_t *part, size_t part_len)
{
	if (part_len == 0)
		return;
	assert(part >= data && part_len <= len);
	assert((size_t)(part - data) <= len - part_len);
}

static size_t write_header(const struct rudp_packet *p, uint8_t *out)
{
	switch (p->type) {
	case RUDP_PACKET_SYN:
		return rudp_packet_write_syn(out, p->suite, p->flags, p->id, p->target_port,
					     p->cookie, p->cookie_bytes);
	case RUDP_PACKET_SYNACK:
		return rudp_packet_write_synack(out, p->suite, p->flags, p->id);
	case RUDP_PACKET_COOKIE:
		return rudp_packet_write_cookie(out, p->id, p->cookie, p->cookie_bytes);
	case RUDP_PACKET_DATA:
		return p->is_short
			       ? rudp_packet_write_short_data(out, p->key_phase, p->id,
							      p->number_low)
			       : rudp_packet_write_data(out, p->key_phase, p->id, p->number_low);
	case RUDP_PACKET_RESET:
		return rudp_packet_write_reset(out, p->id, p->reset_token);
	case RUDP_PACKET_REFUSE:
		return rudp_packet_write_refuse(out, p->id, (enum rudp_refusal)p->refusal);
	}
	abort();
}

static void check_identity(const uint8_t *data, size_t len, const struct rudp_packet *p)
{
	uint8_t *again = malloc(len);
	size_t written;

	assert(again);
	written = write_header(p, again);
	if (p->body_bytes > 0)
		memcpy(again + written, p->body, p->body_bytes);
	assert(written + p->body_bytes == len);
	if (p->type == RUDP_PACKET_REFUSE) /* another endpoint may speak another version */
		again[len - 1] = p->version;
	assert(memcmp(again, data, len) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rudp_packet p;
	enum rudp_verdict verdict = rudp_packet_parse(data, len, &p);

	if (verdict == RUDP_VERDICT_OK) {
		check_inside(data, len, p.header, p.header_bytes);
		check_inside(data, len, p.cookie, p.cookie_bytes);
		check_inside(data, len, p.body, p.body_bytes);
		check_identity(data, len, &p);
	} else {
		assert(verdict == RUDP_VERDICT_TRUNCATED || verdict == RUDP_VERDICT_BAD_TYPE ||
		       verdict == RUDP_VERDICT_BAD_VERSION || verdict == RUDP_VERDICT_BAD_CIPHER ||
		       verdict == RUDP_VERDICT_SHORT_SYN || verdict == RUDP_VERDICT_BAD_COOKIE ||
		       verdict == RUDP_VERDICT_BAD_PARAM);
	}
	return 0;
}
