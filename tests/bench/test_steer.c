/* SPDX-License-Identifier: MIT */
/* What the kernel does with each type of packet when the program is attached. */
#include "bench/steer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/random.h"
#include "group.h"
#include "proto/wire/packet.h"

#define ENGINES 4
#define ROUNDS 64
#define DATAGRAM_BYTES 1400
#define SEED 22
#define ASSOCIATION_BYTES 8

/* A packet of this type whose id, or association id, is id; the rest is random. */
struct sample {
	const char *name;
	size_t (*write)(uint8_t *out, uint64_t id);
	size_t len;
};

static size_t write_data(uint8_t *out, uint64_t id)
{
	return rudp_packet_write_data(out, id & 1 << 16, id, 7);
}

static size_t write_short_data(uint8_t *out, uint64_t id)
{
	return rudp_packet_write_short_data(out, id & 1 << 16, id, 7);
}

static size_t write_synack(uint8_t *out, uint64_t id)
{
	return rudp_packet_write_synack(out, RUDP_SUITE_AES_256_GCM, 0, id);
}

static size_t write_cookie(uint8_t *out, uint64_t id)
{
	static const uint8_t cookie[24];

	return rudp_packet_write_cookie(out, id, cookie, sizeof cookie);
}

static size_t write_refuse(uint8_t *out, uint64_t id)
{
	return rudp_packet_write_refuse(out, id, RUDP_REFUSAL_BUSY);
}

static void put_id(uint8_t *out, uint64_t id)
{
	for (int i = 0; i < ASSOCIATION_BYTES; i++)
		out[i] = (uint8_t)(id >> (56 - 8 * i));
}

static size_t write_resumed(uint8_t *out, uint64_t id, uint8_t flags, size_t cookie_bytes)
{
	static const uint8_t cookie[RUDP_COOKIE_MAX_BYTES];
	size_t head = rudp_packet_write_syn(out, RUDP_SUITE_AES_256_GCM, flags, ~id, 80, cookie,
					    cookie_bytes);

	put_id(out + head, id);
	return head + ASSOCIATION_BYTES;
}

static size_t write_resumed_plain(uint8_t *out, uint64_t id)
{
	return write_resumed(out, id, RUDP_SYN_RESUME, 0);
}

static size_t write_resumed_cookie(uint8_t *out, uint64_t id)
{
	return write_resumed(out, id, RUDP_SYN_RESUME, 24);
}

static size_t write_resumed_dh(uint8_t *out, uint64_t id)
{
	return write_resumed(out, id, RUDP_SYN_RESUME | RUDP_SYN_DH, RUDP_COOKIE_MAX_BYTES);
}

static const struct sample by_id[] = {
	{"DATA", write_data, DATAGRAM_BYTES},
	{"DATA with a short id", write_short_data, DATAGRAM_BYTES},
	{"SYNACK", write_synack, 106},
	{"COOKIE", write_cookie, 34},
	{"REFUSE", write_refuse, RUDP_REFUSE_BYTES},
	{"resumed SYN", write_resumed_plain, 1200},
	{"resumed SYN with a cookie", write_resumed_cookie, 1224},
	{"resumed SYN with DH, longest cookie", write_resumed_dh, 1264},
};
#define BY_ID_COUNT (sizeof by_id / sizeof by_id[0])

static void random_fill(struct random *random, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)random_next(random);
}

/* Sends one with an id of this engine's; returns who has got it. */
static unsigned steered(const struct group *group, struct random *random, int speaker,
			const struct sample *sample, unsigned engine)
{
	uint8_t bytes[DATAGRAM_BYTES];

	random_fill(random, bytes, sizeof bytes);
	sample->write(bytes, steer_id(&group->steer, random_next(random), engine));
	return group_steered(group, speaker, bytes, sample->len);
}

static void check_all_types(const char *host, const char *speaker_host, unsigned engines)
{
	struct random random = {SEED};
	struct group group;
	int speaker = group_speaker(speaker_host);

	group_open(&group, host, engines, (uint32_t)random_next(&random));
	for (size_t i = 0; i < BY_ID_COUNT; i++)
		for (unsigned n = 0; n < ROUNDS; n++) {
			unsigned engine = n % engines;

			cr_expect(eq(uint, steered(&group, &random, speaker, &by_id[i], engine),
				     engine),
				  "%s", by_id[i].name);
		}
	group_close(&group);
	close(speaker);
}

Test(steer, packets_with_an_id_go_to_the_engine_that_chose_it)
{
	for (unsigned engines = 1; engines <= STEER_ENGINES_MAX; engines *= 2)
		check_all_types("127.0.0.1", "127.0.0.1", engines);
}

Test(steer, so_they_do_over_ipv6)
{
	check_all_types("::1", "::1", ENGINES);
}

Test(steer, so_they_do_over_ipv4_on_a_socket_of_both_families)
{
	check_all_types("::", "127.0.0.1", ENGINES);
	check_all_types("::", "::1", ENGINES);
}

/* A NAT forgets, a host moves: the source changes under a connection, its id does not. */
Test(steer, an_id_counts_from_whatever_address_it_comes)
{
	struct random random = {SEED};
	struct group group;
	char host[32];

	group_open(&group, "0.0.0.0", ENGINES, (uint32_t)random_next(&random));
	for (unsigned n = 0; n < ROUNDS; n++) {
		int speaker;

		snprintf(host, sizeof host, "127.1.%u.7", n);
		speaker = group_speaker(host);
		for (size_t i = 0; i < BY_ID_COUNT; i++)
			cr_expect(eq(uint, steered(&group, &random, speaker, &by_id[i], 2), 2),
				  "%s from %s", by_id[i].name, host);
		close(speaker);
	}
	group_close(&group);
}

static size_t write_syn(uint8_t *out, struct random *random)
{
	rudp_packet_write_syn(out, RUDP_SUITE_CHACHA20_POLY1305, 0, random_next(random), 80, NULL,
			      0);
	return 1200;
}

static size_t write_reset(uint8_t *out, struct random *random)
{
	uint8_t token[RUDP_RESET_TOKEN_BYTES];

	random_fill(random, token, sizeof token);
	return rudp_packet_write_reset(out, random_next(random), token);
}

/* Expects a SYN and a RESET from there, whatever their ids, at the engine that has the address. */
static void check_source(const struct group *group, struct random *random, const char *host,
			 unsigned met[ENGINES])
{
	int speaker = group_speaker(host);
	struct rudp_addr source;
	socklen_t len = sizeof source;
	uint8_t bytes[DATAGRAM_BYTES];
	unsigned engine;

	cr_assert(eq(int, getsockname(speaker, &source.sa, &len), 0));
	engine = steer_engine_of(&group->steer, &source);
	random_fill(random, bytes, sizeof bytes);
	cr_expect(eq(uint, group_steered(group, speaker, bytes, write_syn(bytes, random)), engine),
		  "SYN from %s", host);
	cr_expect(
		eq(uint, group_steered(group, speaker, bytes, write_reset(bytes, random)), engine),
		"RESET from %s", host);
	met[engine]++;
	close(speaker);
}

Test(steer, syns_and_resets_go_by_the_address_of_their_sender)
{
	struct random random = {SEED};
	unsigned met[ENGINES] = {0};
	struct group group;
	char host[32];

	group_open(&group, "::", ENGINES, (uint32_t)random_next(&random));
	for (unsigned n = 0; n < 4 * ROUNDS; n++) {
		snprintf(host, sizeof host, "127.%u.%u.%u", n % 3, n, n % 7 + 1);
		check_source(&group, &random, host, met);
	}
	/* A hash that leaves an engine without a fair part is none. */
	for (unsigned i = 0; i < ENGINES; i++)
		cr_expect(ge(uint, met[i], ROUNDS / 2));
	group_close(&group);
}

/* Loopback has one address of IPv6; the key of the hash changes instead. */
Test(steer, program_and_function_agree_on_ipv6)
{
	struct random random = {SEED};
	unsigned met[ENGINES] = {0};

	for (unsigned n = 0; n < ROUNDS; n++) {
		struct group group;

		group_open(&group, "::1", ENGINES, (uint32_t)random_next(&random));
		check_source(&group, &random, "::1", met);
		group_close(&group);
	}
	for (unsigned i = 0; i < ENGINES; i++)
		cr_expect(ge(uint, met[i], 1u));
}

/* Where the program would read beyond the end, the kernel takes the first socket. */
Test(steer, packets_that_are_cut_off_go_to_the_first_engine)
{
	struct random random = {SEED};
	const uint8_t empty = 0, cut_short_id[] = {0x42, 1, 2, 3}, cut_id[] = {0x40, 1, 2, 3, 4};
	struct group group;
	int speaker = group_speaker("127.0.0.1");

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	cr_expect(eq(uint, group_steered(&group, speaker, &empty, 0), 0));
	cr_expect(eq(uint, group_steered(&group, speaker, cut_short_id, sizeof cut_short_id), 0));
	cr_expect(eq(uint, group_steered(&group, speaker, cut_id, sizeof cut_id), 0));
	group_close(&group);
	close(speaker);
}

Test(steer, another_table_moves_syns_and_no_connection)
{
	struct random random = {SEED};
	struct rudp_addr source;
	socklen_t len = sizeof source;
	uint8_t bytes[DATAGRAM_BYTES];
	struct group group;
	int speaker = group_speaker("127.0.0.1");

	group_open(&group, "127.0.0.1", ENGINES, (uint32_t)random_next(&random));
	cr_assert(eq(int, getsockname(speaker, &source.sa, &len), 0));
	for (unsigned engine = 0; engine < ENGINES; engine++) {
		group.steer.engine_of[steer_bucket(&group.steer, &source)] = (uint8_t)engine;
		cr_assert(eq(int, steer_attach(group.fds[1], &group.steer), 0));
		random_fill(&random, bytes, sizeof bytes);
		cr_expect(eq(uint, group_steered(&group, speaker, bytes, write_syn(bytes, &random)),
			     engine));
		cr_expect(eq(uint, steered(&group, &random, speaker, &by_id[1], 3), 3));
	}
	group_close(&group);
	close(speaker);
}
