/* SPDX-License-Identifier: MIT */
/*
 * Repair symbols that violate the protocol, that have to wait, and that exist when a connection
 * ends.
 */
#include <errno.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "burst.h"

#define MS RUDP_NS_PER_MS

TestSuite(conn_fec_ends, .init = burst_init, .fini = burst_fini);

/* Sends frames of the test in a DATA packet, as the sending side would. */
static enum rudp_verdict send_frames(uint8_t *frames, size_t len)
{
	struct rudp_conn *conn = burst_speaking();
	struct rudp_sent sent = {.sent_at_ns = burst.pair.now_ns, .expects = RUDP_EXPECTS_ACK};
	struct pair_datagram datagram = {
		.to = !burst.speaker, .from_addr = conn->path.local, .to_addr = conn->path.remote};
	struct iovec in = {frames, len};
	uint64_t number = conn->reliability.next;

	cr_assert(ge(int, rudp_keys_wake_to_send(&conn->keys), 0));
	datagram.len =
		rudp_packet_write_data(datagram.data, conn->keys.send_phase, conn->peer_id, number);
	datagram.len += rudp_keys_seal(&conn->keys, number, datagram.data, datagram.len, &in, 1,
				       datagram.data + datagram.len);
	sent.size_bytes = (uint32_t)datagram.len;
	rudp_reliability_send(&conn->reliability, &sent);
	rudp_conn_charge(conn);
	return pair_deliver(&burst.pair, &datagram);
}

static enum rudp_verdict tell_sum(uint64_t offset, uint8_t count, size_t symbol_bytes)
{
	uint8_t bytes[1200];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	rudp_frame_write_repair_head(&w, offset, count, 0);
	rudp_write_zeros(&w, symbol_bytes);
	cr_assert(w.ok);
	return send_frames(bytes, rudp_writer_len(&w));
}

Test(conn_fec_ends, a_symbol_beyond_the_window_ends_the_connection)
{
	uint64_t end;

	burst_establish(50 * MS);
	end = burst_listening()->recvbuf.window_end;
	cr_assert(eq(int, tell_sum(end - 1000, 10, 100), RUDP_VERDICT_OK));
	cr_assert(eq(uint, burst_listening()->fec_store.symbol_count, 1));
	cr_assert(eq(int, tell_sum(end - 999, 10, 100), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(int, rudp_conn_error(burst_listening()), EPROTO));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
}

Test(conn_fec_ends, a_symbol_beyond_the_final_size_ends_the_connection)
{
	burst_establish(50 * MS);
	burst.drops_news = true;
	burst_say(990); /* these bytes are lost, but their FIN arrives */
	rudp_conn_shutdown_send(burst_speaking(), burst.pair.now_ns);
	cr_assert(eq(int, send_frames((uint8_t[]){RUDP_FRAME_STREAM_FIN, 0x43, 0xde, 0, 0}, 5),
		     RUDP_VERDICT_OK));
	cr_assert(eq(u64, burst_listening()->recvbuf.final_size, 990));
	cr_assert(eq(int, tell_sum(0, 99, 10), RUDP_VERDICT_OK));
	cr_assert(eq(uint, burst_listening()->fec_store.symbol_count, 1));
	cr_assert(eq(int, tell_sum(1, 99, 10), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(int, rudp_conn_error(burst_listening()), EPROTO));
}

Test(conn_fec_ends, an_empty_symbol_is_ignored)
{
	burst_establish(50 * MS);
	cr_assert(eq(int, tell_sum(0, 128, 0), RUDP_VERDICT_OK));
	cr_assert(eq(int, tell_sum(RUDP_VARINT_MAX, 128, 0), RUDP_VERDICT_OK));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(zero(int, rudp_conn_error(burst_listening())));
}

/* More is lost than the repair symbols can recover: they wait. */
static void leave_sums_waiting(void)
{
	burst_establish_warm(50 * MS);
	burst.dropped_news = 0xfffff;
	burst.drops_repeats = true;
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	burst_run_for(burst.rtt_ns);
	cr_assert(ge(uint, burst_listening()->fec_store.symbol_count, 1));
}

Test(conn_fec_ends, waiting_symbols_count_in_the_budget)
{
	const struct rudp_budget *budget;
	const struct rudp_conn *conn;
	uint64_t bytes;

	leave_sums_waiting();
	conn = burst_listening();
	budget = &burst.pair.ep[!burst.speaker]->budget;
	bytes = rudp_conn_buffer_bytes(conn);
	cr_assert(eq(u64, conn->charged_bytes, bytes));
	cr_assert(eq(u64, budget->used_bytes, bytes));
	cr_assert(ge(u64, bytes, conn->fec_store.bytes + conn->recvbuf.ring.capacity_bytes));
	burst.drops_repeats = false;
	burst_run_for(20 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(zero(u64, conn->fec_store.bytes));
	cr_assert(eq(u64, budget->used_bytes, rudp_conn_buffer_bytes(conn)));
}

Test(conn_fec_ends, no_symbol_is_kept_while_memory_is_scarce)
{
	burst_establish_warm(50 * MS);
	burst.pair.ep[1]->budget.limit_bytes = 2 * burst.pair.ep[1]->budget.used_bytes - 2;
	burst.dropped_news = 1;
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	burst_run_for(burst.rtt_ns);
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(zero(u64, burst_listening()->fec_store.repaired_bytes));
	burst_run_for(20 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
}

Test(conn_fec_ends, end_of_the_connection_frees_all_symbols)
{
	leave_sums_waiting();
	rudp_conn_reset(burst_speaking(), RUDP_RESET_APPLICATION, burst.pair.now_ns);
	burst_run_for(2 * burst.rtt_ns);
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(eq(int, rudp_conn_error(burst_listening()), ECONNRESET));
}

Test(conn_fec_ends, own_reset_frees_the_symbols)
{
	leave_sums_waiting();
	rudp_conn_reset(burst_listening(), RUDP_RESET_APPLICATION, burst.pair.now_ns);
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(
		eq(int, tell_sum(burst_listening()->recvbuf.ring.tail, 10, 100), RUDP_VERDICT_OK));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
}

Test(conn_fec_ends, no_symbols_are_sent_after_a_reset_by_the_peer)
{
	unsigned before;

	burst_establish_warm(50 * MS);
	burst_know_losses();
	/* low pacing rate: they take their time */
	burst_speaking()->options.pacing_bytes_per_s_max = 200000;
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	rudp_conn_reset(burst_listening(), RUDP_RESET_APPLICATION, burst.pair.now_ns);
	burst_collect();
	burst_run_for(burst.rtt_ns / 2 + MS);
	cr_assert(eq(int, rudp_conn_state(burst_speaking()), RUDP_STATE_TIME_WAIT));
	before = burst.sums;
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(eq(uint, burst.sums, before));
	cr_assert(eq(int, rudp_conn_fec_is_due(burst_speaking()), 0));
}

Test(conn_fec_ends, shutdown_of_reading_frees_the_symbols)
{
	leave_sums_waiting();
	rudp_conn_shutdown_receive(burst_listening());
	burst.drops_repeats = false;
	burst_run_for(20 * burst.rtt_ns);
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
	cr_assert(zero(u64, rudp_sendbuf_unacked(&burst_speaking()->sendbuf)));
}

Test(conn_fec_ends, close_while_symbols_are_due_still_delivers_everything)
{
	burst_establish_warm(50 * MS);
	burst.dropped_news = 1u << 4 | 1u << 9;
	burst_say(BURST_BYTES);
	burst_run_until_sums(1);
	rudp_conn_close(burst_speaking(), burst.pair.now_ns);
	burst_run_for(10 * burst.rtt_ns);
	cr_assert(eq(sz, burst_hear(), BURST_BYTES));
	cr_assert(eq(int, rudp_conn_receive_eof(burst_listening()), 1));
	cr_assert(zero(u64, burst_listening()->fec_store.bytes));
}

Test(conn_fec_ends, packets_that_become_too_large_have_no_symbols)
{
	burst_establish_warm(50 * MS);
	burst_say(10000);
	burst_run_for(MS / 2);
	cr_assert(zero(u64, rudp_sendbuf_unsent(&burst_speaking()->sendbuf)));
	rudp_conn_fec_begin(burst_speaking(), burst_speaking()->sendbuf.ring.head);
	burst_speaking()->path.datagram_bytes = RUDP_FEC_DATAGRAM_MAX_BYTES + 1;
	cr_assert(eq(int, rudp_conn_fec_next(burst_speaking(), burst.pair.now_ns), 0));
	cr_assert(eq(int, rudp_conn_fec_is_due(burst_speaking()), 0));
	rudp_conn_fec_begin(burst_speaking(), burst_speaking()->sendbuf.ring.head);
	burst_speaking()->path.datagram_bytes = RUDP_FEC_DATAGRAM_MAX_BYTES;
	cr_assert(eq(int, rudp_conn_fec_next(burst_speaking(), burst.pair.now_ns), 1));
	burst_speaking()->path.datagram_bytes = RUDP_DATAGRAM_BASE_BYTES;
}

/*
 * Otherwise the peer repeats the bytes, which never arrives if a NAT has a new port for this silent
 * end.
 */
Test(conn_fec_ends, bytes_repaired_last_of_all_are_acknowledged_in_time_wait)
{
	burst_establish_warm(50 * MS);
	rudp_conn_shutdown_send(burst_listening(), burst.pair.now_ns);
	burst_run_for(2 * burst.rtt_ns);
	burst.drops_repeats = true;
	burst.dropped_news = 1u << 20;
	burst_say(BURST_BYTES);
	rudp_conn_shutdown_send(burst_speaking(), burst.pair.now_ns);
	burst_run_for(3 * burst.rtt_ns);
	cr_assert(eq(int, burst_listening()->state, RUDP_STATE_TIME_WAIT));
	cr_assert(zero(u64, rudp_sendbuf_unacked(&burst_speaking()->sendbuf)));
}
