/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/cc/hystart.h"

#define ROUND_PACKETS 10
#define MS RUDP_NS_PER_MS

struct rig {
	struct rudp_hystart hystart;
	uint64_t number;
};

static struct rig new_rig(void)
{
	struct rig rig = {.number = 0};

	rudp_hystart_init(&rig.hystart);
	return rig;
}

/* One round of ten ACKs with the same RTT; the first of them ends the round before. */
static enum rudp_hystart_phase go_round(struct rig *rig, int64_t rtt_ns, int samples)
{
	enum rudp_hystart_phase phase = RUDP_HYSTART_DONE;

	for (int i = 0; i < ROUND_PACKETS; i++) {
		phase = rudp_hystart_on_ack(&rig->hystart, i < samples, rtt_ns, rig->number,
					    rig->number + ROUND_PACKETS);
		rig->number++;
	}
	return phase;
}

/* One round of sixteen ACKs: eight with one RTT, eight with the other. */
static enum rudp_hystart_phase go_split_round(struct rig *rig, int64_t first_ns, int64_t then_ns)
{
	enum rudp_hystart_phase phase = RUDP_HYSTART_DONE;

	for (int i = 0; i < 16; i++) {
		phase = rudp_hystart_on_ack(&rig->hystart, true, i < 8 ? first_ns : then_ns,
					    rig->number, rig->number + 16);
		rig->number++;
	}
	return phase;
}

Test(hystart, steady_rtt_stays_in_slow_start)
{
	struct rig rig = new_rig();

	for (int i = 0; i < 20; i++)
		cr_assert(eq(int, (int)go_round(&rig, 50 * MS, 10), RUDP_HYSTART_SLOW_START));
}

Test(hystart, growth_by_an_eighth_starts_css)
{
	struct rig rig = new_rig();

	go_round(&rig, 80 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 90 * MS, 10), RUDP_HYSTART_CSS));
}

Test(hystart, growth_under_an_eighth_does_not)
{
	struct rig rig = new_rig();

	go_round(&rig, 80 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 90 * MS - 1, 10), RUDP_HYSTART_SLOW_START));
}

Test(hystart, threshold_is_at_least_4_ms)
{
	struct rig rig = new_rig();

	go_round(&rig, 8 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 12 * MS - 1, 10), RUDP_HYSTART_SLOW_START));
	rig = new_rig();
	go_round(&rig, 8 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 12 * MS, 10), RUDP_HYSTART_CSS));
}

Test(hystart, threshold_is_at_most_16_ms)
{
	struct rig rig = new_rig();

	go_round(&rig, 600 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 616 * MS, 10), RUDP_HYSTART_CSS));
}

Test(hystart, seven_samples_are_not_enough)
{
	struct rig rig = new_rig();

	go_round(&rig, 50 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 90 * MS, 7), RUDP_HYSTART_SLOW_START));
}

Test(hystart, five_rounds_of_css_end_it)
{
	struct rig rig = new_rig();

	go_round(&rig, 50 * MS, 10);
	for (int i = 0; i < RUDP_HYSTART_CSS_ROUNDS; i++)
		cr_assert(eq(int, (int)go_round(&rig, 60 * MS, 10), RUDP_HYSTART_CSS));
	cr_assert(eq(int, (int)go_round(&rig, 60 * MS, 10), RUDP_HYSTART_DONE));
	cr_assert(eq(int, (int)go_round(&rig, 50 * MS, 10), RUDP_HYSTART_DONE));
}

Test(hystart, rtt_below_the_baseline_resumes_slow_start)
{
	struct rig rig = new_rig();

	go_round(&rig, 50 * MS, 10);
	cr_assert(eq(int, (int)go_round(&rig, 60 * MS, 10), RUDP_HYSTART_CSS));
	cr_assert(eq(int, (int)go_round(&rig, 60 * MS - 1, 10), RUDP_HYSTART_SLOW_START));
}

/* A window that leaves in half a round trip finds the queue drained, and fills it. */
Test(hystart, queue_at_the_end_of_a_window_shows)
{
	struct rig rig = new_rig();

	go_round(&rig, 80 * MS, 10);
	cr_assert(
		eq(int, (int)go_split_round(&rig, 80 * MS, 90 * MS - 1), RUDP_HYSTART_SLOW_START));
	cr_assert(eq(int, (int)go_split_round(&rig, 80 * MS, 90 * MS), RUDP_HYSTART_CSS));
}

Test(hystart, drained_queue_resumes_slow_start_until_it_stands)
{
	struct rig rig = new_rig();

	go_round(&rig, 80 * MS, 10);
	cr_assert(eq(int, (int)go_split_round(&rig, 80 * MS, 90 * MS), RUDP_HYSTART_CSS));
	cr_assert(eq(int, (int)go_round(&rig, 80 * MS, 8), RUDP_HYSTART_SLOW_START));
	cr_assert(eq(int, (int)go_round(&rig, 90 * MS, 8), RUDP_HYSTART_CSS));
}

Test(hystart, jitter_of_seven_samples_in_a_row_is_none)
{
	struct rig rig = new_rig();

	go_round(&rig, 50 * MS, 10);
	for (int i = 0; i < 80; i++)
		cr_assert(
			eq(int,
			   (int)rudp_hystart_on_ack(&rig.hystart, true, (i % 8 == 0 ? 50 : 90) * MS,
						    rig.number + 1, rig.number + 100),
			   RUDP_HYSTART_SLOW_START));
}

Test(hystart, delay_that_doubles_in_css_ends_it)
{
	struct rig rig = new_rig();

	go_round(&rig, 80 * MS, 10);
	cr_assert(eq(int, (int)go_split_round(&rig, 90 * MS, 100 * MS - 1), RUDP_HYSTART_CSS));
	rig = new_rig();
	go_round(&rig, 80 * MS, 10);
	cr_assert(eq(int, (int)go_split_round(&rig, 90 * MS, 100 * MS), RUDP_HYSTART_DONE));
}

Test(hystart, round_without_samples_keeps_what_is_known)
{
	struct rig rig = new_rig();

	go_round(&rig, 50 * MS, 10);
	go_round(&rig, 0, 0);
	cr_assert(eq(int, (int)go_round(&rig, 60 * MS, 10), RUDP_HYSTART_CSS));
}

Test(hystart, stop_is_for_good)
{
	struct rig rig = new_rig();

	rudp_hystart_stop(&rig.hystart);
	cr_assert(eq(int, (int)go_round(&rig, 50 * MS, 10), RUDP_HYSTART_DONE));
}
