/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/fault.h"
#include "sender.h"
#include "proto/checks.h"

#define MS RUDP_NS_PER_MS

static struct sender *s;

static void setup(void)
{
	s = sender_new();
}

static void teardown(void)
{
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	sender_free(s);
}

TestSuite(reliability, .init = setup, .fini = teardown);

Test(reliability, sent_packets_are_in_flight_until_answered)
{
	sender_data(s, 3);
	cr_assert(eq(u64, s->r.bytes_in_flight, 3 * SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->r.outstanding, 3));
	sender_wait(s, 10 * MS);
	cr_assert(eq(int, sender_acked(s, 0, 2), RUDP_VERDICT_OK));
	cr_assert(eq(u64, s->r.bytes_in_flight, SENDER_PACKET_BYTES));
	cr_assert(eq(u32, s->result.answered_packets, 2));
	cr_assert(eq(u64, s->result.answered_bytes, 2 * SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->result.inflight_before_bytes, 3 * SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->r.base, 2));
	cr_assert(eq(u64, s->last_told, 1)); /* ascending */
}

Test(reliability, repeated_ack_changes_nothing)
{
	sender_data(s, 5);
	sender_acked(s, 1, 3);
	cr_assert(eq(u32, s->result.answered_packets, 2));
	sender_acked(s, 1, 3);
	cr_assert(eq(u32, s->result.answered_packets, 0));
	cr_assert(eq(int, s->result.has_rtt, 0));
	cr_assert(eq(int, s->result.has_sample, 0));
	cr_assert(eq(u8, s->answered[1], 1));
	cr_assert(eq(u64, s->r.answered_packets, 2));
}

Test(reliability, ack_of_a_packet_never_sent_changes_nothing)
{
	struct rudp_reliability before;
	struct rudp_rtt rtt;

	sender_data(s, 3);
	before = s->r;
	rtt = s->rtt;
	cr_assert(eq(int, sender_acked(s, 0, 4), RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(int, sender_acked(s, 2, 1000), RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(int, memcmp(&before, &s->r, sizeof before), 0));
	cr_assert(eq(int, memcmp(&rtt, &s->rtt, sizeof rtt), 0));
	cr_assert(eq(u8, s->answered[0], 0));
}

Test(reliability, ack_of_a_number_left_out_changes_nothing)
{
	sender_data(s, 4);
	rudp_reliability_skip(&s->r);
	sender_data(s, 3);
	cr_assert(eq(int, sender_acked(s, 0, 8), RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(int, sender_acked(s, 4, 5), RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(u64, s->r.outstanding, 7));
	cr_assert(eq(int, sender_acked_two(s, 4, 5, 8), RUDP_VERDICT_OK));
	cr_assert(zero(u64, s->r.outstanding));
	cr_assert(zero(u64, s->r.lost_packets));
	cr_assert(eq(u64, s->r.base, 8)); /* no record of it is kept */
	cr_assert(rudp_reliability_check(&s->r));
}

Test(reliability, leaves_no_number_out_without_a_record_for_it)
{
	rudp_reliability_skip(&s->r);
	cr_assert(zero(u64, s->r.next)); /* that is the sample of the SYN */
	sender_data(s, s->r.capacity);
	rudp_reliability_skip(&s->r);
	cr_assert(eq(u64, s->r.next, s->r.capacity));
}

Test(reliability, ack_before_anything_was_sent_is_refused)
{
	cr_assert(eq(int, sender_acked(s, 0, 1), RUDP_VERDICT_BAD_ACK));
}

Test(reliability, largest_newly_answered_measures_the_rtt)
{
	sender_data(s, 1);
	sender_wait(s, 10 * MS);
	sender_data(s, 1);
	sender_wait(s, 30 * MS);
	sender_acked(s, 0, 2);
	cr_assert(eq(int, s->result.has_rtt, 1));
	cr_assert(eq(i64, s->rtt.latest_ns, 30 * MS));
	cr_assert(eq(i64, s->rtt.srtt_ns, 30 * MS));
}

Test(reliability, older_packets_newly_answered_measure_nothing)
{
	sender_data(s, 3);
	sender_acked(s, 2, 3);
	cr_assert(eq(u64, s->rtt.samples, 1));
	sender_wait(s, 10 * MS);
	sender_acked(s, 0, 3); /* the largest number is not newly acknowledged */
	cr_assert(eq(int, s->result.has_rtt, 0));
	cr_assert(eq(u64, s->rtt.samples, 1));
}

Test(reliability, acks_alone_measure_nothing)
{
	sender_acks(s, 2);
	sender_wait(s, 10 * MS);
	sender_acked(s, 0, 2);
	cr_assert(eq(u32, s->result.answered_packets, 2));
	cr_assert(eq(u64, s->result.answered_bytes, 0));
	cr_assert(eq(int, s->result.has_rtt, 0));
	cr_assert(eq(int, s->result.has_sample, 0));
	cr_assert(eq(u8, s->answered[1], 1));
}

Test(reliability, acks_alone_are_neither_in_flight_nor_timed)
{
	sender_acks(s, 5);
	cr_assert(eq(u64, s->r.bytes_in_flight, 0));
	cr_assert(eq(u64, s->r.outstanding, 0));
	cr_assert(eq(i64, sender_deadline_ns(s), RUDP_NEVER));
}

Test(reliability, reported_delay_is_capped)
{
	struct rudp_ack ack = {
		.largest = 100, .delay_ns = 60 * MS, .ranges = {{100, 101}}, .range_count = 1};

	sender_settle(s, 50 * MS);
	sender_data(s, 1);
	sender_wait(s, 130 * MS);
	cr_assert(eq(i64, SENDER_ACK_DELAY_NS, 25 * MS));
	sender_recv(s, &ack);
	/* 130 - 25, not 130 - 60 */
	cr_assert(eq(i64, s->rtt.srtt_ns, (7 * 50 * MS + 105 * MS) / 8));
}

Test(reliability, synack_answers_the_syn)
{
	struct rudp_sent syn = {.sent_at_ns = s->now_at_ns,
				.size_bytes = 1200,
				.content = RUDP_CONTENT_HANDSHAKE,
				.expects = RUDP_EXPECTS_SYNACK,
				.in_flight = true};

	rudp_reliability_send(&s->r, &syn);
	sender_wait(s, 20 * MS);
	rudp_reliability_recv_answer(&s->r, &s->rtt, 0, s->now_at_ns, &s->result);
	cr_assert(eq(u8, s->answered[0], 1));
	cr_assert(eq(i64, s->rtt.srtt_ns, 20 * MS));
	cr_assert(eq(u64, s->r.bytes_in_flight, 0));
	rudp_reliability_recv_answer(&s->r, &s->rtt, 0, s->now_at_ns, &s->result);
	cr_assert(eq(u8, s->answered[0], 1));
	cr_assert(eq(u32, s->result.answered_packets, 0));
	rudp_reliability_recv_answer(&s->r, &s->rtt, 7, s->now_at_ns, &s->result);
	cr_assert(eq(u32, s->result.answered_packets, 0));
}

Test(reliability, packet_sent_twice_measures_nothing)
{
	sender_data(s, 1);
	sender_wait(s, 300 * MS);
	rudp_reliability_resend(&s->r, 0, s->now_at_ns);
	cr_assert(eq(u64, s->r.bytes_in_flight, SENDER_PACKET_BYTES));
	cr_assert(eq(u64, s->r.outstanding, 1));
	cr_assert(eq(i64, sender_deadline_ns(s), s->now_at_ns + 325 * MS));
	sender_wait(s, 1 * MS);
	rudp_reliability_recv_answer(&s->r, &s->rtt, 0, s->now_at_ns, &s->result);
	cr_assert(eq(u8, s->answered[0], 1));
	cr_assert(eq(u64, s->rtt.samples, 0));
	cr_assert(eq(int, s->result.has_sample, 0));
	cr_assert(eq(u64, s->r.delivered_bytes, SENDER_PACKET_BYTES));
	rudp_reliability_resend(&s->r, 0, s->now_at_ns); /* all answered: no answer is expected */
	cr_assert(eq(u64, s->r.outstanding, 0));
}

Test(reliability, lost_packet_sent_again_is_awaited_again)
{
	sender_data(s, 5);
	sender_wait(s, 10 * MS);
	sender_acked(s, 1, 5);
	cr_assert(eq(u8, s->lost[0], 1));
	cr_assert(eq(u64, s->r.outstanding, 0));
	rudp_reliability_resend(&s->r, 0, s->now_at_ns);
	cr_assert(eq(u64, s->r.outstanding, 1));
	cr_assert(eq(u64, s->r.bytes_in_flight, SENDER_PACKET_BYTES));
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	rudp_reliability_recv_answer(&s->r, &s->rtt, 0, s->now_at_ns, &s->result);
	cr_assert(eq(u32, s->result.spurious_packets, 0));
	cr_assert(eq(u8, s->answered[0], 1));
}

Test(reliability, record_is_found_until_it_is_forgotten)
{
	sender_data(s, 3);
	cr_assert(eq(u64, rudp_reliability_find(&s->r, 1)->sent_at_ns, s->now_at_ns));
	cr_assert(eq(ptr, (void *)rudp_reliability_find(&s->r, 3), NULL));
	sender_acked(s, 0, 2);
	cr_assert(eq(ptr, (void *)rudp_reliability_find(&s->r, 1), NULL));
	cr_assert(ne(ptr, (void *)rudp_reliability_find(&s->r, 2), NULL));
}

Test(reliability, rate_state_measures_from_send_to_delivery)
{
	int64_t begin_at_ns = s->now_at_ns;

	sender_data(s, 1);
	sender_wait(s, 10 * MS);
	sender_data(s, 1);
	cr_assert(eq(u64, rudp_reliability_find(&s->r, 1)->rate.inflight_bytes,
		     2 * SENDER_PACKET_BYTES));
	sender_wait(s, 10 * MS);
	sender_acked(s, 0, 1);
	cr_assert(eq(int, s->result.has_sample, 1));
	cr_assert(eq(u64, s->result.newest_number, 0));
	cr_assert(eq(u64, s->result.newest.rate.delivered_bytes, 0));
	cr_assert(eq(i64, s->result.newest.rate.first_sent_at_ns, begin_at_ns));
	cr_assert(eq(i64, s->result.newest.rate.delivered_at_ns, begin_at_ns));
	cr_assert(eq(u64, s->r.delivered_bytes, SENDER_PACKET_BYTES));
	cr_assert(eq(i64, s->r.delivered_at_ns, begin_at_ns + 20 * MS));
	cr_assert(eq(i64, s->r.first_sent_at_ns, begin_at_ns));
	sender_data(s, 1);
	sender_wait(s, 10 * MS);
	sender_acked(s, 0, 3);
	cr_assert(eq(u64, s->result.newest_number, 2));
	cr_assert(eq(u64, s->result.newest.rate.delivered_bytes, SENDER_PACKET_BYTES));
	cr_assert(eq(i64, s->result.newest.rate.delivered_at_ns, begin_at_ns + 20 * MS));
	cr_assert(eq(i64, s->r.first_sent_at_ns, begin_at_ns + 20 * MS));
}

Test(reliability, rate_state_begins_anew_after_idleness)
{
	sender_data(s, 1);
	sender_wait(s, 10 * MS);
	sender_acked(s, 0, 1);
	sender_wait(s, 10000 * MS);
	sender_data(s, 1);
	cr_assert(eq(i64, rudp_reliability_find(&s->r, 1)->rate.delivered_at_ns, s->now_at_ns));
	cr_assert(eq(i64, rudp_reliability_find(&s->r, 1)->rate.first_sent_at_ns, s->now_at_ns));
}

Test(reliability, app_limited_phase_ends_when_its_packets_are_delivered)
{
	sender_data(s, 2);
	rudp_reliability_on_app_limited(&s->r);
	sender_data(s, 1);
	cr_assert(eq(int, rudp_reliability_find(&s->r, 1)->rate.app_limited, 0));
	cr_assert(eq(int, rudp_reliability_find(&s->r, 2)->rate.app_limited, 1));
	sender_acked(s, 0, 2);
	cr_assert(ne(u64, s->r.app_limited_until, 0));
	sender_acked(s, 0, 3);
	cr_assert(eq(u64, s->r.app_limited_until, 0));
}

Test(reliability, app_limited_with_nothing_sent_is_remembered)
{
	rudp_reliability_on_app_limited(&s->r);
	sender_data(s, 1);
	cr_assert(eq(int, rudp_reliability_find(&s->r, 0)->rate.app_limited, 1));
}

Test(reliability, repeated_ack_steps_over_what_is_answered)
{
	sender_data(s, 5000);
	for (uint64_t end = 2; end < 5000; end += 7)
		sender_acked(s, 1, end); /* 0 is lost, and kept for a while */
	cr_assert(eq(u64, s->r.base, 0));
	cr_assert(ge(u32, rudp_reliability_find(&s->r, 1)->answered_run, 4990));
}

Test(reliability, memory_does_not_grow_in_the_steady_state)
{
	uint32_t capacity = 0;

	for (int i = 0; i < 20000; i++) {
		sender_data(s, 1);
		if (i == 100)
			capacity = s->r.capacity;
		sender_wait(s, 1 * MS);
		if (i >= 50)
			sender_acked(s, 0, s->r.next - 49);
		if (i > 100)
			cr_assert(eq(u32, s->r.capacity, capacity));
	}
}

Test(reliability, acks_alone_never_fill_the_memory)
{
	for (int i = 0; i < 5000; i++)
		sender_acks(s, 1);
	cr_assert(le(u32, s->r.capacity, 64));
}

Test(reliability, refuses_beyond_the_limit_and_recovers)
{
	struct rudp_sent sent = {.sent_at_ns = s->now_at_ns,
				 .size_bytes = 100,
				 .expects = RUDP_EXPECTS_ACK,
				 .in_flight = true};

	while (rudp_reliability_can_send(&s->r))
		rudp_reliability_send(&s->r, &sent);
	cr_assert(eq(u64, s->r.next, RUDP_SENT_RECORDS_MAX));
	rudp_reliability_recv_answer(&s->r, &s->rtt, 0, s->now_at_ns, &s->result);
	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
}

Test(reliability, at_the_limit_old_losses_are_forgotten)
{
	struct rudp_sent sent = {.sent_at_ns = s->now_at_ns,
				 .size_bytes = 100,
				 .expects = RUDP_EXPECTS_ACK,
				 .in_flight = true};

	sender_data(s, 10);
	sender_acked(s, 9, 10); /* 0 .. 6 are lost by the packet threshold */
	while (rudp_reliability_can_send(&s->r))
		rudp_reliability_send(&s->r, &sent);
	cr_assert(eq(u64, s->r.base, 7));
	cr_assert(eq(u64, s->r.next, 7 + RUDP_SENT_RECORDS_MAX));
}

/* The fate of packets of an earlier path changes no measurement of the new one. */
Test(reliability, packets_of_an_earlier_path_count_for_nothing)
{
	sender_settle(s, 50 * RUDP_NS_PER_MS);
	sender_data(s, 300);
	rudp_reliability_leave_path(&s->r);
	cr_assert(eq(u64, s->r.bytes_in_flight, 0));
	sender_data(s, 2);
	cr_assert(eq(u64, s->r.bytes_in_flight, 2 * SENDER_PACKET_BYTES));
	sender_wait(s, 70 * RUDP_NS_PER_MS);
	sender_acked(s, 200, 400); /* the others are lost */
	cr_assert(all(eq(u32, s->result.answered_packets, 200), not(s->result.has_rtt)));
	cr_assert(all(zero(u64, s->result.answered_bytes), zero(u64, s->result.lost_bytes)));
	cr_assert(ge(u32, s->result.lost_packets, 90));
	cr_assert(eq(u64, s->r.bytes_in_flight, 2 * SENDER_PACKET_BYTES));
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	sender_acked(s, 400, 402);
	cr_assert(all(eq(u64, s->result.answered_bytes, 2 * SENDER_PACKET_BYTES),
		      not(not(s->result.has_rtt))));
	rudp_reliability_leave_path(&s->r);
	cr_assert(zero(u64, s->r.bytes_in_flight));
}

/* 1,000 packets at once would keep other connections waiting. */
Test(reliability, an_ack_of_many_packets_is_processed_in_parts)
{
	const struct rudp_ack ack = {.largest = 999, .ranges = {{10, 1000}}, .range_count = 1};
	struct rudp_ack_pass pass;
	unsigned parts = 1;

	sender_data(s, 1000);
	sender_wait(s, 50 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_reliability_recv_begin(&s->r, &ack, s->now_at_ns, &pass),
		     RUDP_VERDICT_OK));
	for (; !sender_step(s, &pass); parts++) {
		cr_assert(eq(u64, s->r.answered_packets, parts * RUDP_FATES_PER_CALL));
		cr_assert(zero(u64, rudp_reliability_lost_packets(&s->r)));
		cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
		sender_wait(s, RUDP_NS_PER_MS); /* of other connections */
	}
	cr_assert(eq(uint, parts, (990 + RUDP_FATES_PER_CALL - 1) / RUDP_FATES_PER_CALL));
	cr_assert(eq(i64, s->rtt.latest_ns, 50 * RUDP_NS_PER_MS)); /* until the ACK arrived */
	/* The owner learns of it as of one event. */
	cr_assert(all(eq(u32, pass.result.answered_packets, 990),
		      eq(u32, pass.result.lost_packets, 10), eq(u64, s->r.largest_answered, 999),
		      eq(u64, pass.result.newest_number, 999)));
}

/* Ranges between which a part ends, and packets that were acknowledged before. */
Test(reliability, parts_of_an_ack_end_anywhere)
{
	const struct rudp_ack ack = {
		.largest = 1999,
		.ranges = {{1500, 2000}, {RUDP_FATES_PER_CALL, 1400}, {0, RUDP_FATES_PER_CALL - 1}},
		.range_count = 3};

	sender_data(s, 2000);
	sender_acked(s, 300, 1300);
	sender_recv(s, &ack);
	cr_assert(eq(u64, s->r.answered_packets, 2000 - 101));
	for (unsigned number = 0; number < 2000; number++)
		cr_assert(
			eq(u8, s->answered[number],
			   number != RUDP_FATES_PER_CALL - 1 && (number < 1400 || number > 1499)));
}

/* Another ACK may come before the first is done, and covers what that has left. */
Test(reliability, a_pass_may_end_early)
{
	const struct rudp_ack ack = {.largest = 899, .ranges = {{0, 900}}, .range_count = 1};
	struct rudp_ack_pass pass;

	sender_data(s, 1000);
	rudp_reliability_recv_begin(&s->r, &ack, s->now_at_ns, &pass);
	cr_assert(not(sender_step(s, &pass)));
	rudp_reliability_recv_end(&s->r, &s->rtt, &pass, SENDER_ACK_DELAY_NS, s->now_at_ns);
	cr_assert(eq(u32, pass.result.answered_packets, RUDP_FATES_PER_CALL));
	cr_assert(eq(u64, s->r.largest_answered, RUDP_FATES_PER_CALL - 1));
	sender_acked(s, 0, 1000);
	cr_assert(zero(u64, s->r.outstanding));
	cr_assert(eq(u64, s->result.answered_packets, 1000 - RUDP_FATES_PER_CALL));
}

Test(reliability, trim_gives_memory_back_and_keeps_the_records)
{
	sender_data(s, 3000);
	sender_acked(s, 0, 2990);
	cr_assert(eq(u32, s->r.capacity, 4096));
	rudp_reliability_trim(&s->r);
	cr_assert(eq(u32, s->r.capacity, 16));
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	cr_assert(eq(u64, s->r.bytes_in_flight, 10 * SENDER_PACKET_BYTES));
	sender_acked(s, 0, 3000);
	cr_assert(eq(u32, s->result.answered_packets, 10));
}

Test(reliability, trim_leaves_nothing_when_nothing_is_awaited)
{
	sender_data(s, 20);
	sender_acked(s, 10, 20); /* the first ones are lost and might prove spurious */
	rudp_reliability_trim(&s->r);
	cr_assert(eq(u32, s->r.capacity, 0));
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
	sender_acked(s, 0, 20);
	cr_assert(eq(u32, s->result.answered_packets, 0));
	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
	sender_data(s, 3);
	sender_acked(s, 0, 23);
	cr_assert(eq(u32, s->result.answered_packets, 3));
	cr_assert(eq(int, rudp_reliability_check(&s->r), 1));
}

Test(reliability, without_memory_sending_waits)
{
	struct rudp_reliability other;

	fault_arm(1);
	cr_assert(eq(int, rudp_reliability_init(&other, &s->r.owner), -12));
	sender_data(s, 16);
	fault_arm(1);
	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 0));
	cr_assert(eq(u64, s->r.outstanding, 16));
	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1)); /* memory is available again */
	cr_assert(eq(u32, s->r.capacity, 32));
	fault_arm(1);
	sender_acked(s, 0, 15);
	rudp_reliability_trim(&s->r);
	cr_assert(eq(u32, s->r.capacity, 32));
	fault_arm(0);
}

Test(reliability, without_memory_old_losses_make_room)
{
	sender_data(s, 16);
	sender_acked(s, 10, 11);
	cr_assert(eq(u32, s->result.lost_packets, 8));
	fault_arm(1);
	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
	cr_assert(eq(u32, s->r.capacity, 16));
	cr_assert(eq(u64, s->r.base, 8));
	fault_arm(0);
}
