/* SPDX-License-Identifier: MIT */
/*
 * cc - congestion control: how many bytes may be in flight, and at which rate they are sent.
 *
 * One interface with several algorithms. A connection embeds struct rudp_cc by value and reports
 * events (sent, acknowledged, lost) to it. All sizes are bytes of UDP payload.
 */
#ifndef RUDP_PROTO_CC_H
#define RUDP_PROTO_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "proto/cc/cc_names.h"
#include "proto/recovery/rtt.h"

struct rudp_cc;

/*
 * One delivery rate sample, draft-ietf-ccwg-bbr section 4.1. delivered_bytes is 0 if there is no
 * sample.
 */
struct rudp_rate_sample {
	uint64_t delivered_bytes; /* during the interval */
	int64_t interval_ns;
	uint64_t lost_bytes; /* lost between the sending of the packet and now */
	uint64_t inflight_at_send_bytes;
	bool app_limited;
};

/* Results of one processed ACK. */
struct rudp_cc_ack {
	int64_t now_at_ns;
	uint64_t acked_bytes;
	uint64_t inflight_bytes; /* after the ACK */
	uint64_t inflight_before_bytes;
	uint64_t delivered_total_bytes;
	uint64_t largest_acked_number;
	uint64_t next_number; /* the number of the next packet: rounds are counted with it */
	const struct rudp_rtt *rtt;
	bool has_rtt; /* rtt->latest_ns is new */
	struct rudp_rate_sample rate;
	uint64_t ecn_ce_new; /* packets newly reported as CE-marked */
	bool cwnd_limited;   /* the window, not the application, limited sending */
};

struct rudp_cc_loss {
	int64_t now_at_ns;
	uint64_t lost_bytes;
	uint64_t acked_bytes; /* by the ACK that revealed the loss; 0: a timer did */
	uint32_t lost_packets;
	uint32_t lost_runs; /* of packets in a row */
	uint64_t largest_lost_number;
	uint64_t next_number;
	uint64_t inflight_bytes; /* after the loss */
	const struct rudp_rtt *rtt;
	bool persistent_congestion;
};

struct rudp_cc_spurious {
	uint64_t bytes;
	uint32_t packets;
	uint64_t largest_number; /* of the packets wrongly declared lost */
};

/* The algorithm's measurements of the path, for later connections to the same host. */
struct rudp_cc_measured {
	uint64_t bytes_per_s;
	int64_t min_rtt_ns;
	bool is_whole;       /* bytes_per_s is the path's rate; else a lower bound of it */
	int64_t base_rtt_ns; /* without a queue, measured or set by expect_rtt; 0: unknown */
	bool is_longer;      /* the path has become longer: base_rtt_ns replaces older values */
};

/* The rate of one connection among several between the same two hosts. */
struct rudp_cc_flow {
	uint64_t bytes_per_s;           /* at which it will continue */
	uint64_t delivered_bytes_per_s; /* in the last rounds; 0: unknown */
	uint64_t round;                 /* number of the current round trip */
	bool may_shift;                 /* its rate may be changed; false while it probes */
};

struct rudp_cc_ops {
	const char *name; /* as in TCP_CONGESTION: "cubic", "bbr" */
	void (*init)(struct rudp_cc *cc, int64_t now_at_ns);
	void (*on_sent)(struct rudp_cc *cc, uint64_t number, uint64_t bytes,
			uint64_t inflight_bytes, int64_t now_at_ns);
	void (*on_ack)(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
	void (*on_loss)(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
	void (*on_spurious)(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious);
	/* Data is sent after a time with nothing in flight. */
	void (*on_idle_restart)(struct rudp_cc *cc, int64_t now_at_ns);
	void (*on_mtu)(struct rudp_cc *cc, uint32_t datagram_bytes);
	/*
	 * Knowledge from other connections to the same host (host_cache.h). If
	 * the algorithm does not use it, all three are NULL and is_starting is never set. measured:
	 * returns false if nothing was measured yet. share: starters connections, this one
	 * included, are in start-up now. jump: this many bytes may be in flight, paced over
	 * span_ns.
	 */
	bool (*measured)(const struct rudp_cc *cc, struct rudp_cc_measured *out);
	void (*share)(struct rudp_cc *cc, uint32_t starters);
	void (*jump)(struct rudp_cc *cc, uint64_t bytes, int64_t span_ns);
	/* Sets the RTT without a queue, as earlier connections measured it. */
	void (*expect_rtt)(struct rudp_cc *cc, int64_t base_rtt_ns);
	/*
	 * Shares bandwidth with other connections on the same path (flow_group.h). Both are NULL if
	 * the algorithm does not. flow: returns false if the connection does not use its full rate.
	 * shift: continue at this rate.
	 */
	bool (*flow)(const struct rudp_cc *cc, struct rudp_cc_flow *out);
	void (*shift)(struct rudp_cc *cc, uint64_t bytes_per_s);
};

/* Room for the private state of an algorithm. */
#define RUDP_CC_STATE_BYTES 1192

/* Kinds of periodic probes. Connections on one path probe together if they can. */
enum rudp_cc_probe {
	RUDP_CC_BANDWIDTH, /* for more bandwidth */
	RUDP_CC_EMPTY,     /* for the RTT without a queue */
	RUDP_CC_PROBES,
};

struct rudp_cc {
	const struct rudp_cc_ops *ops;
	uint64_t cwnd_bytes;         /* limit of bytes in flight */
	uint64_t ssthresh_bytes;     /* UINT64_MAX: in slow start; bbr: the higher of its bounds */
	uint64_t pacing_bytes_per_s; /* 0: unknown, pace the initial window over the initial RTT */
	uint64_t send_quantum_bytes; /* largest burst worth sending at once */
	uint32_t datagram_bytes;     /* current size of a full-sized packet */
	bool is_starting;            /* in start-up: share and jump make sense */
	uint32_t flows;              /* in its flow group (flow_group.h); 0 and 1: it is alone */
	bool is_probing[RUDP_CC_PROBES];  /* what it probes for now */
	bool is_to_probe[RUDP_CC_PROBES]; /* set from outside: probe together with the group */
	const char *state_name; /* "startup", "probe_bw_up", "recovery" ...: for statistics */
	_Alignas(16) uint8_t state[RUDP_CC_STATE_BYTES];
};

/* rudp_cc_bbr and rudp_cc_cubic: one variable for each row of cc_names.h. */
#define RUDP_CC_DECLARE(name) extern const struct rudp_cc_ops rudp_cc_##name;
RUDP_CC_NAMES(RUDP_CC_DECLARE)
#undef RUDP_CC_DECLARE

/* Finds an algorithm by name. Returns NULL if the name is unknown. */
const struct rudp_cc_ops *rudp_cc_find(const char *name);

void rudp_cc_init(struct rudp_cc *cc, const struct rudp_cc_ops *ops, uint32_t datagram_bytes,
		  int64_t now_at_ns);

/* min(10 datagrams, max(2 datagrams, 14720)), RFC 9002 section 7.2. */
uint64_t rudp_cc_initial_window_bytes(uint32_t datagram_bytes);

#endif
