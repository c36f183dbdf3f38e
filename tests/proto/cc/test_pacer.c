/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/cc/cc_pace.h"
#include "proto/cc/pacer.h"

#define RATE UINT64_C(1000000) /* a byte a microsecond */
#define QUANTUM UINT64_C(2400) /* 2.4 ms */
#define START_NS (5 * RUDP_NS_PER_S)

static struct rudp_pacer new_pacer(void)
{
	struct rudp_pacer pacer;

	rudp_pacer_init(&pacer, START_NS);
	return pacer;
}

static uint64_t budget(const struct rudp_pacer *pacer, int64_t after_ns)
{
	return rudp_pacer_budget_bytes(pacer, RATE, QUANTUM, START_NS + after_ns);
}

static void send_at(struct rudp_pacer *pacer, uint64_t bytes, int64_t after_ns)
{
	rudp_pacer_on_sent(pacer, RATE, QUANTUM, bytes, START_NS + after_ns);
}

Test(pacer, first_burst_is_one_quantum)
{
	struct rudp_pacer pacer = new_pacer();

	cr_assert(eq(u64, budget(&pacer, 0), QUANTUM));
}

Test(pacer, each_packet_moves_the_release_on_by_its_time)
{
	struct rudp_pacer pacer = new_pacer();

	send_at(&pacer, 1200, 0);
	cr_assert(eq(i64, rudp_pacer_release_at_ns(&pacer), START_NS + 1200 * RUDP_NS_PER_US));
	cr_assert(eq(u64, budget(&pacer, 1199 * RUDP_NS_PER_US), 0));
	cr_assert(eq(u64, budget(&pacer, 1200 * RUDP_NS_PER_US), QUANTUM));
}

Test(pacer, packets_sent_ahead_are_paid_for)
{
	struct rudp_pacer pacer = new_pacer();

	send_at(&pacer, 1200, 0);
	send_at(&pacer, 1200, 0);
	cr_assert(eq(i64, rudp_pacer_release_at_ns(&pacer), START_NS + 2400 * RUDP_NS_PER_US));
}

Test(pacer, late_timer_is_made_up)
{
	struct rudp_pacer pacer = new_pacer();

	send_at(&pacer, QUANTUM, 0);
	cr_assert(eq(u64, budget(&pacer, 3000 * RUDP_NS_PER_US), QUANTUM + 600));
	send_at(&pacer, QUANTUM + 600, 3000 * RUDP_NS_PER_US);
	/* 5400 bytes have left: as if the timer had been on time. */
	cr_assert(eq(i64, rudp_pacer_release_at_ns(&pacer), START_NS + 5400 * RUDP_NS_PER_US));
}

Test(pacer, makes_up_one_more_quantum_at_most)
{
	struct rudp_pacer pacer = new_pacer();

	cr_assert(eq(u64, budget(&pacer, 9 * RUDP_NS_PER_MS), 2 * QUANTUM));
	send_at(&pacer, 2 * QUANTUM, 9 * RUDP_NS_PER_MS);
	cr_assert(eq(u64, budget(&pacer, 9 * RUDP_NS_PER_MS), 0));
}

Test(pacer, makes_up_a_millisecond_of_a_fast_rate)
{
	struct rudp_pacer pacer = new_pacer();
	uint64_t rate = UINT64_C(1250000000); /* 64 KiB last 52 us */

	cr_assert(eq(u64, rudp_pacer_budget_bytes(&pacer, rate, 65536, START_NS + RUDP_NS_PER_MS),
		     65536 + 1250000));
	cr_assert(eq(u64,
		     rudp_pacer_budget_bytes(&pacer, rate, 65536, START_NS + 3 * RUDP_NS_PER_MS),
		     65536 + 1250000));
}

Test(pacer, idling_saves_up_nothing)
{
	struct rudp_pacer pacer = new_pacer();

	cr_assert(eq(u64, budget(&pacer, RUDP_NS_PER_S), QUANTUM));
	send_at(&pacer, QUANTUM, RUDP_NS_PER_S);
	cr_assert(eq(u64, budget(&pacer, RUDP_NS_PER_S), 0));
	cr_assert(eq(i64, rudp_pacer_release_at_ns(&pacer),
		     START_NS + RUDP_NS_PER_S + 2400 * RUDP_NS_PER_US));
}

Test(pacer, rate_zero_does_not_pace)
{
	struct rudp_pacer pacer = new_pacer();

	rudp_pacer_on_sent(&pacer, 0, QUANTUM, 1 << 20, START_NS);
	cr_assert(eq(u64, rudp_pacer_budget_bytes(&pacer, 0, QUANTUM, START_NS), QUANTUM));
	cr_assert(le(i64, rudp_pacer_release_at_ns(&pacer), START_NS));
}

Test(pacer, slowest_rate_does_not_overflow)
{
	struct rudp_pacer pacer = new_pacer();

	for (int i = 0; i < 4; i++)
		rudp_pacer_on_sent(&pacer, 1, 65536, UINT64_MAX / 2, START_NS);
	cr_assert(lt(i64, START_NS, rudp_pacer_release_at_ns(&pacer)));
}

/* Whatever the timers do, never more has left than the rate, a quantum ahead and one made up allow;
 * and with timers less than a quantum late, not less than the rate either. */
Test(pacer, random_timers_keep_the_rate)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rudp_pacer pacer = new_pacer();
		uint64_t random = seed, sent = 0;
		int64_t after_ns = 0;

		for (int i = 0; i < 5000; i++) {
			uint64_t now;

			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			after_ns = rudp_pacer_release_at_ns(&pacer) - START_NS +
				   (int64_t)(random >> 33) % (2 * RUDP_NS_PER_MS);
			now = budget(&pacer, after_ns);
			cr_assert(ge(u64, now, QUANTUM));
			cr_assert(le(u64, now, 2 * QUANTUM));
			sent += now;
			send_at(&pacer, now, after_ns);
			cr_assert(le(u64, sent, rudp_cc_bytes_in(RATE, after_ns) + 2 * QUANTUM));
			cr_assert(ge(u64, sent + 2, rudp_cc_bytes_in(RATE, after_ns)));
		}
	}
}

Test(pacer, quantum_is_a_millisecond_within_its_bounds)
{
	cr_assert(eq(u64, rudp_cc_quantum_bytes(1000, RUDP_NEVER, 1200), 2400));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(12500000, RUDP_NEVER, 1200), 12500));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(UINT64_C(1) << 40, RUDP_NEVER, 1200), 65536));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(UINT64_C(1) << 40, RUDP_NEVER, 65000), 130000));
}

Test(pacer, quantum_is_an_eighth_of_a_short_round_trip)
{
	uint64_t rate = UINT64_C(40000000);

	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, 9 * RUDP_NS_PER_MS, 1200), 40000));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, 8 * RUDP_NS_PER_MS, 1200), 40000));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, 4 * RUDP_NS_PER_MS, 1200), 20000));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, 2 * RUDP_NS_PER_MS, 1200), 10000));
}

Test(pacer, quantum_of_the_shortest_round_trip_is_an_eighth_of_a_millisecond)
{
	uint64_t rate = UINT64_C(40000000);

	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, RUDP_NS_PER_MS, 1200), 5000));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, RUDP_NS_PER_MS / 10, 1200), 5000));
	cr_assert(eq(u64, rudp_cc_quantum_bytes(rate, 0, 1200), 5000));
}
