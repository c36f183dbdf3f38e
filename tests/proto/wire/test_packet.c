/* SPDX-License-Identifier: MIT */
#include "proto/wire/packet.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

#define ID UINT64_C(0x0123456789abcdef)
#define PORT 8080
#define COOKIE_BYTES 24
#define SYNACK_BODY_BYTES 100

static const uint8_t cookie[RUDP_COOKIE_MAX_BYTES] = "twenty-four bytes of it";
static const uint8_t token[RUDP_RESET_TOKEN_BYTES] = "0123456789abcde";

/*
 * Puts a datagram into memory of exactly its size, so that AddressSanitizer detects any access
 * outside.
 */
struct datagram {
	uint8_t *bytes;
	size_t len;
};

static struct datagram datagram_of(const uint8_t *bytes, size_t len)
{
	struct datagram d = {malloc(len ? len : 1), len};

	cr_assert(ne(ptr, d.bytes, NULL));
	memcpy(d.bytes, bytes, len);
	return d;
}

static enum rudp_verdict parse(const uint8_t *bytes, size_t len, struct rudp_packet *out)
{
	struct datagram d = datagram_of(bytes, len);
	enum rudp_verdict verdict = rudp_packet_parse(d.bytes, d.len, out);

	free(d.bytes);
	return verdict;
}

static size_t write_syn(uint8_t *out, size_t cookie_bytes)
{
	memset(out, 0x5a, RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES);
	rudp_packet_write_syn(out, RUDP_SUITE_AES_256_GCM, 0, ID, PORT, cookie, cookie_bytes);
	return RUDP_DATAGRAM_MIN_SYN_BYTES + cookie_bytes;
}

static size_t write_synack(uint8_t *out)
{
	size_t head = rudp_packet_write_synack(out, RUDP_SUITE_CHACHA20_POLY1305, 0, ID);

	memset(out + head, 0x5a, SYNACK_BODY_BYTES);
	return head + SYNACK_BODY_BYTES;
}

static size_t write_data(uint8_t *out, size_t frames_bytes)
{
	size_t head = rudp_packet_write_data(out, true, ID, UINT64_C(0xaabbccdd11223344));

	memset(out + head, 0x5a, frames_bytes + RUDP_TAG_BYTES);
	return head + frames_bytes + RUDP_TAG_BYTES;
}

static size_t write_short_data(uint8_t *out, size_t frames_bytes)
{
	size_t head = rudp_packet_write_short_data(out, true, ID, UINT64_C(0xaabbccdd11223344));

	memset(out + head, 0x5a, frames_bytes + RUDP_TAG_BYTES);
	return head + frames_bytes + RUDP_TAG_BYTES;
}

Test(packet, syn_is_laid_out_as_specified)
{
	static const uint8_t expected[] = {0x10, 2,    1,    0,    0x01, 0x23, 0x45, 0x67, 0x89,
					   0xab, 0xcd, 0xef, 0x1f, 0x90, 2,    0,    't',  'w'};
	uint8_t bytes[sizeof expected];

	cr_assert(eq(sz, rudp_packet_write_syn(bytes, 1, 0, ID, PORT, cookie, 2), sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
}

Test(packet, synack_is_laid_out_as_specified)
{
	static const uint8_t expected[] = {0x20, 2,    2,    0,    0x01, 0x23,
					   0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	uint8_t bytes[sizeof expected];

	cr_assert(eq(sz, rudp_packet_write_synack(bytes, 2, 0, ID), sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
	cr_assert(eq(sz, sizeof expected, RUDP_SYNACK_HEADER_BYTES));
}

Test(packet, cookie_is_laid_out_as_specified)
{
	static const uint8_t expected[] = {0x30, 0x01, 0x23, 0x45, 0x67, 0x89,
					   0xab, 0xcd, 0xef, 2,    't',  'w'};
	uint8_t bytes[sizeof expected];

	cr_assert(eq(sz, rudp_packet_write_cookie(bytes, ID, cookie, 2), sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
}

Test(packet, data_header_is_laid_out_as_specified)
{
	static const uint8_t expected[] = {0x41, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
					   0xcd, 0xef, 0x11, 0x22, 0x33, 0x44};
	uint8_t bytes[sizeof expected];

	cr_assert(eq(sz, rudp_packet_write_data(bytes, true, ID, UINT64_C(0x9911223344)),
		     sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
	cr_assert(eq(sz, sizeof expected, RUDP_DATA_HEADER_BYTES));
	rudp_packet_write_data(bytes, false, ID, 0);
	cr_assert(eq(u8, bytes[0], 0x40));
}

Test(packet, short_data_header_is_laid_out_as_specified)
{
	static const uint8_t expected[] = {0x43, 0x89, 0xab, 0xcd, 0xef, 0x11, 0x22, 0x33, 0x44};
	uint8_t bytes[sizeof expected];

	cr_assert(eq(sz, rudp_packet_write_short_data(bytes, true, ID, UINT64_C(0x9911223344)),
		     sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
	cr_assert(eq(sz, sizeof expected, RUDP_DATA_HEADER_SHORT_BYTES));
	rudp_packet_write_short_data(bytes, false, ID, 0);
	cr_assert(eq(u8, bytes[0], 0x42));
}

Test(packet, reset_and_refuse_are_laid_out_as_specified)
{
	static const uint8_t head[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	uint8_t bytes[RUDP_RESET_BYTES];

	cr_assert(eq(sz, rudp_packet_write_reset(bytes, ID, token), RUDP_RESET_BYTES));
	cr_assert(eq(u8, bytes[0], 0x50));
	cr_assert(eq(int, memcmp(bytes + 1, head, sizeof head), 0));
	cr_assert(eq(int, memcmp(bytes + 9, token, sizeof token), 0));

	cr_assert(eq(sz, rudp_packet_write_refuse(bytes, ID, RUDP_REFUSAL_VERSION),
		     RUDP_REFUSE_BYTES));
	cr_assert(eq(u8, bytes[0], 0x60));
	cr_assert(eq(int, memcmp(bytes + 1, head, sizeof head), 0));
	cr_assert(eq(u8, bytes[9], 3));
	cr_assert(eq(u8, bytes[10], RUDP_VERSION));
}

Test(packet, syn_comes_back_as_it_was_written)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];

	for (size_t cookie_bytes = 0; cookie_bytes <= RUDP_COOKIE_MAX_BYTES; cookie_bytes++) {
		size_t len = write_syn(bytes, cookie_bytes);
		struct rudp_packet p;

		cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
		cr_assert(eq(int, p.type, RUDP_PACKET_SYN));
		cr_assert(all(eq(u8, p.version, RUDP_VERSION), eq(u8, p.flags, 0),
			      eq(u8, p.suite, RUDP_SUITE_AES_256_GCM), eq(u64, p.id, ID),
			      eq(u16, p.target_port, PORT), eq(sz, p.cookie_bytes, cookie_bytes)));
		cr_assert(eq(int, p.cookie == NULL, cookie_bytes == 0));
		if (cookie_bytes > 0)
			cr_assert(eq(int, memcmp(p.cookie, cookie, cookie_bytes), 0));
		cr_assert(eq(ptr, (void *)(uintptr_t)p.header, bytes));
		cr_assert(eq(sz, (size_t)(p.body - bytes), RUDP_SYN_HEADER_BYTES + cookie_bytes));
		cr_assert(eq(sz, p.body_bytes, len - RUDP_SYN_HEADER_BYTES - cookie_bytes));
	}
}

Test(packet, synack_and_data_come_back_as_they_were_written)
{
	uint8_t bytes[RUDP_DATAGRAM_BASE_BYTES];
	struct rudp_packet p;
	size_t len = write_synack(bytes);

	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(eq(int, p.type, RUDP_PACKET_SYNACK));
	cr_assert(all(eq(u8, p.suite, RUDP_SUITE_CHACHA20_POLY1305), eq(u64, p.id, ID)));
	cr_assert(eq(sz, (size_t)(p.body - bytes), RUDP_SYNACK_HEADER_BYTES));
	cr_assert(eq(sz, p.body_bytes, SYNACK_BODY_BYTES));

	len = write_data(bytes, 7);
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(eq(int, p.type, RUDP_PACKET_DATA));
	cr_assert(all(eq(int, p.key_phase, true), eq(u64, p.id, ID),
		      eq(u32, p.number_low, 0x11223344)));
	cr_assert(eq(sz, p.header_bytes, RUDP_DATA_HEADER_BYTES));
	cr_assert(eq(sz, (size_t)(p.body - bytes), RUDP_DATA_HEADER_BYTES));
	cr_assert(eq(sz, p.body_bytes, 7 + RUDP_TAG_BYTES));
	bytes[0] = 0x40;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(all(eq(int, p.key_phase, false), eq(int, p.is_short, false)));

	len = write_short_data(bytes, 7);
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(eq(int, p.type, RUDP_PACKET_DATA));
	cr_assert(all(p.is_short, p.key_phase, eq(u64, p.id, (uint32_t)ID),
		      eq(u32, p.number_low, 0x11223344)));
	cr_assert(all(eq(sz, p.header_bytes, RUDP_DATA_HEADER_SHORT_BYTES),
		      eq(sz, (size_t)(p.body - bytes), RUDP_DATA_HEADER_SHORT_BYTES),
		      eq(sz, p.body_bytes, 7 + RUDP_TAG_BYTES)));
}

Test(packet, short_packets_come_back_as_they_were_written)
{
	uint8_t bytes[128];
	struct rudp_packet p;
	size_t len = rudp_packet_write_cookie(bytes, ID, cookie, COOKIE_BYTES);

	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(all(eq(int, p.type, RUDP_PACKET_COOKIE), eq(u64, p.id, ID),
		      eq(sz, p.cookie_bytes, COOKIE_BYTES)));
	cr_assert(eq(int, memcmp(p.cookie, cookie, COOKIE_BYTES), 0));

	len = rudp_packet_write_reset(bytes, ID, token);
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(all(eq(int, p.type, RUDP_PACKET_RESET), eq(u64, p.id, ID)));
	cr_assert(eq(int, memcmp(p.reset_token, token, sizeof token), 0));

	len = rudp_packet_write_refuse(bytes, ID, RUDP_REFUSAL_KEY_MISMATCH);
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_OK));
	cr_assert(all(eq(int, p.type, RUDP_PACKET_REFUSE), eq(u64, p.id, ID),
		      eq(u8, p.refusal, RUDP_REFUSAL_KEY_MISMATCH),
		      eq(u8, p.version, RUDP_VERSION)));
}

static enum rudp_verdict expected_of_cut_syn(size_t len)
{
	if (len < RUDP_SYN_HEADER_BYTES)
		return RUDP_VERDICT_TRUNCATED;
	return len < RUDP_DATAGRAM_MIN_SYN_BYTES ? RUDP_VERDICT_SHORT_SYN : RUDP_VERDICT_OK;
}

Test(packet, every_truncation_has_its_verdict)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];
	struct rudp_packet p;
	size_t whole = write_syn(bytes, COOKIE_BYTES);

	for (size_t len = 0; len <= whole; len++)
		cr_assert(eq(int, parse(bytes, len, &p), expected_of_cut_syn(len)));
	whole = write_synack(bytes);
	for (size_t len = 0; len <= whole; len++)
		cr_assert(
			eq(int, parse(bytes, len, &p),
			   len < RUDP_SYNACK_MIN_BYTES ? RUDP_VERDICT_TRUNCATED : RUDP_VERDICT_OK));
	whole = write_data(bytes, 40);
	for (size_t len = 0; len <= whole; len++)
		cr_assert(eq(int, parse(bytes, len, &p),
			     len < RUDP_DATA_OVERHEAD_BYTES ? RUDP_VERDICT_TRUNCATED
							    : RUDP_VERDICT_OK));
	whole = write_short_data(bytes, 40);
	for (size_t len = 0; len <= whole; len++)
		cr_assert(eq(int, parse(bytes, len, &p),
			     len < RUDP_DATA_OVERHEAD_SHORT_BYTES ? RUDP_VERDICT_TRUNCATED
								  : RUDP_VERDICT_OK));
}

Test(packet, a_synack_has_a_longest_form)
{
	uint8_t bytes[RUDP_SYNACK_MAX_BYTES + 1] = {0};
	struct rudp_packet p;

	write_synack(bytes);
	cr_assert(eq(int, parse(bytes, RUDP_SYNACK_MAX_BYTES, &p), RUDP_VERDICT_OK));
	cr_assert(eq(int, parse(bytes, RUDP_SYNACK_MAX_BYTES + 1, &p), RUDP_VERDICT_BAD_TYPE));
}

Test(packet, a_syn_with_id_0_is_malformed)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];
	struct rudp_packet p;
	size_t len = write_syn(bytes, COOKIE_BYTES);

	memset(bytes + 4, 0, RUDP_ID_BYTES);
	cr_assert(eq(int, parse(bytes, len, &p), RUDP_VERDICT_BAD_PARAM));
}

static void cut_and_stretch(uint8_t *bytes, size_t whole)
{
	struct rudp_packet p;

	for (size_t len = 0; len < whole; len++)
		cr_assert(eq(int, parse(bytes, len, &p), RUDP_VERDICT_TRUNCATED));
	cr_assert(eq(int, parse(bytes, whole, &p), RUDP_VERDICT_OK));
	bytes[whole] = 0;
	cr_assert(eq(int, parse(bytes, whole + 1, &p), RUDP_VERDICT_BAD_TYPE));
}

Test(packet, packets_of_one_length_have_no_other)
{
	uint8_t bytes[128];

	cut_and_stretch(bytes, rudp_packet_write_cookie(bytes, ID, cookie, COOKIE_BYTES));
	cut_and_stretch(bytes, rudp_packet_write_reset(bytes, ID, token));
	cut_and_stretch(bytes, rudp_packet_write_refuse(bytes, ID, RUDP_REFUSAL_BUSY));
}

Test(packet, first_byte_admits_only_known_types_and_their_bits)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];
	size_t len = write_syn(bytes, 0);
	struct rudp_packet p;

	for (unsigned first = 0; first <= UINT8_MAX; first++) {
		enum rudp_verdict verdict;

		bytes[0] = (uint8_t)first;
		/* a SYNACK is shorter than the shortest SYN */
		verdict = rudp_packet_parse(bytes, first == 0x20 ? RUDP_SYNACK_MAX_BYTES : len, &p);
		if (first == 0x10 || first == 0x20 || (first & 0xfc) == 0x40)
			cr_assert(eq(int, verdict, RUDP_VERDICT_OK));
		else if (first != 0x30) /* a COOKIE whose length byte does not match these bytes */
			cr_assert(eq(int, verdict, RUDP_VERDICT_BAD_TYPE));
	}
}

Test(packet, syn_of_another_version_gives_its_id)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];
	size_t len = write_syn(bytes, 0);
	struct rudp_packet p;

	for (uint8_t version = 0; version < 8; version++) {
		if (version == 2) /* the number on the wire, as docs/protocol.md says */
			continue;
		bytes[1] = version;
		cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_VERSION));
		cr_assert(all(eq(int, p.type, RUDP_PACKET_SYN), eq(u8, p.version, version),
			      eq(u64, p.id, ID)));
	}
	bytes[1] = RUDP_VERSION;
	bytes[3] = 0x80;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_VERSION));
	bytes[3] = 0;
	bytes[15] = 1;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_VERSION));
	bytes[15] = 0;
	bytes[2] = 3;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_CIPHER));
	cr_assert(all(eq(int, p.type, RUDP_PACKET_SYN), eq(u64, p.id, ID)));
	bytes[2] = 0;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_CIPHER));
}

Test(packet, cookies_of_bad_length_are_reported)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES + RUDP_COOKIE_MAX_BYTES];
	size_t len = write_syn(bytes, 0);
	struct rudp_packet p;

	bytes[14] = RUDP_COOKIE_MAX_BYTES + 1;
	cr_assert(eq(int, rudp_packet_parse(bytes, len, &p), RUDP_VERDICT_BAD_COOKIE));
	rudp_packet_write_cookie(bytes, ID, cookie, COOKIE_BYTES);
	bytes[9] = 0;
	cr_assert(eq(int, rudp_packet_parse(bytes, 10, &p), RUDP_VERDICT_BAD_COOKIE));
	bytes[9] = RUDP_COOKIE_MAX_BYTES + 1;
	cr_assert(eq(int, rudp_packet_parse(bytes, 10 + RUDP_COOKIE_MAX_BYTES + 1, &p),
		     RUDP_VERDICT_BAD_COOKIE));
}

static bool is_inside(const struct datagram *d, const uint8_t *bytes, size_t len)
{
	return len == 0 ||
	       (bytes >= d->bytes && len <= d->len && (size_t)(bytes - d->bytes) <= d->len - len);
}

static void check_bounds(const struct datagram *d, const struct rudp_packet *p)
{
	cr_assert(all(is_inside(d, p->header, p->header_bytes),
		      is_inside(d, p->cookie, p->cookie_bytes),
		      is_inside(d, p->body, p->body_bytes)));
	if (p->reset_token)
		cr_assert(is_inside(d, p->reset_token, RUDP_RESET_TOKEN_BYTES));
	if (p->type == RUDP_PACKET_DATA)
		cr_assert(ge(sz, p->body_bytes, RUDP_TAG_BYTES));
}

Test(packet, random_bytes_are_never_read_outside)
{
	struct random random = {7};
	unsigned taken = 0;

	for (int i = 0; i < 20000; i++) {
		size_t len = random_below(&random, i % 8 ? 64 : 1400);
		struct datagram d = {malloc(len ? len : 1), len};
		struct rudp_packet p;

		for (size_t at = 0; at < len; at++)
			d.bytes[at] = (uint8_t)random_next(&random);
		if (len > 0)
			d.bytes[0] = (uint8_t)((1 + random_below(&random, 6)) << 4);
		if (len > 3 && random_below(&random, 2)) {
			d.bytes[1] = RUDP_VERSION;
			d.bytes[2] = 1;
			d.bytes[3] = 0;
		}
		if (rudp_packet_parse(d.bytes, d.len, &p) == RUDP_VERDICT_OK) {
			check_bounds(&d, &p);
			taken++;
		}
		free(d.bytes);
	}
	cr_assert(ge(uint, taken, 1001));
}

Test(packet, prologue_is_the_syn_header_without_cookie)
{
	uint8_t with[RUDP_SYN_HEADER_BYTES + COOKIE_BYTES], without[RUDP_SYN_HEADER_BYTES];
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];

	rudp_packet_write_prologue(prologue, 2, 0, ID, PORT);
	rudp_packet_write_syn(without, 2, 0, ID, PORT, NULL, 0);
	rudp_packet_write_syn(with, 2, 0, ID, PORT, cookie, COOKIE_BYTES);
	cr_assert(eq(int, memcmp(prologue, without, sizeof prologue), 0));
	with[14] = 0;
	cr_assert(eq(int, memcmp(prologue, with, sizeof prologue), 0));
}

Test(packet, number_expands_around_what_is_expected)
{
	cr_assert(eq(u64, rudp_packet_number_expand(0, 0), 0));
	cr_assert(eq(u64, rudp_packet_number_expand(UINT32_MAX, 0), UINT32_MAX));
	cr_assert(eq(u64, rudp_packet_number_expand(0, UINT32_MAX), UINT64_C(1) << 32));
	cr_assert(eq(u64, rudp_packet_number_expand(UINT32_MAX, UINT64_C(1) << 32), UINT32_MAX));
	cr_assert(eq(u64, rudp_packet_number_expand(5, UINT64_C(0x700000003)),
		     UINT64_C(0x700000005)));
	/* Equal distance to both: the higher one. */
	cr_assert(eq(u64, rudp_packet_number_expand(0, UINT64_C(1) << 31), UINT64_C(1) << 32));
	/* There is no higher number after the maximum. */
	cr_assert(eq(u64, rudp_packet_number_expand(0, (UINT64_C(1) << 62) - 1),
		     (UINT64_C(1) << 62) - (UINT64_C(1) << 32)));
}

/* Any number less than half the window away from the expected one is expanded correctly. */
Test(packet, number_expands_to_any_near_number)
{
	struct random random = {11};

	for (int i = 0; i < 100000; i++) {
		uint64_t number = random_next(&random) >> (2 + random_below(&random, 60));
		int64_t off =
			(int64_t)random_below(&random, UINT64_C(1) << 32) - (INT64_C(1) << 31) + 1;
		uint64_t expected = number + (uint64_t)off;

		if (off < 0 && number < (uint64_t)-off)
			expected = 0;
		if (expected == 0 && number > UINT32_MAX / 2)
			continue;
		if (expected >= UINT64_C(1) << 62)
			continue;
		cr_assert(eq(u64, rudp_packet_number_expand((uint32_t)number, expected), number));
	}
}

Test(verdict, has_a_name_and_a_reason)
{
	cr_assert(eq(str, (char *)(uintptr_t)rudp_verdict_name(RUDP_VERDICT_OK), "OK"));
	cr_assert(eq(str, (char *)(uintptr_t)rudp_verdict_name(RUDP_VERDICT_TOO_MANY), "TOO_MANY"));
	cr_assert(eq(str, (char *)(uintptr_t)rudp_verdict_reason(RUDP_VERDICT_BAD_TYPE),
		     "unknown packet type"));
	for (unsigned i = 0; i < RUDP_VERDICT_COUNT; i++)
		cr_assert(all(ge(sz, strlen(rudp_verdict_name((enum rudp_verdict)i)), 1),
			      ge(sz, strlen(rudp_verdict_reason((enum rudp_verdict)i)), 1)));
}

Test(packet, flags_tell_the_kind_of_handshake)
{
	uint8_t bytes[RUDP_DATAGRAM_MIN_SYN_BYTES] = {0};
	struct rudp_packet p;

	for (unsigned flags = 0; flags < 256; flags++) {
		bool spoken = flags == 0 || flags == 1 || flags == 3 || flags == 4 || flags == 8 ||
			      flags == 0x14 || flags == 0x18;
		enum rudp_verdict expected = spoken ? RUDP_VERDICT_OK : RUDP_VERDICT_BAD_VERSION;

		rudp_packet_write_syn(bytes, 1, (uint8_t)flags, ID, PORT, NULL, 0);
		cr_assert(eq(int, rudp_packet_parse(bytes, sizeof bytes, &p), expected));
		cr_assert(all(eq(u8, p.flags, (uint8_t)flags), eq(u64, p.id, ID)));
		rudp_packet_write_synack(bytes, 1, (uint8_t)flags, ID);
		cr_assert(eq(int, rudp_packet_parse(bytes, 100, &p), expected));
		cr_assert(eq(u8, p.flags, (uint8_t)flags));
	}
}
