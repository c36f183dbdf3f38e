/* SPDX-License-Identifier: MIT */
/*
 * The deterministic simulator.
 *
 *	sim                     all named scenarios, the paths of paths.h and 1000 random ones
 *	sim --seeds FROM COUNT  random ones only
 *	sim SEED                one random scenario, with its story
 *	sim NAME SEED           one named scenario
 *	sim --path P1 ...       congestion control on a path of paths.h or access.h
 *	sim --paths             the bounds of all of them
 *	sim --access            the access networks of access.h, and whether BBR keeps their bars
 *	sim --latency           sparse traffic alone
 *	sim --hostile [SEED]    a hostile peer with valid keys; hostile.h
 *	sim --wild FROM COUNT   BBR beside the kernel's two on random paths; wild.h has more
 *
 * SIM_TRACE=MS prints the first connection's state every so many virtual milliseconds; SIM_DEBUG=1
 * the protocol's log; SIM_QLOG=DIRECTORY writes traces of all connections there (docs/qlog.md).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "base/log.h"
#include "base/table.h"
#include "hostile.h"
#include "knowing.h"
#include "latency.h"
#include "paths.h"
#include "scenario.h"
#include "sharing.h"
#include "wild.h"

#define RANDOM_DEFAULT 1000

static void print_log(void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	fprintf(stderr, "  %s: %s\n", rudp_log_level_name(level), text);
}

static void describe(const char *label, const struct link_config *l)
{
	printf("  %-4s %.1f Mbit/s queue %zu  delay %.1f ms jitter %.1f  loss %.3f burst %.3f/%.1f "
	       " "
	       "reorder %.3f dup %.3f corrupt %.3f blackout %.1f/%.1f s  size %zu, %zu from %.1f s "
	       "on\n",
	       label, l->rate_bits_per_s / 1e6, l->queue_bytes, (double)l->delay_ns / 1e6,
	       (double)l->jitter_ns / 1e6, l->loss, l->burst_loss, l->burst_len, l->reorder,
	       l->duplicate, l->corrupt, (double)l->blackout_ns / 1e9,
	       (double)l->blackout_every_ns / 1e9, l->datagram_max, l->datagram_max_later,
	       (double)l->change_at_ns / 1e9);
}

static void tell(const struct world_config *c, const struct world_result *r)
{
	printf("  seed %" PRIu64 "  %d connections  %" PRIu64 " up  %" PRIu64
	       " down  cc %s  end %d  "
	       "rebind %.1f s\n",
	       c->seed, c->conns, c->up_bytes, c->down_bytes, c->cc, c->end,
	       (double)c->rebind_every_ns / 1e9);
	describe("up", &c->up);
	describe("down", &c->down);
	printf("  %s after %.3f s virtual (data %.3f, bound %.1f), %" PRIu64 " steps, %" PRIu64
	       " datagrams, "
	       "%.2f Mbit/s; up lost %" PRIu64 " queue-dropped %" PRIu64 " of %" PRIu64
	       ", down %" PRIu64 " %" PRIu64 " of %" PRIu64 "\n",
	       r->ok ? "finished" : "FAILED", (double)r->end_ns / 1e9, (double)r->data_end_ns / 1e9,
	       (double)c->finish_by_ns / 1e9, r->steps, r->datagrams, r->goodput_bits_per_s / 1e6,
	       r->up.lost, r->up.dropped_queue, r->up.offered, r->down.lost, r->down.dropped_queue,
	       r->down.offered);
	if (c->memory_max_bytes)
		printf("  memory at most %" PRIu64 " bytes of %" PRIu64 ", %" PRIu64
		       " datagrams found none\n",
		       r->memory_most_bytes, c->memory_max_bytes, r->refused);
}

static bool run(const char *name, struct world_config *config, bool verbose)
{
	const char *trace = getenv("SIM_TRACE");
	struct world_result result;

	if (trace)
		config->trace_every_ns = atoll(trace) * 1000000;
	config->qlog = getenv("SIM_QLOG");
	if (!world_run(config, &result)) {
		printf("no memory\n");
		return false;
	}
	if (!result.ok)
		printf("FAILED %s seed %" PRIu64 ": %s\n  replay: make sim %s%s%sSEED=%" PRIu64
		       "\n",
		       name ? name : "random", config->seed, result.reason, name ? "NAME=" : "",
		       name ? name : "", name ? " " : "", config->seed);
	if (verbose || !result.ok)
		tell(config, &result);
	return result.ok;
}

static int run_random(uint64_t from, uint64_t count)
{
	struct world_config config;
	int failures = 0;

	for (uint64_t seed = from; seed < from + count; seed++) {
		scenario_random(seed, &config);
		failures += !run(NULL, &config, false);
	}
	printf("random: %" PRIu64 " scenarios, %d failed\n", count, failures);
	return failures;
}

static int run_named(const struct scenario *scenario)
{
	struct world_config config;
	int failures = 0;

	for (int i = 0; i < scenario->runs; i++) {
		scenario_named(scenario->name, (uint64_t)i + 1, &config);
		failures += !run(scenario->name, &config, false);
	}
	printf("%-22s %3d runs, %d failed   (%s)\n", scenario->name, scenario->runs, failures,
	       scenario->what);
	return failures;
}

static int run_all(void)
{
	int failures = 0, runs = RANDOM_DEFAULT;

	for (int i = 0; i < scenario_count; i++) {
		failures += run_named(&scenarios[i]);
		runs += scenarios[i].runs;
	}
	failures += paths_check(&runs);
	failures += knowing_check(&runs);
	failures += sharing_check(&runs);
	failures += wild_check(&runs);
	failures += hostile_check(&runs);
	failures += run_random(1, RANDOM_DEFAULT);
	failures += latency_run_all(&runs);
	printf("simulator: %d passed, %d failed\n", runs - failures, failures);
	return failures > 0;
}

static int usage(const char *why)
{
	fprintf(stderr, "sim: %s\nusage: sim | sim --seeds FROM COUNT | sim SEED | sim NAME SEED\n",
		why);
	return 2;
}

int main(int argc, char **argv)
{
	const uint8_t table_key[16] = "deterministic!!";
	struct world_config config;

	setvbuf(stdout, NULL, _IOLBF, 0);
	rudp_table_set_key(table_key);
	rudp_log_set(print_log, NULL, getenv("SIM_DEBUG") ? RUDP_LOG_DEBUG : RUDP_LOG_OFF);
	if (argc == 1)
		return run_all();
	if (argc == 2 && strcmp(argv[1], "--latency") == 0)
		return latency_run_all(&(int){0}) > 0;
	if (argc == 2 && strcmp(argv[1], "--knowing") == 0)
		return knowing_check(&(int){0}) > 0;
	if (argc == 2 && strcmp(argv[1], "--sharing") == 0)
		return sharing_check(&(int){0}) > 0;
	if (argc >= 2 && strcmp(argv[1], "--hostile") == 0)
		return hostile_command(argc, argv);
	if (argc >= 2 && strcmp(argv[1], "--access") == 0)
		return access_command(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--paths") == 0)
		return paths_check(&(int){0}) > 0;
	if (argc == 4 && strcmp(argv[1], "--seeds") == 0)
		return run_random(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10)) > 0;
	rudp_log_set(print_log, NULL, getenv("SIM_DEBUG") ? RUDP_LOG_DEBUG : RUDP_LOG_WARN);
	if (strcmp(argv[1], "--path") == 0)
		return paths_command(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--wild") == 0)
		return wild_check(&(int){0}) > 0;
	if (strncmp(argv[1], "--wild", 6) == 0)
		return wild_command(argc, argv);
	if (argc == 3) {
		if (!scenario_named(argv[1], strtoull(argv[2], NULL, 10), &config))
			return usage("no such scenario");
		return !run(argv[1], &config, true);
	}
	if (argc != 2)
		return usage("wrong number of arguments");
	scenario_random(strtoull(argv[1], NULL, 10), &config);
	return !run(NULL, &config, true);
}
