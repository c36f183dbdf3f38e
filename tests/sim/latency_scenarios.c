/* SPDX-License-Identifier: MIT */
/* Bounds on latency and its cost, for each path. */
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "latency.h"

#define SEEDS 2
#define MS RUDP_NS_PER_MS

/* The paths of docs/performance.md, each way. */
/* clang-format off */
#define P2 \
	{.delay_ns = 25 * MS, .rate_bits_per_s = 100e6, .queue_bytes = 625000, .loss = 0.01}
#define P3 \
	{.delay_ns = 50 * MS, .rate_bits_per_s = 100e6, .queue_bytes = 1250000, .loss = 0.03}
#define P6 \
	{.delay_ns = 20 * MS, .rate_bits_per_s = 10e6, .queue_bytes = 200000}
#define HEAVY \
	{.delay_ns = 25 * MS, .rate_bits_per_s = 100e6, .queue_bytes = 625000, .loss = 0.3}
/* clang-format on */

struct bounds {
	const char *name;
	const char *what;
	struct latency_config config;
	double p50_ms, p99_ms;     /* at most */
	double wire_per_unguarded; /* at most: wire bytes relative to those without protection */
};

/* clang-format off */
static const struct bounds all[] = {
	{"ask_p2_200", "200 B each way, 50 ms, 1 % loss",
	 {.link = P2, .count = 5000, .request_bytes = 200, .response_bytes = 200}, 51, 65, 2.1},
	{"ask_p2_1k", "1 kB each way, 50 ms, 1 % loss",
	 {.link = P2, .count = 5000, .request_bytes = 1000, .response_bytes = 1000}, 51, 65, 2.1},
	{"ask_p3_200", "200 B each way, 100 ms, 3 % loss",
	 {.link = P3, .count = 5000, .request_bytes = 200, .response_bytes = 200}, 101, 130, 2.1},
	{"ask_p3_1k", "1 kB each way, 100 ms, 3 % loss",
	 {.link = P3, .count = 5000, .request_bytes = 1000, .response_bytes = 1000}, 101, 130, 2.1},
	/* 0.95 % take one more round trip (16 seeds), so p99 is with or without it. */
	{"ask_p3_10k", "200 B ask for 10 kB, 100 ms, 3 % loss",
	 {.link = P3, .count = 3000, .request_bytes = 200, .response_bytes = 10000}, 103, 230, 1.5},
	{"ask_p3_100k", "200 B ask for 100 kB, 100 ms, 3 % loss",
	 {.link = P3, .count = 1000, .request_bytes = 200, .response_bytes = 100000},
	 115, 230, 1.15},
	{"tell_p2", "200 B one way, 50 a second, 25 ms, 1 % loss",
	 {.pattern = LATENCY_MESSAGES, .link = P2, .count = 10000, .request_bytes = 200,
	  .every_ns = 20 * MS}, 26, 40, 3},
	{"tell_p3", "200 B one way, 50 a second, 50 ms, 3 % loss",
	 {.pattern = LATENCY_MESSAGES, .link = P3, .count = 10000, .request_bytes = 200,
	  .every_ns = 20 * MS}, 51, 80, 3},
	{"type_p3", "one byte every 5 ms, 50 ms, 3 % loss",
	 {.pattern = LATENCY_MESSAGES, .link = P3, .count = 10000, .request_bytes = 1,
	  .every_ns = 5 * MS}, 51, 80, 2.1},
	{"open_p2", "connect and ask for 1 kB, 50 ms, 1 % loss",
	 {.pattern = LATENCY_CONNECTS, .link = P2, .count = 3000, .request_bytes = 200,
	  .response_bytes = 1000}, 101, 145, 2.2},
	{"open_p3", "connect and ask for 1 kB, 100 ms, 3 % loss",
	 {.pattern = LATENCY_CONNECTS, .link = P3, .count = 3000, .request_bytes = 200,
	  .response_bytes = 1000}, 201, 250, 2.2},
};
/* clang-format on */

/* Traffic that needs no copies: limits for copied packets in a hundred writes, and for copied bytes
 * of a bulk transfer at the same time. */
struct abstention {
	const char *name;
	const char *what;
	struct latency_config config;
	double copies_per_100;
	uint64_t bulk_copied_bytes;
};

static const struct abstention abstentions[] = {
	{"not_bulk",
	 "20 MB of bulk are never sent twice",
	 {.link = P2,
	  .count = 100,
	  .request_bytes = 200,
	  .response_bytes = 200,
	  .bulk_bytes = 20000000},
	 205,
	 20000},
	{"not_queued",
	 "no copies into a queue that CUBIC has filled",
	 {.link = P6,
	  .count = 200,
	  .request_bytes = 200,
	  .response_bytes = 200,
	  .bulk_bytes = 70000000,
	  .bulk_cc = "cubic"},
	 15,
	 20000},
	{"not_lossy",
	 "few copies where a third is lost",
	 {.link = HEAVY, .count = 500, .request_bytes = 200, .response_bytes = 200},
	 40,
	 0},
	{"not_near",
	 "no copies on a round trip of 1 ms",
	 {.link = {.delay_ns = MS / 2}, .count = 5000, .request_bytes = 200, .response_bytes = 200},
	 1,
	 0},
};

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static bool is_within(const struct bounds *b, const struct latency_result *on,
		      const struct latency_result *off)
{
	return ms(on->p50_ns) <= b->p50_ms && ms(on->p99_ns) <= b->p99_ms &&
	       (double)on->wire_bytes <= b->wire_per_unguarded * (double)off->wire_bytes;
}

/* Runs the same programs and random numbers with and without copies. */
static bool run(const struct bounds *b, uint64_t seed)
{
	struct latency_config config = b->config;
	struct latency_result on, off;
	const char *reason;

	config.seed = seed;
	if (!latency_run(&config, &on, &reason)) {
		printf("FAILED %s: %s\n", b->name, reason);
		return false;
	}
	config.tail_off = true;
	if (!latency_run(&config, &off, &reason)) {
		printf("FAILED %s, tail off: %s\n", b->name, reason);
		return false;
	}
	printf("%-12s p50 %6.1f  p99 %6.1f (off %6.1f)  max %6.1f (off %6.1f) ms  bytes x%.2f  "
	       "copies "
	       "%" PRIu64 "  lost %" PRIu64 "/%" PRIu64 " resent %" PRIu64 "   (%s)\n",
	       b->name, ms(on.p50_ns), ms(on.p99_ns), ms(off.p99_ns), ms(on.max_ns), ms(off.max_ns),
	       (double)on.wire_bytes / (double)off.wire_bytes, on.copied_packets, on.lost_packets,
	       on.spurious_packets, on.stream_resent, b->what);
	if (is_within(b, &on, &off))
		return true;
	printf("FAILED %s: bounds are p50 %.1f ms, p99 %.1f ms, bytes x%.2f\n", b->name, b->p50_ms,
	       b->p99_ms, b->wire_per_unguarded);
	return false;
}

static bool abstains(const struct abstention *a, uint64_t seed)
{
	struct latency_config config = a->config;
	struct latency_result r;
	const char *reason;
	double copies_per_100;

	config.seed = seed;
	if (!latency_run(&config, &r, &reason)) {
		printf("FAILED %s: %s\n", a->name, reason);
		return false;
	}
	copies_per_100 = (double)r.copied_packets * 100 / config.count;
	printf("%-12s copies %.1f of 100 writes, of bulk %" PRIu64 " bytes   (%s)\n", a->name,
	       copies_per_100, r.bulk_copied_bytes, a->what);
	if (copies_per_100 <= a->copies_per_100 && r.bulk_copied_bytes <= a->bulk_copied_bytes)
		return true;
	printf("FAILED %s: bounds are %.1f and %" PRIu64 "\n", a->name, a->copies_per_100,
	       a->bulk_copied_bytes);
	return false;
}

int latency_run_all(int *runs)
{
	int failures = 0;

	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			failures += !run(&all[i], seed);
	for (unsigned i = 0; i < sizeof abstentions / sizeof abstentions[0]; i++)
		failures += !abstains(&abstentions[i], 1);
	*runs += (int)(sizeof abstentions / sizeof abstentions[0]);
	*runs += SEEDS * (int)(sizeof all / sizeof all[0]);
	return failures;
}
