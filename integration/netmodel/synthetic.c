/* SPDX-License-Identifier: MIT */
#include "synthetic.h"
#include "random.h"

#include <math.h>
#include <string.h>

#define MS UINT64_C(1000000)

static const char *const names[] = {
	[NM_NO_NETWORK] = "none", [NM_LTE] = "lte", [NM_WIFI] = "wifi", [NM_STARLINK] = "starlink"};

const char *nm_network_name(enum nm_network network)
{
	return names[network];
}

enum nm_network nm_network_find(const char *name)
{
	for (enum nm_network n = NM_LTE; n <= NM_STARLINK; n++)
		if (strcmp(name, names[n]) == 0)
			return n;
	return NM_NO_NETWORK;
}

/* Mean 0, variance 1: the sum of twelve uniform draws. */
static double random_normal(uint64_t *random)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += nm_random_unit(random);
	return sum;
}

static uint64_t random_span(uint64_t *random, uint64_t low_ns, uint64_t high_ns)
{
	return (uint64_t)nm_random_between(random, (double)low_ns, (double)high_ns);
}

/* LTE */
#define LTE_STEP_NS (20 * MS)
#define LTE_WANDER_S 3.0
#define LTE_DEVIATION 0.5 /* of the logarithm */
#define LTE_FADE_EVERY_S 5.0
#define LTE_FALL_NS (100 * MS)
#define LTE_RISE_NS (200 * MS)

struct fade {
	uint64_t begin_ns, end_ns; /* full depth is reached LTE_FALL_NS after begin */
	double depth;              /* logarithm of what is left */
};

static double fade_now(const struct fade *fade, uint64_t at_ns)
{
	double part = 1;

	if (at_ns < fade->begin_ns || at_ns >= fade->end_ns + LTE_RISE_NS)
		return 0;
	if (at_ns < fade->begin_ns + LTE_FALL_NS)
		part = (double)(at_ns - fade->begin_ns + LTE_STEP_NS) / (double)LTE_FALL_NS;
	else if (at_ns >= fade->end_ns)
		part = 1 - (double)(at_ns - fade->end_ns) / (double)LTE_RISE_NS;
	return part * fade->depth;
}

static struct fade next_fade(uint64_t *random, uint64_t after_ns)
{
	double pause_s = -LTE_FADE_EVERY_S * log(1 - nm_random_unit(random));
	struct fade fade = {.begin_ns = after_ns + (uint64_t)(pause_s * 1e9)};

	fade.end_ns = fade.begin_ns + LTE_FALL_NS + random_span(random, 300 * MS, 2000 * MS);
	fade.depth = log(nm_random_between(random, 0.1, 0.4));
	return fade;
}

static bool generate_lte(struct nm_trace *trace, uint64_t *random)
{
	double step_s = (double)LTE_STEP_NS / 1e9, wander = LTE_DEVIATION * random_normal(random);
	struct fade fade = next_fade(random, 0);

	for (uint64_t at_ns = 0; at_ns < NM_SYNTHETIC_NS; at_ns += LTE_STEP_NS) {
		if (at_ns >= fade.end_ns + LTE_RISE_NS)
			fade = next_fade(random, at_ns);
		if (!nm_trace_add(trace, at_ns, exp(wander + fade_now(&fade, at_ns)), 0))
			return false;
		wander -= wander * step_s / LTE_WANDER_S;
		wander += LTE_DEVIATION * sqrt(2 * step_s / LTE_WANDER_S) * random_normal(random);
	}
	return true;
}

/* Wi-Fi */
#define WIFI_BURST_MIN_NS (1 * MS)
#define WIFI_BURST_MAX_NS (4 * MS)
#define WIFI_BACKOFF_MAX_NS (MS / 5)
#define WIFI_OTHERS 0.6 /* chance that another station goes before, again and again */
#define WIFI_PAUSE 0.005
#define WIFI_RATE_NS (200 * MS)

static uint64_t contention_ns(uint64_t *random)
{
	uint64_t wait_ns = random_span(random, MS / 30, WIFI_BACKOFF_MAX_NS);

	while (nm_random_unit(random) < WIFI_OTHERS)
		wait_ns += random_span(random, WIFI_BURST_MIN_NS, WIFI_BURST_MAX_NS);
	if (nm_random_unit(random) < WIFI_PAUSE)
		wait_ns += random_span(random, 20 * MS, 60 * MS);
	return wait_ns;
}

static bool generate_wifi(struct nm_trace *trace, uint64_t *random)
{
	static const double rates[] = {0.33, 0.5, 0.67, 0.83, 1};
	enum { RATES = sizeof rates / sizeof rates[0] };
	uint64_t at_ns = 0, rate_until_ns = 0;
	size_t rate = RATES / 2;

	while (at_ns < NM_SYNTHETIC_NS) {
		if (at_ns >= rate_until_ns) {
			bool up = nm_random_unit(random) < 0.5;

			rate_until_ns = at_ns + WIFI_RATE_NS;
			if (up && rate + 1 < RATES)
				rate++;
			else if (!up && rate > 0)
				rate--;
		}
		if (!nm_trace_add(trace, at_ns, rates[rate], 0))
			return false;
		at_ns += random_span(random, WIFI_BURST_MIN_NS, WIFI_BURST_MAX_NS);
		if (at_ns >= NM_SYNTHETIC_NS)
			break;
		if (!nm_trace_add(trace, at_ns, 0, 0))
			return false;
		at_ns += contention_ns(random);
	}
	return true;
}

/* Starlink */
#define STARLINK_SLOT_NS (15000 * MS)
#define STARLINK_STEP_NS (100 * MS)

static bool generate_slot(struct nm_trace *trace, uint64_t *random, uint64_t from_ns,
			  uint64_t until_ns)
{
	double rate = nm_random_between(random, 0.4, 1.6);
	uint64_t delay_ns = random_span(random, 0, 20 * MS);
	uint64_t gap_ns = random_span(random, 20 * MS, 120 * MS);

	if (!nm_trace_add(trace, from_ns, 0, delay_ns))
		return false;
	for (uint64_t at_ns = from_ns + gap_ns; at_ns < until_ns; at_ns += STARLINK_STEP_NS)
		if (!nm_trace_add(trace, at_ns, rate * nm_random_between(random, 0.85, 1.15),
				  delay_ns))
			return false;
	return true;
}

/* The first slot has begun some seconds before the trace. */
static bool generate_starlink(struct nm_trace *trace, uint64_t *random)
{
	uint64_t next_ns = random_span(random, 3000 * MS, 12000 * MS), at_ns = 0;

	while (at_ns < NM_SYNTHETIC_NS) {
		if (next_ns > NM_SYNTHETIC_NS)
			next_ns = NM_SYNTHETIC_NS;
		if (!generate_slot(trace, random, at_ns, next_ns))
			return false;
		at_ns = next_ns;
		next_ns += STARLINK_SLOT_NS;
	}
	return true;
}

bool nm_synthetic(struct nm_trace *trace, enum nm_network network, double mean_bits_per_s,
		  uint64_t seed)
{
	uint64_t random = seed;
	bool ok = false;

	switch (network) {
	case NM_NO_NETWORK:
		break;
	case NM_LTE:
		ok = generate_lte(trace, &random);
		break;
	case NM_WIFI:
		ok = generate_wifi(trace, &random);
		break;
	case NM_STARLINK:
		ok = generate_starlink(trace, &random);
		break;
	}
	ok = ok && nm_trace_repeat_at(trace, NM_SYNTHETIC_NS);
	if (ok)
		nm_trace_scale_to(trace, mean_bits_per_s);
	return ok;
}
