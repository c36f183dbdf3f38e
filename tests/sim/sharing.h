/* SPDX-License-Identifier: MIT */
/*
 * sharing - checks congestion control with competing flows and with programs that pause: bounds for
 * the shares of flows on a path, for a flow limited by its program, and for a flow after an idle
 * time.
 */
#ifndef RUDP_SIM_SHARING_H
#define RUDP_SIM_SHARING_H

/* Returns how many of *runs runs missed a bound. */
int sharing_check(int *runs);

#endif
