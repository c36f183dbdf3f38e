/* SPDX-License-Identifier: MIT */
/*
 * knowing - what connections make of what earlier ones have measured of their path: objects that
 * finish sooner, a path that has become slower, several that begin together, one beside another.
 */
#ifndef RUDP_SIM_KNOWING_H
#define RUDP_SIM_KNOWING_H

/* Returns how many runs did not keep their bounds, of *runs. */
int knowing_check(int *runs);

#endif
