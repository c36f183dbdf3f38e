/* SPDX-License-Identifier: MIT */
#include "sharing.h"

#include <stdio.h>

#include "base/time.h"
#include "paths.h"

#define S RUDP_NS_PER_S

/* The allowed interval of a value. */
struct within {
	double least, most;
};

struct sharing {
	const char *name, *path, *first, *others;
	uint32_t flows;
	int64_t apart_ns;
	struct within share; /* of the first flow, within SHARING_NS after the last flow started */
	double jain;
	double queue_ms; /* the mean, at most; 0: no bound */
	bool hosts_apart;
};

/*
 * The aim is 0.35 to 0.65 beside CUBIC and the kernel's BBR, 0.45 to 0.55 for two equal flows. If
 * the aim is not reached, the bound is what holds today: docs/performance.md, "Beside other flows".
 * The start time of a flow has a large effect, so the median of runs with different start times is
 * bounded.
 */
#define SHARING_SEEDS 3      /* odd */
#define KNOWN_EMPTY_STARTS 7 /* odd; one a second, over a cycle of CUBIC's window on P6 */
#define SHARING_NS (60 * S)
/* The flows of each seed start this much later. */
#define SHARING_SPREAD_NS (137 * RUDP_NS_PER_MS / 10)
#define SHARING_STALL_NS (RUDP_NS_PER_MS / 2)

/* clang-format off */
static const struct sharing sharings[] = {
	{"bbr-cubic-P6", "P6", "bbr", "cubic", 2, 0, {0.35, 0.65}, 0.9, 0, false},
	{"cubic-then-bbr-P6", "P6", "cubic", "bbr", 2, 5 * S, {0.35, 0.65}, 0.9, 0, false},
	{"bbr-cubic-P1", "P1", "bbr", "cubic", 2, 0, {0.35, 0.65}, 0.9, 0, false},
	{"cubic-then-bbr-P1", "P1", "cubic", "bbr", 2, 2 * S, {0.35, 0.65}, 0.9, 0, false},
	{"two-bbr-P1", "P1", "bbr", "bbr", 2, 0, {0.47, 0.53}, 0.99, 6, false},
	{"bbr-then-bbr-P1", "P1", "bbr", "bbr", 2, 5 * S, {0.47, 0.53}, 0.99, 0, false},
	{"two-bbr-P6", "P6", "bbr", "bbr", 2, 0, {0.47, 0.53}, 0.99, 0, false},
	{"four-bbr-P6", "P6", "bbr", "bbr", 4, 0, {0.22, 0.28}, 0.98, 0, false},
	{"ten-bbr-P1", "P1", "bbr", "bbr", 10, 0, {0.08, 0.12}, 0.98, 20, false},
	{"ten-bbr-P6", "P6", "bbr", "bbr", 10, 0, {0.08, 0.12}, 0.97, 0, false},
	/* 41 seeds: share 0.555, Jain's index 0.988 */
	{"two-hosts-P1", "P1", "bbr", "bbr", 2, 0, {0.45, 0.58}, 0.97, 0, true},
	{"host-then-host-P1", "P1", "bbr", "bbr", 2, 5 * S, {0.42, 0.60}, 0.95, 0, true},
	{"two-hosts-P6", "P6", "bbr", "bbr", 2, 0, {0.45, 0.55}, 0.98, 0, true},
	{"four-hosts-P6", "P6", "bbr", "bbr", 4, 0, {0.15, 0.35}, 0.95, 0, true},
	/* 31 seeds lie between 0.68 and 0.98, with medians of 0.88 to 0.90. Three may be below. */
	{"ten-hosts-P1", "P1", "bbr", "bbr", 10, 0, {0.05, 0.2}, 0.86, 0, true},
	{"ten-hosts-P6", "P6", "bbr", "bbr", 10, 0, {0.05, 0.2}, 0.95, 0, true},
	{"bbr-kernel-bbr-P1", "P1", "bbr", "kernel-bbr", 2, 0, {0.42, 0.65}, 0.97, 0, false},
	{"bbr-kernel-bbr-P6", "P6", "bbr", "kernel-bbr", 2, 0, {0.40, 0.65}, 0.95, 0, false},
	{"kernel-bbr-then-bbr-P1", "P1", "kernel-bbr", "bbr", 2, 5 * S,
	 {0.35, 0.65}, 0.9, 0, false},
	{"kernel-bbr-then-bbr-P6", "P6", "kernel-bbr", "bbr", 2, 5 * S,
	 {0.35, 0.62}, 0.94, 0, false},
};
/* clang-format on */

#define SHARING_COUNT ((int)(sizeof sharings / sizeof sharings[0]))

static bool keeps(const char *name, const char *what, double value, struct within bound)
{
	return path_keeps(name, what, &value, 1, bound.least, bound.most);
}

static bool run_sharing(const struct sharing *sharing, uint64_t seed, double *share, double *jain,
			double *queue_ms)
{
	int64_t apart_ns = sharing->apart_ns + SHARING_SPREAD_NS * (int64_t)seed;
	struct bulk_config config;
	struct bulk_result result;

	path_configure(path_find(sharing->path), sharing->first, seed, &config);
	config.flow_count = sharing->flows;
	config.measure_from_at_ns = apart_ns * (sharing->flows - 1);
	config.end_at_ns = config.measure_from_at_ns + SHARING_NS;
	config.stall = path_stalls(SHARING_STALL_NS);
	config.hosts_apart = sharing->hosts_apart;
	for (uint32_t i = 1; i < sharing->flows; i++)
		config.flows[i] = (struct bulk_flow){
			.cc = sharing->others,
			.start_at_ns = apart_ns * i,
		};
	if (!bulk_run(&config, &result))
		return false;
	*share = bulk_share_of_first(&config, &result);
	*jain = bulk_jain(&config, &result);
	*queue_ms = result.after.mean_ms;
	return true;
}

static bool check_sharing(const struct sharing *sharing)
{
	double shares[SHARING_SEEDS], jains[SHARING_SEEDS], queues_ms[SHARING_SEEDS];
	bool ok = true;

	for (int i = 0; i < SHARING_SEEDS; i++)
		if (!run_sharing(sharing, (uint64_t)i + 1, &shares[i], &jains[i], &queues_ms[i]))
			return false;
	ok &= path_keeps(sharing->name, "the share of the first", shares, SHARING_SEEDS,
			 sharing->share.least, sharing->share.most);
	ok &= path_keeps(sharing->name, "Jain's index", jains, SHARING_SEEDS, sharing->jain, 1);
	if (sharing->queue_ms > 0)
		ok &= path_keeps(sharing->name, "the queue", queues_ms, SHARING_SEEDS, 0,
				 sharing->queue_ms);
	return ok;
}

/* HyStart++ leaves slow start before the queue is full; without it 545 packets were dropped. */
static bool check_slow_start(void)
{
	struct bulk_config config;
	struct bulk_result result;

	path_configure(path_find("P1"), "cubic", 1, &config);
	config.end_at_ns = 3 * S;
	return bulk_run(&config, &result) &&
	       keeps("slow-start-P1", "packets dropped", (double)result.dropped_packets,
		     (struct within){0, 40});
}

/* A program that writes at a tenth of the link's rate is not delayed by a flow that uses the
 * rest. */
static bool check_limited(void)
{
	const uint64_t rate = 10000000 / 8;
	struct bulk_config config;
	struct bulk_result result;
	double part;
	bool ok;

	path_configure(path_find("P1"), "bbr", 1, &config);
	config.end_at_ns = 10 * S;
	config.flow_count = 2;
	config.flows[1] = (struct bulk_flow){
		.cc = "bbr",
		.stop_at_ns = config.end_at_ns,
		.app_bytes_per_s = rate,
	};
	if (!bulk_run(&config, &result))
		return false;
	part = (double)result.flows[1].delivered_bytes / (double)(rate * 10);
	ok = keeps("limited-P1", "part of what is written", part, (struct within){0.97, 1});
	ok &= keeps("limited-P1", "what the other gets of the ideal",
		    bulk_part_of_ideal(&config, &result), (struct within){0.80, 0.90});
	return ok;
}

/* After a pause a flow continues at its known bandwidth, without a burst: 100 ms later it is
 * full. */
static bool check_restart(void)
{
	const int64_t resume_at_ns = 10 * S, span_ns = 2 * S;
	struct bulk_config config;
	struct bulk_result result;
	double rate;
	bool ok;

	path_configure(path_find("P1"), "bbr", 1, &config);
	config.end_at_ns = resume_at_ns + span_ns;
	config.measure_from_at_ns = resume_at_ns;
	config.flows[0].stop_at_ns = 3 * S;
	config.flows[0].resume_at_ns = resume_at_ns;
	if (!bulk_run(&config, &result))
		return false;
	rate = (double)result.flows[0].measured_bytes * 8e9 / (double)span_ns;
	ok = keeps("restart-P1", "part of the ideal after a pause",
		   rate / result.flows[0].ideal_bits_per_s, (struct within){0.90, 1});
	ok &= keeps("restart-P1", "99 % of the queue", result.after.p99_ms, (struct within){0, 25});
	return ok;
}

/* Two flows between the same hosts, each with its own link: nearly as good as alone, after a
 * start. */
static bool check_two_ways(double odd_bits_per_s)
{
	struct bulk_config config;
	struct bulk_result result;
	double part;
	bool ok;

	path_configure(path_find("P1"), "bbr", 1, &config);
	config.flow_count = 2;
	config.flows[1] = (struct bulk_flow){.cc = "bbr"};
	config.odd_bits_per_s = odd_bits_per_s;
	config.end_at_ns = 30 * S;
	config.stall = path_stalls(SHARING_STALL_NS);
	if (!bulk_run(&config, &result))
		return false;
	part = bulk_part_of_ideal(&config, &result);
	ok = keeps("two-ways-P1", "the faster one's part of its ideal", part,
		   (struct within){0.97, 1});
	part = (double)result.flows[1].delivered_bytes / (double)result.flows[0].delivered_bytes;
	part *= config.up.rate_bits_per_s / odd_bits_per_s;
	ok &= keeps("two-ways-P1", "the slower one's part, of the faster one's", part,
		    (struct within){0.97, 1.04});
	ok &= keeps("two-ways-P1", "wire by payload of the slower one",
		    bulk_wire_by_payload(&result.flows[1]), (struct within){1, 1.10});
	return ok;
}

static bool check_ways(void)
{
	bool fast = check_two_ways(10e6), faster = check_two_ways(50e6);

	return fast && faster;
}

/* CUBIC has filled a deep queue, but an earlier connection has measured the path without it. */
static bool check_known_empty(void)
{
	double shares[KNOWN_EMPTY_STARTS];

	for (int i = 0; i < KNOWN_EMPTY_STARTS; i++) {
		struct bulk_config config;
		struct bulk_result result;
		double cubic, bbr;

		path_configure(path_find("P6"), "bbr", (uint64_t)i + 1, &config);
		config.flow_count = 3;
		config.flows[0].bytes = 400000;
		config.flows[1] = (struct bulk_flow){.cc = "cubic", .start_at_ns = 2 * S};
		config.flows[2] = (struct bulk_flow){.cc = "bbr"};
		config.flows[2].start_at_ns = (22 + i) * S;
		config.measure_from_at_ns = config.flows[2].start_at_ns;
		config.end_at_ns = config.measure_from_at_ns + SHARING_NS;
		config.stall = path_stalls(SHARING_STALL_NS);
		if (!bulk_run(&config, &result))
			return false;
		cubic = (double)result.flows[1].measured_bytes;
		bbr = (double)result.flows[2].measured_bytes;
		shares[i] = bbr / (cubic + bbr);
	}
	return path_keeps("known-empty-P6", "the share of the later one", shares,
			  KNOWN_EMPTY_STARTS, 0.35, 0.65);
}

int sharing_check(int *runs)
{
	bool (*const checks[])(void) = {check_slow_start, check_limited, check_restart, check_ways,
					check_known_empty};
	int count = (int)(sizeof checks / sizeof checks[0]);
	int failures = 0;

	for (int i = 0; i < SHARING_COUNT; i++)
		failures += !check_sharing(&sharings[i]);
	for (int i = 0; i < count; i++)
		failures += !checks[i]();
	count += SHARING_COUNT;
	*runs += count;
	printf("%-22s %3d runs, %d failed   (shares, a limited program, a pause, two ways)\n",
	       "sharing", count, failures);
	return failures;
}
