/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/nat.h"
#include "sample.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static struct nat nat;
static struct prng prng;

static void start(const struct nat_conf *conf)
{
	prng_init(&prng, 14, 0);
	nat_init(&nat, conf, &prng);
}

static uint16_t port_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* The answer of the other side: both ends exchanged, which leaves the checksum right. */
static struct sample answer_to(struct sample sample)
{
	size_t header = sample.data[0] >> 4 == 4 ? 20 : 40, address = header == 20 ? 4 : 16;
	size_t first = header == 20 ? 12 : 8;
	uint8_t saved[16];

	memcpy(saved, sample.data + first, address);
	memcpy(sample.data + first, sample.data + first + address, address);
	memcpy(sample.data + first + address, saved, address);
	memcpy(saved, sample.data + header, 2);
	memcpy(sample.data + header, sample.data + header + 2, 2);
	memcpy(sample.data + header + 2, saved, 2);
	return sample;
}

static enum nat_verdict leave(struct sample *sample)
{
	struct packet_view view = packet_parse(sample->data, sample->size);

	return nat_leave(&nat, &view);
}

static enum nat_verdict enter(struct sample *sample)
{
	struct packet_view view = packet_parse(sample->data, sample->size);

	return nat_enter(&nat, &view);
}

Test(nat, changes_nothing_before_the_first_rebinding)
{
	struct nat_conf conf = {0};
	struct sample clean = sample_make(4, IPPROTO_UDP, 5000, 80, 10), sample = clean;

	start(&conf);
	cr_assert(eq(int, leave(&sample), NAT_UNCHANGED));
	cr_assert(eq(int, memcmp(&sample, &clean, sizeof clean), 0));
	sample = answer_to(clean);
	cr_assert(eq(int, enter(&sample), NAT_UNCHANGED));
}

Test(nat, translates_there_and_back_after_a_rebinding)
{
	static const unsigned versions[] = {4, 6};
	struct nat_conf conf = {0};

	for (int i = 0; i < 2; i++) {
		struct sample clean = sample_make(versions[i], IPPROTO_UDP, 5000, 80, 10),
			      sample = clean;
		size_t header = i ? 40 : 20;

		start(&conf);
		nat_set_epoch(&nat, 1);
		cr_assert(eq(int, leave(&sample), NAT_TRANSLATED));
		cr_assert(ge(u16, port_at(sample.data + header), NAT_PORT_FIRST));
		cr_assert(sample_is_sound(sample.data, sample.size));
		sample = answer_to(sample);
		cr_assert(eq(int, enter(&sample), NAT_TRANSLATED));
		cr_assert(sample_is_sound(sample.data, sample.size));
		clean = answer_to(clean);
		cr_assert(eq(int, memcmp(sample.data, clean.data, clean.size), 0));
	}
}

Test(nat, forgets_the_old_mapping_at_the_next_rebinding)
{
	struct nat_conf conf = {0};
	struct sample clean = sample_make(4, IPPROTO_UDP, 5000, 80, 10), first = clean,
		      second = clean;

	start(&conf);
	leave(&clean);
	nat_set_epoch(&nat, 1);
	clean = answer_to(clean);
	cr_assert(eq(int, enter(&clean), NAT_FORGOTTEN));
	leave(&first);
	nat_set_epoch(&nat, 2);
	leave(&second);
	cr_assert(ne(u16, port_at(first.data + 20), port_at(second.data + 20)));
	first = answer_to(first);
	second = answer_to(second);
	cr_assert(eq(int, enter(&first), NAT_FORGOTTEN));
	cr_assert(eq(int, enter(&second), NAT_TRANSLATED));
}

Test(nat, takes_addresses_of_the_range_in_turn)
{
	struct nat_conf conf = {.v4_size = 3};

	inet_pton(AF_INET, "10.0.0.254", &conf.v4_first);
	start(&conf);
	for (uint64_t epoch = 1; epoch < 10; epoch++) {
		struct sample sample = sample_make(4, IPPROTO_UDP, 5000, 80, 10);
		uint32_t address;

		nat_set_epoch(&nat, epoch);
		leave(&sample);
		cr_assert(sample_is_sound(sample.data, sample.size));
		memcpy(&address, sample.data + 12, 4);
		cr_assert(eq(u32, ntohl(address), 0x0a0000fe + (uint32_t)((epoch - 1) % 3)));
	}
}

Test(nat, leaves_tcp_and_strangers_alone)
{
	struct nat_conf conf = {0};
	struct sample tcp = sample_make(4, IPPROTO_TCP, 5000, 80, 10);
	struct sample call = sample_make(4, IPPROTO_UDP, 5001, 81, 10);

	start(&conf);
	nat_set_epoch(&nat, 3);
	cr_assert(eq(int, leave(&tcp), NAT_UNCHANGED));
	cr_assert(eq(int, enter(&call), NAT_UNCHANGED));
}

Test(nat, different_flows_get_different_ports)
{
	static bool seen[65536];
	struct nat_conf conf = {0};

	start(&conf);
	nat_set_epoch(&nat, 1);
	for (uint16_t port = 1; port <= 3 * NAT_FLOWS_MAX; port++) {
		struct sample sample = sample_make(4, IPPROTO_UDP, port, 80, 10);

		cr_assert(eq(int, leave(&sample), NAT_TRANSLATED));
		cr_assert(not(seen[port_at(sample.data + 20)]));
		seen[port_at(sample.data + 20)] = true;
	}
	cr_assert(eq(sz, nat.flows, NAT_FLOWS_MAX));
}
