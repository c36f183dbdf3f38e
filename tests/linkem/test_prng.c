/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/prng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(prng, same_seed_and_stream_repeat)
{
	struct prng a, b;

	prng_init(&a, 7, 1);
	prng_init(&b, 7, 1);
	for (int i = 0; i < 1000; i++)
		cr_assert(eq(u64, prng_next(&a), prng_next(&b)));
}

Test(prng, streams_and_seeds_differ)
{
	struct prng a, b, c;

	prng_init(&a, 7, 0);
	prng_init(&b, 7, 1);
	prng_init(&c, 8, 0);
	cr_assert(ne(u64, prng_next(&a), prng_next(&b)));
	prng_init(&a, 7, 0);
	cr_assert(ne(u64, prng_next(&a), prng_next(&c)));
}

/* The state 1, 2, 3, 4 gives these first numbers in the authors' reference program. */
Test(prng, follows_the_published_algorithm)
{
	struct prng prng = {{1, 2, 3, 4}};

	cr_assert(eq(u64, prng_next(&prng), 11520));
	cr_assert(eq(u64, prng_next(&prng), 0));
	cr_assert(eq(u64, prng_next(&prng), 1509978240));
	cr_assert(eq(u64, prng_next(&prng), 1215971899390074240));
}

Test(prng, unit_stays_in_its_interval_with_mean_one_half)
{
	struct prng prng;
	double sum = 0, value;

	prng_init(&prng, 1, 0);
	for (int i = 0; i < 100000; i++) {
		value = prng_unit(&prng);
		cr_assert(ge(dbl, value, 0));
		cr_assert(lt(dbl, value, 1));
		sum += value;
	}
	cr_assert(epsilon_eq(dbl, sum / 100000, 0.5, 0.005));
}

Test(prng, chance_is_sure_at_both_ends_and_fair_between)
{
	struct prng prng;
	int hits = 0;

	prng_init(&prng, 2, 0);
	for (int i = 0; i < 10000; i++) {
		cr_assert(not(prng_chance(&prng, 0)));
		cr_assert(prng_chance(&prng, 1));
	}
	for (int i = 0; i < 100000; i++)
		hits += prng_chance(&prng, 0.02);
	cr_assert(ge(int, hits, 1850));
	cr_assert(le(int, hits, 2150));
}

Test(prng, below_reaches_every_value_and_no_other)
{
	struct prng prng;
	int seen[7] = {0};

	prng_init(&prng, 3, 0);
	for (int i = 0; i < 7000; i++) {
		uint64_t value = prng_below(&prng, 7);

		cr_assert(lt(u64, value, 7));
		seen[value]++;
	}
	for (int i = 0; i < 7; i++)
		cr_assert(ge(int, seen[i], 850));
}

Test(prng, pareto_has_mean_one_half_and_a_cut_tail)
{
	struct prng prng;
	double sum = 0, value, biggest = 0;

	prng_init(&prng, 4, 0);
	for (int i = 0; i < 200000; i++) {
		value = prng_pareto(&prng);
		cr_assert(ge(dbl, value, 0));
		sum += value;
		if (value > biggest)
			biggest = value;
	}
	cr_assert(epsilon_eq(dbl, sum / 200000, 0.5, 0.02));
	cr_assert(lt(dbl, 9, biggest));
	cr_assert(le(dbl, biggest, PRNG_PARETO_MAX));
}
