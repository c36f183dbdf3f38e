/* SPDX-License-Identifier: MIT */
/*
 * arena - a server with an honest client, which downloads and uploads, and a hostile client with
 * valid keys (lies.h), in virtual time.
 *
 * Model     The clients have separate links. They share the server's processor and memory. Each
 *           packet in or out takes processor time, and so does each unit of work (work.h).
 *           Datagrams that arrive meanwhile wait in a queue of the socket's size. In every third
 *           run the hostile client uses only the most expensive attacks, and more of them.
 */
#ifndef RUDP_SIM_ARENA_H
#define RUDP_SIM_ARENA_H

#include "proto/conn/endpoint_private.h"

#define ARENA_RUN_NS (3 * RUDP_NS_PER_S)
#define ARENA_HOSTILE_CONNS 4

struct arena_result {
	uint64_t honest_bytes;
	uint64_t lies, opened, packets, units, memory_most_bytes, dropped;
	uint64_t packet_units_most;
	uint64_t owed_units; /* work units of all packets beyond the free part */
	uint64_t exchanges;  /* key exchanges answered on hostile connections */
	struct rudp_verdict_counts verdicts;
	char reason[200]; /* "": none */
};

/*
 * Runs until the end; attacked: with the hostile client. Returns false, with the reason, if the
 * server breaks an invariant or its memory budget, or an honest stream fails or has wrong bytes.
 */
bool arena_run(uint64_t seed, bool attacked, struct arena_result *result);

/* Is the server's memory so small that it must limit the windows? */
bool arena_is_scarce(uint64_t seed);

#endif
