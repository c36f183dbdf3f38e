/* SPDX-License-Identifier: MIT */
/*
 * bulk - the yardstick of congestion control: flows of whole connections through one bottleneck, in
 * virtual time, and what became of them and of its queue.
 *
 * Model     the flows go up through one link, their acknowledgements down through the other. A flow
 *           always has data, or as much as its object, and is read at once. What is looked at is
 *           speed: that the bytes are right is the business of world.h.
 *           A flow is in start-up until its algorithm first says that it is not.
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
	int64_t stop_at_ns;           /* writes no more from here on; 0: never */
	int64_t resume_at_ns;         /* goes on from here after the stop; 0: never */
	uint64_t bytes;               /* of the object; 0: always has data */
	uint64_t app_bytes_per_s;     /* what the program writes, every millisecond; 0: no bound */
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
	struct stall stall;           /* of both hosts; their programs go on */
	int64_t end_at_ns;
	int64_t measure_from_at_ns;   /* of the shares; the goodput counts from the start */
	int64_t trace_every_ns;       /* print the time series; 0: no */
	int64_t sample_every_ns;      /* keep it in the result; 0: no */
	uint32_t interface_bytes;     /* the largest datagram of the hosts' interfaces; 0: not known */
	bool hosts_apart;             /* each flow is of another host, which shares the links */
	double odd_bits_per_s;        /* the rate of a second link up, for every other flow; 0: none */
	bool requested;               /* the receiver opens the connections, and asks with early data */
	uint32_t flow_count;
	struct bulk_flow flows[BULK_FLOWS_MAX];
};

struct bulk_flow_result {
	uint64_t delivered_bytes;     /* of the stream, from the flow's connect() to the end */
	uint64_t measured_bytes;      /* of these, after measure_from_at_ns */
	uint64_t sent_packets, lost_packets, spurious_packets;
	uint64_t wire_bytes;          /* up, with the headers of IP and UDP */
	int64_t established_at_ns;    /* RUDP_NEVER: not, as in the other two */
	int64_t startup_done_at_ns;
	int64_t done_at_ns;           /* the object is read whole */
	uint32_t datagram_bytes;      /* at the end */
	uint64_t jump_bytes;          /* of its first window by what was known; 0: nothing was */
	double ideal_bits_per_s;      /* of goodput, had it the link alone */
};

/* The state at one instant; counts are from the start on. */
struct bulk_sample {
	int64_t wait_ns;              /* in the first link's queue */
	uint64_t delivered_bytes;     /* of the first flow */
	uint64_t offered_packets;     /* to the first link */
	uint64_t dropped_packets;     /* by its queue, its AQM or its policer */
};

struct bulk_queue {
	double mean_ms, p99_ms, max_ms;
};

struct bulk_result {
	struct bulk_flow_result flows[BULK_FLOWS_MAX];
	struct bulk_queue startup, after;   /* of the first flow */
	uint64_t dropped_packets;           /* by the full queue */
	uint64_t aqm_packets, policed_packets; /* dropped by AQM and by the policer */
	struct bulk_sample samples[BULK_SAMPLES_MAX]; /* the first at sample_every_ns */
	uint32_t sample_count;
	uint64_t marked_packets;
	uint64_t down_bytes;                /* acknowledgements on the wire */
};

/* false: no memory, or a connection failed (said on stdout). */
bool bulk_run(const struct bulk_config *config, struct bulk_result *result);

/* Of the first flow: what it got by the ideal, from the end of its handshake to the end. */
double bulk_part_of_ideal(const struct bulk_config *config, const struct bulk_result *result);
double bulk_wire_by_payload(const struct bulk_flow_result *flow);
/* Jain's index of what the flows got while measured. */
double bulk_jain(const struct bulk_config *config, const struct bulk_result *result);
double bulk_share_of_first(const struct bulk_config *config, const struct bulk_result *result);

#endif
