/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/recovery/path_mtu.h"
#include "proto/wire/packet.h"
#include "proto/checks.h"

#define ETHERNET 1472u
#define IPV4 28u
#define MUCH UINT64_C(1000000000)
#define ANY UINT32_MAX

static struct rudp_path_mtu mtu;
static uint64_t number;

static void begin(uint32_t max_bytes)
{
	number = 1;
	rudp_path_mtu_init(&mtu, true);
	rudp_path_mtu_start(&mtu, max_bytes, IPV4, 0, 0);
}

static uint32_t probe(void)
{
	uint32_t size = rudp_path_mtu_probe_bytes(&mtu, ANY, MUCH);

	cr_assert(ne(u32, size, 0));
	rudp_path_mtu_on_probe_sent(&mtu, ++number, size);
	cr_assert(rudp_path_mtu_check(&mtu));
	return size;
}

static void lose(void)
{
	rudp_path_mtu_on_probe_lost(&mtu, number, 0);
	cr_assert(rudp_path_mtu_check(&mtu));
}

static void answer(uint32_t size)
{
	cr_assert(rudp_path_mtu_on_probe_answered(&mtu, number, size, 0));
	cr_assert(rudp_path_mtu_check(&mtu));
}

static void lose_all_three(void)
{
	uint32_t size = probe();

	lose();
	for (int i = 1; i < RUDP_MTU_PROBES_MAX; i++) {
		cr_assert(eq(u32, probe(), size));
		lose();
	}
}

/* Simulates a path of this size. Returns how many probes the search took. */
static unsigned search(uint32_t path_bytes)
{
	unsigned probes = 0;

	while (mtu.state == RUDP_MTU_SEARCHING) {
		uint32_t size = probe();

		probes++;
		if (size <= path_bytes)
			answer(size);
		else
			lose();
		cr_assert(lt(uint, probes, 100));
	}
	return probes;
}

Test(path_mtu, without_an_interface_limit_the_base_is_used)
{
	rudp_path_mtu_init(&mtu, false);
	cr_assert(not(rudp_path_mtu_is_due(&mtu, RUDP_NEVER - 1)));
	cr_assert(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, MUCH), 0));
}

Test(path_mtu, a_new_path_starts_with_the_base_and_is_due)
{
	rudp_path_mtu_init(&mtu, true);
	cr_assert(eq(int, mtu.state, RUDP_MTU_BASE));
	cr_assert(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES));
	cr_assert(rudp_path_mtu_is_due(&mtu, 0));
}

Test(path_mtu, the_first_probe_is_the_interface_and_its_answer_ends_the_search)
{
	begin(ETHERNET);
	cr_assert(eq(u32, probe(), ETHERNET));
	answer(ETHERNET);
	cr_assert(eq(int, mtu.state, RUDP_MTU_COMPLETE));
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
}

Test(path_mtu, loopback_is_reached_in_one_step)
{
	begin(65535);
	cr_assert(eq(u32, probe(), RUDP_DATAGRAM_MAX_BYTES));
	answer(RUDP_DATAGRAM_MAX_BYTES);
	cr_assert(eq(int, mtu.state, RUDP_MTU_COMPLETE));
}

Test(path_mtu, an_interface_with_little_to_win_is_not_probed)
{
	begin(1252);
	cr_assert(eq(int, mtu.state, RUDP_MTU_COMPLETE));
	cr_assert(eq(u64, mtu.spent_bytes, 0));
	begin(0);
	cr_assert(eq(int, mtu.state, RUDP_MTU_COMPLETE));
	cr_assert(eq(u32, mtu.max_bytes, RUDP_DATAGRAM_BASE_BYTES));
}

Test(path_mtu, only_one_probe_is_out_at_a_time)
{
	begin(ETHERNET);
	probe();
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, MUCH), 0));
}

Test(path_mtu, a_size_fails_with_its_third_loss)
{
	begin(ETHERNET);
	lose_all_three();
	cr_assert(eq(u32, mtu.failed_bytes, ETHERNET));
	cr_assert(eq(int, mtu.state, RUDP_MTU_SEARCHING));
	cr_assert(eq(u32, probe(), 1492 - IPV4));
}

Test(path_mtu, a_loss_or_two_by_chance_do_no_harm)
{
	begin(ETHERNET);
	probe();
	lose();
	probe();
	lose();
	answer(probe());
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
}

Test(path_mtu, common_sizes_come_before_binary_search)
{
	begin(8972);
	lose_all_three();
	cr_assert(eq(u32, probe(), ETHERNET));
	answer(ETHERNET);
	cr_assert(eq(u32, probe(), ETHERNET + (8971 - ETHERNET + 1) / 2));
}

Test(path_mtu, every_path_is_found_to_a_sixteenth)
{
	static const uint32_t interfaces[] = {1472, 1452, 4322, 8972, 65507};

	for (size_t i = 0; i < sizeof interfaces / sizeof interfaces[0]; i++)
		for (uint32_t path = 1200; path <= interfaces[i]; path += 1 + path / 50) {
			unsigned probes;

			begin(interfaces[i]);
			probes = search(path);
			cr_assert(le(u32, mtu.bytes, path));
			cr_assert(ge(u32, mtu.bytes + mtu.bytes / RUDP_MTU_RESOLUTION, path));
			cr_assert(le(uint, probes, 50), "%u probes for %u of %u", probes, path,
				  interfaces[i]);
		}
}

Test(path_mtu, an_earlier_result_is_tried_first_and_ends_the_search)
{
	begin(8972);
	rudp_path_mtu_init(&mtu, true);
	rudp_path_mtu_start(&mtu, 8972, IPV4, 1372, 0);
	cr_assert(eq(u32, probe(), 1372));
	answer(1372);
	cr_assert(eq(int, mtu.state, RUDP_MTU_COMPLETE));
}

Test(path_mtu, an_earlier_result_that_fails_is_forgotten)
{
	rudp_path_mtu_init(&mtu, true);
	rudp_path_mtu_start(&mtu, 1472, IPV4, 1400, 0);
	lose_all_three();
	cr_assert(eq(u32, search(1392) > 0, 1));
	cr_assert(eq(u32, mtu.bytes, 1392));
}

Test(path_mtu, probes_cost_a_sixteenth_at_most)
{
	begin(ETHERNET);
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, ETHERNET * 16 - 1), 0));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, ETHERNET * 16), ETHERNET));
	probe();
	lose();
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, ETHERNET * 31), 0));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, ANY, ETHERNET * 32), ETHERNET));
}

Test(path_mtu, sizes_above_the_window_wait_and_common_sizes_come_first)
{
	begin(RUDP_DATAGRAM_MAX_BYTES);
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, 1200, MUCH), 0));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, 3000, MUCH), ETHERNET));
	rudp_path_mtu_on_probe_sent(&mtu, ++number, ETHERNET);
	answer(ETHERNET);
	cr_assert(eq(int, mtu.state, RUDP_MTU_SEARCHING));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, 3000, MUCH), 0));
	cr_assert(eq(u32, rudp_path_mtu_probe_bytes(&mtu, 65507, MUCH), RUDP_DATAGRAM_MAX_BYTES));
}

Test(path_mtu, there_is_another_search_after_ten_minutes)
{
	begin(8972);
	search(ETHERNET);
	cr_assert(not(rudp_path_mtu_is_due(&mtu, RUDP_MTU_RAISE_NS - 1)));
	cr_assert(rudp_path_mtu_is_due(&mtu, RUDP_MTU_RAISE_NS));
	rudp_path_mtu_start(&mtu, 8972, IPV4, 0, RUDP_MTU_RAISE_NS);
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
	cr_assert(eq(u32, probe(), 8972));
}

Test(path_mtu, a_later_search_obeys_a_smaller_interface)
{
	begin(8972);
	answer(probe());
	rudp_path_mtu_start(&mtu, 1472, IPV4, 0, RUDP_MTU_RAISE_NS);
	cr_assert(rudp_path_mtu_check(&mtu));
	cr_assert(eq(u32, mtu.bytes, 1472));
}

Test(path_mtu, a_late_answer_counts)
{
	begin(ETHERNET);
	lose_all_three();
	cr_assert(rudp_path_mtu_on_probe_answered(&mtu, number, ETHERNET, 0));
	cr_assert(rudp_path_mtu_check(&mtu));
	cr_assert(all(eq(u32, mtu.bytes, ETHERNET), eq(int, mtu.state, RUDP_MTU_COMPLETE)));
}

Test(path_mtu, an_answer_from_another_path_does_not)
{
	begin(ETHERNET);
	probe();
	begin(ETHERNET);
	cr_assert(not(rudp_path_mtu_on_probe_answered(&mtu, 2, ETHERNET, 0)));
	cr_assert(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES));
}

Test(path_mtu, three_large_losses_behind_the_last_large_answer_are_a_black_hole)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_answered(&mtu, 10, ETHERNET);
	cr_assert(not(rudp_path_mtu_on_lost(&mtu, 11, ETHERNET)));
	cr_assert(not(rudp_path_mtu_on_lost(&mtu, 12, ETHERNET)));
	cr_assert(rudp_path_mtu_on_lost(&mtu, 13, ETHERNET));
	cr_assert(all(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES),
		      eq(int, mtu.state, RUDP_MTU_BASE), eq(u32, mtu.failed_bytes, 0)));
	cr_assert(rudp_path_mtu_check(&mtu));
}

static void fall_into_a_hole(void)
{
	uint64_t from = number;

	for (number += RUDP_MTU_SUSPECTS; from < number;)
		rudp_path_mtu_on_lost(&mtu, ++from, ETHERNET);
	cr_assert(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES));
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, 0);
}

Test(path_mtu, the_end_of_a_burst_lost_in_a_queue_costs_a_round_trip_of_small_packets)
{
	begin(ETHERNET);
	answer(probe());
	fall_into_a_hole();
	cr_assert(eq(u32, probe(), ETHERNET));
	answer(ETHERNET);
	cr_assert(all(eq(u32, mtu.bytes, ETHERNET), eq(int, mtu.state, RUDP_MTU_COMPLETE)));
}

Test(path_mtu, if_probes_pass_and_bulk_does_not_the_fourth_black_hole_is_final)
{
	begin(ETHERNET);
	answer(probe());
	for (int i = 0; i < RUDP_MTU_DOUBTS_MAX; i++) {
		fall_into_a_hole();
		answer(probe());
	}
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
	fall_into_a_hole();
	cr_assert(eq(u32, mtu.failed_bytes, ETHERNET));
	cr_assert(lt(u32, probe(), ETHERNET));
}

Test(path_mtu, losses_before_a_large_answer_are_congestion)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_answered(&mtu, 50, ETHERNET);
	for (uint64_t n = 10; n < 50; n++)
		cr_assert(not(rudp_path_mtu_on_lost(&mtu, n, ETHERNET)));
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
}

Test(path_mtu, a_large_answer_between_clears_the_suspicion)
{
	begin(ETHERNET);
	answer(probe());
	for (uint64_t n = 10; n < 40; n += 3) {
		cr_assert(not(rudp_path_mtu_on_lost(&mtu, n, ETHERNET)));
		cr_assert(not(rudp_path_mtu_on_lost(&mtu, n + 1, ETHERNET)));
		rudp_path_mtu_on_answered(&mtu, n + 2, ETHERNET);
	}
}

Test(path_mtu, losses_of_small_packets_say_nothing)
{
	begin(ETHERNET);
	answer(probe());
	for (uint64_t n = 10; n < 100; n++)
		cr_assert(not(rudp_path_mtu_on_lost(&mtu, n, RUDP_DATAGRAM_BASE_BYTES)));
}

Test(path_mtu, a_size_failed_before_a_black_hole_is_not_tried_soon)
{
	begin(ETHERNET);
	answer(probe());
	for (uint64_t n = 10; n < 13; n++)
		rudp_path_mtu_on_lost(&mtu, n, ETHERNET);
	cr_assert(rudp_path_mtu_is_due(&mtu, 0));
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, 0);
	search(1300);
	cr_assert(all(ge(u32, mtu.bytes, 1250), le(u32, mtu.failed_bytes, ETHERNET)));
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, RUDP_MTU_RAISE_NS);
	cr_assert(eq(u32, probe(), ETHERNET));
}

Test(path_mtu, the_local_interface_is_believed)
{
	begin(8972);
	answer(probe());
	cr_assert(rudp_path_mtu_on_refused(&mtu, 1472, 0));
	cr_assert(rudp_path_mtu_check(&mtu));
	cr_assert(all(eq(u32, mtu.bytes, 1472), eq(u32, mtu.max_bytes, 1472)));
	cr_assert(rudp_path_mtu_on_refused(&mtu, 500, 0));
	cr_assert(eq(u32, mtu.bytes, RUDP_DATAGRAM_BASE_BYTES));
}

Test(path_mtu, a_probe_that_the_interface_refuses_is_not_repeated)
{
	begin(8972);
	probe();
	cr_assert(not(rudp_path_mtu_on_refused(&mtu, 1472, 0)));
	cr_assert(rudp_path_mtu_check(&mtu));
	cr_assert(eq(u32, probe(), 1472));
}

Test(path_mtu, icmp_never_raises_and_never_lowers_by_itself)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_hint(&mtu, 9000, 11);
	rudp_path_mtu_on_hint(&mtu, 100, 11);
	rudp_path_mtu_on_hint(&mtu, 1300, 11);
	cr_assert(eq(u32, mtu.bytes, ETHERNET));
	rudp_path_mtu_on_answered(&mtu, 10, ETHERNET);
	cr_assert(not(rudp_path_mtu_on_lost(&mtu, 11, ETHERNET)));
}

Test(path_mtu, icmp_and_one_loss_are_a_black_hole_and_its_size_is_tried_first)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_hint(&mtu, 1372, 11);
	cr_assert(rudp_path_mtu_on_lost(&mtu, 11, ETHERNET));
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, 0);
	cr_assert(eq(u32, probe(), 1372));
}

/* The losses came from a full queue, and the ICMP messages from an attacker. */
Test(path_mtu, forged_icmp_and_a_loss_cost_one_search_and_not_the_size)
{
	begin(8972);
	answer(probe());
	number = 11;
	rudp_path_mtu_on_hint(&mtu, 1300, number);
	cr_assert(rudp_path_mtu_on_lost(&mtu, number++, 8972));
	rudp_path_mtu_start(&mtu, 8972, IPV4, 0, 0);
	search(8972);
	cr_assert(all(eq(u32, mtu.bytes, 8972), eq(int, mtu.state, RUDP_MTU_COMPLETE)));
	rudp_path_mtu_on_hint(&mtu, 1300, number);
	cr_assert(not(rudp_path_mtu_on_lost(&mtu, number, 8972)));
	cr_assert(not(rudp_path_mtu_on_lost(&mtu, number + 1, 8972)));
	cr_assert(all(eq(u32, mtu.bytes, 8972), rudp_path_mtu_check(&mtu)));
}

Test(path_mtu, forged_icmp_that_a_large_answer_refutes_is_forgotten)
{
	begin(ETHERNET);
	answer(probe());
	number = 20;
	rudp_path_mtu_on_hint(&mtu, 1300, 20);
	rudp_path_mtu_on_answered(&mtu, 19, ETHERNET); /* sent before the ICMP message */
	cr_assert(eq(u32, mtu.hint_bytes, 1300));
	rudp_path_mtu_on_answered(&mtu, 20, ETHERNET);
	cr_assert(zero(u32, mtu.hint_bytes));
	fall_into_a_hole();
	cr_assert(eq(u32, probe(), ETHERNET));
}

Test(path_mtu, icmp_is_accepted_again_by_the_next_search)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_hint(&mtu, 1300, 11);
	rudp_path_mtu_on_answered(&mtu, 11, ETHERNET);
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, RUDP_MTU_RAISE_NS);
	rudp_path_mtu_on_hint(&mtu, 1300, 12);
	cr_assert(rudp_path_mtu_on_lost(&mtu, 12, ETHERNET));
}

Test(path_mtu, true_icmp_costs_probes_and_no_data)
{
	begin(ETHERNET);
	answer(probe());
	rudp_path_mtu_on_hint(&mtu, 1372, 11);
	cr_assert(rudp_path_mtu_on_lost(&mtu, 11, ETHERNET));
	rudp_path_mtu_start(&mtu, ETHERNET, IPV4, 0, 0);
	cr_assert(le(uint, search(1372), 1 + 3 * RUDP_MTU_PROBES_MAX));
	cr_assert(eq(u32, mtu.bytes, 1372));
}

Test(path_mtu, icmp_for_a_probe_spares_the_other_two)
{
	begin(ETHERNET);
	probe();
	rudp_path_mtu_on_hint(&mtu, 1400, 11);
	lose();
	cr_assert(eq(u32, mtu.failed_bytes, ETHERNET));
	cr_assert(eq(u32, probe(), 1400));
	answer(1400);
	cr_assert(eq(u32, mtu.bytes, 1400));
}
