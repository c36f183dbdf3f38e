/* SPDX-License-Identifier: MIT */
/*
 * hostile - bars for a server that has a hostile peer with valid keys beside honest ones (arena.h).
 *
 * The honest connections get most of what they get without the hostile peer. No packet, and no
 * connection over time, makes the server work more than work.h says. The verdicts of the server show
 * the attack.
 */
#ifndef RUDP_SIM_HOSTILE_H
#define RUDP_SIM_HOSTILE_H

/* Returns how many runs did not keep their bars, of *runs. */
int hostile_check(int *runs);
/* The command: --hostile [SEED]. Prints what became of each run. Returns the exit code. */
int hostile_command(int argc, char **argv);

#endif
