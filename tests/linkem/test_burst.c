/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/burst.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

struct seen {
	int lost, bursts;
};

static struct seen run(const struct burst_conf *conf, int steps)
{
	struct burst burst = {0};
	struct seen seen = {0};
	struct prng prng;
	bool before = false;

	prng_init(&prng, 9, 0);
	for (int i = 0; i < steps; i++) {
		bool lost = burst_step(&burst, conf, &prng);

		seen.lost += lost;
		seen.bursts += lost && !before;
		before = lost;
	}
	return seen;
}

Test(burst, mean_loss_and_mean_length_come_out)
{
	struct burst_conf conf = burst_from_mean(0.02, 5);
	struct seen seen = run(&conf, 2000000);

	cr_assert(epsilon_eq(dbl, seen.lost / 2e6, 0.02, 0.001));
	cr_assert(epsilon_eq(dbl, (double)seen.lost / seen.bursts, 5, 0.2));
}

Test(burst, length_one_over_share_of_time_is_independent_loss)
{
	/* p + r = 1 has no memory: the mean length is then 1 / (1 - loss). */
	struct burst_conf conf = burst_from_mean(0.1, 1 / 0.9);
	struct seen seen = run(&conf, 1000000);

	cr_assert(epsilon_eq(dbl, seen.lost / 1e6, 0.1, 0.003));
	cr_assert(epsilon_eq(dbl, conf.to_bad + conf.to_good, 1, 1e-9));
}

Test(burst, states_lose_with_their_own_probabilities)
{
	struct burst_conf conf = {
		.to_bad = 0.01, .to_good = 0.03, .loss_bad = 0.5, .loss_good = 0.1};
	struct seen seen = run(&conf, 2000000);

	cr_assert(epsilon_eq(dbl, seen.lost / 2e6, 0.25 * 0.5 + 0.75 * 0.1, 0.01));
}

Test(burst, a_model_without_bursts_loses_nothing)
{
	struct burst_conf conf = {.to_good = 1};

	cr_assert(eq(int, run(&conf, 100000).lost, 0));
}
