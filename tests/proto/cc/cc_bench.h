/* SPDX-License-Identifier: MIT */
/*
 * cc_bench - congestion control alone, on one bottleneck, in virtual time.
 *
 * Model     flows always have data. A packet leaves when window and pacer allow, may be lost at
 *           random, queues (drop-tail) for a link of given rate, and is acknowledged one RTT after
 *           it has left the queue; the ACKs of a flow arrive in order, several at once if slotted.
 *           Losses are seen after three later packets, or when nothing else is in flight. Rate
 *           samples are taken as draft-ietf-ccwg-bbr 4.1 says. Seeded: the same seed, the same run.
 */
#ifndef RUDP_TESTS_PROTO_CC_BENCH_H
#define RUDP_TESTS_PROTO_CC_BENCH_H

#include "proto/cc/cc.h"

#define BENCH_FLOWS_MAX 4

struct bench_flow_spec {
	const struct rudp_cc_ops *ops;
	int64_t start_at_ns;
	int64_t rtt_ns;           /* without queue */
	int64_t ack_slot_ns;      /* ACKs wait for the next multiple; 0: none waits */
	uint64_t app_bytes_per_s; /* 0: always has data */
};

struct bench_spec {
	uint64_t link_bits_per_s;
	uint64_t queue_bytes;
	uint32_t loss_ppm; /* at random, before the queue */
	uint64_t seed;
	int64_t end_at_ns;
	int64_t measure_from_at_ns;
	uint64_t link2_bits_per_s; /* from change_at_ns on; 0: no change */
	int64_t change_at_ns;
	int outage; /* from change_at_ns for a second nothing gets through */
	uint32_t flow_count;
	struct bench_flow_spec flows[BENCH_FLOWS_MAX];
};

struct bench_flow_result {
	uint64_t delivered_bytes; /* while measured */
	uint64_t sent_bytes, lost_bytes;
	int64_t startup_done_at_ns; /* the state's name first changed from its first; or RUDP_NEVER
				     */
	uint64_t cwnd_bytes;
	const char *state_name;
};

struct bench_result {
	double utilisation; /* delivered by the capacity while measured */
	double queue_mean_ms, queue_p99_ms, queue_max_ms;
	double queue_max_ever_ms;
	uint64_t dropped_packets; /* by the full queue, from the start */
	struct bench_flow_result flows[BENCH_FLOWS_MAX];
};

/* Runs the specification to its end. */
struct bench_result bench_run(const struct bench_spec *spec);

#endif
