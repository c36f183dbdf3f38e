/* SPDX-License-Identifier: MIT */
/* Answers to strangers: how many, to whom, and how long. docs/protocol.md sections 6.3, 6.5, 12.4. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define FLOOD 2000
#define CLOSED_PORT (PAIR_PORT + 1)

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 0, 0);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(answer_limit, .init = init, .fini = fini);

static struct rudp_addr address(const char *text)
{
	struct rudp_addr addr;

	cr_assert(zero(int, rudp_addr_parse(&addr, text)));
	return addr;
}

/* How many of count are granted, each to the next port of that host. */
static unsigned granted(struct rudp_answer_limit *limit, enum rudp_answer_kind kind,
			const char *host, unsigned count)
{
	struct rudp_addr to = address(host);
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		rudp_addr_set_port(&to, (uint16_t)(1024 + i));
		taken += rudp_answer_limit_take(limit, kind, &to, 0);
	}
	return taken;
}

Test(answer_limit, holds_for_all_of_a_network_together)
{
	struct rudp_answer_limit limit = {0};

	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_REFUSE, "192.0.2.1:1", 60), 60));
	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_REFUSE, "192.0.2.200:1", 60), 40));
	limit = (struct rudp_answer_limit){0};
	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_REFUSE, "[2001:db8:1::1]:1", 60), 60));
	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_REFUSE, "[2001:db8:1:ff::2]:1", 60), 40));
}

Test(answer_limit, of_one_kind_leaves_the_other_alone)
{
	struct rudp_answer_limit limit = {0};

	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_RESET, "192.0.2.1:1", FLOOD),
		     RUDP_RESETS_PER_S));
	cr_assert(eq(uint, granted(&limit, RUDP_ANSWER_REFUSE, "192.0.2.1:1", FLOOD),
		     RUDP_REFUSES_PER_S));
}

Test(answer_limit, is_over_after_a_second)
{
	struct rudp_addr to = address("192.0.2.1:1");
	struct rudp_answer_limit limit = {0};

	granted(&limit, RUDP_ANSWER_REFUSE, "192.0.2.1:1", FLOOD);
	cr_assert(not(rudp_answer_limit_take(&limit, RUDP_ANSWER_REFUSE, &to, RUDP_NS_PER_S - 1)));
	cr_assert(rudp_answer_limit_take(&limit, RUDP_ANSWER_REFUSE, &to, RUDP_NS_PER_S));
}

/* Whoever forges senders from everywhere gets this much out of it, and no more. */
Test(answer_limit, of_all_networks_together_is_bounded)
{
	struct rudp_answer_limit limit = {0};
	struct rudp_addr to = address("0.0.0.1:1");
	unsigned taken = 0;

	for (uint32_t i = 0; i < 2 * RUDP_RESETS_PER_S * RUDP_ANSWER_GROUPS; i++) {
		to.in4.sin_addr.s_addr = htonl(i * 2654435761u);
		taken += rudp_answer_limit_take(&limit, RUDP_ANSWER_RESET, &to, 0);
	}
	cr_assert(eq(uint, taken, RUDP_RESETS_PER_S * RUDP_ANSWER_GROUPS));
}

static unsigned drop_answers(void)
{
	struct pair_datagram *answer;
	unsigned count = 0;

	for (pair_collect(&pair); (answer = pair_take(&pair)); count++)
		free(answer);
	return count;
}

/* FLOOD copies from one network, all of the same instant. Returns how many were answered. */
static unsigned flood(struct pair_datagram *datagram, const char *network)
{
	unsigned answers = 0;

	datagram->from_addr = address(network);
	for (unsigned i = 0; i < FLOOD; i++) {
		rudp_addr_set_port(&datagram->from_addr, (uint16_t)(1024 + i));
		pair_deliver(&pair, datagram);
		answers += drop_answers();
	}
	return answers;
}

static struct pair_datagram *next(void)
{
	struct pair_datagram *datagram;

	pair_collect(&pair);
	datagram = pair_take(&pair);
	cr_assert(ne(ptr, datagram, NULL));
	return datagram;
}

static struct pair_datagram *syn_for(uint16_t port)
{
	struct pair_datagram *syn;

	pair_connect(&pair, port);
	syn = next();
	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	return syn;
}

static void connect_in_vain(void)
{
	pair_connect(&pair, CLOSED_PORT);
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNREFUSED));
}

Test(answer_limit, a_flood_of_syns_does_not_silence_the_refusal_of_another)
{
	struct pair_datagram *syn = syn_for(CLOSED_PORT);

	cr_assert(eq(uint, flood(syn, "198.51.100.9:1"), RUDP_REFUSES_PER_S));
	free(syn);
	connect_in_vain();
}

/* A DATA packet for a connection that nobody has. */
static struct pair_datagram *data_for_nobody(size_t len)
{
	struct pair_datagram *data = syn_for(CLOSED_PORT);
	static const uint8_t id[RUDP_ID_BYTES] = {9, 8, 7, 6, 5, 4, 3, 2};

	memset(data->data, 0, len);
	data->data[0] = RUDP_PACKET_DATA << 4;
	memcpy(data->data + 1, id, sizeof id);
	data->len = len;
	return data;
}

Test(answer_limit, a_flood_of_forged_data_does_not_silence_refusals)
{
	struct pair_datagram *data = data_for_nobody(60);

	cr_assert(eq(uint, flood(data, "10.0.0.1:1"), RUDP_RESETS_PER_S));
	free(data);
	connect_in_vain();
}

/* Its listener has lost the connection; the client writes. */
static void lose_connection(void)
{
	pair_establish(&pair);
	pair_run(&pair, RUDP_NS_PER_S); /* until it would tell the whole id */
	rudp_conn_die(pair.conn[1], pair.now_ns);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair.conn[1] = NULL;
	pair_collect(&pair);
	pair_drop(&pair);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
}

Test(answer_limit, a_flood_of_forged_data_does_not_silence_the_reset_of_another)
{
	struct pair_datagram *data = data_for_nobody(60);

	lose_connection();
	cr_assert(eq(uint, flood(data, "198.51.100.9:1"), RUDP_RESETS_PER_S));
	free(data);
	rudp_conn_write(pair.conn[0], "is anybody there?", 17, pair.now_ns);
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
}

/* Of the first answer to it, which there must be. */
static size_t answer_bytes(struct pair_datagram *cause)
{
	struct pair_datagram *answer;
	size_t len;

	pair_deliver(&pair, cause);
	answer = next();
	len = answer->len;
	cr_assert(zero(uint, drop_answers()), "one datagram has two answers");
	free(answer);
	return len;
}

Test(answer_limit, every_answer_is_shorter_than_what_it_answers)
{
	struct pair_datagram *syn = syn_for(PAIR_PORT), *closed = syn_for(CLOSED_PORT);

	cr_assert(le(sz, answer_bytes(syn), RUDP_SYNACK_MAX_BYTES));
	cr_assert(le(sz, answer_bytes(syn), RUDP_SYNACK_MAX_BYTES)); /* a copy: once more */
	cr_assert(eq(sz, answer_bytes(closed), RUDP_REFUSE_BYTES));
	pair.ep[1]->config.half_open_cookie_count = 0;
	free(syn);
	syn = syn_for(PAIR_PORT);
	cr_assert(le(sz, answer_bytes(syn), 64)); /* a cookie */
	free(syn);
	free(closed);
}

Test(answer_limit, a_reset_is_shorter_than_its_cause_of_any_length)
{
	for (size_t len = 1; len <= 60; len++) {
		struct pair_datagram *data = data_for_nobody(len);
		struct pair_datagram *answer;

		pair_deliver(&pair, data);
		pair_collect(&pair);
		answer = pair_take(&pair);
		if (answer)
			cr_assert(lt(sz, answer->len, len));
		else
			cr_assert(lt(sz, len, RUDP_DATA_OVERHEAD_BYTES));
		free(answer);
		free(data);
	}
}
