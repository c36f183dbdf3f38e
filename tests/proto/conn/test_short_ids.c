/* SPDX-License-Identifier: MIT */
/* DATA packets with short ids, and when they are used. docs/protocol.md section 3.4. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

static struct pair pair;

static void begin(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_settle(&pair);
}

static void end(void)
{
	pair_fini(&pair);
}

TestSuite(short_ids, .init = begin, .fini = end);

/*
 * Takes the next datagram, a DATA packet, off the wire. Reports whether its id is short. The caller
 * frees it.
 */
static struct pair_datagram *take_data(bool *is_short)
{
	struct pair_datagram *datagram = pair_take(&pair);
	struct rudp_packet packet;

	cr_assert(ne(ptr, datagram, NULL));
	cr_assert(eq(int, rudp_packet_parse(datagram->data, datagram->len, &packet),
		     RUDP_VERDICT_OK));
	cr_assert(eq(int, packet.type, RUDP_PACKET_DATA));
	*is_short = packet.is_short;
	return datagram;
}

static bool says_shortly(int side, const char *text)
{
	bool is_short;

	cr_assert(eq(sz, rudp_conn_write(pair.conn[side], text, strlen(text), pair.now_ns),
		     strlen(text)));
	pair_collect(&pair);
	pair_deliver_as(&pair, take_data(&is_short), RUDP_VERDICT_OK);
	pair_settle(&pair);
	return is_short;
}

static void expect_heard(int side, const char *text)
{
	struct iovec iov[2];

	cr_assert(eq(int, rudp_conn_receive_readable(pair.conn[side], iov), 1));
	cr_assert(eq(sz, iov[0].iov_len, strlen(text)));
	cr_assert(zero(int, memcmp(iov[0].iov_base, text, strlen(text))));
}

Test(short_ids, ids_are_short_while_the_peer_answers)
{
	cr_assert(says_shortly(0, "ping"));
	expect_heard(1, "ping");
	cr_assert(says_shortly(1, "pong"));
	expect_heard(0, "pong");
}

Test(short_ids, after_a_second_of_silence_ids_are_full)
{
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(not(says_shortly(0, "are you there?")));
	pair_run(&pair, 100 * RUDP_NS_PER_MS); /* until it is acknowledged */
	cr_assert(says_shortly(0, "you are"));
}

Test(short_ids, a_peer_without_support_gets_full_ids)
{
	cr_assert(all(pair.conn[0]->peer_takes_short_ids, pair.conn[1]->peer_takes_short_ids));
	pair.conn[0]->peer_takes_short_ids = false;
	cr_assert(not(says_shortly(0, "ping")));
	cr_assert(says_shortly(1, "pong"));
}

Test(short_ids, packets_carry_four_bytes_more)
{
	static const char text[3000];
	struct pair_datagram *datagram;
	bool is_short;

	for (int i = 0; i < 2; i++) {
		uint64_t before = pair.conn[0]->sendbuf.sent;

		pair.conn[0]->peer_takes_short_ids = i;
		rudp_conn_write(pair.conn[0], text, sizeof text, pair.now_ns);
		pair_collect(&pair);
		datagram = take_data(&is_short);
		cr_assert(
			all(eq(int, is_short, i), eq(sz, datagram->len, RUDP_DATAGRAM_BASE_BYTES)));
		free(datagram);
		cr_assert(eq(u64,
			     rudp_reliability_find(&pair.conn[0]->reliability,
						   pair.conn[0]->reliability.next - 3)
				     ->stream_bytes,
			     RUDP_DATAGRAM_BASE_BYTES - rudp_packet_data_overhead_bytes(i) -
				     rudp_frame_stream_head_bytes(before)));
		pair_settle(&pair);
	}
}

/* The answer is not a RESET for an unknown id, which would need the full id. */
Test(short_ids, a_peer_that_has_forgotten_gets_the_full_id)
{
	struct pair_datagram *datagram;
	bool is_short;

	rudp_conn_abandon(pair.conn[1], pair.now_ns);
	pair_drop(&pair);
	pair_collect(&pair);
	pair_drop(&pair); /* with its RESET frame */
	rudp_conn_write(pair.conn[0], "a packet longer than a RESET", 28, pair.now_ns);
	pair_collect(&pair);
	datagram = take_data(&is_short);
	cr_assert(is_short);
	pair_deliver_as(&pair, datagram, RUDP_VERDICT_UNKNOWN_ID);
	pair_collect(&pair);
	cr_assert(zero(uint, pair.wire_count));
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
}

Test(short_ids, a_full_id_must_match_in_both_halves)
{
	struct pair_datagram *datagram;
	bool is_short;

	pair_run(&pair, RUDP_NS_PER_S);
	rudp_conn_write(pair.conn[0], "whole", 5, pair.now_ns);
	pair_collect(&pair);
	datagram = take_data(&is_short);
	cr_assert(not(is_short));
	datagram->data[1] ^= 1;
	pair_deliver_as(&pair, datagram, RUDP_VERDICT_UNKNOWN_ID);
}

/* The tag covers the header: an attacker on the path cannot convert one form into the other. */
Test(short_ids, forms_cannot_be_exchanged)
{
	struct pair_datagram *datagram;
	bool is_short;

	rudp_conn_write(pair.conn[0], "short", 5, pair.now_ns);
	pair_collect(&pair);
	datagram = take_data(&is_short);
	cr_assert(is_short);
	memmove(datagram->data + RUDP_DATA_HEADER_BYTES,
		datagram->data + RUDP_DATA_HEADER_SHORT_BYTES,
		datagram->len - RUDP_DATA_HEADER_SHORT_BYTES);
	datagram->len += RUDP_DATA_HEADER_BYTES - RUDP_DATA_HEADER_SHORT_BYTES;
	rudp_packet_write_data(datagram->data, datagram->data[0] & 1, pair.conn[0]->peer_id,
			       pair.conn[0]->reliability.next - 1);
	pair_deliver_as(&pair, datagram, RUDP_VERDICT_AUTH_FAILED);
}

/* The endpoint takes its random ids from this list; other random bytes are zeros. */
static const uint64_t *ids_to_come;

static void random_ids(void *context, void *out, size_t len)
{
	(void)context;
	memset(out, 0, len);
	if (len == sizeof *ids_to_come)
		memcpy(out, ids_to_come++, len);
	else if (len >= 16)
		memset(out, 7, len); /* keys */
}

Test(short_ids, no_two_connections_share_a_short_id)
{
	static const uint64_t ids[] = {UINT64_C(0x1111111122222222), UINT64_C(0x3333333300000000),
				       UINT64_C(0x4444444422222222), UINT64_C(0x5555555566666666)};
	struct rudp_endpoint *ep;
	struct rudp_conn *conn[2];
	int error;

	ids_to_come = ids;
	ep = rudp_endpoint_new(&(struct rudp_endpoint_config){.random = random_ids}, pair.now_ns);
	cr_assert(ne(ptr, ep, NULL));
	for (int i = 0; i < 2; i++) {
		conn[i] = rudp_endpoint_connect(ep, &pair.addr[0], &pair.addr[0], &pair.addr[1], 80,
						NULL, pair.now_ns, &error);
		cr_assert(ne(ptr, conn[i], NULL));
	}
	cr_assert(eq(u64, rudp_conn_id(conn[0]), ids[0]));
	cr_assert(eq(u64, rudp_conn_id(conn[1]), ids[3]));
	cr_assert(eq(ptr, rudp_endpoint_find(ep, ids[0]), conn[0]));
	cr_assert(eq(ptr, rudp_endpoint_find(ep, ids[2]), NULL));
	cr_assert(eq(ptr, rudp_endpoint_find(ep, ids[3]), conn[1]));
	rudp_endpoint_free(ep);
}
