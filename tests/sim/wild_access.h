/* SPDX-License-Identifier: MIT */
/*
 * wild_access - draws for a random path what access networks do to packets. Each effect is drawn by
 * itself, so that they meet in combinations that no test names.
 *
 * Rate      one of four follows a synthetic trace of LTE, Wi-Fi or Starlink; one of five others
 *           changes once, to 0.1 to 10 times, after a fifth to a half of the run.
 * Queue     half have drop-tail; the others CoDel, PIE, FQ-CoDel, or marks from 0.3 to 20 ms of
 *           waiting on (half of them marks of all, half with a probability that rises to four times
 *           as much).
 * Policer   one of ten: 0.2 to 0.9 of the rate, with 10 to 200 ms of it saved up.
 * Bursts    one of four has a way back that holds packets for 1 to 20 ms, one of six a way there
 *           that does so for 0.5 to 10 ms; one of four receives at intervals of 0.25 to 10 ms, as a
 *           host or an emulator with a coarse timer.
 * Gaps      one of ten: 50 to 1000 ms, every 2 to 10 s; half of them hold packets back.
 * Order     one of six reorders 0.1 to 10 % of the packets by up to a round trip; one of six
 *           duplicates up to 5 %.
 */
#ifndef RUDP_SIM_WILD_ACCESS_H
#define RUDP_SIM_WILD_ACCESS_H

#include "prng.h"
#include "wild.h"

void wild_draw_access(struct prng *p, struct wild_path *path);

/* Prints what was drawn, on stdout. */
void wild_describe_access(const struct wild_path *path);

#endif
