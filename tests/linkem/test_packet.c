/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/packet.h"
#include "sample.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned versions[] = {4, 6};

Test(packet, finds_protocol_and_payload)
{
	for (int i = 0; i < 2; i++) {
		struct sample tcp = sample_make(versions[i], IPPROTO_TCP, 1, 2, 100);
		struct sample udp = sample_make(versions[i], IPPROTO_UDP, 1, 2, 33);
		struct packet_view view = packet_parse(tcp.data, tcp.size);

		cr_assert(eq(uint, view.version, versions[i]));
		cr_assert(eq(int, view.protocol, PROTOCOL_TCP));
		cr_assert(eq(sz, packet_payload_bytes(&view), 100));
		view = packet_parse(udp.data, udp.size);
		cr_assert(eq(int, view.protocol, PROTOCOL_UDP));
		cr_assert(eq(sz, packet_payload_bytes(&view), 33));
	}
}

Test(packet, tcp_options_are_no_payload)
{
	struct sample tcp = sample_make(4, IPPROTO_TCP, 1, 2, 100);
	struct packet_view view;

	tcp.data[20 + 12] = 8 << 4;
	view = packet_parse(tcp.data, tcp.size);
	cr_assert(eq(sz, packet_payload_bytes(&view), 88));
}

Test(packet, rubbish_and_stumps_have_no_payload)
{
	struct sample tcp = sample_make(6, IPPROTO_TCP, 1, 2, 100);

	for (size_t size = 0; size < 60; size++) {
		struct packet_view view = packet_parse(tcp.data, size);

		cr_assert(eq(sz, packet_payload_bytes(&view), 0));
	}
	tcp.data[0] = 0x90;
	cr_assert(eq(int, packet_parse(tcp.data, tcp.size).protocol, PROTOCOL_OTHER));
}

Test(packet, fragments_keep_their_protocol_but_have_no_header)
{
	struct sample udp = sample_make(4, IPPROTO_UDP, 1, 2, 100);
	struct packet_view view;

	udp.data[6] = 0x20;
	view = packet_parse(udp.data, udp.size);
	cr_assert(eq(int, view.protocol, PROTOCOL_UDP));
	cr_assert(not(view.whole));
	cr_assert(zero(ptr, packet_checksum_field(&view)));
}

Test(packet, extension_headers_are_walked)
{
	struct sample udp = sample_make(6, IPPROTO_UDP, 1, 2, 100);
	struct packet_view view;

	memmove(udp.data + 48, udp.data + 40, udp.size - 40);
	memset(udp.data + 40, 0, 8);
	udp.data[40] = IPPROTO_UDP;
	udp.data[6] = IPPROTO_DSTOPTS;
	view = packet_parse(udp.data, udp.size + 8);
	cr_assert(eq(int, view.protocol, PROTOCOL_UDP));
	cr_assert(eq(sz, view.transport, 48));
	cr_assert(eq(sz, packet_payload_bytes(&view), 100));
}

Test(packet, corruption_flips_one_payload_bit)
{
	struct prng prng;

	prng_init(&prng, 11, 0);
	for (int round = 0; round < 500; round++) {
		struct sample clean = sample_make(versions[round % 2], IPPROTO_UDP, 1, 2, 40);
		struct sample spoilt = clean;
		struct packet_view view = packet_parse(spoilt.data, spoilt.size);
		int bits = 0;

		cr_assert(packet_corrupt(&view, &prng, false));
		cr_assert(not(sample_is_sound(spoilt.data, spoilt.size)));
		for (size_t i = 0; i < clean.size; i++)
			bits += __builtin_popcount(clean.data[i] ^ spoilt.data[i]);
		cr_assert(eq(int, bits, 1));
		cr_assert(eq(int, memcmp(clean.data, spoilt.data, view.payload), 0));
	}
}

Test(packet, undetected_corruption_has_right_checksums)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct prng prng;

	prng_init(&prng, 12, 0);
	for (int round = 0; round < 1000; round++) {
		struct sample clean = sample_make(versions[round % 2], protocols[round / 2 % 2], 1,
						  2, (size_t)(1 + round));
		struct sample spoilt = clean;
		struct packet_view view = packet_parse(spoilt.data, spoilt.size);

		cr_assert(packet_corrupt(&view, &prng, true));
		cr_assert(sample_is_sound(spoilt.data, spoilt.size));
		cr_assert(ne(int, memcmp(clean.data, spoilt.data, clean.size), 0));
	}
}

Test(packet, what_has_no_payload_is_not_corrupted)
{
	struct sample ack = sample_make(4, IPPROTO_TCP, 1, 2, 0);
	struct packet_view view = packet_parse(ack.data, ack.size);
	struct prng prng;

	prng_init(&prng, 13, 0);
	cr_assert(not(packet_corrupt(&view, &prng, true)));
	cr_assert(sample_is_sound(ack.data, ack.size));
}

Test(packet, refusal_comes_from_the_addressed_host_and_quotes)
{
	uint8_t answer[PACKET_REFUSAL_BYTES_MAX];

	for (int i = 0; i < 2; i++) {
		struct sample udp = sample_make(versions[i], IPPROTO_UDP, 1000, 2000, 1300);
		struct packet_view view = packet_parse(udp.data, udp.size);
		size_t size = packet_refusal(&view, answer), header = i ? 40 : 20;

		cr_assert(eq(sz, size, i ? 1280 : 576));
		cr_assert(sample_is_sound(answer, size));
		cr_assert(eq(int, packet_parse(answer, size).protocol, PROTOCOL_ICMP));
		cr_assert(eq(u8, answer[header], i ? 1 : 3));
		cr_assert(eq(u8, answer[header + 1], i ? 4 : 3));
		cr_assert(eq(u8, answer[header - 1], 1));
		cr_assert(eq(int, memcmp(answer + header + 8, udp.data, size - header - 8), 0));
	}
}

Test(packet, icmp_is_never_refused)
{
	struct sample icmp = sample_make(4, IPPROTO_ICMP, 0, 0, 8);
	struct packet_view view = packet_parse(icmp.data, icmp.size);
	uint8_t answer[PACKET_REFUSAL_BYTES_MAX];

	cr_assert(eq(sz, packet_refusal(&view, answer), 0));
}
