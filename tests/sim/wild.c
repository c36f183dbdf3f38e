/* SPDX-License-Identifier: MIT */
#include "wild.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "kernel_bbr.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define RUN_NS_MIN (10 * S)
#define RUN_ROUND_TRIPS 30
#define QUEUE_BYTES_MIN 15000
#define SLOW_BACK_BITS_PER_S_MIN 100e3
#define VARIANTS 3
#define PATHS_MAX 10000
#define CHECK_SEEDS 120
#define CHECK_BITS_PER_S_MAX 60e6 /* faster ones take long to simulate */
#define CHECK_MEDIAN_MIN 0.98
#define CHECK_TENTH_MIN 0.93
#define CHECK_WORST_MIN 0.4

static double log_between(struct prng *p, double low, double high)
{
	return low * pow(high / low, prng_unit(p));
}

static void draw_losses(struct prng *p, struct link_config *l)
{
	double loss = log_between(p, 0.0001, 0.15), length = 2 + 6 * prng_unit(p);
	bool loses = prng_chance(p, 0.6), bursts = prng_chance(p, 0.5);

	if (loses && bursts) {
		l->burst_loss = loss;
		l->burst_len = length;
	} else if (loses) {
		l->loss = loss;
	}
}

/* Up to half a round trip in each direction. */
static void draw_jitter(struct prng *p, double rtt_ms, struct link_config *l)
{
	double part = prng_unit(p) * prng_unit(p);
	bool varies = prng_chance(p, 0.5);

	l->jitter_ordered = prng_chance(p, 0.6);
	if (varies)
		l->jitter_ns = (int64_t)(rtt_ms / 2 * part * MS);
}

static void draw_way_back(struct prng *p, const struct link_config *up, struct link_config *down)
{
	double slower = log_between(p, 4, 50);
	bool slow = prng_chance(p, 1.0 / 7);

	*down = *up;
	if (!slow)
		return;
	down->rate_bits_per_s = fmax(up->rate_bits_per_s / slower, SLOW_BACK_BITS_PER_S_MIN);
	down->rate_bits_per_s = fmin(down->rate_bits_per_s, up->rate_bits_per_s);
}

void wild_draw(uint64_t seed, struct wild_path *path)
{
	struct prng p = {seed * 7919 + 101};
	double mbits = log_between(&p, 1, 1000);

	*path = (struct wild_path){.rtt_ms = log_between(&p, 1, 600)};
	path->queue_bdps = log_between(&p, 0.1, 10);
	path->up.rate_bits_per_s = mbits * 1e6;
	path->up.delay_ns = (int64_t)(path->rtt_ms * MS / 2);
	path->up.queue_bytes = (size_t)(mbits * 125 * path->rtt_ms * path->queue_bdps);
	if (path->up.queue_bytes < QUEUE_BYTES_MIN)
		path->up.queue_bytes = QUEUE_BYTES_MIN;
	draw_losses(&p, &path->up);
	draw_jitter(&p, path->rtt_ms, &path->up);
	draw_way_back(&p, &path->up, &path->down);
	path->run_ns = RUN_NS_MIN;
	if (path->run_ns < (int64_t)(RUN_ROUND_TRIPS * path->rtt_ms * MS))
		path->run_ns = (int64_t)(RUN_ROUND_TRIPS * path->rtt_ms * MS);
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

static void describe(uint64_t seed, const struct wild_path *path)
{
	const struct link_config *up = &path->up;

	printf("wild-%-4" PRIu64 " %6.1f Mbit/s %5.1f ms queue %5.2f", seed,
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
}

struct comparison {
	uint64_t seed;
	double ratio, wire, queue; /* the queue above its bound, in BDP; at most 0: within it */
};

static bool compare(uint64_t seed, const char *cc, bool tell, struct comparison *c)
{
	const char *const ccs[VARIANTS] = {cc, "kernel-bbr", "cubic"};
	struct outcome of[VARIANTS];
	struct wild_path path;
	double loss, best, queue_ms;
	int better;

	wild_draw(seed, &path);
	for (int i = 0; i < VARIANTS; i++)
		if (!run(&path, ccs[i], seed, 0, &of[i]))
			return false;
	loss = 1 - (1 - path.up.loss) * (1 - path.up.burst_loss);
	better = of[1].mbits > of[2].mbits ? 1 : 2;
	best = of[better].mbits;
	queue_ms = fmax(of[better].queue_p99_ms, path.rtt_ms / 2);
	*c = (struct comparison){seed, of[0].mbits / best, of[0].wire * (1 - loss),
				 (of[0].queue_p99_ms - queue_ms) / path.rtt_ms};
	if (!tell)
		return true;
	describe(seed, &path);
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

static int compare_all(uint64_t from, uint64_t count, const char *cc)
{
	struct comparison *all;
	int status = 0;

	if (count == 0 || count > PATHS_MAX || !sim_cc_find(cc))
		return 2;
	all = calloc(count, sizeof *all);
	for (uint64_t i = 0; all && i < count; i++)
		status |= !compare(from + i, cc, true, &all[i]);
	if (all && !status)
		summarize(all, count);
	free(all);
	return status || !all;
}

static bool keeps(const char *what, const struct comparison *c, double least)
{
	if (c->ratio >= least)
		return true;
	printf("FAILED wild: the %s goodput by that of the better model is %.3f, not %.3f and "
	       "more\n"
	       "  replay: sim --wild %" PRIu64 " 1\n",
	       what, c->ratio, least, c->seed);
	return false;
}

int wild_check(int *runs)
{
	struct comparison all[CHECK_SEEDS];
	struct wild_path path;
	size_t count = 0;
	int failed = 0;

	for (uint64_t seed = 1; seed <= CHECK_SEEDS; seed++) {
		wild_draw(seed, &path);
		if (path.up.rate_bits_per_s <= CHECK_BITS_PER_S_MAX)
			failed |= !compare(seed, "bbr", false, &all[count++]);
	}
	qsort(all, count, sizeof all[0], by_ratio);
	failed |= !keeps("median of the", &all[count / 2], CHECK_MEDIAN_MIN);
	failed |= !keeps("tenth percentile of the", &all[count / 10], CHECK_TENTH_MIN);
	failed |= !keeps("lowest", &all[0], CHECK_WORST_MIN);
	++*runs;
	printf("%-22s %3zu runs, %d failed   (random paths beside models of the kernel's BBR and "
	       "CUBIC)\n",
	       "wild", count, failed);
	return failed;
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

	wild_draw(seed, &path);
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

static int trace(uint64_t seed, int64_t every_ms, const char *cc)
{
	struct wild_path path;
	struct outcome outcome;

	wild_draw(seed, &path);
	if (!sim_cc_find(cc) || !run(&path, cc, seed, every_ms * MS, &outcome))
		return 1;
	describe(seed, &path);
	printf(" | %.2f Mbit/s, queue p99 %.1f ms\n", outcome.mbits, outcome.queue_p99_ms);
	return 0;
}

int wild_command(int argc, char **argv)
{
	const char *cc = argc > 4 ? argv[4] : "bbr";
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (argc == 3 && strcmp(argv[1], "--wild-options") == 0) {
		print_options(seed);
		return 0;
	}
	if (argc >= 4 && strcmp(argv[1], "--wild-trace") == 0)
		return trace(seed, atoll(argv[3]), cc);
	if (argc >= 4 && strcmp(argv[1], "--wild") == 0)
		return compare_all(seed, strtoull(argv[3], NULL, 10), cc);
	return 2;
}
