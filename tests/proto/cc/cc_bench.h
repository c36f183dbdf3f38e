/* SPDX-License-Identifier: MIT */
/*
 * cc_bench - runs congestion control without connections on a simulated bottleneck, in virtual
 * time.
 *
 * Model     Flows always have data. A packet is sent when window and pacer allow it. It may be lost
 *           at random. It queues (drop-tail) for a link of the given rate, and is acknowledged one
 *           RTT after it has left the queue. The ACKs of a flow arrive in order, several at once if
 *           slotted. A loss is detected after three later packets, or when nothing else is in
 *           flight. Rate samples follow draft-ietf-ccwg-bbr section 4.1. The same seed gives the
 *           same run.
 */
#ifndef RUDP_TESTS_PROTO_CC_BENCH_H
#define RUDP_TESTS_PROTO_CC_BENCH_H

#include "proto/cc/cc.h"

#define BENCH_FLOWS_MAX 4

struct bench_flow_spec {
	const struct rudp_cc_ops *ops;
	int64_t start_at_ns;
	int64_t rtt_ns;           /* without a queue */
	int64_t ack_slot_ns;      /* ACKs wait for the next multiple of this; 0: they do not wait */
	uint64_t app_bytes_per_s; /* 0: always has data */
};

struct bench_spec {
	uint64_t link_bits_per_s;
	uint64_t queue_bytes;
	uint32_t loss_ppm; /* random loss, before the queue */
	uint64_t seed;
	int64_t end_at_ns;
	int64_t measure_from_at_ns;
	uint64_t link2_bits_per_s; /* rate after change_at_ns; 0: no change */
	int64_t change_at_ns;
	int outage; /* 0 or 1: from change_at_ns on nothing passes for a second */
	uint32_t flow_count;
	struct bench_flow_spec flows[BENCH_FLOWS_MAX];
};

struct bench_flow_result {
	uint64_t delivered_bytes; /* during the measurement */
	uint64_t sent_bytes, lost_bytes;
	int64_t startup_done_at_ns; /* first change of the state's name; or RUDP_NEVER */
	uint64_t cwnd_bytes;
	const char *state_name;
};

struct bench_result {
	double utilisation; /* delivered bytes divided by the capacity, during the measurement */
	double queue_mean_ms, queue_p99_ms, queue_max_ms;
	double queue_max_ever_ms;
	uint64_t dropped_packets; /* by the full queue, from the start of the run */
	struct bench_flow_result flows[BENCH_FLOWS_MAX];
};

/* Runs the simulation to its end. */
struct bench_result bench_run(const struct bench_spec *spec);

#endif
