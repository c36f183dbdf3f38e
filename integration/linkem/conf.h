/* SPDX-License-Identifier: MIT */
/*
 * The configuration from the command line. A direction is named by its ends: "ab" carries packets
 * from side A to side B. Times count from the first TCP or UDP packet on the link, so that a test
 * need not know how long its programs take to start.
 */
#ifndef LINKEM_CONF_H
#define LINKEM_CONF_H

#include "../netmodel/hop.h"
#include "../netmodel/synthetic.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BLACKOUTS_MAX = 16,
	REBINDS_MAX = 32,
	NETNS_PATH_SIZE = 256,
	MTU_MIN = 576,
	MTU_MAX = 65535,
	MTU_DEFAULT = 1500,
	/* A queue given in bandwidth-delay products never shrinks below this many full packets. */
	QUEUE_FLOOR_PACKETS = 10,
};

enum direction { DIRECTION_AB, DIRECTION_BA, DIRECTIONS };

/* One end of the link: a device in a network namespace. */
struct side_conf {
	char netns[NETNS_PATH_SIZE]; /* path of a namespace file; empty: the caller's own */
	char device[IFNAMSIZ];
	bool has_v4, has_v6;
	struct in_addr v4;
	struct in6_addr v6;
	unsigned v4_prefix_bits, v6_prefix_bits;
};

/* The two-state model of Gilbert and Elliott; each packet makes one step of the chain. */
struct burst_conf {
	double to_bad, to_good;     /* probabilities of changing the state */
	double loss_bad, loss_good; /* probability of loss in each state */
};

enum queue_unit { QUEUE_UNIT_BYTES, QUEUE_UNIT_PACKETS, QUEUE_UNIT_BDP };

struct queue_conf {
	enum queue_unit unit;
	double amount;
};

struct direction_conf {
	uint64_t delay_ns;
	uint64_t jitter_ns;
	/* Heavy tail, never earlier than the delay; otherwise uniform around the delay. */
	bool jitter_pareto;
	bool jitter_ordered;     /* jitter may not reorder */
	uint64_t rate_bps;       /* 0: no limit; the mean rate of a trace */
	struct nm_trace *trace;  /* read from a file; NULL: none */
	enum nm_network network; /* a synthetic trace of mean rate_bps */
	struct queue_conf queue;
	enum nm_discipline discipline;
	struct nm_codel_conf codel;
	struct nm_pie_conf pie;
	/* ECN marks for packets that find more than this queued; amount 0: none. */
	struct queue_conf mark;
	struct nm_marker_conf mark_delay; /* ECN marks by the waiting time of packets */
	uint64_t police_bps;              /* 0: no policer */
	size_t police_burst_bytes;
	uint64_t aggregate_ns;    /* 0: off */
	size_t aggregate_packets; /* 0: no limit */
	bool newest_ack_only;     /* a pure TCP ACK replaces an older one in the queue */
	double loss;
	struct burst_conf burst;
	double reorder; /* probability of reorder_ns of extra delay */
	uint64_t reorder_ns;
	double duplicate;
	double corrupt;
	bool corrupt_undetected; /* recompute the checksum after flipping the bit */
	struct nm_gap blackout[BLACKOUTS_MAX];
	size_t blackouts;
	unsigned drop_mask;   /* bits 1 << enum protocol: dropped */
	unsigned refuse_mask; /* likewise: answered with ICMP port unreachable */
	/* 0: the devices' MTU; bigger packets are dropped without an error. */
	size_t path_mtu_bytes;
	uint64_t path_mtu_from_ns;
};

/* A NAT in front of side A that forgets its UDP mappings at set times. */
struct nat_conf {
	uint64_t at_ns[REBINDS_MAX];
	size_t times;
	uint64_t every_ns; /* 0: only the listed times */
	/* The outside addresses that rebindings use in turn; size 0: the inside address. */
	struct in_addr v4_first;
	struct in6_addr v6_first;
	uint32_t v4_size, v6_size;
};

struct linkem_conf {
	struct side_conf side[DIRECTIONS]; /* side[d] sends in direction d */
	struct direction_conf direction[DIRECTIONS];
	struct nat_conf nat;
	unsigned mtu_bytes;
	uint64_t seed;
	const char *stats_path; /* NULL: none */
	/* Queueing delay within this window is also counted separately; settled_from_ns 0: from the
	 * start. */
	uint64_t settled_from_ns, settled_to_ns;
	const char *series_path; /* NULL: none */
	uint64_t series_interval_ns;
	uint64_t nap_ns;  /* between two reads of the devices; below a second */
	bool with_parent; /* end when the parent process ends */
	bool realtime;    /* ask for real-time scheduling */
};

#endif
