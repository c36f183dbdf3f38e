/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sender.h"
#include "proto/checks.h"

#define MS RUDP_NS_PER_MS
#define RTT (80 * MS)

static struct sender *s;
static uint64_t first; /* number of the first packet after the path has been measured */

static void setup(void)
{
	s = sender_new();
	sender_settle(s, RTT);
	first = s->r.next;
}

static void teardown(void)
{
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	sender_free(s);
}

TestSuite(loss, .init = setup, .fini = teardown);

static enum rudp_verdict acked(uint64_t start, uint64_t end)
{
	return sender_acked(s, first + start, first + end);
}

Test(loss, third_packet_after_declares_lost)
{
	sender_data(s, 6);
	sender_wait(s, RTT);
	acked(1, 3);
	cr_assert(eq(u32, s->result.lost_packets, 0));
	acked(1, 4);
	cr_assert(eq(u32, s->result.lost_packets, 1));
	cr_assert(eq(u64, s->result.lost_bytes, SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->result.lost_largest_number, first));
	cr_assert(eq(u8, s->lost[first], 1));
	cr_assert(eq(u64, s->r.bytes_in_flight, 2 * SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->r.lost_bytes, SENDER_PACKET_BYTES));
}

Test(loss, packets_lost_in_a_row_are_one_run)
{
	sender_data(s, 8);
	sender_wait(s, RTT);
	acked(4, 5);
	cr_assert(all(eq(u32, s->result.lost_packets, 2), eq(u32, s->result.lost_runs, 1)));
	sender_wait(s, RTT);
	acked(7, 8); /* two packets more of the same run */
	cr_assert(all(eq(u32, s->result.lost_packets, 2), eq(u32, s->result.lost_runs, 0)));
	sender_wait(s, 2 * RTT);
	sender_retransmit(s); /* two behind one that has arrived */
	cr_assert(all(eq(u32, s->result.lost_packets, 2), eq(u32, s->result.lost_runs, 1)));
}

Test(loss, a_lost_mtu_probe_is_reported_to_the_owner_only)
{
	uint64_t lost = s->r.lost_packets;

	sender_mtu_probe(s);
	cr_assert(eq(u64, s->r.bytes_in_flight, 0));
	sender_data(s, 4);
	sender_wait(s, RTT);
	acked(1, 5);
	cr_assert(eq(u8, s->lost[first], 1));
	cr_assert(all(eq(u32, s->result.lost_packets, 0), eq(u64, s->result.lost_bytes, 0)));
	cr_assert(all(eq(u64, s->r.lost_packets, lost), eq(u64, s->r.outstanding, 0)));
	acked(0, 5);
	cr_assert(eq(u8, s->answered[first], 1));
	cr_assert(all(eq(u32, s->result.spurious_packets, 0),
		      eq(u32, s->r.packet_threshold, RUDP_PACKET_THRESHOLD)));
}

Test(loss, lost_mtu_probes_are_no_persistent_congestion)
{
	sender_mtu_probe(s);
	sender_wait(s, 100 * RTT);
	sender_mtu_probe(s);
	sender_data(s, 4);
	sender_wait(s, RTT);
	acked(2, 6);
	cr_assert(all(eq(u8, s->lost[first], 1), eq(u8, s->lost[first + 1], 1)));
	cr_assert(eq(int, s->result.persistent_congestion, 0));
}

Test(loss, time_threshold_is_nine_eighths_of_the_rtt)
{
	sender_data(s, 2);
	sender_wait(s, RTT);
	acked(1, 2);
	cr_assert(eq(u32, s->result.lost_packets, 0));
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + RTT / 8));
	sender_wait(s, RTT / 8 - 1);
	cr_assert(eq(u32, sender_retransmit(s), 0));
	cr_assert(eq(u32, s->result.lost_packets, 0));
	sender_wait(s, 1);
	cr_assert(eq(u32, sender_retransmit(s), 0));
	cr_assert(eq(u32, s->result.lost_packets, 1));
	cr_assert(eq(u8, s->lost[first], 1));
	cr_assert(eq(i64, sender_deadline_ns(s), RUDP_NEVER));
}

Test(loss, time_threshold_uses_the_latest_rtt_when_greater)
{
	sender_data(s, 2);
	sender_wait(s, 2 * RTT);
	acked(1, 2);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + 2 * RTT / 8));
}

Test(loss, time_threshold_is_never_below_the_granularity)
{
	struct sender *near = sender_new();

	sender_settle(near, MS / 10);
	sender_data(near, 2);
	sender_wait(near, MS / 10);
	sender_acked(near, near->r.next - 1, near->r.next);
	cr_assert(eq(i64, sender_deadline_ns(near), near->now_at_ns + MS - MS / 10));
	sender_free(near);
}

Test(loss, nothing_is_lost_before_a_later_packet_is_answered)
{
	sender_data(s, 10);
	sender_wait(s, 100 * RTT);
	cr_assert(eq(u32, sender_retransmit(s), 2));
	cr_assert(eq(u32, s->result.lost_packets, 0));
	cr_assert(eq(u64, s->r.outstanding, 10));
}

Test(loss, probes_come_one_pto_after_the_last_packet)
{
	int64_t quick_ns = RTT + 1 * MS + RTT / 4;
	int64_t pto_ns = RTT + 1 * MS + SENDER_ACK_DELAY_NS;

	sender_data(s, 1);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + pto_ns));
	sender_wait(s, 10 * MS);
	sender_acks(s, 1);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns - 10 * MS + pto_ns));
	sender_wait(s, pto_ns - 10 * MS - 1);
	cr_assert(eq(u32, sender_retransmit(s), 0));
	sender_wait(s, 1);
	cr_assert(eq(u32, sender_retransmit(s), 2));
	cr_assert(eq(u32, s->r.pto_count, 1));
	for (int64_t taken_ns = pto_ns; taken_ns < RUDP_PTO_STEADY_NS; taken_ns += quick_ns) {
		cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + quick_ns));
		sender_wait(s, quick_ns);
		cr_assert(eq(u32, sender_retransmit(s), 2));
	}
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + 2 * pto_ns));
}

Test(loss, one_of_several_packets_is_acknowledged_early)
{
	int64_t quick_ns = RTT + 1 * MS + RTT / 4;

	sender_data(s, 2);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + quick_ns));
	sender_wait(s, 10 * MS);
	sender_data(s, 1);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + quick_ns));
	sender_wait(s, quick_ns - 1);
	cr_assert(eq(u32, sender_retransmit(s), 0));
	sender_wait(s, 1);
	cr_assert(eq(u32, sender_retransmit(s), 2));
}

/* At the cap the interval is 16/16, 15/16 ... 12/16 of it, in turn. */
static int64_t capped_ns(int64_t cap_ns, unsigned pto_count)
{
	return cap_ns - cap_ns / 16 * (pto_count % 5);
}

Test(loss, backoff_doubles_up_to_its_cap)
{
	int64_t quick_ns = RTT + 1 * MS + RTT / 4;
	int64_t pto_ns = RTT + 1 * MS + SENDER_ACK_DELAY_NS;
	int steady = (int)(RUDP_PTO_STEADY_NS / quick_ns);

	sender_data(s, 1);
	for (int i = 0; i < 40; i++) {
		int64_t want_ns = i < 16 ? pto_ns << (i > steady ? i - steady : 0) : RUDP_NEVER;

		if (i > 0 && i <= steady)
			want_ns = quick_ns;
		if (want_ns > 2 * RUDP_NS_PER_S)
			want_ns = capped_ns(2 * RUDP_NS_PER_S, (unsigned)i);
		cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + want_ns));
		sender_wait(s, want_ns);
		cr_assert(eq(u32, sender_retransmit(s), 2));
		sender_data(s, 2);
	}
}

Test(loss, backoff_begins_when_the_probes_of_a_short_path_have_taken_600_ms)
{
	struct sender *near = sender_new();
	int64_t pto_ns, taken_ns = 0;

	sender_settle(near, 1 * MS);
	pto_ns = rudp_rtt_pto_ns(&near->rtt, SENDER_ACK_DELAY_NS);
	while (taken_ns <= RUDP_PTO_STEADY_NS - pto_ns) {
		bool is_quick = near->r.pto_count > 0 && near->r.pto_count <= RUDP_PTO_QUICK;
		int64_t want_ns = is_quick ? pto_ns - SENDER_ACK_DELAY_NS + 4 * MS : pto_ns;

		cr_assert(eq(i64,
			     rudp_reliability_pto_ns(&near->r, &near->rtt, SENDER_ACK_DELAY_NS),
			     want_ns));
		taken_ns += want_ns;
		near->r.pto_count++;
	}
	near->r.pto_count++;
	cr_assert(eq(i64, rudp_reliability_pto_ns(&near->r, &near->rtt, SENDER_ACK_DELAY_NS),
		     2 * pto_ns));
	/* In a handshake it begins earlier. */
	near->rtt.samples = 0;
	pto_ns = rudp_rtt_pto_ns(&near->rtt, SENDER_ACK_DELAY_NS);
	near->r.pto_count = (uint32_t)(RUDP_PTO_STEADY_FIRST_NS / pto_ns) + 1;
	cr_assert(eq(i64, rudp_reliability_pto_ns(&near->r, &near->rtt, SENDER_ACK_DELAY_NS),
		     2 * pto_ns));
	sender_free(near);
}

Test(loss, cap_of_a_slow_path_is_three_ptos)
{
	struct sender *far = sender_new();
	int64_t pto_ns = 2000 * MS + 1 * MS + SENDER_ACK_DELAY_NS;

	sender_settle(far, 2000 * MS);
	far->r.pto_count = 9;
	cr_assert(eq(i64, rudp_reliability_pto_ns(&far->r, &far->rtt, SENDER_ACK_DELAY_NS),
		     capped_ns(3 * pto_ns, 9)));
	far->r.pto_count = UINT32_MAX;
	cr_assert(eq(i64, rudp_reliability_pto_ns(&far->r, &far->rtt, SENDER_ACK_DELAY_NS),
		     capped_ns(3 * pto_ns, UINT32_MAX)));
	sender_free(far);
}

Test(loss, probe_timer_moves_on_even_if_no_probe_leaves)
{
	sender_data(s, 1);
	sender_wait(s, 10000 * MS);
	cr_assert(eq(u32, sender_retransmit(s), 2));
	cr_assert(lt(i64, s->now_at_ns, sender_deadline_ns(s)));
	cr_assert(eq(u32, sender_retransmit(s), 0));
}

Test(loss, answer_ends_the_backoff)
{
	sender_data(s, 1);
	sender_wait(s, 1000 * MS);
	sender_retransmit(s);
	sender_data(s, 2);
	sender_wait(s, RTT);
	acked(2, 3);
	cr_assert(eq(u32, s->r.pto_count, 0));
	cr_assert(eq(u8, s->lost[first], 1)); /* long overdue, and a later one was acknowledged */
}

Test(loss, late_answer_of_a_lost_packet_is_spurious)
{
	sender_data(s, 5);
	sender_wait(s, RTT);
	acked(1, 5);
	cr_assert(eq(u8, s->lost[first], 1));
	sender_wait(s, RTT / 4);
	acked(0, 5);
	cr_assert(eq(u32, s->result.spurious_packets, 1));
	cr_assert(eq(u64, s->result.spurious_bytes, SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->result.spurious_largest_number, first));
	cr_assert(eq(u64, s->result.answered_bytes, SENDER_PACKET_BYTES));
	cr_assert(eq(int, s->result.has_sample, 1));
	cr_assert(eq(u8, s->answered[first], 1));
	cr_assert(eq(u64, s->r.delivered_bytes, (first + 5) * SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->r.bytes_in_flight, 0));
	cr_assert(eq(u64, s->r.spurious_packets, 1));
	cr_assert(eq(u64, s->r.base, s->r.next));
}

Test(loss, loss_is_forgotten_after_three_ptos)
{
	sender_data(s, 5);
	sender_wait(s, RTT);
	acked(1, 5);
	cr_assert(eq(u64, s->r.base, first));
	sender_wait(s, 3 * (RTT + 1 * MS + SENDER_ACK_DELAY_NS) - RTT - 1);
	sender_data(s, 1);
	sender_wait(s, RTT);
	acked(1, 6);
	cr_assert(eq(u64, s->r.base, first));
	sender_data(s, 1);
	sender_wait(s, RTT);
	acked(1, 7);
	cr_assert(eq(u64, s->r.base, s->r.next));
	acked(0, 7);
	cr_assert(eq(u32, s->result.spurious_packets, 0));
	cr_assert(eq(u8, s->answered[first], 0));
}

/* Of each flight the first packet comes `extent` packets late. */
static void reordered_flight(unsigned extent)
{
	uint64_t from = s->r.next;

	sender_data(s, extent + 2);
	sender_wait(s, RTT);
	sender_acked(s, from + 1, from + 1 + extent);
	sender_acked(s, from, from + 2 + extent);
}

Test(loss, spurious_loss_widens_both_thresholds)
{
	reordered_flight(5);
	cr_assert(eq(u64, s->r.spurious_packets, 1));
	cr_assert(eq(u32, s->r.packet_threshold, 10));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, 2));
	reordered_flight(5);
	cr_assert(eq(u64, s->r.spurious_packets, 1));
	cr_assert(eq(u64, s->r.lost_packets, 1));
	sender_data(s, 2);
	sender_wait(s, RTT);
	sender_acked(s, s->r.next - 1, s->r.next);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + RTT / 4));
}

Test(loss, time_threshold_widens_once_a_round)
{
	sender_data(s, 20);
	sender_wait(s, RTT);
	acked(8, 9);
	cr_assert(eq(u32, s->result.lost_packets, 6));
	acked(5, 9);
	cr_assert(eq(u32, s->r.packet_threshold, 6));
	acked(0, 9);
	cr_assert(eq(u32, s->result.spurious_packets, 5));
	cr_assert(eq(u32, s->r.packet_threshold, 16));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, 2));
}

Test(loss, late_packet_that_was_not_yet_lost_widens_the_packet_threshold)
{
	sender_data(s, 10);
	sender_wait(s, RTT);
	acked(2, 3);
	acked(0, 3);
	cr_assert(eq(u32, s->result.spurious_packets, 0));
	cr_assert(eq(u32, s->r.packet_threshold, 4));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, RUDP_REORDER_EIGHTHS));
	acked(3, 4);
	acked(7, 8);
	cr_assert(
		eq(u32, s->result.lost_packets, 0)); /* 4 would have been, with a threshold of 3 */
}

Test(loss, widening_is_bounded)
{
	for (int i = 0; i < 20; i++)
		reordered_flight(i < 10 ? 1 + (1u << i) : RUDP_PACKET_THRESHOLD_MAX + 500);
	cr_assert(eq(u32, s->r.packet_threshold, RUDP_PACKET_THRESHOLD_MAX));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, RUDP_REORDER_EIGHTHS_MAX));
	sender_data(s, 2);
	sender_wait(s, RTT);
	sender_acked(s, s->r.next - 1, s->r.next);
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + RTT));
}

/* Sends a flight whose first packet is lost: one recovery. */
static void lossy_flight(void)
{
	uint64_t from = s->r.next;

	sender_data(s, 250);
	sender_wait(s, RTT);
	sender_acked(s, from + 1, from + 250);
	sender_wait(s, 100 * RTT);
}

Test(loss, thresholds_relax_after_clean_recoveries)
{
	reordered_flight(51);
	reordered_flight(102);
	cr_assert(eq(u32, s->r.packet_threshold, 204));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, 3));
	for (int i = 0; i < 15; i++)
		lossy_flight();
	cr_assert(eq(u32, s->r.packet_threshold, 204));
	lossy_flight();
	cr_assert(eq(u32, s->r.packet_threshold, 103));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, 2));
	for (int i = 0; i < 16 * 8; i++)
		lossy_flight();
	cr_assert(eq(u32, s->r.packet_threshold, RUDP_PACKET_THRESHOLD));
	cr_assert(eq(u32, s->r.reorder_shift_eighths, RUDP_REORDER_EIGHTHS));
}

Test(loss, spurious_loss_begins_the_count_of_clean_recoveries_anew)
{
	reordered_flight(10);
	for (int i = 0; i < 15; i++)
		lossy_flight();
	reordered_flight(20);
	for (int i = 0; i < 15; i++)
		lossy_flight();
	cr_assert(eq(u32, s->r.packet_threshold, 40));
	lossy_flight();
	cr_assert(lt(u32, s->r.packet_threshold, 40));
}

/* RFC 9002 section 7.6.2: probes are lost in an outage, until the last arrives. */
static void outage(int64_t length_ns)
{
	sender_data(s, 1);
	sender_wait(s, length_ns);
	sender_data(s, 4);
	sender_wait(s, RTT);
	sender_acked(s, s->r.next - 1, s->r.next);
}

/* RTT + granularity + ack delay, three times: the sample that ends the outage changes no RTT. */
#define PERSISTENT (3 * (RTT + 1 * MS + SENDER_ACK_DELAY_NS))

Test(loss, long_outage_is_persistent_congestion)
{
	outage(PERSISTENT + 1);
	cr_assert(ge(u32, s->result.lost_packets, 2));
	cr_assert(eq(int, s->result.persistent_congestion, 1));
}

Test(loss, short_outage_is_not)
{
	outage(PERSISTENT);
	cr_assert(ge(u32, s->result.lost_packets, 2));
	cr_assert(eq(int, s->result.persistent_congestion, 0));
}

Test(loss, answer_in_between_disproves_persistent_congestion)
{
	sender_data(s, 1);
	sender_wait(s, PERSISTENT / 2);
	sender_data(s, 1);
	sender_wait(s, RTT);
	acked(1, 2);
	cr_assert(eq(u8, s->lost[first], 1));
	sender_wait(s, PERSISTENT - RTT);
	sender_data(s, 5);
	sender_wait(s, RTT);
	sender_acked(s, s->r.next - 1, s->r.next);
	cr_assert(ge(u32, s->result.lost_packets, 1));
	cr_assert(eq(int, s->result.persistent_congestion, 0));
}

Test(loss, outage_found_in_two_acks_counts_as_one)
{
	uint64_t last;

	sender_data(s, 1);
	sender_wait(s, PERSISTENT + 1);
	sender_data(s, 8);
	last = s->r.next;
	sender_wait(s, RTT);
	sender_acked(s, last - 6, last - 5); /* 0 is lost; 1 and 2 not yet */
	cr_assert(eq(int, s->result.persistent_congestion, 0));
	sender_acked(s, last - 4, last - 3);
	cr_assert(eq(int, s->result.persistent_congestion, 1));
}

Test(loss, without_a_measured_rtt_there_is_no_persistent_congestion)
{
	struct sender *fresh = sender_new();

	sender_data(fresh, 1);
	sender_wait(fresh, 100 * RTT);
	sender_data(fresh, 5);
	sender_wait(fresh, RTT);
	sender_acked(fresh, 5, 6);
	cr_assert(ge(u32, fresh->result.lost_packets, 2));
	cr_assert(eq(int, fresh->result.persistent_congestion, 0));
	sender_free(fresh);
}

Test(loss, acks_alone_are_never_lost)
{
	sender_acks(s, 3);
	sender_data(s, 5);
	sender_wait(s, RTT);
	acked(7, 8);
	cr_assert(eq(u32, s->result.lost_packets, 2)); /* 3 and 4 */
	cr_assert(eq(u8, s->lost[first], 0));
	cr_assert(eq(u64, s->result.lost_largest_number, first + 4));
}

Test(loss, of_many_packets_is_declared_in_parts)
{
	const struct rudp_ack ack = {
		.largest = first + 999, .ranges = {{first + 999, first + 1000}}, .range_count = 1};
	struct rudp_ack_pass pass;
	unsigned parts = 1;

	sender_data(s, 1000);
	sender_wait(s, RTT);
	rudp_reliability_recv_begin(&s->r, &ack, s->now_at_ns, &pass);
	for (; !sender_step(s, &pass); parts++) {
		cr_assert(eq(u64, s->r.lost_packets, parts * RUDP_FATES_PER_CALL));
		cr_assert(le(i64, sender_deadline_ns(s), s->now_at_ns));
		cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	}
	cr_assert(eq(uint, pass.result.lost_packets, 1000 - RUDP_PACKET_THRESHOLD));
	cr_assert(eq(uint, parts,
		     (pass.result.lost_packets + RUDP_FATES_PER_CALL - 1) / RUDP_FATES_PER_CALL));
	sender_wait(s, RTT / 4);
	sender_retransmit(s); /* the time threshold */
	cr_assert(eq(u32, s->result.lost_packets, RUDP_PACKET_THRESHOLD - 1));
	for (uint64_t number = first; number < first + 999; number++)
		cr_assert(eq(u8, s->lost[number], 1));
}

/* The next ACK ends a pass that has declared only some of the packets: the timer finds the rest. */
Test(loss, left_by_a_pass_is_declared_in_parts_too)
{
	const struct rudp_ack ack = {
		.largest = first + 999, .ranges = {{first + 999, first + 1000}}, .range_count = 1};
	unsigned lost = RUDP_FATES_PER_CALL;
	struct rudp_ack_pass pass;

	sender_data(s, 1000);
	sender_wait(s, RTT);
	rudp_reliability_recv_begin(&s->r, &ack, s->now_at_ns, &pass);
	cr_assert(not(sender_step(s, &pass)));
	rudp_reliability_recv_end(&s->r, &s->rtt, &pass, SENDER_ACK_DELAY_NS, s->now_at_ns);
	while (lost < 1000 - RUDP_PACKET_THRESHOLD) {
		cr_assert(le(i64, sender_deadline_ns(s), s->now_at_ns));
		cr_assert(zero(uint, sender_retransmit(s)));
		cr_assert(all(ge(u32, s->result.lost_packets, 1),
			      le(u32, s->result.lost_packets, RUDP_FATES_PER_CALL)));
		lost += s->result.lost_packets;
	}
	cr_assert(eq(uint, lost, 1000 - RUDP_PACKET_THRESHOLD));
	cr_assert(zero(u32, s->r.pto_count));
}
