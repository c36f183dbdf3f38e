/* SPDX-License-Identifier: MIT */
/*
 * An observer in two networks, and a connection whose host moves from one to the other:
 * docs/protocol.md sections 13.1 and 16. All datagrams are recorded. Those before and after the
 * move must have no id in common, and their numbers must be unrelated.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/split_mix.h"
#include "proto/conn/conn_ids.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS
#define RECORDS_MAX 4096
#define RUNS 200
#define NUMBER_BITS 32
#define NEAR (UINT32_C(1) << 20) /* more numbers than a connection uses here, by far */

/* The visible fields of a DATA packet. */
struct record {
	int to; /* 0: client, 1: server */
	bool is_short;
	uint64_t id;
	uint32_t number;
};

struct network {
	struct rudp_addr client;
	unsigned count;
	struct record records[RECORDS_MAX];
};

static struct pair pair;
static struct network networks[2]; /* before and after the move */

static struct network *network_of(const struct pair_datagram *datagram)
{
	const struct rudp_addr *client = datagram->to ? &datagram->from_addr : &datagram->to_addr;

	if (rudp_addr_equal(&networks[0].client, client))
		return &networks[0];
	cr_assert(rudp_addr_equal(&networks[1].client, client));
	return &networks[1];
}

static void record(const struct pair_datagram *datagram)
{
	struct network *network = network_of(datagram);
	struct rudp_packet packet;

	cr_assert(eq(int, rudp_packet_parse(datagram->data, datagram->len, &packet),
		     RUDP_VERDICT_OK));
	if (packet.type != RUDP_PACKET_DATA)
		return;
	cr_assert(lt(uint, network->count, RECORDS_MAX));
	network->records[network->count++] =
		(struct record){datagram->to, packet.is_short, packet.id, packet.number_low};
}

/* Delivers everything. What is sent to an address that the client has left is lost there. */
static void run(int64_t ns)
{
	for (int64_t end = pair.now_ns + ns; pair.now_ns < end;) {
		struct pair_datagram *datagram;

		pair_wait(&pair, MS);
		while ((datagram = pair_take(&pair))) {
			record(datagram);
			if (datagram->to == 1 || rudp_addr_equal(&datagram->to_addr, &pair.addr[0]))
				pair_deliver(&pair, datagram);
			free(datagram);
		}
	}
}

static void talk(void)
{
	static const char text[3000];
	char heard[sizeof text];

	for (int i = 0; i < 20; i++) {
		for (int side = 0; side < 2; side++)
			rudp_conn_write(pair.conn[side], text, sizeof text, pair.now_ns);
		run(100 * MS);
		for (int side = 0; side < 2; side++)
			cr_assert(eq(sz, pair_read(&pair, side, heard, sizeof heard), sizeof text));
	}
}

static void begin(uint64_t seed)
{
	memset(networks, 0, sizeof networks);
	pair_init(&pair, 0, 0);
	pair.prng = rudp_split_mix(&seed);
	networks[0].client = pair.addr[0];
	rudp_addr_parse(&networks[1].client, "10.9.9.9:4444");
	pair_establish(&pair);
	run(RUDP_SPARE_ID_AFTER_NS);
	talk();
}

static void move(void)
{
	pair.addr[0] = networks[1].client;
	rudp_conn_rebind(pair.conn[0], &pair.addr[0], &pair.addr[0], pair.now_ns);
	talk();
}

/* A short id may be the low half of a full one. */
static bool shares_an_id(void)
{
	for (unsigned i = 0; i < networks[0].count; i++)
		for (unsigned j = 0; j < networks[1].count; j++)
			if ((uint32_t)networks[0].records[i].id ==
			    (uint32_t)networks[1].records[j].id)
				return true;
	return false;
}

/* The distance between the numbers in the two networks, in one direction. */
static uint32_t jump(int to)
{
	uint32_t last = 0, first = 0;

	for (unsigned i = 0; i < networks[0].count; i++)
		if (networks[0].records[i].to == to)
			last = networks[0].records[i].number;
	for (unsigned i = networks[1].count; i-- > 0;)
		if (networks[1].records[i].to == to)
			first = networks[1].records[i].number;
	return first - last;
}

Test(unlinkable, two_networks_see_no_id_in_common)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		begin(seed);
		move();
		cr_assert(all(ge(uint, networks[0].count, 40), ge(uint, networks[1].count, 40)));
		cr_assert(not(shares_an_id()));
		pair_fini(&pair);
	}
}

/* Each bit of the jump is set in about half of the runs, and it is never one of consecutive
 * numbers. */
Test(unlinkable, two_networks_see_unrelated_numbers)
{
	unsigned set[2][NUMBER_BITS] = {{0}};

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		begin(seed);
		move();
		for (int to = 0; to < 2; to++) {
			uint32_t jumped = jump(to);

			cr_assert(all(ge(u32, jumped, NEAR), ge(u32, (uint32_t)-jumped, NEAR)));
			for (int bit = 0; bit < NUMBER_BITS; bit++)
				set[to][bit] += jumped >> bit & 1;
		}
		pair_fini(&pair);
	}
	for (int to = 0; to < 2; to++)
		for (int bit = 0; bit < NUMBER_BITS; bit++)
			cr_assert(all(ge(uint, set[to][bit], RUNS * 3 / 10),
				      le(uint, set[to][bit], RUNS * 7 / 10)));
}

/* The same check finds what a connection without spare ids shows. */
Test(unlinkable, without_spare_ids_the_connection_is_recognized)
{
	begin(1);
	rudp_conn_ids_free(pair.conn[0]);
	rudp_conn_ids_free(pair.conn[1]);
	move();
	cr_assert(shares_an_id());
	cr_assert(lt(u32, jump(0), NEAR));
	pair_fini(&pair);
}
