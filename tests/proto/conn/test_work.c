/* SPDX-License-Identifier: MIT */
/* Peers that have the keys and send the most expensive packets: the work per packet is limited. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/wire.h"
#include "proto/checks.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"
#include "proto/recovery/sender.h"

/* The maximum cost of the frame that exceeds RUDP_WORK_PACKET_MAX: half of all ranges move. */
#define FRAME_MAX (RUDP_RECVBUF_RANGES_MAX / RUDP_RANGES_PER_WORK)
#define PACKET_MAX (RUDP_WORK_PACKET_MAX + FRAME_MAX)
#define FRAMES_BYTES 1150

static struct pair pair;
static uint64_t number; /* packet number of the hostile client's next packet */

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	number = 1000;
}

static void teardown(void)
{
	pair_drop(&pair);
	pair_fini(&pair);
}

TestSuite(work, .init = setup, .fini = teardown);

/* Returns and checks the work that it causes at the server. */
static uint64_t say(const struct rudp_writer *w, const uint8_t *frames, enum rudp_verdict *verdict)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t before = rudp_conn_work_total(server), units;

	*verdict = pair_say(&pair, 0, number++, frames, rudp_writer_len(w));
	units = rudp_conn_work_total(server) - before;
	cr_assert(le(u64, units, PACKET_MAX));
	return units;
}

static void stream_byte(struct rudp_writer *w, uint64_t offset)
{
	rudp_frame_write_stream_head(w, offset, 1, false);
	rudp_write_u8(w, 'x');
}

/*
 * As many single bytes as fit into a packet, with gaps between them, from the middle of the window
 * outwards.
 */
static enum rudp_verdict say_scattered(uint64_t *low, uint64_t *high)
{
	uint8_t frames[FRAMES_BYTES];
	struct rudp_writer w = rudp_writer(frames, sizeof frames);
	enum rudp_verdict verdict;

	for (unsigned i = 0; i < RUDP_FRAMES_MAX / 2; i++) {
		stream_byte(&w, *low += 2);
		stream_byte(&w, *high -= 2);
	}
	say(&w, frames, &verdict);
	return verdict;
}

Test(work, of_small_frames_out_of_order_is_bounded)
{
	uint64_t low = 100000, high = 900000;
	unsigned taken = 0, refused = 0, full = 0;

	/* They meet in the middle of the set, which is the worst case. */
	for (unsigned i = 0; i < 2000; i++) {
		enum rudp_verdict verdict = say_scattered(&low, &high);

		taken += verdict == RUDP_VERDICT_OK;
		refused += verdict == RUDP_VERDICT_TOO_COSTLY;
		full += verdict == RUDP_VERDICT_NO_MEMORY; /* the maximum number of gaps */
	}
	cr_assert(all(ge(uint, taken, 5), ge(uint, refused, 100)));
	cr_assert(eq(uint, taken + refused + full, 2000));
	cr_assert(le(u64, pair.conn[1]->work.debt, RUDP_WORK_DEBT_MAX + PACKET_MAX));
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_TOO_COSTLY), refused));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
}

/* A peer with a debt is accepted again after a wait: a millisecond for 1000 units. */
Test(work, debt_decreases_with_time)
{
	uint64_t low = 100000, high = 900000;
	uint8_t ping = RUDP_FRAME_PING;

	pair.conn[1]->work.debt = RUDP_WORK_DEBT_MAX;
	pair.conn[1]->work.debt_at_ns = pair.now_ns;
	cr_assert(eq(int, pair_say(&pair, 0, number++, &ping, 1), RUDP_VERDICT_TOO_COSTLY));
	cr_assert(eq(int, say_scattered(&low, &high), RUDP_VERDICT_TOO_COSTLY));
	pair.now_ns += RUDP_NS_PER_MS;
	cr_assert(eq(int, pair_say(&pair, 0, number++, &ping, 1), RUDP_VERDICT_OK));
	cr_assert(eq(u64, pair.conn[1]->work.debt, RUDP_WORK_DEBT_MAX - 1000));
	pair.now_ns += 2 * RUDP_NS_PER_S;
	cr_assert(eq(int, pair_say(&pair, 0, number++, &ping, 1), RUDP_VERDICT_OK));
	cr_assert(le(u64, pair.conn[1]->work.debt, RUDP_WORK_DEBT_MAX - 1000));
}

Test(work, of_an_honest_packet_is_free)
{
	static const uint8_t text[200000];

	for (unsigned i = 0; i < 20; i++) {
		rudp_conn_write(pair.conn[0], text, sizeof text, pair.now_ns);
		pair_run(&pair, 100 * RUDP_NS_PER_MS);
		rudp_conn_receive_consume(pair.conn[1], rudp_conn_receive_available(pair.conn[1]),
					  pair.now_ns);
	}
	cr_assert(ge(u64, pair_stats(&pair, 1).stream_received, 3000000));
	cr_assert(zero(u64, pair.conn[0]->work.debt + pair.conn[1]->work.debt));
	for (int side = 0; side < 2; side++)
		cr_assert(zero(u64, pair_verdicts(&pair, side, RUDP_VERDICT_TOO_COSTLY)));
}

static enum rudp_verdict say_pings(unsigned count)
{
	uint8_t frames[FRAMES_BYTES];

	memset(frames, RUDP_FRAME_PING, count);
	return pair_say(&pair, 0, number++, frames, count);
}

Test(work, a_packet_of_too_many_frames_violates_the_protocol)
{
	cr_assert(eq(int, say_pings(RUDP_FRAMES_MAX), RUDP_VERDICT_OK));
	cr_assert(eq(int, say_pings(RUDP_FRAMES_MAX + 1), RUDP_VERDICT_BAD_FRAME));
	cr_assert(ne(uint, pair_events(&pair, 1) & RUDP_EVENT_FAILED, 0));
}

/* Each packet comes from another host. */
Test(work, of_moving_is_bounded)
{
	uint8_t ping = RUDP_FRAME_PING;
	unsigned moved = 0;

	for (unsigned i = 0; i < 20000; i++) {
		pair.addr[0].in4.sin_addr.s_addr = htonl(0x0a010000 + i);
		moved += pair_say(&pair, 0, number++, &ping, 1) == RUDP_VERDICT_OK;
	}
	cr_assert(all(ge(uint, moved, 1000), le(uint, moved, 12000)));
	cr_assert(le(u64, pair.conn[1]->work.debt, RUDP_WORK_DEBT_MAX + PACKET_MAX));
}

#define SYMBOLS 100u
#define SYMBOL_BYTES 1100u

/* Repair symbols of overlapping blocks, for the same gaps. */
static void say_sum(unsigned block, uint8_t row)
{
	uint8_t frames[SYMBOL_BYTES + 20] = {0};
	struct rudp_writer w = rudp_writer(frames, sizeof frames);
	enum rudp_verdict verdict;

	rudp_frame_write_repair_head(&w, 10 + block, SYMBOLS, row);
	w.next += SYMBOL_BYTES;
	say(&w, frames, &verdict);
	cr_assert(eq(int, verdict, RUDP_VERDICT_OK));
}

/* The stream up to bytes, except for a byte in each of several symbols, all in one column. */
static void say_stream_with_holes(uint64_t bytes, unsigned holes)
{
	for (uint64_t at = 0; at < bytes; at += SYMBOL_BYTES) {
		uint8_t frames[SYMBOL_BYTES + 20] = {0};
		struct rudp_writer w = rudp_writer(frames, sizeof frames);
		uint64_t skip = at / SYMBOL_BYTES < holes;
		enum rudp_verdict verdict;

		rudp_frame_write_stream_head(&w, at + skip, SYMBOL_BYTES - skip, false);
		w.next += SYMBOL_BYTES - skip;
		say(&w, frames, &verdict);
		cr_assert(eq(int, verdict, RUDP_VERDICT_OK));
	}
}

/*
 * A packet that makes blocks solvable does not wait for the decoding; blocks are decoded in turns.
 */
Test(work, of_solving_is_done_in_turns)
{
	struct rudp_conn *server = pair.conn[1];
	unsigned blocks = 6, turns = 0;

	say_stream_with_holes(SYMBOLS * SYMBOL_BYTES + 2 * SYMBOL_BYTES, RUDP_FEC_SOLVE_MAX);
	for (unsigned block = 0; block < blocks; block++)
		for (unsigned row = 0; row < RUDP_FEC_SOLVE_MAX; row++)
			say_sum(block, (uint8_t)row);
	for (; server->fec_store.has_news; turns++) {
		uint64_t before = rudp_conn_work_total(server);
		unsigned none = 0;

		cr_assert(lt(uint, turns, 1000));
		rudp_endpoint_work_turn(pair.ep[1], &none, pair.now_ns);
		cr_assert(le(u64, rudp_conn_work_total(server) - before,
			     RUDP_WORK_FEC_TURN + RUDP_FEC_STEP_WORK_MAX + FRAME_MAX));
	}
	cr_assert(ge(uint, turns, 50)); /* the most expensive block */
	cr_assert(eq(u64, pair_stats(&pair, 1).stream_repaired, RUDP_FEC_SOLVE_MAX - 1));
	rudp_conn_charge(server);
	cr_assert(rudp_endpoint_check(pair.ep[1]));
}

/* A packet with a byte of each of 16 blocks causes each of them to be examined once, in turns. */
Test(work, of_blocks_without_news_is_none)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t before;
	unsigned none = 0;

	for (unsigned block = 0; block < RUDP_FEC_BLOCKS_MAX; block++)
		say_sum(block, 0);
	rudp_endpoint_work_turn(pair.ep[1], &none, pair.now_ns);
	cr_assert(not(server->fec_store.has_news));
	say_pings(1);
	cr_assert(not(server->fec_store.has_news));
	before = rudp_conn_work_total(server);
	rudp_endpoint_work_turn(pair.ep[1], &none, pair.now_ns);
	cr_assert(eq(u64, rudp_conn_work_total(server), before));
	rudp_conn_charge(server);
}

static bool never(const void *context)
{
	(void)context;
	return false;
}

/*
 * The ranges of an ACK beyond the limit are left to the next ACK; nothing is declared lost
 * meanwhile.
 */
Test(work, of_an_ack_is_bounded)
{
	struct sender *s = sender_new();

	sender_data(s, 10);
	s->r.owner.may_go_on = never;
	cr_assert(eq(int, sender_acked_two(s, 2, 8, 10), RUDP_VERDICT_OK));
	cr_assert(eq(u32, s->result.answered_packets, 2));
	cr_assert(eq(u32, s->result.lost_packets, 0));
	cr_assert(eq(u64, s->r.largest_answered, 1));
	s->r.owner.may_go_on = NULL;
	cr_assert(eq(int, sender_acked_two(s, 2, 8, 10), RUDP_VERDICT_OK));
	cr_assert(eq(u32, s->result.answered_packets, 2));
	cr_assert(eq(u64, s->r.largest_answered, 9));
	sender_free(s);
}

/* The server has sent this many packets, each with 100 bytes of the stream. Returns the first. */
static uint64_t send_records(unsigned count)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = server->reliability.next;
	struct rudp_sent sent = {
		.sent_at_ns = pair.now_ns,
		.size_bytes = 150,
		.stream_bytes = 100,
		.expects = RUDP_EXPECTS_ACK,
		.content = RUDP_CONTENT_STREAM | RUDP_CONTENT_ECT,
		.in_flight = true,
	};

	for (unsigned i = 0; i < count; i++) {
		static const uint8_t text[100];

		sent.stream_start = server->sendbuf.ring.tail;
		cr_assert(eq(sz, rudp_conn_write(server, text, sizeof text, pair.now_ns), 100));
		cr_assert(rudp_reliability_can_send(&server->reliability));
		rudp_reliability_send(&server->reliability, &sent);
		server->ecn.sent++;
		server->sendbuf.sent = server->sendbuf.reached = server->sendbuf.ring.tail;
	}
	return first;
}

/* The client acknowledges [start, end), which it has received with ECT(0). */
static enum rudp_verdict say_ack(uint64_t start, uint64_t end)
{
	const uint64_t marks[3] = {end - start, 0, 0};
	struct rudp_range_set received;
	uint8_t frames[FRAMES_BYTES];
	struct rudp_writer w = rudp_writer(frames, sizeof frames);

	rudp_range_set_init(&received, 1);
	cr_assert(zero(int, rudp_range_set_add(&received, start, end)));
	cr_assert(rudp_frame_write_ack(&w, &received, 0, marks));
	rudp_range_set_fini(&received);
	return pair_say(&pair, 0, number++, frames, rudp_writer_len(&w));
}

/* One turn of the server. Returns the number of packets that it settles. */
static uint64_t take_turn(void)
{
	uint64_t before = pair.conn[1]->reliability.answered_packets;
	unsigned none = 0;

	rudp_endpoint_work_turn(pair.ep[1], &none, pair.now_ns);
	return pair.conn[1]->reliability.answered_packets - before;
}

Test(work, of_a_long_ack_is_done_in_turns)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000), before = server->reliability.answered_packets;
	unsigned turns = 0;

	pair.now_ns += 50 * RUDP_NS_PER_MS;
	cr_assert(eq(int, say_ack(first, first + 1000), RUDP_VERDICT_OK));
	cr_assert(eq(u64, server->reliability.answered_packets - before, RUDP_FATES_PER_CALL));
	for (; server->ack_work; turns++) {
		cr_assert(eq(i64, rudp_endpoint_deadline_ns(pair.ep[1]), 0));
		cr_assert(eq(u8, server->ecn.ce_new, 0));
		cr_assert(le(u64, take_turn(), RUDP_FATES_PER_CALL));
	}
	cr_assert(eq(uint, turns, (1000 - 1) / RUDP_FATES_PER_CALL));
	cr_assert(eq(u64, server->reliability.answered_packets - before, 1000));
	cr_assert(zero(sz, rudp_sendbuf_unacked(&server->sendbuf)));
	/* The marks were compared with all packets of the ACK. */
	cr_assert(eq(int, server->ecn.state, RUDP_ECN_CAPABLE));
	rudp_conn_charge(server);
	cr_assert(rudp_endpoint_check(pair.ep[1]));
}

Test(work, of_a_long_ack_goes_on_in_transmit)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000);

	pair.now_ns += 50 * RUDP_NS_PER_MS;
	say_ack(first, first + 1000);
	pair_collect(&pair);
	cr_assert(all(eq(ptr, server->ack_work, NULL), zero(u64, server->reliability.outstanding)));
}

/* A later one covers what the first has left, one that was overtaken covers less. */
Test(work, of_a_long_ack_goes_on_with_the_next)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000);

	say_ack(first, first + 900);
	say_ack(first, first + 1000);
	say_ack(first, first + 950); /* was overtaken */
	while (server->ack_work)
		cr_assert(ge(u64, take_turn(), 1));
	cr_assert(zero(u64, server->reliability.outstanding));
	cr_assert(eq(u64, pair_stats(&pair, 1).packets_lost, 0));
	cr_assert(eq(int, server->ecn.state, RUDP_ECN_CAPABLE));
}

Test(work, of_a_long_ack_ends_with_the_connection)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000);
	static const uint8_t reset[] = {RUDP_FRAME_RESET, 0};

	say_ack(first, first + 1000);
	cr_assert(ne(ptr, server->ack_work, NULL));
	pair_say(&pair, 0, number++, reset, sizeof reset);
	while (server->ack_work)
		take_turn();
	cr_assert(rudp_endpoint_check(pair.ep[1]));
}

/* docs/protocol.md section 13: what was sent on the old path measures nothing on the new one. */
Test(work, of_a_long_ack_measures_nothing_after_a_change_of_path)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000), cwnd_bytes;
	struct rudp_addr other;

	rudp_addr_parse(&other, "10.9.9.9:4444");
	pair.now_ns += 50 * RUDP_NS_PER_MS;
	say_ack(first, first + 1000);
	cr_assert(ne(ptr, server->ack_work, NULL));
	rudp_conn_rebind(server, &pair.addr[1], &other, pair.now_ns);
	cwnd_bytes = server->cc.cwnd_bytes;
	while (server->ack_work)
		take_turn();
	cr_assert(eq(u64, server->cc.cwnd_bytes, cwnd_bytes));
	cr_assert(zero(u64, server->rtt.samples));
	cr_assert(eq(int, server->ecn.state, RUDP_ECN_TESTING));
	cr_assert(zero(u64, server->reliability.outstanding));
}

/* It reports fewer marks than packets were settled. */
Test(work, of_a_long_ack_goes_on_after_one_that_it_has_overtaken)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000);

	say_ack(first, first + 1000);
	while (server->reliability.answered_packets < 500)
		take_turn();
	say_ack(first, first + 100);
	cr_assert(ne(ptr, server->ack_work, NULL));
	while (server->ack_work)
		take_turn();
	cr_assert(zero(u64, server->reliability.outstanding));
	cr_assert(eq(int, server->ecn.state, RUDP_ECN_CAPABLE));
}

Test(work, of_a_long_ack_lets_no_overtaken_one_cover_a_skipped_number)
{
	struct rudp_conn *server = pair.conn[1];
	uint64_t first = send_records(1000);

	say_ack(first, first + 1000);
	cr_assert(ne(ptr, server->ack_work, NULL));
	server->reliability.skipped[0] = first + 50;
	cr_assert(eq(int, say_ack(first, first + 100), RUDP_VERDICT_BAD_ACK));
}
