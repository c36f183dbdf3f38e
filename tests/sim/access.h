/* SPDX-License-Identifier: MIT */
/*
 * access - runs transfers over typical access networks: named paths with a policer, a changing
 * rate, traces of LTE, Wi-Fi and Starlink, active queue management, aggregation, handovers, or a
 * shrinking MTU. Each path has bounds for BBR, relative to models of the kernel's BBR and of CUBIC.
 * The benchmark uses the same names (bench/paths.txt).
 */
#ifndef RUDP_SIM_ACCESS_H
#define RUDP_SIM_ACCESS_H

#include "paths.h"

/* NULL: no such path. */
const struct path *access_find(const char *name);

/*
 * The command --access [NAME ...]; without a name all paths. Prints the results and which bounds
 * are kept. Returns the exit code: 1 if a bound is missed.
 */
int access_command(int argc, char **argv);

#endif
