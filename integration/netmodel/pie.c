/* SPDX-License-Identifier: MIT */
#include "pie.h"
#include "random.h"

/* RFC 8033, sections 4.1, 4.2 and 5.1. */
#define UPDATE_NS UINT64_C(15000000)
#define BURST_MAX_NS UINT64_C(150000000)
#define ALPHA 0.125 /* Hz: of the distance to the target, in seconds */
#define BETA 1.25   /* Hz: of the trend */
#define MARK_PROBABILITY_MAX 0.1
#define SAFE_PROBABILITY 0.2
#define SMALL_QUEUE_BYTES 3000 /* two full packets */
#define STEP_MAX 0.02
#define STEP_LIMITED_FROM 0.1
#define LONG_DELAY_NS UINT64_C(250000000)
#define DECAY 0.98
#define SPACING_MIN 0.85
#define SPACING_MAX 8.5

/* After so many updates with an empty queue the probability is as good as 0. */
enum { UPDATES_MAX = 1000 };

const struct nm_pie_conf nm_pie_default = {.target_ns = NM_PIE_TARGET_NS};

void nm_pie_init(struct nm_pie *pie, const struct nm_pie_conf *conf, uint64_t seed)
{
	*pie = (struct nm_pie){.conf = *conf,
			       .random = seed,
			       .burst_allowance_ns = BURST_MAX_NS,
			       .update_at_ns = UPDATE_NS};
}

/* The smaller the probability, the smaller its steps. */
static double step_scale(double probability)
{
	static const struct {
		double below, scale;
	} scales[] = {{0.000001, 1.0 / 2048}, {0.00001, 1.0 / 512}, {0.0001, 1.0 / 128},
		      {0.001, 1.0 / 32},      {0.01, 1.0 / 8},      {0.1, 1.0 / 2}};

	for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
		if (probability < scales[i].below)
			return scales[i].scale;
	return 1;
}

static double seconds(uint64_t span_ns)
{
	return (double)span_ns / 1e9;
}

static void update_probability(struct nm_pie *pie)
{
	double step = ALPHA * (seconds(pie->delay_ns) - seconds(pie->conf.target_ns)) +
		      BETA * (seconds(pie->delay_ns) - seconds(pie->delay_before_ns));

	step *= step_scale(pie->probability);
	if (pie->probability >= STEP_LIMITED_FROM && step > STEP_MAX)
		step = STEP_MAX;
	pie->probability += step;
	if (pie->delay_ns == 0 && pie->delay_before_ns == 0)
		pie->probability *= DECAY;
	if (pie->delay_ns > LONG_DELAY_NS)
		pie->probability += STEP_MAX;
	if (pie->probability < 0)
		pie->probability = 0;
	if (pie->probability > 1)
		pie->probability = 1;
}

static void update(struct nm_pie *pie, uint64_t delay_ns)
{
	bool is_calm;

	pie->delay_before_ns = pie->delay_ns;
	pie->delay_ns = delay_ns;
	update_probability(pie);
	pie->burst_allowance_ns -=
		pie->burst_allowance_ns < UPDATE_NS ? pie->burst_allowance_ns : UPDATE_NS;
	is_calm = pie->probability <= 0 && pie->delay_ns < pie->conf.target_ns / 2 &&
		  pie->delay_before_ns < pie->conf.target_ns / 2;
	if (is_calm)
		pie->burst_allowance_ns = BURST_MAX_NS;
}

void nm_pie_advance(struct nm_pie *pie, uint64_t now_ns, uint64_t empty_at_ns)
{
	for (unsigned i = 0; pie->update_at_ns <= now_ns && i < UPDATES_MAX; i++) {
		uint64_t at_ns = pie->update_at_ns;

		update(pie, empty_at_ns > at_ns ? empty_at_ns - at_ns : 0);
		pie->update_at_ns += UPDATE_NS;
	}
	if (pie->update_at_ns <= now_ns)
		pie->update_at_ns +=
			(now_ns - pie->update_at_ns) / UPDATE_NS * UPDATE_NS + UPDATE_NS;
}

static bool is_safe(const struct nm_pie *pie, size_t queued_bytes)
{
	if (pie->burst_allowance_ns > 0)
		return true;
	if (pie->delay_ns < pie->conf.target_ns / 2 && pie->probability < SAFE_PROBABILITY)
		return true;
	return queued_bytes <= SMALL_QUEUE_BYTES;
}

bool nm_pie_drops(struct nm_pie *pie, struct nm_item *item, size_t queued_bytes)
{
	bool drops;

	if (is_safe(pie, queued_bytes))
		return false;
	if (pie->probability <= 0)
		pie->accumulated = 0;
	pie->accumulated += pie->probability;
	if (pie->accumulated < SPACING_MIN)
		return false;
	drops = nm_random_unit(&pie->random) < pie->probability;
	if (!drops && pie->accumulated < SPACING_MAX)
		return false;
	pie->accumulated = 0;
	if (item->ecn_capable && pie->probability < MARK_PROBABILITY_MAX) {
		item->marked = true;
		return false;
	}
	return true;
}
