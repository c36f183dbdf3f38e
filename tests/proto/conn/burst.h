/* SPDX-License-Identifier: MIT */
/*
 * burst - two endpoints connected by a wire with a delay. One side sends bursts and the other
 * receives them.
 *
 * The test chooses which packets are dropped, by what they carry. Every received byte is compared,
 * and the invariants are checked after each step.
 */
#ifndef TESTS_PROTO_BURST_H
#define TESTS_PROTO_BURST_H

#include "base/random.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define BURST_UNDER_WAY_MAX 2048u
#define BURST_BYTES 40000u /* 35 packets of 1200 bytes */

struct burst {
	struct pair pair;
	int64_t rtt_ns;
	int speaker; /* index in pair; may be set before the connection is established */
	struct {
		struct pair_datagram *datagram;
		int64_t at_ns;
	} line[BURST_UNDER_WAY_MAX]; /* packets on the wire, in order */
	unsigned line_count;
	uint64_t highest;                     /* stream bytes up to it were sent */
	unsigned news, repeats, copies, sums; /* packets of the speaker, by what they carry */
	uint64_t dropped_news;                /* bit mask: the first of news, the second, ... */
	bool drops_news, drops_repeats, drops_copies, drops_sums;
	unsigned loss_percent; /* of all packets, in both directions */
	struct random dice;
};

extern struct burst burst;

void burst_init(void);
void burst_fini(void);

/* Opens the connection over a wire with this delay. */
void burst_establish(int64_t rtt_ns);
/*
 * The same, then sends enough that a burst may be sent at once. Waits until nothing happens, and
 * resets the counters.
 */
void burst_establish_warm(int64_t rtt_ns);
void burst_warm_up(void);
/* Sets the known paths as if this path lost a third of all packets. */
void burst_know_losses(void);

struct rudp_conn *burst_speaking(void);
struct rudp_conn *burst_listening(void);

void burst_say(size_t bytes);
/* Reads everything that has arrived, compares it, and returns its size. */
size_t burst_hear(void);

/* Puts on the wire, or drops, what both endpoints want to send now. */
void burst_collect(void);
void burst_run_for(int64_t ns);
/* Runs until this many repair symbols were sent. The test fails if that takes too long. */
void burst_run_until_sums(unsigned count);

#endif
