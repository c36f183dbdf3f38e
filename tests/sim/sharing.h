/* SPDX-License-Identifier: MIT */
/*
 * sharing - what congestion control does beside others, or with a program that pauses: bounds for
 * the shares of flows on a path, for a flow that its program limits, and for one that was idle.
 */
#ifndef RUDP_SIM_SHARING_H
#define RUDP_SIM_SHARING_H

/* Returns how many runs did not keep their bounds, of *runs. */
int sharing_check(int *runs);

#endif
