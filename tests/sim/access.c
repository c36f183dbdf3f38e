/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define RUN_NS (20 * S)
#define TRACE_RUN_NS (60 * S) /* as long as a synthetic trace */
#define SEEDS 3               /* odd: the median is checked */
#define SAMPLE_NS (10 * MS)
#define CHANGE_NS (5 * S)
#define SETTLED_NS (2 * S)
#define GONE_MS 5.0
#define USED_PART 0.9
#define KERNEL_RATIO 0.97
#define LOSS_MAX 0.05
#define POLICED_PART 0.95
#define GONE_S_MAX 1.0
#define USED_ROUND_TRIPS_MAX 10.0

/* rate in Mbit/s, round trip in ms, queue in bytes */
#define LINK(mbits, rtt_ms, bytes)                                                                 \
	.rate_bits_per_s = (mbits)*1e6, .delay_ns = (rtt_ms)*MS / 2, .queue_bytes = (bytes)

static const struct link_config held_back = {LINK(50, 30, 187500), .aggregate_ns = 20 * MS};

enum bars {
	GOODPUT_BESIDE = 1, /* compared with the better of the two models */
	QUEUE_BESIDE = 64,
	BESIDE_KERNEL = GOODPUT_BESIDE | QUEUE_BESIDE,
	POLICED = 2,        /* loss and goodput after SETTLED_NS */
	QUEUE_GONE = 4,     /* after the rate has fallen */
	RATE_USED = 8,      /* after it has risen, or after the first gap */
	PART_OF_IDEAL = 16, /* at least path.bounds.part_of_ideal */
};

static const struct access {
	struct path path;
	unsigned bars;
} accesses[] = {
	{{"policer",
	  "100 Mbit/s, 50 ms, policer of 20 Mbit/s with a burst of 125 kB",
	  {LINK(100, 50, 625000), .police_bits_per_s = 20e6, .police_burst_bytes = 125000},
	  .run_ns = RUN_NS},
	 POLICED},
	{{"rate-down",
	  "50 ms, 100 Mbit/s fall to 10 after 5 s, queue of 625 kB",
	  {LINK(100, 50, 625000), .rate_later_bits_per_s = 10e6, .change_at_ns = CHANGE_NS},
	  .run_ns = RUN_NS},
	 QUEUE_GONE},
	{{"rate-up",
	  "50 ms, 10 Mbit/s rise to 100 after 5 s, queue of 625 kB",
	  {LINK(10, 50, 625000), .rate_later_bits_per_s = 100e6, .change_at_ns = CHANGE_NS},
	  .run_ns = RUN_NS},
	 RATE_USED},
	{{"lte",
	  "LTE, 30 Mbit/s in the mean, 60 ms, queue of 750 kB",
	  {LINK(30, 60, 750000), .network = NM_LTE},
	  .run_ns = TRACE_RUN_NS},
	 BESIDE_KERNEL},
	{{"wifi",
	  "Wi-Fi, 60 Mbit/s in the mean, 20 ms, queue of 500 kB",
	  {LINK(60, 20, 500000), .network = NM_WIFI},
	  .run_ns = TRACE_RUN_NS},
	 BESIDE_KERNEL},
	{{"starlink",
	  "Starlink, 100 Mbit/s in the mean, 40 ms, queue of 1 MB",
	  {LINK(100, 40, 1000000), .network = NM_STARLINK},
	  .run_ns = TRACE_RUN_NS},
	 BESIDE_KERNEL},
	{{"codel",
	  "50 Mbit/s, 40 ms, CoDel",
	  {LINK(50, 40, 1000000), .discipline = NM_CODEL},
	  .run_ns = RUN_NS},
	 BESIDE_KERNEL},
	{{"fq-codel",
	  "50 Mbit/s, 40 ms, FQ-CoDel",
	  {LINK(50, 40, 1000000), .discipline = NM_FQ_CODEL},
	  .run_ns = RUN_NS},
	 BESIDE_KERNEL},
	{{"pie",
	  "50 Mbit/s, 40 ms, PIE",
	  {LINK(50, 40, 1000000), .discipline = NM_PIE},
	  .run_ns = RUN_NS},
	 BESIDE_KERNEL},
	{{"l4s",
	  "50 Mbit/s, 40 ms, marks of all that waits longer than 1 ms, queue of 2 BDP",
	  {LINK(50, 40, 500000), .mark_above_ns = MS},
	  .run_ns = RUN_NS},
	 BESIDE_KERNEL},
	{{"red",
	  "50 Mbit/s, 40 ms, marks from 5 ms on, of all from 20 ms on, queue of 2 BDP",
	  {LINK(50, 40, 500000), .mark_above_ns = 5 * MS, .mark_all_above_ns = 20 * MS},
	  .run_ns = RUN_NS},
	 BESIDE_KERNEL},
	{{"ack-aggregation",
	  "50 Mbit/s, 30 ms, what comes back is held back up to 20 ms",
	  {LINK(50, 30, 187500)},
	  .run_ns = RUN_NS,
	  .back = &held_back},
	 BESIDE_KERNEL},
	{{"handover",
	  "50 Mbit/s, 50 ms, every 5 s a gap of 0.5 s that loses what is sent",
	  {LINK(50, 50, 312500), .blackout_every_ns = 5 * S, .blackout_ns = 500 * MS},
	  .run_ns = RUN_NS},
	 GOODPUT_BESIDE | RATE_USED},
	{{"handover-held",
	  "50 Mbit/s, 50 ms, every 5 s a gap of 0.5 s that holds it back",
	  {LINK(50, 50, 312500), .blackout_every_ns = 5 * S, .blackout_ns = 500 * MS,
	   .blackout_holds = true},
	  .run_ns = RUN_NS},
	 GOODPUT_BESIDE | RATE_USED},
	{{"mtu-hole",
	  "50 Mbit/s, 40 ms, packets of more than 1300 bytes vanish from 5 s on",
	  {LINK(50, 40, 250000), .datagram_max_later = 1272, .change_at_ns = CHANGE_NS},
	  .run_ns = RUN_NS,
	  .bounds = {.part_of_ideal = 0.90},
	  .interface_bytes = 1472},
	 PART_OF_IDEAL},
};

#define ACCESSES ((int)(sizeof accesses / sizeof accesses[0]))

const struct path *access_find(const char *name)
{
	for (int i = 0; i < ACCESSES; i++)
		if (strcmp(accesses[i].path.name, name) == 0)
			return &accesses[i].path;
	return NULL;
}

/* Figures of a run. Their medians over the seeds are checked. */
enum figure { GOODPUT, PART, WIRE, QUEUE_P99, LOSS, SETTLED_PART, GONE_S, USED_S, FIGURES };

struct figures {
	double of[FIGURES];
};

static const struct bulk_sample *sample_at(const struct bulk_result *result, int64_t at_ns)
{
	return &result->samples[at_ns / SAMPLE_NS - 1];
}

/* The share of packets sent after SETTLED_NS that was lost. */
static double settled_loss(const struct bulk_result *result)
{
	const struct bulk_sample *from = sample_at(result, SETTLED_NS);
	const struct bulk_sample *to = &result->samples[result->sample_count - 1];

	return (double)(to->dropped_packets - from->dropped_packets) /
	       (double)(to->offered_packets - from->offered_packets);
}

static double settled_part(const struct bulk_result *result)
{
	const struct bulk_sample *from = sample_at(result, SETTLED_NS);
	const struct bulk_sample *to = &result->samples[result->sample_count - 1];
	double span_s = (double)(to - from) * SAMPLE_NS / 1e9;

	return (double)(to->delivered_bytes - from->delivered_bytes) * 8 / span_s /
	       result->flows[0].ideal_bits_per_s;
}

/* Seconds from the change to the first instant at which the queue is nearly empty. */
static double gone_s(const struct bulk_result *result)
{
	uint32_t i = CHANGE_NS / SAMPLE_NS;

	while (i < result->sample_count && (double)result->samples[i].wait_ns > GONE_MS * MS)
		i++;
	return (double)((i + 1) * SAMPLE_NS - CHANGE_NS) / 1e9;
}

/* Stream bits per second that the link can carry after the change. */
static double later_bits_per_s(const struct bulk_config *config, const struct bulk_result *result)
{
	const struct link_config *up = &config->up;
	double later_s = (double)(config->end_at_ns - CHANGE_NS), all_s = (double)config->end_at_ns;
	double mean = up->rate_bits_per_s, later = up->rate_bits_per_s;

	if (up->rate_later_bits_per_s > 0) {
		later = up->rate_later_bits_per_s;
		mean += (later - mean) * later_s / all_s;
	}
	if (up->blackout_every_ns > 0)
		mean *= 1 - (double)up->blackout_ns / (double)up->blackout_every_ns;
	return result->flows[0].ideal_bits_per_s * later / mean;
}

/* Seconds from the change to the end of the first round trip in which the new rate is used. */
static double used_s(const struct bulk_config *config, const struct bulk_result *result)
{
	uint32_t trip = (uint32_t)(2 * config->up.delay_ns / SAMPLE_NS);
	double wanted = USED_PART * later_bits_per_s(config, result);
	uint32_t i = CHANGE_NS / SAMPLE_NS + trip;

	for (; i < result->sample_count; i++) {
		uint64_t bytes = result->samples[i].delivered_bytes -
				 result->samples[i - trip].delivered_bytes;

		if ((double)bytes * 8e9 / (double)(trip * SAMPLE_NS) >= wanted)
			break;
	}
	return (double)((i + 1) * SAMPLE_NS - CHANGE_NS) / 1e9;
}

static bool run(const struct access *access, const char *cc, uint64_t seed, struct figures *figures)
{
	static struct bulk_config config;
	static struct bulk_result result;

	path_configure(&access->path, cc, seed, &config);
	config.sample_every_ns = SAMPLE_NS;
	if (!bulk_run(&config, &result))
		return false;
	*figures = (struct figures){{
		[GOODPUT] =
			(double)result.flows[0].delivered_bytes * 8e3 / (double)config.end_at_ns,
		[PART] = bulk_part_of_ideal(&config, &result),
		[WIRE] = bulk_wire_by_payload(&result.flows[0]),
		[QUEUE_P99] = result.after.p99_ms,
		[LOSS] = settled_loss(&result),
		[SETTLED_PART] = settled_part(&result),
	}};
	if (access->bars & QUEUE_GONE)
		figures->of[GONE_S] = gone_s(&result);
	if (access->bars & RATE_USED)
		figures->of[USED_S] = used_s(&config, &result);
	return true;
}

static double median_of(double *values)
{
	for (int i = 1; i < SEEDS; i++)
		for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
			double value = values[k];

			values[k] = values[k - 1];
			values[k - 1] = value;
		}
	return values[SEEDS / 2];
}

static bool medians(const struct access *access, const char *cc, struct figures *out)
{
	struct figures figures[SEEDS];
	double values[SEEDS];

	for (int seed = 0; seed < SEEDS; seed++)
		if (!run(access, cc, (uint64_t)seed + 1, &figures[seed]))
			return false;
	for (int f = 0; f < FIGURES; f++) {
		for (int seed = 0; seed < SEEDS; seed++)
			values[seed] = figures[seed].of[f];
		out->of[f] = median_of(values);
	}
	return true;
}

static bool judge(const char *what, double value, double least, double most)
{
	bool keeps = value >= least && value <= most;

	if (least > 0)
		printf("    %-44s %8.3f >= %8.3f  %s\n", what, value, least,
		       keeps ? "kept" : "MISSED");
	else
		printf("    %-44s %8.3f <= %8.3f  %s\n", what, value, most,
		       keeps ? "kept" : "MISSED");
	return keeps;
}

static bool judge_beside(const struct access *access, const struct figures *ours,
			 const struct figures *bbr, const struct figures *cubic)
{
	const struct figures *best = bbr->of[GOODPUT] > cubic->of[GOODPUT] ? bbr : cubic;
	double half_bdp_ms = (double)access->path.link.delay_ns / MS;
	double queue_ms = best->of[QUEUE_P99] > half_bdp_ms ? best->of[QUEUE_P99] : half_bdp_ms;
	bool keeps = true;

	if (access->bars & GOODPUT_BESIDE)
		keeps &= judge("goodput by that of the better model",
			       ours->of[GOODPUT] / best->of[GOODPUT], KERNEL_RATIO, 1e9);
	if (access->bars & QUEUE_BESIDE)
		keeps &= judge("queue p99, ms (the better's or half a BDP)", ours->of[QUEUE_P99], 0,
			       queue_ms);
	return keeps;
}

static bool judge_own(const struct access *access, const struct figures *ours)
{
	bool keeps = true;

	if (access->bars & POLICED) {
		keeps &= judge("loss after 2 s", ours->of[LOSS], 0, LOSS_MAX);
		keeps &= judge("goodput after 2 s by the policer's rate", ours->of[SETTLED_PART],
			       POLICED_PART, 1e9);
	}
	if (access->bars & QUEUE_GONE)
		keeps &= judge("seconds until the queue is gone", ours->of[GONE_S], 0, GONE_S_MAX);
	if (access->bars & RATE_USED)
		keeps &= judge("round trips until the new rate is used",
			       ours->of[USED_S] * 1e9 / (double)(2 * access->path.link.delay_ns), 0,
			       USED_ROUND_TRIPS_MAX);
	if (access->bars & PART_OF_IDEAL)
		keeps &= judge("goodput by the ideal", ours->of[PART],
			       access->path.bounds.part_of_ideal, 1e9);
	return keeps;
}

static void print_figures(const char *cc, const struct figures *figures)
{
	printf("    %-12s %7.2f Mbit/s, %.3f of the capacity, queue p99 %6.1f ms, wire %.3f, loss "
	       "%.3f\n",
	       cc, figures->of[GOODPUT], figures->of[PART], figures->of[QUEUE_P99],
	       figures->of[WIRE], figures->of[LOSS]);
}

/* Returns whether all bounds are kept. */
static bool report(const struct access *access)
{
	static const char *const ccs[] = {"bbr", "kernel-bbr", "cubic"};
	struct figures figures[3];
	bool keeps;

	printf("%s: %s\n", access->path.name, access->path.what);
	for (int i = 0; i < 3; i++) {
		if (!medians(access, ccs[i], &figures[i]))
			return false;
		print_figures(ccs[i], &figures[i]);
	}
	keeps = judge_own(access, &figures[0]);
	return judge_beside(access, &figures[0], &figures[1], &figures[2]) && keeps;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 2;
}

int access_command(int argc, char **argv)
{
	int count = 0, missed = 0;

	for (int i = 0; i < ACCESSES; i++) {
		if (!is_wanted(accesses[i].path.name, argc, argv))
			continue;
		missed += !report(&accesses[i]);
		count++;
	}
	printf("access: %d paths, %d miss a bar\n", count, missed);
	return missed > 0 || count == 0;
}
