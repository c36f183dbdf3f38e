/* SPDX-License-Identifier: MIT */
/*
 * access - what access networks do to a transfer: named paths with a policer, a rate that changes,
 * traces of LTE, Wi-Fi and Starlink, active queue management, aggregation, handovers, an MTU that
 * shrinks. Each has bars of its own, for BBR beside the models of the kernel's BBR and CUBIC. The bench
 * has the same names (bench/paths.txt).
 */
#ifndef RUDP_SIM_ACCESS_H
#define RUDP_SIM_ACCESS_H

#include "paths.h"

/* NULL: no such path. */
const struct path *access_find(const char *name);

/*
 * The command: --access [NAME ...], all without a name. Prints what became of each path and which bars
 * are kept. Returns the exit code: 1 if a bar is missed.
 */
int access_command(int argc, char **argv);

#endif
