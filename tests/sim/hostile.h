/* SPDX-License-Identifier: MIT */
/*
 * hostile - a peer with valid keys that completes handshakes and then sends the lies of lies.h, beside
 * honest connections of the same endpoint.
 *
 * Model     three hosts: a server, an honest client with downloads and uploads, a hostile client. The links
 *           of the two clients are apart; what they share is the server's processor and its memory. Each
 *           packet in or out takes time of the processor, and so does each unit of work (work.h).
 *           Datagrams that come meanwhile wait in a queue of the socket's size.
 * Bars      The honest connections get most of what they get without the hostile peer. No packet, and no
 *           second of the hostile peer, makes the server work more than work.h says. The server's memory
 *           stays within its budget. Its invariants hold, honest streams arrive unchanged, and the
 *           verdicts of the server show the attack.
 */
#ifndef RUDP_SIM_HOSTILE_H
#define RUDP_SIM_HOSTILE_H

/* Returns how many runs did not keep their bars, of *runs. */
int hostile_check(int *runs);
/* The command: --hostile [SEED]. Prints what became of each run. Returns the exit code. */
int hostile_command(int argc, char **argv);

#endif
