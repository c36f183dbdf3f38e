/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 5. */
#include <string.h>

#include "base/time.h"
#include "proto/wire/frame.h"

/* On the wire; 0 is padding. */
enum param_type {
	PARAM_SOURCE_ID = 1,
	PARAM_WINDOW = 2,
	PARAM_DATAGRAM_MAX = 3,
	PARAM_ACK_DELAY_MAX = 4,
	PARAM_RESET_TOKEN = 5,
	PARAM_ASSOCIATION = 6,
	PARAM_EARLY = 7,
	PARAM_EARLY_TAKEN = 8,
	PARAM_SPENT = 9,
	PARAM_REPAIRS = 10,
	PARAM_SHORT_IDS = 11,
	PARAM_KEY_SHARES = 12,
	PARAM_KEY_LASTS = 13,
	PARAM_SPARE_IDS = 14,
};

#define PARAM_LAST PARAM_SPARE_IDS

#define SPENT_BYTES (8 + 8 + RUDP_SPENT_PROOF_BYTES)

#define PARAM_BIT(type) (1u << (type))
#define PARAMS_NEEDED                                                                              \
	(PARAM_BIT(PARAM_SOURCE_ID) | PARAM_BIT(PARAM_WINDOW) | PARAM_BIT(PARAM_DATAGRAM_MAX) |    \
	 PARAM_BIT(PARAM_ACK_DELAY_MAX) | PARAM_BIT(PARAM_RESET_TOKEN))

static void write_number(struct rudp_writer *w, enum param_type type, uint64_t value)
{
	if (value > RUDP_VARINT_MAX) {
		w->ok = false;
		return;
	}
	rudp_write_varint(w, type);
	rudp_write_varint(w, rudp_varint_size(value));
	rudp_write_varint(w, value);
}

/* Writes a flag: a parameter without a value. */
static void write_ability(struct rudp_writer *w, enum param_type type)
{
	rudp_write_varint(w, type);
	rudp_write_varint(w, 0);
}

/* Rounded up: an acknowledgement may come earlier than announced, not later. */
static uint64_t whole_us(int64_t ns)
{
	return (uint64_t)(ns / RUDP_NS_PER_US + (ns % RUDP_NS_PER_US > 0));
}

/* An empty parameter asks for an association; one with an id offers it. */
static void write_association(struct rudp_writer *w, const struct rudp_params *params)
{
	rudp_write_varint(w, PARAM_ASSOCIATION);
	rudp_write_varint(w, params->association_id ? RUDP_ID_BYTES : 0);
	if (params->association_id)
		rudp_write_u64(w, params->association_id);
}

static void write_spent(struct rudp_writer *w, const struct rudp_spent *spent)
{
	rudp_write_varint(w, PARAM_SPENT);
	rudp_write_varint(w, SPENT_BYTES);
	rudp_write_u64(w, spent->association_id);
	rudp_write_u64(w, spent->counter);
	rudp_write_bytes(w, spent->proof, sizeof spent->proof);
}

static void write_early(struct rudp_writer *w, const struct rudp_params *params)
{
	rudp_write_varint(w, PARAM_EARLY);
	rudp_write_varint(w, params->early_bytes);
	rudp_write_bytes(w, params->early, params->early_bytes);
}

bool rudp_params_write(struct rudp_writer *w, const struct rudp_params *params)
{
	struct rudp_writer before = *w;

	rudp_write_varint(w, PARAM_SOURCE_ID);
	rudp_write_varint(w, RUDP_ID_BYTES);
	rudp_write_u64(w, params->source_id);
	write_number(w, PARAM_WINDOW, params->window_bytes);
	write_number(w, PARAM_DATAGRAM_MAX, params->datagram_max_bytes);
	write_number(w, PARAM_ACK_DELAY_MAX, whole_us(params->ack_delay_max_ns));
	rudp_write_varint(w, PARAM_RESET_TOKEN);
	rudp_write_varint(w, RUDP_RESET_TOKEN_BYTES);
	rudp_write_bytes(w, params->reset_token, RUDP_RESET_TOKEN_BYTES);
	if (params->wants_association || params->association_id)
		write_association(w, params);
	if (params->takes_repairs)
		write_ability(w, PARAM_REPAIRS);
	if (params->takes_short_ids)
		write_ability(w, PARAM_SHORT_IDS);
	if (params->takes_key_shares)
		write_ability(w, PARAM_KEY_SHARES);
	if (params->key_lasts)
		write_ability(w, PARAM_KEY_LASTS);
	if (params->takes_spare_ids)
		write_ability(w, PARAM_SPARE_IDS);
	if (params->early_taken_bytes)
		write_number(w, PARAM_EARLY_TAKEN, params->early_taken_bytes);
	if (params->spent.association_id)
		write_spent(w, &params->spent);
	if (params->early_bytes)
		write_early(w, params);
	if (w->ok)
		return true;
	*w = before;
	return false;
}

static bool read_id(struct rudp_reader *value, uint64_t *id)
{
	*id = rudp_read_u64(value);
	return *id != 0;
}

static bool read_datagram_max(struct rudp_reader *value, uint64_t *bytes)
{
	*bytes = rudp_read_varint(value);
	return *bytes >= RUDP_DATAGRAM_BASE_BYTES;
}

static bool read_ack_delay(struct rudp_reader *value, int64_t *ns)
{
	uint64_t us = rudp_read_varint(value);

	if (us > RUDP_PARAM_ACK_DELAY_MAX_NS / RUDP_NS_PER_US)
		return false;
	*ns = (int64_t)us * RUDP_NS_PER_US;
	return true;
}

static bool read_token(struct rudp_reader *value, uint8_t token[RUDP_RESET_TOKEN_BYTES])
{
	const uint8_t *bytes = rudp_read_bytes(value, RUDP_RESET_TOKEN_BYTES);

	if (bytes)
		memcpy(token, bytes, RUDP_RESET_TOKEN_BYTES);
	return bytes;
}

static bool read_association(struct rudp_reader *value, struct rudp_params *out)
{
	out->wants_association = rudp_reader_left(value) == 0;
	return out->wants_association || read_id(value, &out->association_id);
}

static bool read_early(struct rudp_reader *value, struct rudp_params *out)
{
	out->early_bytes = rudp_reader_left(value);
	out->early = rudp_read_bytes(value, out->early_bytes);
	return out->early_bytes > 0;
}

static bool read_early_taken(struct rudp_reader *value, uint64_t *bytes)
{
	*bytes = rudp_read_varint(value);
	return *bytes > 0;
}

static bool read_spent(struct rudp_reader *value, struct rudp_spent *spent)
{
	const uint8_t *proof;

	if (!read_id(value, &spent->association_id))
		return false;
	spent->counter = rudp_read_u64(value);
	proof = rudp_read_bytes(value, sizeof spent->proof);
	if (proof)
		memcpy(spent->proof, proof, sizeof spent->proof);
	return proof;
}

static bool read_known(enum param_type type, struct rudp_reader *value, struct rudp_params *out)
{
	switch (type) {
	case PARAM_SOURCE_ID:
		return read_id(value, &out->source_id);
	case PARAM_WINDOW:
		out->window_bytes = rudp_read_varint(value);
		return true;
	case PARAM_DATAGRAM_MAX:
		return read_datagram_max(value, &out->datagram_max_bytes);
	case PARAM_ACK_DELAY_MAX:
		return read_ack_delay(value, &out->ack_delay_max_ns);
	case PARAM_RESET_TOKEN:
		return read_token(value, out->reset_token);
	case PARAM_ASSOCIATION:
		return read_association(value, out);
	case PARAM_EARLY:
		return read_early(value, out);
	case PARAM_EARLY_TAKEN:
		return read_early_taken(value, &out->early_taken_bytes);
	case PARAM_SPENT:
		return read_spent(value, &out->spent);
	case PARAM_REPAIRS:
		out->takes_repairs = true;
		return true;
	case PARAM_SHORT_IDS:
		out->takes_short_ids = true;
		return true;
	case PARAM_KEY_SHARES:
		out->takes_key_shares = true;
		return true;
	case PARAM_KEY_LASTS:
		out->key_lasts = true;
		return true;
	case PARAM_SPARE_IDS:
		out->takes_spare_ids = true;
		return true;
	}
	return false;
}

/* Compares the padding with itself, one byte further on, because most of a SYN is padding. */
static bool is_zeros(const struct rudp_reader *r)
{
	size_t left = rudp_reader_left(r);

	return left == 0 || (*r->next == 0 && memcmp(r->next, r->next + 1, left - 1) == 0);
}

/* Reads one parameter. *seen collects a bit for each type, to find duplicates. */
static bool read_one(struct rudp_reader *r, uint64_t type, unsigned *seen, struct rudp_params *out)
{
	uint64_t len = rudp_read_varint(r);
	const uint8_t *bytes = len <= rudp_reader_left(r) ? rudp_read_bytes(r, (size_t)len) : NULL;
	struct rudp_reader value;

	if (!r->ok || !bytes)
		return false;
	if (type > PARAM_LAST)
		return true; /* a parameter of a later version: skip it */
	if (*seen & PARAM_BIT(type))
		return false;
	*seen |= PARAM_BIT(type);
	value = rudp_reader(bytes, (size_t)len);
	return read_known((enum param_type)type, &value, out) && value.ok &&
	       rudp_reader_left(&value) == 0;
}

enum rudp_verdict rudp_params_parse(const uint8_t *data, size_t len, struct rudp_params *out)
{
	struct rudp_reader r = rudp_reader(data, len);
	struct rudp_params params = {0};
	unsigned seen = 0;
	uint64_t type;

	while (rudp_reader_left(&r) > 0 && *r.next != 0) {
		type = rudp_read_varint(&r);
		/* Type 0 in more than one byte is neither a parameter nor padding. */
		if (!r.ok || type == 0 || !read_one(&r, type, &seen, &params))
			return RUDP_VERDICT_BAD_PARAM;
	}
	if ((seen & PARAMS_NEEDED) != PARAMS_NEEDED || !is_zeros(&r))
		return RUDP_VERDICT_BAD_PARAM;
	*out = params;
	return RUDP_VERDICT_OK;
}

bool rudp_params_fit(const struct rudp_params *params, bool in_syn)
{
	return in_syn ? params->association_id == 0 : !params->wants_association;
}
