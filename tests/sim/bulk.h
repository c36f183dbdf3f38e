/* SPDX-License-Identifier: MIT */
/*
 * bulk - measures congestion control: flows of whole connections through one bottleneck, in virtual
 * time; reports throughput and queueing.
 *
 * Model     Data goes up through one link, acknowledgements down through another. A flow always has
 *           data, or an object of a given size; the receiver reads at once. Only speed is measured;
 *           world.h checks that the bytes are right. A flow is in start-up until its algorithm
 *           first says that it is not.
 */
#ifndef RUDP_SIM_BULK_H
#define RUDP_SIM_BULK_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"
#include "stall.h"

#define BULK_FLOWS_MAX 1000
#define BULK_SAMPLES_MAX 10000

struct bulk_flow {
	const char *cc;
	int64_t start_at_ns;
	int64_t stop_at_ns;       /* writes no more from then on; 0: never */
	int64_t resume_at_ns;     /* after the stop, writes again from then on; 0: never */
	uint64_t bytes;           /* size of the object; 0: always has data */
	uint64_t app_bytes_per_s; /* rate of the program, each millisecond; 0: no limit */
	/* Until bulk_at_ns (0: from the start on as above): first_bytes as fast as it goes, and a
	 * message every so often. */
	int64_t bulk_at_ns;
	uint64_t first_bytes;
	uint64_t message_bytes;
	int64_t message_every_ns;
};

struct bulk_config {
	uint64_t seed;
	struct link_config up, down;
	struct stall stall; /* of both hosts; their programs are not affected */
	int64_t end_at_ns;
	int64_t measure_from_at_ns; /* for shares; goodput counts from the start */
	int64_t trace_every_ns;     /* interval of the printed time series; 0: none */
	int64_t sample_every_ns;    /* interval of the samples in the result; 0: none */
	uint32_t interface_bytes;   /* the largest datagram of the hosts' interfaces; 0: unknown */
	bool hosts_apart;           /* each flow has its own host; they share the links */
	double odd_bits_per_s;      /* rate of a second link up, for every second flow; 0: none */
	bool requested; /* the receiver opens the connections, and asks with early data */
	uint32_t flow_count;
	struct bulk_flow flows[BULK_FLOWS_MAX];
};

struct bulk_flow_result {
	uint64_t delivered_bytes; /* of the stream, from connect() to the end */
	uint64_t measured_bytes;  /* of these, after measure_from_at_ns */
	uint64_t sent_packets, lost_packets, spurious_packets;
	uint64_t wire_bytes;       /* up, with the headers of IP and UDP */
	int64_t established_at_ns; /* this and the next two: RUDP_NEVER if it did not happen */
	int64_t startup_done_at_ns;
	int64_t done_at_ns;      /* the whole object was read */
	uint32_t datagram_bytes; /* at the end */
	uint64_t jump_bytes;     /* first window from remembered path data; 0: none */
	double ideal_bits_per_s; /* goodput if the flow had the link alone */
};

/* The state at one instant. Counts are since the start. */
struct bulk_sample {
	int64_t wait_ns;          /* in the first link's queue */
	uint64_t delivered_bytes; /* of the first flow */
	uint64_t offered_packets; /* to the first link */
	uint64_t dropped_packets; /* by its queue, its AQM or its policer */
};

struct bulk_queue {
	double mean_ms, p99_ms, max_ms;
};

struct bulk_result {
	struct bulk_flow_result flows[BULK_FLOWS_MAX];
	struct bulk_queue startup, after;             /* of the first flow */
	uint64_t dropped_packets;                     /* by the full queue */
	uint64_t aqm_packets, policed_packets;        /* dropped by AQM and by the policer */
	struct bulk_sample samples[BULK_SAMPLES_MAX]; /* the first at sample_every_ns */
	uint32_t sample_count;
	uint64_t marked_packets;
	uint64_t down_bytes; /* acknowledgements on the wire */
};

/* false: no memory, or a connection failed (printed on stdout). */
bool bulk_run(const struct bulk_config *config, struct bulk_result *result);

/* Of the first flow: its goodput relative to the ideal, from the end of its handshake on. */
double bulk_part_of_ideal(const struct bulk_config *config, const struct bulk_result *result);
double bulk_wire_by_payload(const struct bulk_flow_result *flow);
/* Jain's fairness index of the flows' measured bytes. */
double bulk_jain(const struct bulk_config *config, const struct bulk_result *result);
double bulk_share_of_first(const struct bulk_config *config, const struct bulk_result *result);

#endif
