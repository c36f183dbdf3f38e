/* SPDX-License-Identifier: MIT */
/* Repair symbols after bursts, and what they recover. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "burst.h"

#define MS RUDP_NS_PER_MS

TestSuite(conn_fec, .init = burst_init, .fini = burst_fini);

/* Without retransmissions, which would arrive a round trip later. */
static void expect_repaired(uint64_t dropped)
{
	burst.drops_repeats = true;
	burst.dropped_news = dropped;
	burst_say(BURST_BYTES);
	burst_run_for(3 * burst.rtt_ns);
	cr_assert(ge(uint, burst.sums, 1));
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	burst.drops_repeats = false;
	burst_run_for(20 * burst.rtt_ns);
	cr_assert(zero(u64, burst_speaking()->reliability.outstanding));
	cr_assert(zero(u64, rudp_sendbuf_unacked(&burst_speaking()->sendbuf)));
}

Test(conn_fec, losses_of_a_burst_need_no_round_trip)
{
	burst_establish_warm(50 * MS);
	expect_repaired(1u << 3);
	cr_assert(ge(u64, burst_listening()->fec_store.repaired_bytes, 1000));
}

Test(conn_fec, several_lost_packets_of_a_burst_are_recovered)
{
	burst_establish_warm(50 * MS);
	burst_know_losses();
	expect_repaired(UINT64_C(0x300100f1));
}

Test(conn_fec, the_listener_sends_repair_symbols_too)
{
	burst.speaker = 1;
	burst_establish_warm(50 * MS);
	expect_repaired(1u << 7 | 1u << 30);
}

Test(conn_fec, rest_shorter_than_a_repair_symbol_is_copied)
{
	burst_establish_warm(50 * MS);
	expect_repaired(UINT64_C(1) << 34);
	cr_assert(eq(uint, burst.copies, 1));
}

Test(conn_fec, jumbo_frames_have_repair_symbols_of_their_size)
{
	burst.pair.interface_bytes = 8900;
	burst_establish_warm(50 * MS);
	burst_run_for(10 * RUDP_NS_PER_S);
	burst_warm_up();
	cr_assert(ge(u32, burst_speaking()->path.datagram_bytes, 8000));
	burst.drops_repeats = true;
	burst.dropped_news = 1u << 2;
	burst_say(100000);
	burst_run_for(3 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), 100000));
	cr_assert(ge(u64, burst_listening()->fec_store.repaired_bytes, 8000));
}

Test(conn_fec, stream_arrives_intact_whatever_is_lost)
{
	uint64_t repaired;

	burst_establish_warm(20 * MS);
	for (int i = 0; i < 150; i++) {
		size_t bytes = 6000 + (size_t)random_below(&burst.dice, 100000);

		burst.loss_percent = i % 8;
		burst_say(bytes);
		for (int k = 0; k < 4 && bytes > 0; k++) {
			burst_run_for(burst.rtt_ns);
			bytes -= burst_hear();
		}
		burst.loss_percent = 0;
		burst_run_for(100 * burst.rtt_ns);
		cr_assert(eq(sz, burst_hear(), bytes));
		cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	}
	repaired = burst_listening()->fec_store.repaired_bytes;
	cr_assert(ge(u64, repaired, 50000));
}

Test(conn_fec, bytes_are_retransmitted_if_symbols_are_lost_too)
{
	burst_establish_warm(50 * MS);
	burst.drops_sums = true;
	burst.dropped_news = 1u << 3 | 1u << 15;
	burst_say(BURST_BYTES);
	burst_run_for(20 * burst.rtt_ns);
	cr_assert(ge(uint, burst.repeats, 2));
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(zero(u64, burst_speaking()->reliability.outstanding));
}

Test(conn_fec, no_symbols_are_kept_for_complete_blocks)
{
	burst_establish_warm(50 * MS);
	burst_say(BURST_BYTES);
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(all(ge(uint, burst.sums, 1), zero(uint, burst.repeats)));
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(zero(u64, burst_listening()->fec_store.repaired_bytes));
	cr_assert(zero(u64, burst_speaking()->reliability.lost_packets));
}

Test(conn_fec, repair_symbols_are_sent_when_the_program_pauses)
{
	uint64_t said_first;

	burst_establish_warm(50 * MS);
	burst_say(BURST_BYTES);
	said_first = burst_speaking()->sendbuf.ring.tail;
	/* the program writes again before the burst is sent, or right after it */
	for (int i = 0; i < 40; i++) {
		burst_run_for(MS / 2);
		burst_say(2000);
		cr_assert(zero(uint, burst.sums));
	}
	burst_run_until_sums(1);
	cr_assert(zero(u64, rudp_sendbuf_unsent(&burst_speaking()->sendbuf)));
	cr_assert(ge(u64, burst_speaking()->sendbuf.sent, said_first + 80000));
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), BURST_BYTES + 80000));
}

Test(conn_fec, burst_that_continues_gets_symbols_for_its_rest_only)
{
	uint64_t first_end;

	burst_establish_warm(50 * MS);
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	first_end = burst_speaking()->sendbuf.sent;
	burst_say(20000);
	burst.sums = 0;
	burst_run_until_sums(1);
	cr_assert(ge(u64, burst_speaking()->fec_sender.block.start, first_end));
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), BURST_BYTES + 20000));
}

static void expect_no_sums(void)
{
	burst_say(BURST_BYTES);
	burst_run_for(40 * burst.rtt_ns);
	cr_assert(zero(uint, burst.sums));
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
}

Test(conn_fec, no_repair_symbols_on_a_short_path)
{
	burst_establish_warm(2 * MS - MS / 2);
	expect_no_sums();
	cr_assert(zero(sz, burst_listening()->recvbuf.history_bytes));
}

Test(conn_fec, no_repair_symbols_if_copies_are_off)
{
	rudp_endpoint_set_tail(burst.pair.ep[0], false);
	burst_establish_warm(50 * MS);
	expect_no_sums();
}

Test(conn_fec, no_repair_symbols_for_a_peer_without_support)
{
	burst_establish(50 * MS);
	cr_assert(all(burst.pair.conn[0]->peer_takes_repairs,
		      burst.pair.conn[1]->peer_takes_repairs));
	burst.pair.conn[0]->peer_takes_repairs = false;
	burst_warm_up();
	expect_no_sums();
}

Test(conn_fec, no_repair_symbols_for_short_bursts)
{
	burst_establish_warm(50 * MS);
	burst_say(RUDP_TAIL_BYTES);
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(all(zero(uint, burst.sums), ge(uint, burst.copies, 1)));
}

Test(conn_fec, no_repair_symbols_during_congestion)
{
	burst_establish_warm(50 * MS);
	burst_say(1000);
	cr_assert(ge(uint, burst.line_count, 1));
	for (unsigned i = 0; i < burst.line_count; i++)
		burst.line[i].datagram->ecn |= 1; /* from ECT(0) to CE */
	burst_run_for(2 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), 1000));
	cr_assert(eq(int, rudp_tail_is_path_clear(&burst_speaking()->tail, burst.pair.now_ns), 0));
	expect_no_sums();
	burst_run_for(RUDP_NS_PER_S);
	burst_say(BURST_BYTES);
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(ge(uint, burst.sums, 1));
}

Test(conn_fec, fin_of_a_burst_is_copied)
{
	burst_establish_warm(50 * MS);
	burst.drops_repeats = true;
	/* the last packet, and the packet with FIN if that is another */
	burst.dropped_news = UINT64_C(3) << 34;
	burst_say(BURST_BYTES);
	rudp_conn_shutdown_send(burst_speaking(), burst.pair.now_ns);
	burst_run_for(3 * burst.rtt_ns);
	cr_assert(ge(uint, burst.copies, 1));
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(eq(int, rudp_conn_receive_eof(burst_listening()), 1));
}

Test(conn_fec, acks_of_repair_symbols_are_not_waited_for)
{
	burst_establish_warm(50 * MS);
	burst.drops_sums = burst.drops_copies = true;
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	burst_run_for(2 * burst.rtt_ns);
	cr_assert(zero(u64, rudp_sendbuf_unacked(&burst_speaking()->sendbuf)));
	cr_assert(zero(u64, burst_speaking()->reliability.outstanding));
	cr_assert(zero(u64, burst_speaking()->reliability.bytes_in_flight));
	burst_run_for(40 * burst.rtt_ns);
	cr_assert(zero(u64, burst_speaking()->reliability.lost_packets));
	cr_assert(zero(uint, burst_speaking()->reliability.pto_count));
	cr_assert(zero(uint, burst.repeats));
}

Test(conn_fec, known_losses_cause_more_repair_symbols)
{
	unsigned before;

	burst_establish_warm(50 * MS);
	burst_say(BURST_BYTES);
	burst_run_for(10 * burst.rtt_ns);
	before = burst.sums;
	cr_assert(all(ge(uint, before, 2), le(uint, before, 4)));
	burst_know_losses();
	burst_say(BURST_BYTES);
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(ge(uint, burst.sums - before, 3 * before));
}

Test(conn_fec, rate_of_repair_symbols_is_bounded)
{
	int64_t start_ns;
	uint64_t bytes, most;

	burst_establish_warm(10 * MS);
	start_ns = burst.pair.now_ns;
	for (int i = 0; i < 150; i++) {
		burst_know_losses();
		burst_say(10000);
		burst_run_for(4 * burst.rtt_ns);
		burst_hear();
	}
	bytes = (uint64_t)burst.sums * burst_speaking()->fec_sender.block.symbol_bytes;
	most = (256u << 10) +
	       (uint64_t)(burst.pair.now_ns - start_ns) * (128u << 10) / RUDP_NS_PER_S;
	cr_assert(le(u64, bytes, most));
	cr_assert(ge(u64, bytes, most * 8 / 10));
}
