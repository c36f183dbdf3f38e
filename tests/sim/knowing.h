/* SPDX-License-Identifier: MIT */
/*
 * knowing - checks the use of path data that earlier connections have measured: objects finish
 * sooner, also on a path that has become slower, and when several connections start together.
 */
#ifndef RUDP_SIM_KNOWING_H
#define RUDP_SIM_KNOWING_H

/* Returns how many of *runs runs missed a bound. */
int knowing_check(int *runs);

#endif
