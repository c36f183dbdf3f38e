/* SPDX-License-Identifier: MIT */
/*
 * hostile - checks bounds for a server with a hostile peer that has valid keys (arena.h).
 *
 * Honest connections must keep most of the throughput that they have without the hostile peer. No
 * packet, and no connection over time, may cost the server more work than work.h says. The server's
 * verdict counters must show the attack.
 */
#ifndef RUDP_SIM_HOSTILE_H
#define RUDP_SIM_HOSTILE_H

/* Returns how many of *runs runs missed a bound. */
int hostile_check(int *runs);
/* The command --hostile [SEED]. Prints the result of each run. Returns the exit code. */
int hostile_command(int argc, char **argv);

#endif
