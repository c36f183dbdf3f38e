/* SPDX-License-Identifier: MIT */
#include "wild.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "kernel_bbr.h"
#include "wild_access.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define RUN_NS_MIN (10 * S)
#define RUN_ROUND_TRIPS 30
#define VARIANTS 3
#define PATHS_MAX 10000
#define CHECK_SEEDS 120
#define CHECK_SLOW_SEEDS 60
#define CHECK_ACCESS_SEEDS 50
#define CHECK_BITS_PER_S_MAX 60e6 /* faster ones take long to simulate */

const struct wild_kind wild_kind = {
	.name = "wild",
	.mbits_min = 1,
	.mbits_max = 1000,
	.rtt_ms_min = 1,
	.rtt_ms_max = 600,
	.queue_bdps_min = 0.1,
	.queue_bdps_max = 10,
	.queue_bytes_min = 15000,
	.loss_min = 0.0001,
	.loss_max = 0.15,
	.burst_max = 8,
	.jitter_by_rtt = 0.5,
	.slow_back_chance = 1.0 / 7,
	.slow_back_max = 50,
	.slow_back_bits_per_s_min = 100e3,
	.runs = 1,
};
const struct wild_kind wild_slow_kind = {
	.name = "wild-slow",
	.mbits_min = 0.2,
	.mbits_max = 60,
	.rtt_ms_min = 0.5,
	.rtt_ms_max = 900,
	.queue_bdps_min = 0.03,
	.queue_bdps_max = 30,
	.queue_bytes_min = 6000,
	.loss_min = 0.001,
	.loss_max = 0.2,
	.burst_max = 20,
	.jitter_by_rtt = 1,
	.jitter_ms = 20,
	.slow_back_chance = 1.0 / 3,
	.slow_back_max = 100,
	.slow_back_bits_per_s_min = 40e3,
	.runs = 2,
};
const struct wild_kind wild_access_kind = {
	.name = "wild-access",
	.mbits_min = 1,
	.mbits_max = 300,
	.rtt_ms_min = 4,
	.rtt_ms_max = 300,
	.queue_bdps_min = 0.3,
	.queue_bdps_max = 10,
	.queue_bytes_min = 30000,
	.loss_min = 0.0001,
	.loss_max = 0.05,
	.burst_max = 8,
	.jitter_by_rtt = 0.3,
	.slow_back_chance = 1.0 / 7,
	.slow_back_max = 30,
	.slow_back_bits_per_s_min = 200e3,
	.is_access = true,
	.runs = 2,
};

static void draw_losses(const struct wild_kind *kind, struct prng *p, struct link_config *l)
{
	double loss = prng_log_between(p, kind->loss_min, kind->loss_max);
	double length = 2 + (kind->burst_max - 2) * prng_unit(p);
	bool loses = prng_chance(p, 0.6), bursts = prng_chance(p, 0.5);

	if (loses && bursts) {
		l->burst_loss = loss;
		l->burst_len = length;
	} else if (loses) {
		l->loss = loss;
	}
}

static void draw_jitter(const struct wild_kind *kind, struct prng *p, double rtt_ms,
			struct link_config *l)
{
	double part = prng_unit(p) * prng_unit(p);
	bool varies = prng_chance(p, 0.5);

	l->jitter_ordered = prng_chance(p, 0.6);
	if (varies)
		l->jitter_ns =
			(int64_t)((rtt_ms * kind->jitter_by_rtt + kind->jitter_ms) * part * MS);
}

static void draw_way_back(const struct wild_kind *kind, struct prng *p,
			  const struct link_config *up, struct link_config *down)
{
	double slower = prng_log_between(p, 4, kind->slow_back_max);
	bool slow = prng_chance(p, kind->slow_back_chance);

	*down = *up;
	if (!slow)
		return;
	down->rate_bits_per_s = fmax(up->rate_bits_per_s / slower, kind->slow_back_bits_per_s_min);
	down->rate_bits_per_s = fmin(down->rate_bits_per_s, up->rate_bits_per_s);
}

void wild_draw(const struct wild_kind *kind, uint64_t seed, struct wild_path *path)
{
	struct prng p = {seed * 7919 + 101};
	double mbits = prng_log_between(&p, kind->mbits_min, kind->mbits_max);

	*path = (struct wild_path){
		.rtt_ms = prng_log_between(&p, kind->rtt_ms_min, kind->rtt_ms_max)};
	path->queue_bdps = prng_log_between(&p, kind->queue_bdps_min, kind->queue_bdps_max);
	path->up.rate_bits_per_s = mbits * 1e6;
	path->up.delay_ns = (int64_t)(path->rtt_ms * MS / 2);
	path->up.queue_bytes = (size_t)(mbits * 125 * path->rtt_ms * path->queue_bdps);
	if (path->up.queue_bytes < kind->queue_bytes_min)
		path->up.queue_bytes = kind->queue_bytes_min;
	draw_losses(kind, &p, &path->up);
	draw_jitter(kind, &p, path->rtt_ms, &path->up);
	draw_way_back(kind, &p, &path->up, &path->down);
	path->run_ns = RUN_NS_MIN;
	if (path->run_ns < (int64_t)(RUN_ROUND_TRIPS * path->rtt_ms * MS))
		path->run_ns = (int64_t)(RUN_ROUND_TRIPS * path->rtt_ms * MS);
	if (kind->is_access)
		wild_draw_access(&p, path);
}

struct outcome {
	double mbits, wire, queue_p99_ms, queue_mean_ms;
};

static bool run(const struct wild_path *path, const char *cc, uint64_t seed, int64_t trace_ns,
		struct outcome *outcome)
{
	static struct bulk_config config;
	static struct bulk_result result;

	config = (struct bulk_config){
		.seed = seed,
		.up = path->up,
		.down = path->down,
		.end_at_ns = path->run_ns,
		.trace_every_ns = trace_ns,
		.flow_count = 1,
		.flows = {{.cc = cc}},
	};
	if (!bulk_run(&config, &result))
		return false;
	*outcome = (struct outcome){
		.mbits = (double)result.flows[0].delivered_bytes * 8e3 / (double)path->run_ns,
		.wire = bulk_wire_by_payload(&result.flows[0]),
		.queue_p99_ms = result.after.p99_ms,
		.queue_mean_ms = result.after.mean_ms,
	};
	return true;
}

/* The mean of the runs, each with a seed of its own. */
static bool run_all(const struct wild_kind *kind, const struct wild_path *path, const char *cc,
		    uint64_t seed, struct outcome *mean)
{
	struct outcome one;

	*mean = (struct outcome){.mbits = 0};
	for (unsigned i = 0; i < kind->runs; i++) {
		if (!run(path, cc, seed + i * UINT64_C(10000), 0, &one))
			return false;
		mean->mbits += one.mbits / kind->runs;
		mean->wire += one.wire / kind->runs;
		mean->queue_p99_ms += one.queue_p99_ms / kind->runs;
		mean->queue_mean_ms += one.queue_mean_ms / kind->runs;
	}
	return true;
}

static void describe(const struct wild_kind *kind, uint64_t seed, const struct wild_path *path)
{
	const struct link_config *up = &path->up;

	printf("%s-%-4" PRIu64 " %6.1f Mbit/s %5.1f ms queue %5.2f", kind->name, seed,
	       up->rate_bits_per_s / 1e6, path->rtt_ms, path->queue_bdps);
	printf("  jitter %5.1f %s", (double)up->jitter_ns / MS,
	       up->jitter_ns == 0   ? "-   "
	       : up->jitter_ordered ? "kept"
				    : "free");
	if (up->burst_len > 0)
		printf("  loss %5.2f %% x%.1f", 100 * up->burst_loss, up->burst_len);
	else
		printf("  loss %5.2f %%     ", 100 * up->loss);
	if (path->down.rate_bits_per_s < up->rate_bits_per_s)
		printf("  back %.2f", path->down.rate_bits_per_s / 1e6);
	wild_describe_access(path);
}

struct comparison {
	uint64_t seed;
	double ratio, wire, queue; /* the queue above its bound, in BDP; at most 0: within it */
};

static bool compare(const struct wild_kind *kind, uint64_t seed, const char *cc, bool tell,
		    struct comparison *c)
{
	const char *const ccs[VARIANTS] = {cc, "kernel-bbr", "cubic"};
	struct outcome of[VARIANTS];
	struct wild_path path;
	double loss, best, queue_ms;
	int better;

	wild_draw(kind, seed, &path);
	for (int i = 0; i < VARIANTS; i++)
		if (!run_all(kind, &path, ccs[i], seed, &of[i]))
			return false;
	loss = 1 - (1 - path.up.loss) * (1 - path.up.burst_loss);
	better = of[1].mbits > of[2].mbits ? 1 : 2;
	best = of[better].mbits;
	queue_ms = fmax(of[better].queue_p99_ms, path.rtt_ms / 2);
	*c = (struct comparison){seed, of[0].mbits / best, of[0].wire * (1 - loss),
				 (of[0].queue_p99_ms - queue_ms) / path.rtt_ms};
	if (!tell)
		return true;
	describe(kind, seed, &path);
	printf("  | %7.2f %7.2f %7.2f Mbit/s | ratio %.3f ideal %.3f wire %.3f | queue %.1f (%.1f) "
	       "%.1f "
	       "%.1f ms\n",
	       of[0].mbits, of[1].mbits, of[2].mbits, c->ratio,
	       of[0].mbits / (path.up.rate_bits_per_s / 1e6 * (1 - loss)), c->wire,
	       of[0].queue_p99_ms, of[0].queue_mean_ms, of[1].queue_p99_ms, of[2].queue_p99_ms);
	return true;
}

static int by_ratio(const void *a, const void *b)
{
	double x = ((const struct comparison *)a)->ratio, y = ((const struct comparison *)b)->ratio;

	return (x > y) - (x < y);
}

static void summarize(struct comparison *c, size_t count)
{
	size_t wire = 0, queue = 0, low = 0, lost = 0;

	qsort(c, count, sizeof *c, by_ratio);
	for (size_t i = 0; i < count; i++) {
		wire += c[i].wire > 1.15;
		queue += c[i].queue > 0;
		low += c[i].ratio < 0.97;
		lost += c[i].ratio < 0.85;
	}
	printf("%zu paths: ratio median %.3f p10 %.3f worst %.3f (below 0.97: %zu, 0.85: %zu); "
	       "wire above 1.15: %zu; queue above its bar: %zu\n",
	       count, c[count / 2].ratio, c[count / 10].ratio, c[0].ratio, low, lost, wire, queue);
}

static int compare_all(const struct wild_kind *kind, uint64_t from, uint64_t count, const char *cc)
{
	struct comparison *all;
	int status = 0;

	if (count == 0 || count > PATHS_MAX || !sim_cc_find(cc))
		return 2;
	all = calloc(count, sizeof *all);
	for (uint64_t i = 0; all && i < count; i++)
		status |= !compare(kind, from + i, cc, true, &all[i]);
	if (all && !status)
		summarize(all, count);
	free(all);
	return status || !all;
}

static bool keeps(const struct wild_kind *kind, const char *what, const struct comparison *c,
		  double least)
{
	if (c->ratio >= least)
		return true;
	printf("FAILED %s: the %s goodput by that of the better model is %.3f, not %.3f and "
	       "more\n"
	       "  replay: sim --%s %" PRIu64 " 1\n",
	       kind->name, what, c->ratio, least, kind->name, c->seed);
	return false;
}

struct bounds {
	double median, tenth, worst; /* of the goodput by that of the better model, at least */
};

static int check(const struct wild_kind *kind, uint64_t seeds, const struct bounds *least,
		 int *runs)
{
	struct comparison all[CHECK_SEEDS];
	struct wild_path path;
	size_t count = 0;
	int failed = 0;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		wild_draw(kind, seed, &path);
		if (path.up.rate_bits_per_s <= CHECK_BITS_PER_S_MAX)
			failed |= !compare(kind, seed, "bbr", false, &all[count++]);
	}
	qsort(all, count, sizeof all[0], by_ratio);
	failed |= !keeps(kind, "median of the", &all[count / 2], least->median);
	failed |= !keeps(kind, "tenth percentile of the", &all[count / 10], least->tenth);
	failed |= !keeps(kind, "lowest", &all[0], least->worst);
	++*runs;
	printf("%-22s %3zu runs, %d failed   (random paths beside models of the kernel's BBR and "
	       "CUBIC)\n",
	       kind->name, count * kind->runs, failed);
	return failed;
}

int wild_check(int *runs)
{
	return check(&wild_kind, CHECK_SEEDS, &(struct bounds){0.98, 0.93, 0.4}, runs) +
	       check(&wild_slow_kind, CHECK_SLOW_SEEDS, &(struct bounds){0.97, 0.82, 0.35}, runs) +
	       check(&wild_access_kind, CHECK_ACCESS_SEEDS, &(struct bounds){0.97, 0.90, 0.70},
		     runs);
}

static void print_way(const char *way, const struct link_config *l)
{
	printf(" --%s-rate %.0f --%s-queue %zu", way, l->rate_bits_per_s, way, l->queue_bytes);
}

/* linkem's jitter is around the delay, the simulator's is added to it. */
static void print_options(uint64_t seed)
{
	struct wild_path path;
	const struct link_config *up = &path.up;

	wild_draw(&wild_kind, seed, &path);
	printf("wild-%" PRIu64 " mbits=%.3f rtt_ms=%.3f bdps=%.3f loss=%.6f seconds=%.1f\n", seed,
	       up->rate_bits_per_s / 1e6, path.rtt_ms, path.queue_bdps, up->loss + up->burst_loss,
	       (double)path.run_ns / S);
	printf("--delay %" PRId64 "us", (up->delay_ns + up->jitter_ns / 2) / 1000);
	if (up->jitter_ns > 0)
		printf(" --jitter %" PRId64 "us%s", up->jitter_ns / 2000,
		       up->jitter_ordered ? ",ordered" : "");
	if (up->loss > 0)
		printf(" --loss %.6f", up->loss);
	if (up->burst_loss > 0)
		printf(" --burst-loss %.6f,%.2fp", up->burst_loss, up->burst_len);
	print_way("ab", up);
	print_way("ba", &path.down);
	printf("\n");
}

static int trace(const struct wild_kind *kind, uint64_t seed, int64_t every_ms, const char *cc)
{
	struct wild_path path;
	struct outcome outcome;

	wild_draw(kind, seed, &path);
	if (!sim_cc_find(cc) || !run(&path, cc, seed, every_ms * MS, &outcome))
		return 1;
	describe(kind, seed, &path);
	printf(" | %.2f Mbit/s, queue p99 %.1f ms\n", outcome.mbits, outcome.queue_p99_ms);
	return 0;
}

/* The kind of --KIND and of --KIND-trace; NULL: there is none. */
static const struct wild_kind *find_kind(const char *option, bool *traces)
{
	static const struct wild_kind *const kinds[] = {&wild_kind, &wild_slow_kind,
							&wild_access_kind};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t len = strlen(kinds[i]->name);

		if (strncmp(option, "--", 2) != 0 || strncmp(option + 2, kinds[i]->name, len) != 0)
			continue;
		*traces = strcmp(option + 2 + len, "-trace") == 0;
		if (*traces || option[2 + len] == '\0')
			return kinds[i];
	}
	return NULL;
}

int wild_command(int argc, char **argv)
{
	const char *cc = argc > 4 ? argv[4] : "bbr";
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	const struct wild_kind *kind;
	bool traces;

	if (argc == 3 && strcmp(argv[1], "--wild-options") == 0) {
		print_options(seed);
		return 0;
	}
	kind = argc >= 4 ? find_kind(argv[1], &traces) : NULL;
	if (!kind)
		return 2;
	return traces ? trace(kind, seed, atoll(argv[3]), cc)
		      : compare_all(kind, seed, strtoull(argv[3], NULL, 10), cc);
}
