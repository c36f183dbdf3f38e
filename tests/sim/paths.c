/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "base/time.h"
#include "kernel_bbr.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define OBJECT_BYTES 1000000
#define TRACE_MS_DEFAULT 10
#define CROWD_NS (15 * S)
#define CROWD_SETTLED_NS (3 * S)
#define CROWD_SEEDS 3
#define CHECK_SEEDS 9    /* odd: the median is checked */
#define STALLED_SEEDS 15 /* the time of the stalls has a large effect */
#define OBJECT_SEEDS 5
#define STALL_EVERY_NS (20 * MS)
#define STALL_CLUMP_NS (MS / 4) /* the time of a running engine's loop */
#define MARK_ABOVE_NS (5 * MS)
#define MARKED_PART_MIN 0.82
#define MARKED_MEAN_MS_MAX 5
#define MARKED_P99_MS_MAX 15
#define HABIT_NS (40 * S)
#define HABIT_BULK_BYTES 10000000
#define HABIT_BULK_NS_MAX (60 * S)
#define HABIT_RATIO_MAX 1.40 /* start-up without packet trains on a long path: 5.6 s plus 2.1 s */

/* rate in Mbit/s, round trip in ms, queue in BDP */
/* clang-format off */
#define LINK(mbits, rtt_ms, bdps) \
	.rate_bits_per_s = (mbits)*1e6, .delay_ns = (rtt_ms)*MS / 2, \
	.queue_bytes = (size_t)((mbits)*125.0 * (rtt_ms) * (bdps))
/* clang-format on */

/* clang-format off */
const struct path paths[] = {
	{"P1", "100 Mbit/s, 50 ms", {LINK(100, 50, 1)}, 15 * S, 15 * S,
	 {0.95, 1.10, 10, 25, 0.25}, NULL, 0},
	{"P2", "100 Mbit/s, 50 ms, 1 % loss", {LINK(100, 50, 1), .loss = 0.01}, 15 * S, 15 * S,
	 {0.95, 1.10, 10, 25, 0.3}, NULL, 0},
	{"P3", "100 Mbit/s, 100 ms, 3 % loss", {LINK(100, 100, 1), .loss = 0.03}, 15 * S, 15 * S,
	 {0.92, 1.13, 10, 32, 0.6}, NULL, 0},
	{"P4", "20 Mbit/s, 600 ms, 0.5 % loss", {LINK(20, 600, 1), .loss = 0.005}, 25 * S, 25 * S,
	 {0.9, 1.10, 30, 300, 2.8}, NULL, 0},
	{"P5", "50 Mbit/s, 30 ms, 2 % loss in bursts of 4, jitter of 5 ms that reorders",
	 {LINK(50, 30, 1), .burst_loss = 0.02, .burst_len = 4, .jitter_ns = 5 * MS}, 15 * S, 15 * S,
	 {0.95, 1.10, 10, 13.5, 0.36}, NULL, 0},
	{"P6", "10 Mbit/s, 40 ms, queue of 10 BDP", {LINK(10, 40, 10)}, 15 * S, 15 * S,
	 {0.95, 1.10, 10, 20, 0.95}, NULL, 0},
	{"P7", "500 Mbit/s, 10 ms, 0.1 % loss", {LINK(500, 10, 1), .loss = 0.001}, 15 * S, 3 * S,
	 {0.95, 1.10, 10, 5, 0.05}, NULL, 0},
};
/* clang-format on */

const int path_count = sizeof paths / sizeof paths[0];

const struct path *path_find(const char *name)
{
	for (int i = 0; i < path_count; i++)
		if (strcmp(paths[i].name, name) == 0)
			return &paths[i];
	return access_find(name);
}

void path_configure(const struct path *path, const char *cc, uint64_t seed,
		    struct bulk_config *config)
{
	*config = (struct bulk_config){
		.seed = seed,
		.up = path->link,
		.down = path->back ? *path->back : path->link,
		.end_at_ns = path->run_ns + 2 * path->link.delay_ns,
		.flow_count = 1,
		.flows = {{.cc = cc}},
	};
	config->interface_bytes = path->interface_bytes;
	config->up.network_seed = seed;
	config->down.network_seed = ~seed;
}

static double seconds(int64_t span_ns)
{
	return (double)span_ns / 1e9;
}

static void print_flow(uint32_t i, const struct bulk_flow *plan, const struct bulk_flow_result *r)
{
	printf("  flow %" PRIu32 " %-5s  %10" PRIu64 " bytes  wire/payload %.3f  sent %" PRIu64
	       "  lost %" PRIu64 "  spurious %" PRIu64 "  datagram %" PRIu32,
	       i, plan->cc, r->delivered_bytes, bulk_wire_by_payload(r), r->sent_packets,
	       r->lost_packets, r->spurious_packets, r->datagram_bytes);
	if (r->startup_done_at_ns != RUDP_NEVER)
		printf("  start-up %.3f s", seconds(r->startup_done_at_ns - r->established_at_ns));
	if (r->done_at_ns != RUDP_NEVER)
		printf("  done after %.3f s", seconds(r->done_at_ns - r->established_at_ns));
	printf("\n");
}

static void print(const char *name, const struct bulk_config *c, const struct bulk_result *r)
{
	printf("%-3s seed %" PRIu64 "  %.3f of %.2f Mbit/s  queue mean %.1f p99 %.1f max %.1f ms"
	       "  (start-up mean %.1f p99 %.1f max %.1f)  dropped %" PRIu64 "  acks %.3f\n",
	       name, c->seed, bulk_part_of_ideal(c, r), r->flows[0].ideal_bits_per_s / 1e6,
	       r->after.mean_ms, r->after.p99_ms, r->after.max_ms, r->startup.mean_ms,
	       r->startup.p99_ms, r->startup.max_ms, r->dropped_packets,
	       (double)r->down_bytes / (double)r->flows[0].delivered_bytes);
	if (r->aqm_packets + r->policed_packets + r->marked_packets > 0)
		printf("  AQM dropped %" PRIu64 "  policer dropped %" PRIu64 "  marked %" PRIu64
		       "\n",
		       r->aqm_packets, r->policed_packets, r->marked_packets);
	for (uint32_t i = 0; i < c->flow_count; i++)
		print_flow(i, &c->flows[i], &r->flows[i]);
	if (c->flow_count > 1)
		printf("  share of the first %.3f  jain %.4f\n", bulk_share_of_first(c, r),
		       bulk_jain(c, r));
}

/* Stalls fifty times a second: so often on two processors for both ends, the path and the
 * programs. */
struct stall path_stalls(int64_t longest_ns)
{
	return (struct stall){longest_ns > 0 ? STALL_EVERY_NS : 0, longest_ns};
}

struct command {
	const struct path *path;
	const char *cc, *against;
	uint64_t seed, bytes;
	uint32_t flows;
	double seconds, apart_s, from_s, clump_ms, stall_ms, later_mbits, later_s, odd_mbits;
	bool hosts_apart;
	int64_t trace_ms;
};

static int usage(void)
{
	fprintf(stderr, "sim --path NAME [--seed N] [--cc NAME] [--against NAME] [--flows N] "
			"[--apart SECONDS] [--bytes N] [--seconds N] [--from SECONDS] "
			"[--clump MS] [--stall MS] [--later MBIT --later-at SECONDS] "
			"[--odd MBIT] [--hosts] [--trace [MS]]\n");
	return 2;
}

static bool parse_option(struct command *command, const char *name, const char *value)
{
	if (strcmp(name, "--path") == 0)
		return (command->path = path_find(value)) != NULL;
	if (strcmp(name, "--cc") == 0)
		return sim_cc_find(command->cc = value) != NULL;
	if (strcmp(name, "--against") == 0)
		return sim_cc_find(command->against = value) != NULL;
	if (strcmp(name, "--seed") == 0)
		command->seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "--bytes") == 0)
		command->bytes = strtoull(value, NULL, 10);
	else if (strcmp(name, "--flows") == 0)
		command->flows = (uint32_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "--apart") == 0)
		command->apart_s = strtod(value, NULL);
	else if (strcmp(name, "--clump") == 0)
		command->clump_ms = strtod(value, NULL);
	else if (strcmp(name, "--stall") == 0)
		command->stall_ms = strtod(value, NULL);
	else if (strcmp(name, "--from") == 0)
		command->from_s = strtod(value, NULL);
	else if (strcmp(name, "--later") == 0)
		command->later_mbits = strtod(value, NULL);
	else if (strcmp(name, "--later-at") == 0)
		command->later_s = strtod(value, NULL);
	else if (strcmp(name, "--odd") == 0)
		command->odd_mbits = strtod(value, NULL);
	else if (strcmp(name, "--seconds") == 0)
		command->seconds = strtod(value, NULL);
	else
		return false;
	return command->flows >= 1 && command->flows <= BULK_FLOWS_MAX &&
	       command->stall_ms * 1e6 < STALL_EVERY_NS;
}

static bool parse(struct command *command, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc && argv[i + 1][0] != '-';

		if (strcmp(argv[i], "--trace") == 0) {
			command->trace_ms = has_value ? atoll(argv[++i]) : TRACE_MS_DEFAULT;
			continue;
		}
		if (strcmp(argv[i], "--hosts") == 0) {
			command->hosts_apart = true;
			continue;
		}
		if (!has_value || !parse_option(command, argv[i], argv[i + 1]))
			return false;
		i++;
	}
	return command->path != NULL;
}

static void plan_flows(const struct command *command, struct bulk_config *config)
{
	config->flow_count = command->flows;
	if (command->against && command->flows == 1)
		config->flow_count = 2;
	for (uint32_t i = 0; i < config->flow_count; i++) {
		config->flows[i] = config->flows[0];
		config->flows[i].bytes = command->bytes;
		config->flows[i].start_at_ns = (int64_t)(command->apart_s * 1e9) * i;
		if (i > 0 && command->against)
			config->flows[i].cc = command->against;
	}
}

int paths_command(int argc, char **argv)
{
	struct command command = {.cc = "bbr", .seed = 1, .flows = 1};
	struct bulk_config config;
	struct bulk_result result;

	if (!parse(&command, argc, argv))
		return usage();
	path_configure(command.path, command.cc, command.seed, &config);
	plan_flows(&command, &config);
	config.up.clump_ns = config.down.clump_ns = (int64_t)(command.clump_ms * 1e6);
	if (command.later_mbits > 0)
		link_config_change_rate(&config.up, command.later_mbits * 1e6,
					(int64_t)(command.later_s * 1e9));
	config.stall = path_stalls((int64_t)(command.stall_ms * 1e6));
	if (command.seconds > 0)
		config.end_at_ns = (int64_t)(command.seconds * 1e9) + 2 * config.up.delay_ns;
	config.measure_from_at_ns = (int64_t)(command.from_s * 1e9);
	config.trace_every_ns = command.trace_ms * MS;
	config.hosts_apart = command.hosts_apart;
	config.odd_bits_per_s = command.odd_mbits * 1e6;
	if (!bulk_run(&config, &result))
		return 1;
	print(command.path->name, &config, &result);
	return 0;
}

struct check {
	const struct path *path;
	bool ok;
	int64_t stall_ns;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

bool path_keeps(const char *name, const char *what, double *values, size_t count, double least,
		double most)
{
	double median;

	qsort(values, count, sizeof *values, compare);
	median = values[count / 2];
	if (median >= least && median <= most)
		return true;
	printf("FAILED %s: the median of %s is %.3f, not within %.3f and %.3f (%.3f to %.3f)\n",
	       name, what, median, least, most, values[0], values[count - 1]);
	return false;
}

/* A single seed says little about a path with random loss, and a change that only draws other
 * random numbers must not fail the check. So the median is bounded. */
static void expect(struct check *check, const char *what, double *values, size_t count,
		   double least, double most)
{
	if (path_keeps(check->path->name, what, values, count, least, most))
		return;
	check->ok = false;
	printf("  replay: sim --path %s --seed 1 --trace, and on to seed %zu", check->path->name,
	       count);
	if (check->stall_ns > 0)
		printf(", with --stall %g --clump %g", (double)check->stall_ns / MS,
		       (double)STALL_CLUMP_NS / MS);
	printf("\n");
}

static void check_bulk(struct check *check)
{
	const struct path_bounds *bounds = &check->path->bounds;
	double part[CHECK_SEEDS], wire[CHECK_SEEDS], mean[CHECK_SEEDS], p99[CHECK_SEEDS];

	for (uint64_t i = 0; i < CHECK_SEEDS; i++) {
		struct bulk_config config;
		struct bulk_result result;

		path_configure(check->path, "bbr", i + 1, &config);
		config.end_at_ns = check->path->check_run_ns + 2 * config.up.delay_ns;
		check->ok &= bulk_run(&config, &result);
		part[i] = bulk_part_of_ideal(&config, &result);
		wire[i] = bulk_wire_by_payload(&result.flows[0]);
		mean[i] = result.after.mean_ms;
		p99[i] = result.after.p99_ms;
	}
	expect(check, "part of the ideal", part, CHECK_SEEDS, bounds->part_of_ideal, 1);
	expect(check, "wire by payload", wire, CHECK_SEEDS, 1, bounds->wire_by_payload);
	expect(check, "mean queue", mean, CHECK_SEEDS, 0, bounds->queue_mean_ms);
	expect(check, "99 % of the queue", p99, CHECK_SEEDS, 0, bounds->queue_p99_ms);
}

static void check_object(struct check *check)
{
	double took_s[OBJECT_SEEDS];

	for (uint64_t i = 0; i < OBJECT_SEEDS; i++) {
		struct bulk_config config;
		struct bulk_result result;
		const struct bulk_flow_result *flow = &result.flows[0];

		path_configure(check->path, "bbr", i + 1, &config);
		config.flows[0].bytes = OBJECT_BYTES;
		check->ok &= bulk_run(&config, &result);
		took_s[i] = seconds(flow->done_at_ns - flow->established_at_ns);
	}
	expect(check, "the time of 1 MB", took_s, OBJECT_SEEDS, 0, check->path->bounds.object_s);
}

/* What a program does on the connection before its bulk transfer. */
static const struct habit {
	const char *name;
	const char *what;
	uint64_t first_bytes, message_bytes;
	int64_t message_every_ns;
} habits[] = {
	{"after_messages", "40 s of 200 bytes every 50 ms, then 10 MB", 0, 200, 50 * MS},
	{"after_pauses", "40 s of 1 kB every 2 s, then 10 MB", 0, 1000, 2 * S},
	{"after_idleness", "10 MB, nothing until 40 s, 10 MB", 10000000, 0, 0},
	{"after_both", "10 MB, until 40 s 200 bytes every 50 ms, 10 MB", 10000000, 200, 50 * MS},
};

static double habit_took_s(const struct habit *habit, const struct path *path, uint64_t seed)
{
	struct bulk_config config;
	struct bulk_result result;
	struct bulk_flow *flow = &config.flows[0];

	path_configure(path, "bbr", seed, &config);
	flow->bulk_at_ns = HABIT_NS;
	flow->first_bytes = habit->first_bytes;
	flow->message_bytes = habit->message_bytes;
	flow->message_every_ns = habit->message_every_ns;
	flow->bytes = habit->first_bytes + HABIT_BULK_BYTES;
	if (habit->message_every_ns)
		flow->bytes +=
			(uint64_t)(HABIT_NS / habit->message_every_ns) * habit->message_bytes;
	config.end_at_ns = HABIT_NS + HABIT_BULK_NS_MAX;
	if (!bulk_run(&config, &result))
		return 1e9;
	return seconds(result.flows[0].done_at_ns - HABIT_NS);
}

/* The time of the bulk transfer, relative to that on a new connection. */
static bool check_habit(const struct habit *habit, const struct path *path)
{
	static const struct habit fresh = {.name = "fresh"};
	struct check check = {.path = path, .ok = true};
	double ratio[CHECK_SEEDS];

	for (uint64_t i = 0; i < CHECK_SEEDS; i++)
		ratio[i] = habit_took_s(habit, path, i + 1) / habit_took_s(&fresh, path, i + 1);
	expect(&check, habit->name, ratio, CHECK_SEEDS, 0, HABIT_RATIO_MAX);
	return check.ok;
}

static int check_habits(int *runs)
{
	int failures = 0;

	for (size_t h = 0; h < sizeof habits / sizeof habits[0]; h++) {
		int failed = 0;

		for (int i = 0; i < path_count; i++) {
			failed += !check_habit(&habits[h], &paths[i]);
			++*runs;
		}
		printf("%-22s %3d runs, %d failed   (%s)\n", habits[h].name,
		       path_count * CHECK_SEEDS, failed, habits[h].what);
		failures += failed;
	}
	return failures;
}

/* A queue that sets CE marks beyond 5 ms: senders slow down before it overflows, and it stays
 * short. */
static bool check_marks(const struct path *path, const char *cc)
{
	struct check check = {.path = path, .ok = true};
	double part[CHECK_SEEDS], mean[CHECK_SEEDS], p99[CHECK_SEEDS], marked[CHECK_SEEDS];

	for (uint64_t i = 0; i < CHECK_SEEDS; i++) {
		struct bulk_config config;
		struct bulk_result result;

		path_configure(path, cc, i + 1, &config);
		config.up.mark_above_ns = MARK_ABOVE_NS;
		check.ok &= bulk_run(&config, &result);
		part[i] = bulk_part_of_ideal(&config, &result);
		mean[i] = result.after.mean_ms;
		p99[i] = result.after.p99_ms;
		marked[i] = (double)result.marked_packets;
	}
	expect(&check, "packets marked", marked, CHECK_SEEDS, 1, 1e9);
	expect(&check, "part of the ideal with marks", part, CHECK_SEEDS, MARKED_PART_MIN, 1);
	expect(&check, "mean queue with marks", mean, CHECK_SEEDS, 0, MARKED_MEAN_MS_MAX);
	expect(&check, "99 % of the queue with marks", p99, CHECK_SEEDS, 0, MARKED_P99_MS_MAX);
	return check.ok;
}

static int check_marking(int *runs)
{
	static const char *const names[] = {"P1", "P6"}, *const ccs[] = {"bbr", "cubic"};
	int failures = 0;

	for (int i = 0; i < 4; i++) {
		failures += !check_marks(path_find(names[i / 2]), ccs[i % 2]);
		++*runs;
	}
	printf("%-22s %3d runs, %d failed   (P1 and P6 with a queue that marks beyond 5 ms)\n",
	       "marked", 4 * CHECK_SEEDS, failures);
	return failures;
}

/*
 * Hosts that stall, as in real runs. Their aggregated ACKs raise the window and the bandwidth
 * estimate; this must not build up a queue. The 99th percentile of the queue was 14.1, 47, 12.4 and
 * 6.0 ms on these paths while extra_acked was added in every probe, and DOWN drained at 90 % for
 * any queue.
 */
static const struct stalled {
	const char *path;
	int64_t longest_ns;
	double part_of_ideal, queue_p99_ms;
} stalleds[] = {
	{"P1", 4 * MS, 0.95, 13.5}, {"P4", 4 * MS, 0.88, 34}, {"P5", 8 * MS, 0.90, 11},
	{"P6", 4 * MS, 0.95, 17},   {"P7", 4 * MS, 0.95, 4},
};

static bool check_stalled(const struct stalled *stalled)
{
	struct check check = {path_find(stalled->path), true, stalled->longest_ns};
	double part[STALLED_SEEDS], p99[STALLED_SEEDS];

	for (uint64_t i = 0; i < STALLED_SEEDS; i++) {
		struct bulk_config config;
		struct bulk_result result;

		path_configure(check.path, "bbr", i + 1, &config);
		config.end_at_ns = check.path->check_run_ns + 2 * config.up.delay_ns;
		config.up.clump_ns = config.down.clump_ns = STALL_CLUMP_NS;
		config.stall = path_stalls(stalled->longest_ns);
		check.ok &= bulk_run(&config, &result);
		part[i] = bulk_part_of_ideal(&config, &result);
		p99[i] = result.after.p99_ms;
	}
	expect(&check, "part of the ideal with stalls", part, STALLED_SEEDS, stalled->part_of_ideal,
	       1);
	expect(&check, "99 % of the queue with stalls", p99, STALLED_SEEDS, 0,
	       stalled->queue_p99_ms);
	return check.ok;
}

static int check_stalling(int *runs)
{
	int count = sizeof stalleds / sizeof stalleds[0];
	int failures = 0;

	for (int i = 0; i < count; i++)
		failures += !check_stalled(&stalleds[i]);
	*runs += count;
	printf("%-22s %3d runs, %d failed   (P1, P4 to P7 between hosts that stall)\n", "stalled",
	       count * STALLED_SEEDS, failures);
	return failures;
}

/*
 * Many flows at once share the link, although each has only a few packets in flight. BBR's losses
 * are bounded: with windows of four packets no single round shows heavy losses, and earlier more
 * was lost than arrived. From seed to seed Jain's index of BBR is 0.90 to 0.97.
 */
static const struct crowd {
	const char *cc;
	uint32_t flows;
	double jain, dropped; /* at least; at most */
} crowds[] = {{"cubic", 200, 0.95, 1e9}, {"bbr", 400, 0.92, 80000}};

static bool check_crowd(const struct crowd *crowd)
{
	struct check check = {.path = path_find("P1"), .ok = true};
	struct bulk_config config;
	struct bulk_result result;
	double jain[CROWD_SEEDS], dropped[CROWD_SEEDS];

	for (unsigned seed = 0; seed < CROWD_SEEDS; seed++) {
		path_configure(check.path, crowd->cc, seed + 1, &config);
		config.flow_count = crowd->flows;
		for (uint32_t i = 0; i < crowd->flows; i++)
			config.flows[i] =
				(struct bulk_flow){.cc = crowd->cc, .start_at_ns = i * MS};
		config.end_at_ns = CROWD_NS;
		config.measure_from_at_ns = CROWD_SETTLED_NS;
		check.ok &= bulk_run(&config, &result);
		jain[seed] = bulk_jain(&config, &result);
		dropped[seed] = (double)result.dropped_packets;
	}
	expect(&check, "Jain's index of a crowd", jain, CROWD_SEEDS, crowd->jain, 1);
	expect(&check, "packets dropped of a crowd", dropped, CROWD_SEEDS, 0, crowd->dropped);
	return check.ok;
}

static int check_crowds(int *runs)
{
	int failures = 0;

	for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++, *runs += CROWD_SEEDS)
		failures += !check_crowd(&crowds[i]);
	printf("%-22s %3zu runs, %d failed   (200 flows of CUBIC, 400 of BBR over P1)\n", "crowd",
	       CROWD_SEEDS * sizeof crowds / sizeof crowds[0], failures);
	return failures;
}

int paths_check(int *runs)
{
	int failures = check_habits(runs) + check_marking(runs) + check_stalling(runs);

	for (int i = 0; i < path_count; i++) {
		struct check check = {.path = &paths[i], .ok = true};

		check_bulk(&check);
		check_object(&check);
		failures += !check.ok;
		++*runs;
		printf("%-22s %3d runs, %s   (bulk and 1 MB: %s)\n", paths[i].name,
		       CHECK_SEEDS + OBJECT_SEEDS, check.ok ? "0 failed" : "failed", paths[i].what);
	}
	failures += check_crowds(runs);
	return failures;
}
