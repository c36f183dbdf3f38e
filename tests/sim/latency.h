/* SPDX-License-Identifier: MIT */
/*
 * latency - measures sparse traffic in virtual time: how long a request or a message takes, and how
 * many bytes its protection against loss costs. Programs wait for each other, or write at fixed
 * intervals, over the links of link.h. The seed determines everything.
 */
#ifndef RUDP_SIM_LATENCY_H
#define RUDP_SIM_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

#define LATENCY_SAMPLES_MAX 100000

enum latency_pattern {
	LATENCY_EXCHANGES, /* request, response, a pause of up to a round trip, again */
	LATENCY_MESSAGES,  /* one way, at fixed intervals */
	LATENCY_CONNECTS,  /* each exchange has a connection: connect, request, response, close */
};

struct latency_config {
	uint64_t seed;
	enum latency_pattern pattern;
	struct link_config link; /* in each direction */
	unsigned count;          /* exchanges, messages or connections */
	unsigned request_bytes, response_bytes;
	int64_t every_ns;    /* between messages */
	uint64_t bulk_bytes; /* sent by a second connection meanwhile; 0: none */
	const char *bulk_cc;
	bool tail_off;
};

struct latency_result {
	unsigned samples;
	int64_t p50_ns, p99_ns, max_ns;
	uint64_t wire_bytes;                   /* UDP payload, both ways */
	uint64_t stream_bytes;                 /* written by the programs */
	uint64_t copied_packets, copied_bytes; /* sent twice as protection, by both measured ends */
	uint64_t bulk_copied_bytes;
	uint64_t lost_packets, spurious_packets, stream_resent;
	int64_t end_ns;
};

/* false: *reason says why (a static string). */
bool latency_run(const struct latency_config *config, struct latency_result *result,
		 const char **reason);

/* Runs all scenarios and prints a line for each. Returns how many missed a bound; adds to *runs. */
int latency_run_all(int *runs);

#endif
