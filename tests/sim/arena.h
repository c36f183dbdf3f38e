/* SPDX-License-Identifier: MIT */
/*
 * arena - a server, an honest client with downloads and uploads, and a client with valid keys that lies
 * (lies.h), in virtual time.
 *
 * Model     The links of the two clients are apart. What they share is the server's processor and its
 *           memory. Each packet in or out takes time of the processor, and so does each unit of work
 *           (work.h). Datagrams that come meanwhile wait in a queue of the socket's size. In every third
 *           arena all lies are those that cost most, and there are more of them.
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
	uint64_t owed_units;          /* of all packets, those beyond the free part */
	uint64_t exchanges;           /* that hostile connections of the end have had answered */
	struct rudp_verdict_counts verdicts;
	char reason[200]; /* "": none */
};

/*
 * Runs to its end; attacked: with the hostile client. Returns false, with the reason, when the server's
 * invariants or its memory budget are broken, or an honest stream fails or is not what was written.
 */
bool arena_run(uint64_t seed, bool attacked, struct arena_result *result);

/* The server's memory is so small that windows have to be. */
bool arena_is_scarce(uint64_t seed);

#endif
