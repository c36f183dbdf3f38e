/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/packet.h"
#include "sample.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>

enum { V4_BYTES = 20, V6_BYTES = 40 };

static struct packet_ack ack_of(struct sample *sample, unsigned version, uint32_t number,
				uint8_t flags)
{
	uint8_t *tcp = sample->data + (version == 6 ? V6_BYTES : V4_BYTES);
	struct packet_view view;

	for (int i = 0; i < 4; i++)
		tcp[8 + i] = (uint8_t)(number >> (24 - 8 * i));
	tcp[13] = flags;
	view = packet_parse(sample->data, sample->size);
	return packet_ack_of(&view);
}

static struct packet_ack ack(unsigned version, uint16_t port, size_t payload, uint32_t number,
			     uint8_t flags)
{
	struct sample sample = sample_make(version, IPPROTO_TCP, port, 80, payload);

	return ack_of(&sample, version, number, flags);
}

Test(flow, a_newer_ack_supersedes_an_older_one_of_its_flow)
{
	for (unsigned version = 4; version <= 6; version += 2) {
		struct packet_ack older = ack(version, 5000, 0, 0xfffffff0u, 0x10);
		struct packet_ack newer = ack(version, 5000, 0, 0x10, 0x10);
		struct packet_ack other = ack(version, 5001, 0, 0x10, 0x10);

		cr_assert(packet_ack_supersedes(&newer, &older));
		cr_assert(not(packet_ack_supersedes(&older, &newer)));
		cr_assert(not(packet_ack_supersedes(&newer, &newer)));
		cr_assert(not(packet_ack_supersedes(&other, &older)));
	}
}

Test(flow, data_and_flags_are_no_pure_ack)
{
	cr_assert(ack(4, 5000, 0, 1, 0x10).is_pure);
	cr_assert(not(ack(4, 5000, 1, 1, 0x10).is_pure));
	for (unsigned bit = 0; bit < 8; bit++)
		if (1u << bit != 0x10)
			cr_assert(not(ack(4, 5000, 0, 1, (uint8_t)(0x10 | 1u << bit)).is_pure));
}

/* Timestamps may go; selective acknowledgements tell of losses. */
Test(flow, an_ack_with_sack_is_kept)
{
	static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	static const uint8_t sack[] = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	struct sample sample = sample_make(4, IPPROTO_TCP, 5000, 80, sizeof sack);
	uint8_t *options = sample.data + V4_BYTES + 20;

	sample.data[V4_BYTES + 12] = 8 << 4;
	for (size_t i = 0; i < sizeof sack; i++)
		options[i] = timestamps[i];
	cr_assert(ack_of(&sample, 4, 1, 0x10).is_pure);
	for (size_t i = 0; i < sizeof sack; i++)
		options[i] = sack[i];
	cr_assert(not(ack_of(&sample, 4, 1, 0x10).is_pure));
}

Test(flow, hashes_tell_flows_apart)
{
	struct sample one = sample_make(4, IPPROTO_UDP, 5000, 80, 8);
	struct sample two = sample_make(4, IPPROTO_UDP, 5001, 80, 8);
	struct sample longer = sample_make(4, IPPROTO_UDP, 5000, 80, 900);
	struct packet_view a = packet_parse(one.data, one.size);
	struct packet_view b = packet_parse(two.data, two.size);
	struct packet_view c = packet_parse(longer.data, longer.size);

	cr_assert(ne(u32, packet_flow_hash(&a), packet_flow_hash(&b)));
	cr_assert(eq(u32, packet_flow_hash(&a), packet_flow_hash(&c)));
}
