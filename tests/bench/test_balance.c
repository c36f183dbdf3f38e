/* SPDX-License-Identifier: MIT */
/* New hosts go to engines that have time left; those that are connected stay. */
#include "bench/steer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../base/random.h"

#define ENGINES 4
#define ROUNDS 2000
#define SEED 22

static void count(const struct steer *steer, unsigned owned[STEER_ENGINES_MAX])
{
	memset(owned, 0, STEER_ENGINES_MAX * sizeof *owned);
	for (unsigned i = 0; i < STEER_BUCKETS; i++)
		owned[steer->engine_of[i]]++;
}

Test(balance, engines_with_equal_loads_keep_what_they_have)
{
	const unsigned none[STEER_BUCKETS] = {0}, load[STEER_ENGINES_MAX] = {300, 300, 300, 300};
	struct steer steer;

	steer_init(&steer, ENGINES, 1);
	cr_expect(not(steer_balance(&steer, none, load)));
}

Test(balance, an_engine_without_time_gets_no_new_hosts)
{
	const unsigned none[STEER_BUCKETS] = {0};
	const unsigned load[STEER_ENGINES_MAX] = {STEER_LOAD_MAX, 500, 500, 0};
	unsigned owned[STEER_ENGINES_MAX];
	struct steer steer;

	steer_init(&steer, ENGINES, 1);
	cr_expect(steer_balance(&steer, none, load));
	count(&steer, owned);
	cr_expect(eq(uint, owned[0], 0));
	cr_expect(eq(uint, owned[3], STEER_BUCKETS / 2), "half of the time that is left");
	cr_expect(not(steer_balance(&steer, none, load)), "once is enough");
}

Test(balance, all_may_be_busy)
{
	const unsigned none[STEER_BUCKETS] = {0};
	const unsigned load[STEER_ENGINES_MAX] = {1000, 1000, 1000, 1000};
	struct steer steer;

	steer_init(&steer, ENGINES, 1);
	cr_expect(not(steer_balance(&steer, none, load)));
}

/* Random loads, and hosts that come and go: what holds whatever happens. */
static void check_round(struct steer *steer, struct random *random)
{
	unsigned connections[STEER_BUCKETS], load[STEER_ENGINES_MAX];
	struct steer before = *steer;

	for (unsigned i = 0; i < STEER_BUCKETS; i++)
		connections[i] = (unsigned)random_below(random, 2);
	for (unsigned i = 0; i < steer->engines; i++)
		load[i] = (unsigned)random_below(random, STEER_LOAD_MAX + 1);
	cr_assert(eq(int, steer_balance(steer, connections, load),
		     memcmp(&before, steer, sizeof before) != 0));
	for (unsigned i = 0; i < STEER_BUCKETS; i++) {
		cr_assert(lt(uint, steer->engine_of[i], steer->engines));
		if (connections[i] > 0)
			cr_assert(eq(uint, steer->engine_of[i], before.engine_of[i]));
	}
}

Test(balance, a_bucket_with_connections_stays)
{
	for (unsigned engines = 1; engines <= STEER_ENGINES_MAX; engines *= 2) {
		struct random random = {SEED};
		struct steer steer;

		steer_init(&steer, engines, 1);
		for (unsigned n = 0; n < ROUNDS; n++)
			check_round(&steer, &random);
	}
}
