/* SPDX-License-Identifier: MIT */
#include "burst.h"

bool burst_step(struct burst *burst, const struct burst_conf *conf, struct prng *prng)
{
	bool change = prng_chance(prng, burst->bad ? conf->to_good : conf->to_bad);

	burst->bad ^= change;
	return prng_chance(prng, burst->bad ? conf->loss_bad : conf->loss_good);
}

struct burst_conf burst_from_mean(double mean_loss, double mean_length)
{
	double to_good = 1 / mean_length;

	/* The share of time in the bad state is p / (p + r). */
	return (struct burst_conf){
		.to_bad = to_good * mean_loss / (1 - mean_loss),
		.to_good = to_good,
		.loss_bad = 1,
	};
}
