/* SPDX-License-Identifier: MIT */
/* Other ids on a known new path: docs/protocol.md section 13.1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/checks.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"
#include "proto/pair.h"

#define S RUDP_NS_PER_S
#define MS RUDP_NS_PER_MS
#define FAR_NUMBER 1000 /* a packet number that no connection here has used */
#define FRAME_BYTES 64

static struct pair pair;

static void begin(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void end(void)
{
	cr_assert(all(rudp_endpoint_check(pair.ep[0]), rudp_endpoint_check(pair.ep[1])));
	pair_fini(&pair);
}

TestSuite(conn_ids, .init = begin, .fini = end);

static void say(int side, size_t len)
{
	static const char text[4000];

	cr_assert(le(sz, len, sizeof text));
	cr_assert(eq(sz, rudp_conn_write(pair.conn[side], text, len, pair.now_ns), len));
}

static void expect_heard(int side, size_t len)
{
	char text[8000];

	cr_assert(eq(sz, pair_read(&pair, side, text, sizeof text), len));
}

/* Both sides say something, and hear it. */
static void talk(void)
{
	say(0, 100);
	say(1, 200);
	pair_run(&pair, 100 * MS);
	expect_heard(1, 100);
	expect_heard(0, 200);
}

/* After it each side has a spare id of the other one. */
static void exchange(void)
{
	pair_run(&pair, RUDP_SPARE_ID_AFTER_NS);
	talk();
	for (int side = 0; side < 2; side++)
		cr_assert(all(ne(ptr, pair.conn[side]->ids, NULL),
			      ne(ptr, pair.conn[side]->ids->spare, NULL),
			      eq(u64, pair.conn[side]->ids->peer_spare.number, 1)));
}

static void set_address(int side, const char *address)
{
	rudp_addr_parse(&pair.addr[side], address);
}

/* The side knows that its address is another one. */
static void join(int side, const char *address)
{
	set_address(side, address);
	rudp_conn_rebind(pair.conn[side], &pair.addr[side], &pair.addr[side], pair.now_ns);
}

static void expect_changes(uint32_t client, uint32_t server)
{
	cr_assert(all(eq(u32, pair_stats(&pair, 0).id_changes, client),
		      eq(u32, pair_stats(&pair, 1).id_changes, server)));
}

static uint64_t own_spare_number(int side)
{
	return pair.conn[side]->ids->spare->number;
}

Test(conn_ids, none_is_made_in_the_first_second)
{
	pair_run(&pair, S / 2);
	talk();
	cr_assert(all(eq(ptr, pair.conn[0]->ids, NULL), eq(ptr, pair.conn[1]->ids, NULL)));
}

Test(conn_ids, an_idle_connection_is_not_woken_for_one)
{
	struct rudp_conn_stats before, after;

	pair_run(&pair, S / 2);
	before = pair_stats(&pair, 0);
	pair_run(&pair, 20 * S);
	after = pair_stats(&pair, 0);
	cr_assert(eq(u64, after.packets_sent, before.packets_sent));
}

Test(conn_ids, each_side_sends_one_and_keeps_it)
{
	exchange();
	for (int i = 0; i < 20; i++)
		talk();
	for (int side = 0; side < 2; side++)
		cr_assert(all(eq(u64, own_spare_number(side), 1),
			      eq(u64, pair.conn[side]->ids->peer_spare.id,
				 pair.conn[!side]->ids->spare->id),
			      eq(uint, HASH_COUNT(pair.ep[side]->by_other_id), 1)));
	expect_changes(0, 0);
}

Test(conn_ids, peers_on_one_host_need_none)
{
	pair.conn[0]->is_same_host = pair.conn[1]->is_same_host = true;
	pair_run(&pair, RUDP_SPARE_ID_AFTER_NS);
	talk();
	cr_assert(all(eq(ptr, pair.conn[0]->ids, NULL), eq(ptr, pair.conn[1]->ids, NULL)));
}

Test(conn_ids, after_a_move_both_sides_use_the_spare_and_send_another)
{
	uint64_t ids[2];

	exchange();
	for (int side = 0; side < 2; side++)
		ids[side] = pair.conn[!side]->ids->spare->id;
	join(0, "10.9.9.9:4444");
	talk();
	expect_changes(1, 1);
	for (int side = 0; side < 2; side++)
		cr_assert(all(eq(u64, rudp_conn_dest_id(pair.conn[side]), ids[side]),
			      eq(u64, own_spare_number(side), 2),
			      eq(u64, pair.conn[side]->ids->peer_spare.number, 2)));
	/* The name of the connection on this host stays. */
	cr_assert(
		eq(ptr, rudp_endpoint_find(pair.ep[0], rudp_conn_id(pair.conn[0])), pair.conn[0]));
}

Test(conn_ids, many_moves_keep_few_entries)
{
	char address[32];

	exchange();
	for (int i = 1; i <= 50; i++) {
		snprintf(address, sizeof address, "10.9.9.%d:4444", i);
		join(0, address);
		talk();
		expect_changes((uint32_t)i, (uint32_t)i);
		for (int side = 0; side < 2; side++)
			cr_assert(all(le(uint, HASH_COUNT(pair.ep[side]->by_other_id), 3),
				      eq(uint, HASH_COUNT(pair.ep[side]->by_dest_id), 1)));
	}
	cr_assert(zero(u32, pair_stats(&pair, 0).moves_with_old_id));
	pair_run(&pair, 60 * S);
	for (int side = 0; side < 2; side++)
		cr_assert(eq(uint, HASH_COUNT(pair.ep[side]->by_other_id), 2));
}

Test(conn_ids, nothing_remains_of_an_ended_connection)
{
	exchange();
	join(0, "10.9.9.9:4444");
	talk();
	pair_part(&pair);
	for (int side = 0; side < 2; side++)
		cr_assert(all(zero(uint, HASH_COUNT(pair.ep[side]->by_other_id)),
			      zero(uint, HASH_COUNT(pair.ep[side]->by_dest_id)),
			      zero(uint, pair.ep[side]->conn_ids.count),
			      zero(uint, pair.ep[side]->other_ids.count)));
}

Test(conn_ids, a_nat_that_changes_port_and_address_consumes_none)
{
	exchange();
	set_address(0, "10.0.0.1:50000");
	talk();
	set_address(0, "10.0.0.7:50001");
	talk();
	expect_changes(0, 0);
	cr_assert(eq(u64, pair_stats(&pair, 1).path_changes, 0)); /* the client does not know it */
	/* Datagrams that come from there. */
	for (int port = 1; port < 4; port++) {
		struct pair_datagram *datagram;

		say(0, 10);
		pair_collect(&pair);
		datagram = pair_take(&pair);
		rudp_addr_parse(&datagram->from_addr, "10.0.0.1:1");
		rudp_addr_set_port(&datagram->from_addr, (uint16_t)(50000 + port));
		pair_deliver_as(&pair, datagram, RUDP_VERDICT_OK);
		pair_settle(&pair);
	}
	expect_changes(0, 0);
	cr_assert(ge(u64, pair_stats(&pair, 1).path_changes, 3));
}

/* Nothing tells the receiver that the path is new: its own packets keep their id. */
Test(conn_ids, another_id_from_the_known_address_changes_one_direction)
{
	exchange();
	rudp_conn_ids_change(pair.conn[0]);
	talk();
	expect_changes(1, 0);
	cr_assert(eq(u64, own_spare_number(1), 2));
}

Test(conn_ids, without_a_spare_the_old_one_goes_on)
{
	talk();
	join(0, "10.9.9.9:4444");
	talk();
	expect_changes(0, 0);
	cr_assert(eq(u32, pair_stats(&pair, 0).moves_with_old_id, 1));
	cr_assert(eq(u32, pair_stats(&pair, 1).path_changes, 1));
}

Test(conn_ids, a_peer_that_announces_nothing_gets_none)
{
	pair.conn[0]->peer_takes_spare_ids = false;
	pair_run(&pair, RUDP_SPARE_ID_AFTER_NS);
	talk();
	cr_assert(all(eq(ptr, pair.conn[0]->ids->spare, NULL),
		      zero(u64, pair.conn[1]->ids->peer_spare.number),
		      ne(ptr, pair.conn[1]->ids->spare, NULL)));
	/* It may use that of the other side, which then has none of its own to use. */
	join(0, "10.9.9.9:4444");
	talk();
	expect_changes(1, 0);
	cr_assert(eq(u32, pair_stats(&pair, 1).moves_with_old_id, 1));
}

/* The parameter 14 itself: both implementations announce it. */
Test(conn_ids, support_is_announced)
{
	cr_assert(all(pair.conn[0]->peer_takes_spare_ids, pair.conn[1]->peer_takes_spare_ids));
}

Test(conn_ids, a_lost_one_is_sent_again)
{
	pair_run(&pair, RUDP_SPARE_ID_AFTER_NS);
	say(0, 10);
	pair_collect(&pair);
	cr_assert(ne(ptr, pair.conn[0]->ids->spare, NULL));
	pair_drop(&pair);
	cr_assert(eq(ptr, pair.conn[1]->ids, NULL));
	pair_run(&pair, 2 * S);
	cr_assert(eq(u64, pair.conn[1]->ids->peer_spare.id, pair.conn[0]->ids->spare->id));
	cr_assert(all(pair.conn[0]->ids->is_spare_acked, not(pair.conn[0]->ids->is_spare_due)));
}

static size_t write_frame(uint8_t bytes[FRAME_BYTES], uint64_t number, uint64_t id)
{
	struct rudp_writer w = rudp_writer(bytes, FRAME_BYTES);
	struct rudp_spare_id spare = {.number = number, .id = id, .number_offset = 5};

	cr_assert(rudp_frame_write_spare_id(&w, &spare));
	return rudp_writer_len(&w);
}

/* A client that breaks the rules, or repeats itself, says a SPARE_ID. */
static enum rudp_verdict say_spare(uint64_t packet, uint64_t number, uint64_t id)
{
	uint8_t frame[FRAME_BYTES];

	return pair_say(&pair, 0, packet, frame, write_frame(frame, number, id));
}

Test(conn_ids, a_repeated_one_has_no_effect)
{
	uint64_t id;

	exchange();
	id = pair.conn[1]->ids->peer_spare.id;
	for (uint64_t i = 0; i < 300; i++)
		cr_assert(eq(int, say_spare(FAR_NUMBER + i, 1, id ^ 1), RUDP_VERDICT_OK));
	cr_assert(eq(u64, pair.conn[1]->ids->peer_spare.id, id));
	rudp_conn_ids_change(pair.conn[1]);
	cr_assert(eq(int, say_spare(2 * FAR_NUMBER, 1, id), RUDP_VERDICT_OK));
	cr_assert(zero(u64, pair.conn[1]->ids->peer_spare.number));
	cr_assert(eq(u64, rudp_conn_dest_id(pair.conn[1]), id));
}

static void expect_violation(enum rudp_verdict verdict)
{
	cr_assert(eq(int, verdict, RUDP_VERDICT_BAD_SPARE_ID));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_RESET_SENT));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), EPROTO));
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_BAD_SPARE_ID), 1));
}

Test(conn_ids, a_second_one_before_the_first_is_used_is_a_violation)
{
	exchange();
	expect_violation(say_spare(FAR_NUMBER, 2, 7));
}

Test(conn_ids, one_that_leaves_out_a_number_is_a_violation)
{
	expect_violation(say_spare(FAR_NUMBER, 2, 7));
}

Test(conn_ids, one_that_comes_early_is_taken)
{
	cr_assert(eq(int, say_spare(FAR_NUMBER, 1, 7), RUDP_VERDICT_OK));
	cr_assert(eq(u64, pair.conn[1]->ids->peer_spare.id, 7));
}

/* The id alone proves nothing. */
Test(conn_ids, a_third_party_that_knows_the_id_changes_nothing)
{
	struct pair_datagram *datagram;
	size_t header;

	exchange();
	say(0, 100);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	header = rudp_packet_write_data(datagram->data, false, pair.conn[1]->ids->spare->id, 77);
	memset(datagram->data + header, 9, 100);
	datagram->len = header + 100;
	rudp_addr_parse(&datagram->from_addr, "10.6.6.6:666");
	pair_deliver_as(&pair, datagram, RUDP_VERDICT_AUTH_FAILED);
	cr_assert(all(eq(u64, own_spare_number(1), 1), zero(u64, pair_stats(&pair, 1).path_changes),
		      eq(ptr, pair.conn[1]->ids->current, NULL)));
	pair_run(&pair, S);
	expect_changes(0, 0);
}

/* It forwards the first packet with the spare id from an address of its own, ahead of the
 * others. */
Test(conn_ids, a_third_party_that_forwards_packets_does_not_keep_the_connection)
{
	struct pair_datagram *datagram;
	struct rudp_addr own;

	exchange();
	join(0, "10.9.9.9:4444");
	own = pair.addr[0];
	pair_collect(&pair);
	datagram = pair_take(&pair);
	rudp_addr_parse(&datagram->from_addr, "10.6.6.6:666");
	pair_deliver_as(&pair, datagram, RUDP_VERDICT_OK);
	pair_collect(&pair);
	pair_drop(&pair); /* what goes to the third party */
	pair_run(&pair, 3 * S);
	talk();
	cr_assert(rudp_addr_equal(&pair.conn[1]->path.remote, &own));
	expect_changes(1, 1);
}

Test(conn_ids, both_sides_move_at_once)
{
	exchange();
	say(0, 100);
	say(1, 200);
	join(0, "10.9.9.9:4444");
	join(1, "10.8.8.8:8080");
	pair_collect(&pair);
	pair_drop(&pair); /* each was sent to an address that is gone */
	pair_run(&pair, 5 * S);
	/* Neither can learn the other's address by itself: somebody tells it. */
	for (int side = 0; side < 2; side++) {
		pair.conn[side]->path.remote = pair.addr[!side];
		rudp_conn_list_path(pair.conn[side]);
	}
	pair_run(&pair, 5 * S);
	expect_heard(1, 100);
	expect_heard(0, 200);
	expect_changes(1, 1);
	talk();
	for (int side = 0; side < 2; side++) {
		cr_assert(le(uint, HASH_COUNT(pair.ep[side]->by_other_id), 3));
		/* Former addresses still work here, but packets that cross do not keep both in
		 * use. */
		cr_assert(le(u64, pair_stats(&pair, side).path_changes, 6));
	}
}

Test(conn_ids, packet_numbers_wrap_with_their_offset)
{
	exchange();
	pair.conn[0]->ids->peer_spare.number_offset = 0xfffffff0;
	pair.conn[1]->ids->spare->number_offset = 0xfffffff0;
	join(0, "10.9.9.9:4444");
	for (int i = 0; i < 30; i++)
		talk();
	expect_changes(1, 1);
	cr_assert(zero(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_AUTH_FAILED)));
}

Test(conn_ids, a_late_packet_with_the_previous_id_is_accepted_for_a_while)
{
	struct pair_datagram *soon, *late;

	exchange();
	say(0, 100);
	pair_collect(&pair);
	soon = pair_take(&pair);
	say(0, 100);
	pair_collect(&pair);
	late = pair_take(&pair);
	cr_assert(all(ne(ptr, soon, NULL), ne(ptr, late, NULL)));
	pair_drop(&pair);
	join(0, "10.9.9.9:4444");
	pair_run(&pair, 50 * MS);
	pair_deliver_as(&pair, soon, RUDP_VERDICT_OK);
	pair_settle(&pair);
	cr_assert(rudp_addr_equal(&pair.conn[1]->path.remote, &pair.addr[0]));
	pair_run(&pair, 30 * S);
	expect_heard(1, 200);
	pair_deliver_as(&pair, late, RUDP_VERDICT_UNKNOWN_ID);
	pair_settle(&pair);
	talk();
	expect_changes(1, 1);
}

static void deliver_reset(int to, uint64_t id, enum rudp_verdict verdict)
{
	struct pair_datagram *reset = malloc(sizeof *reset);
	uint8_t token[RUDP_RESET_TOKEN_BYTES];

	cr_assert(ne(ptr, reset, NULL));
	rudp_reset_token_make(pair.ep[!to]->config.reset_secret, id,
			      rudp_addr_port(&pair.addr[!to]), token);
	*reset = (struct pair_datagram){
		.to = to, .from_addr = pair.addr[!to], .to_addr = pair.addr[to]};
	reset->len = rudp_packet_write_reset(reset->data, id, token);
	pair_deliver_as(&pair, reset, verdict);
}

Test(conn_ids, only_the_token_of_the_id_in_use_resets)
{
	uint64_t first, second;

	exchange();
	first = rudp_conn_dest_id(pair.conn[0]);
	second = pair.conn[0]->ids->peer_spare.id;
	deliver_reset(0, second, RUDP_VERDICT_BAD_RESET);
	join(0, "10.9.9.9:4444");
	talk();
	deliver_reset(0, first, RUDP_VERDICT_BAD_RESET);
	deliver_reset(0, pair.conn[0]->ids->peer_spare.id, RUDP_VERDICT_BAD_RESET);
	talk();
	deliver_reset(0, second, RUDP_VERDICT_OK);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
}

/* Its packet with the other id is answered by a token that was computed again. */
Test(conn_ids, a_peer_that_has_forgotten_is_noticed_after_a_move)
{
	exchange();
	join(0, "10.9.9.9:4444");
	talk();
	rudp_conn_abandon(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair); /* its RESET frame */
	say(0, 100);
	pair_run(&pair, 2 * S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
}

/*
 * The server of the second connection is hostile: its spare id is one of the first connection. The
 * first connection still notices that its peer has forgotten it.
 */
static void collide(uint64_t id)
{
	struct rudp_conn *first = pair.conn[0];
	uint64_t first_dest = rudp_conn_dest_id(first);
	uint8_t frame[FRAME_BYTES];

	pair_connect(&pair, PAIR_PORT);
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	cr_assert(eq(int, pair_say(&pair, 1, FAR_NUMBER, frame, write_frame(frame, 1, id)),
		     RUDP_VERDICT_OK));
	rudp_conn_ids_change(pair.conn[0]);
	cr_assert(eq(u64, rudp_conn_dest_id(pair.conn[0]), id));
	deliver_reset(0, first_dest, RUDP_VERDICT_OK);
	cr_assert(eq(int, rudp_conn_error(first), ECONNRESET));
	cr_assert(zero(int, rudp_conn_error(pair.conn[0])));
}

Test(conn_ids, another_connections_first_id_as_a_spare_one_harms_only_its_sender)
{
	collide(rudp_conn_dest_id(pair.conn[0]));
}

Test(conn_ids, another_connections_later_id_as_a_spare_one_harms_only_its_sender)
{
	exchange();
	join(0, "10.9.9.9:4444");
	talk();
	collide(rudp_conn_dest_id(pair.conn[0]));
}
