/* SPDX-License-Identifier: MIT */
#include "hostile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"

#define SEEDS 12 /* every second one with scarce memory */
/*
 * Share of the goodput without the hostile peer. The lies fill the link at times, so the share of a
 * single run depends on chance: of 20 seeds it is 0.96 on average, and 0.88 at least. If memory is
 * scarce, windows are small.
 */
#define PART_MEAN_MIN 0.93
#define PART_MIN 0.85
#define PART_SCARCE_MIN 0.65
/* The limit, plus one of the most expensive frames, in a packet that also moves the connection to
 * another path and begins the next key phase. */
#define PACKET_UNITS_MAX                                                                           \
	(RUDP_WORK_PACKET_MAX + RUDP_RECVBUF_RANGES_MAX / RUDP_RANGES_PER_WORK + RUDP_WORK_MOVE +  \
	 RUDP_WORK_KEYS)

/* The work that work.h allows: the maximum debt of each hostile connection, plus the work at the
 * allowed rate. */
static uint64_t owed_max(const struct arena_result *r)
{
	return r->opened * (uint64_t)(RUDP_WORK_DEBT_MAX + PACKET_UNITS_MAX) +
	       ARENA_HOSTILE_CONNS * (uint64_t)RUDP_WORK_PER_S * (ARENA_RUN_NS / RUDP_NS_PER_S);
}

static double part_of(const struct arena_result *alone, const struct arena_result *r)
{
	return (double)r->honest_bytes / (double)alone->honest_bytes;
}

static bool keeps(uint64_t seed, const struct arena_result *alone, const struct arena_result *r)
{
	double part = part_of(alone, r);
	double part_min = arena_is_scarce(seed) ? PART_SCARCE_MIN : PART_MIN;
	const char *why = NULL;

	if (part < part_min)
		why = "honest goodput";
	else if (r->packet_units_most > PACKET_UNITS_MAX)
		why = "work of a packet";
	else if (r->owed_units > owed_max(r))
		why = "work of a connection";
	if (why)
		printf("FAILED hostile seed %" PRIu64
		       ": %s. Goodput %.2f of what it is alone (at least "
		       "%.2f), %" PRIu64 " units in a packet (at most %u), %" PRIu64
		       " owed (at most %" PRIu64 ")\n",
		       seed, why, part, part_min, r->packet_units_most, PACKET_UNITS_MAX,
		       r->owed_units, owed_max(r));
	return !why;
}

static void tell(uint64_t seed, const struct arena_result *alone, const struct arena_result *r)
{
	printf("seed %" PRIu64 ": honest %.1f MB, alone %.1f; %" PRIu64 " lies in %" PRIu64
	       " connections, %" PRIu64 " packets; %" PRIu64 " units, %" PRIu64
	       " owed, at most %" PRIu64 " a packet; ",
	       seed, (double)r->honest_bytes / 1e6, (double)alone->honest_bytes / 1e6, r->lies,
	       r->opened, r->packets, r->units, r->owed_units, r->packet_units_most);
	printf("%" PRIu64 " bytes; %" PRIu64 " datagrams dropped; %" PRIu64 " exchanges\n ",
	       r->memory_most_bytes, r->dropped, r->exchanges);
	for (int i = 0; i < RUDP_VERDICT_COUNT; i++)
		if (r->verdicts.count[i])
			printf(" %s %" PRIu64, rudp_verdict_name((enum rudp_verdict)i),
			       r->verdicts.count[i]);
	printf("\n");
}

/* Adds the share of the goodput to *parts, unless memory is scarce. */
static bool run_seed(uint64_t seed, bool verbose, struct arena_result *total, double *parts)
{
	struct arena_result alone, r;

	if (!arena_run(seed, false, &alone) || !arena_run(seed, true, &r)) {
		printf("FAILED hostile seed %" PRIu64 ": %s\n", seed,
		       alone.reason[0] ? alone.reason : r.reason);
		return false;
	}
	if (verbose)
		tell(seed, &alone, &r);
	for (int i = 0; i < RUDP_VERDICT_COUNT; i++)
		total->verdicts.count[i] += r.verdicts.count[i];
	total->exchanges += r.exchanges;
	if (!arena_is_scarce(seed))
		*parts += part_of(&alone, &r);
	return keeps(seed, &alone, &r);
}

/* Checks that the attacks took place: each verdict was counted. */
static bool shows(const struct arena_result *total)
{
	static const enum rudp_verdict verdicts[] = {
		RUDP_VERDICT_TOO_COSTLY,   RUDP_VERDICT_BAD_FRAME,     RUDP_VERDICT_BAD_ACK,
		RUDP_VERDICT_BAD_STREAM,   RUDP_VERDICT_BAD_KEY_SHARE, RUDP_VERDICT_NO_MEMORY,
		RUDP_VERDICT_BAD_SPARE_ID,
	};
	bool ok = total->exchanges > 0;

	if (!ok)
		printf("FAILED hostile: no exchange of keys has been answered\n");
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
		if (total->verdicts.count[verdicts[i]] > 0)
			continue;
		printf("FAILED hostile: no datagram was %s\n", rudp_verdict_name(verdicts[i]));
		ok = false;
	}
	return ok;
}

int hostile_check(int *runs)
{
	struct arena_result total = {0};
	double parts = 0;
	int failures = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		failures += !run_seed(seed, false, &total, &parts);
	if (parts < PART_MEAN_MIN * SEEDS / 2) {
		printf("FAILED hostile: honest goodput is %.3f of what it is alone on average, not "
		       "%.3f and more\n",
		       parts / (SEEDS / 2.0), PART_MEAN_MIN);
		failures++;
	}
	failures += !shows(&total);
	*runs += SEEDS + 1;
	printf("%-22s %3d runs, %d failed   (a peer with keys that lies, beside honest ones)\n",
	       "hostile", SEEDS + 1, failures);
	return failures;
}

int hostile_command(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t end = argc > 2 ? seed : SEEDS;
	struct arena_result total = {0};
	double parts = 0;
	bool ok = true;

	for (; seed <= end; seed++)
		ok &= run_seed(seed, true, &total, &parts);
	return !ok;
}
