/* SPDX-License-Identifier: MIT */
/*
 * burst - a pair of endpoints at the two ends of a wire of some length, over which one side says bursts
 * and the other hears them. The test says what is dropped of them, by what it carries; each byte heard
 * is looked at, and after each step the invariants are.
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
	int speaker; /* a side of the pair; it may be set before it is established */
	struct {
		struct pair_datagram *datagram;
		int64_t at_ns;
	} line[BURST_UNDER_WAY_MAX]; /* what is under way, in order */
	unsigned line_count;
	uint64_t highest;                      /* stream bytes up to it have left */
	unsigned news, repeats, copies, sums;  /* packets of the speaker, by what they carry */
	uint64_t dropped_news;                 /* bits: the first of them, the second, ... */
	bool drops_news, drops_repeats, drops_copies, drops_sums;
	unsigned loss_percent;                 /* of everything, both ways */
	struct random dice;
};

extern struct burst burst;

void burst_init(void);
void burst_fini(void);

/* Opens the connection over a wire so long. */
void burst_establish(int64_t rtt_ns);
/* And says enough that a burst may leave at once; all is quiet afterwards, and forgotten. */
void burst_establish_warm(int64_t rtt_ns);
void burst_warm_up(void);
/* As a path that is known to lose a third of all packets. */
void burst_know_losses(void);

struct rudp_conn *burst_speaking(void);
struct rudp_conn *burst_listening(void);

void burst_say(size_t bytes);
/* Reads all that is there, which must be right; its size. */
size_t burst_hear(void);

/* What both endpoints want to send now is under way, or dropped. */
void burst_collect(void);
void burst_run_for(int64_t ns);
/* So many sums have left, which must be soon. */
void burst_run_until_sums(unsigned count);

#endif
