/* SPDX-License-Identifier: MIT */
/*
 * wild - random paths, to measure congestion control where it was not tuned.
 *
 * Paths     the rate is 1 Mbit/s to 1 Gbit/s and the round trip 1 to 600 ms, both uniform in their
 *           logarithm; the queue 0.1 to 10 BDP (10 packets at least), likewise. Three of five paths
 *           lose 0.01 % to 15 % each way, half of these in bursts of 2 to 8. Half have jitter, up
 *           to a round trip in all, that keeps packets in order (60 %) or reorders them. One of
 *           seven has a way back 4 to 50 times slower.
 * Slow      a second distribution of slower and worse paths (struct wild_kind): 0.2 to 60 Mbit/s,
 *           0.5 to 900 ms, queues of 0.03 to 30 BDP (5 packets at least), up to 20 % lost, bursts
 *           of up to 20, jitter of up to a round trip and 10 ms each way, one of three with a slow
 *           way back. Losses in bursts depend on chance so much that each path is run twice.
 * Access    a third one of paths of 1 to 300 Mbit/s and 4 to 300 ms that also do what access
 *           networks do (wild_access.h); each is run twice.
 * Measure   one flow that always has data, for 10 s or 30 round trips: BBR beside the models of the
 *           kernel's BBR and of CUBIC, each alone on the same path.
 */
#ifndef RUDP_SIM_WILD_H
#define RUDP_SIM_WILD_H

#include "bulk.h"

struct wild_kind {
	const char *name;
	double mbits_min, mbits_max, rtt_ms_min, rtt_ms_max, queue_bdps_min, queue_bdps_max;
	size_t queue_bytes_min;
	double loss_min, loss_max, burst_max;
	double jitter_by_rtt, jitter_ms; /* each way, at most: a part of the round trip, and more */
	double slow_back_chance, slow_back_max, slow_back_bits_per_s_min;
	bool is_access; /* also what wild_access.h draws */
	unsigned runs;  /* of each path, with other losses */
};

extern const struct wild_kind wild_kind, wild_slow_kind, wild_access_kind;

struct wild_path {
	struct link_config up, down;
	double rtt_ms, queue_bdps;
	int64_t run_ns;
};

/* The same seed always gives the same path. */
void wild_draw(const struct wild_kind *kind, uint64_t seed, struct wild_path *path);

/* Compares BBR with the models on paths of up to 60 Mbit/s. Returns how often it missed a bound;
 * adds to *runs. */
int wild_check(int *runs);

/*
 * The commands: --wild FROM COUNT [CC] runs paths and prints how BBR (or CC) compares;
 * --wild-trace SEED MS [CC] prints the time series of one. --wild-slow, --wild-slow-trace,
 * --wild-access and --wild-access-trace do so with the other distributions.
 * --wild-options SEED prints the path's facts and the options that make linkem the same path.
 * Returns the exit code.
 */
int wild_command(int argc, char **argv);

#endif
