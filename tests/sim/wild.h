/* SPDX-License-Identifier: MIT */
/*
 * wild - random paths, to measure congestion control where it was not tuned.
 *
 * Paths     the rate is 1 Mbit/s to 1 Gbit/s and the round trip 1 to 600 ms, both uniform in their
 *           logarithm; the queue 0.1 to 10 BDP (10 packets at least), likewise. Three of five paths
 *           lose 0.01 % to 15 % each way, half of these in bursts of 2 to 8. Half have jitter, up
 *           to a round trip in all, that keeps packets in order (60 %) or reorders them. One of
 *           seven has a way back 4 to 50 times slower.
 * Measure   one flow that always has data, for 10 s or 30 round trips: BBR beside the models of the
 *           kernel's BBR and of CUBIC, each alone on the same path.
 */
#ifndef RUDP_SIM_WILD_H
#define RUDP_SIM_WILD_H

#include "bulk.h"

struct wild_path {
	struct link_config up, down;
	double rtt_ms, queue_bdps;
	int64_t run_ns;
};

/* The same seed always gives the same path. */
void wild_draw(uint64_t seed, struct wild_path *path);

/* Compares BBR with the models on paths of up to 60 Mbit/s. 1: it missed a bound; adds to *runs. */
int wild_check(int *runs);

/*
 * The commands: --wild FROM COUNT [CC] runs paths and prints how BBR (or CC) compares;
 * --wild-options SEED prints the path's facts and the options that make linkem the same path;
 * --wild-trace SEED MS [CC] prints the time series of one. Returns the exit code.
 */
int wild_command(int argc, char **argv);

#endif
