/* SPDX-License-Identifier: MIT */
/*
 * cc - congestion control: how much may be in flight, and how fast it may leave.
 *
 * One interface, several algorithms; a connection embeds struct rudp_cc by value and calls through
 * it with facts. All sizes are bytes of UDP payload.
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

/* One delivery rate sample, draft-ietf-ccwg-bbr section 4.1. delivered_bytes 0: no sample. */
struct rudp_rate_sample {
	uint64_t delivered_bytes;        /* over the interval */
	int64_t interval_ns;
	uint64_t prior_delivered_bytes;  /* total delivered when the packet was sent */
	uint64_t lost_bytes;             /* lost between its sending and now */
	uint64_t inflight_at_send_bytes;
	bool app_limited;
};

/* Facts of one processed ACK. */
struct rudp_cc_ack {
	int64_t now_at_ns;
	uint64_t acked_bytes;
	uint64_t inflight_bytes;        /* after it */
	uint64_t inflight_before_bytes;
	uint64_t delivered_total_bytes;
	uint64_t largest_acked_number;
	uint64_t next_number;           /* number the next packet will get: rounds are counted by it */
	const struct rudp_rtt *rtt;
	bool has_rtt;                   /* rtt->latest_ns is new */
	struct rudp_rate_sample rate;
	uint64_t ecn_ce_new;            /* packets newly reported marked */
	bool cwnd_limited;              /* the window, not the application, limited the sending */
};

struct rudp_cc_loss {
	int64_t now_at_ns;
	uint64_t lost_bytes;
	uint64_t acked_bytes;           /* by the ACK that shows it; 0: a timer does */
	uint32_t lost_packets;
	uint64_t largest_lost_number;
	int64_t largest_lost_sent_at_ns;
	uint64_t next_number;
	uint64_t inflight_bytes;        /* after it */
	uint64_t delivered_total_bytes;
	uint64_t lost_total_bytes;
	const struct rudp_rtt *rtt;
	bool persistent_congestion;
};

struct rudp_cc_spurious {
	int64_t now_at_ns;
	uint64_t bytes;
	uint32_t packets;
	uint64_t largest_number;        /* of the packets wrongly declared lost */
};

/* What has been measured of the path, for connections to come. */
struct rudp_cc_measured {
	uint64_t bytes_per_s;
	int64_t min_rtt_ns;
	bool is_whole;                  /* it is the path's rate; else it carries as much at least */
	int64_t base_rtt_ns;            /* without a queue, seen or told by expect_rtt; 0: not known */
	bool is_longer;                 /* the path has become as long as that */
};

/* What one of several between the same hosts has. */
struct rudp_cc_flow {
	uint64_t bytes_per_s;           /* at which it goes on */
	uint64_t delivered_bytes_per_s; /* in the last rounds; 0: not known */
	uint64_t round;                 /* counts round trips */
	bool may_shift;                 /* else it is looking for something */
};

struct rudp_cc_ops {
	const char *name;               /* as in TCP_CONGESTION: "cubic", "bbr" */
	void (*init)(struct rudp_cc *cc, int64_t now_at_ns);
	void (*on_sent)(struct rudp_cc *cc, uint64_t number, uint64_t bytes,
			uint64_t inflight_bytes, int64_t now_at_ns);
	void (*on_ack)(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
	void (*on_loss)(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
	void (*on_spurious)(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious);
	/* Nothing was in flight and something is sent again. */
	void (*on_idle_restart)(struct rudp_cc *cc, int64_t now_at_ns);
	void (*on_mtu)(struct rudp_cc *cc, uint32_t datagram_bytes);
	/*
	 * What other connections to the same host know (known_paths.h, startup_group.h); all NULL: it
	 * makes no use of that, and is_starting is never set. measured: false, nothing yet. share: so
	 * many, itself included, look for their rate now. jump: so many bytes may be in flight,
	 * to leave in span_ns.
	 */
	bool (*measured)(const struct rudp_cc *cc, struct rudp_cc_measured *out);
	void (*share)(struct rudp_cc *cc, uint32_t starters);
	void (*jump)(struct rudp_cc *cc, uint64_t bytes, int64_t span_ns);
	/* So short has the round trip been when no queue stood. */
	void (*expect_rtt)(struct rudp_cc *cc, int64_t base_rtt_ns);
	/*
	 * Parts of a path that several share (flow_group.h); both NULL: it takes what it gets. flow:
	 * false, it does not send as fast as it may. shift: it goes on at this rate.
	 */
	bool (*flow)(const struct rudp_cc *cc, struct rudp_cc_flow *out);
	void (*shift)(struct rudp_cc *cc, uint64_t bytes_per_s);
};

/* State of the algorithms: opaque to everybody else. */
#define RUDP_CC_STATE_BYTES 1184

/* What an algorithm looks for now and then, and better together with others on its path. */
enum rudp_cc_probe {
	RUDP_CC_BANDWIDTH, /* more of it */
	RUDP_CC_EMPTY,     /* the round trip without a queue */
	RUDP_CC_PROBES,
};

struct rudp_cc {
	const struct rudp_cc_ops *ops;
	uint64_t cwnd_bytes;              /* may be in flight */
	uint64_t ssthresh_bytes;          /* UINT64_MAX: in slow start; bbr: the higher of its bounds */
	uint64_t pacing_bytes_per_s;      /* 0: not known yet, pace at initial window per initial RTT */
	uint64_t send_quantum_bytes;      /* largest burst worth sending at once */
	uint32_t datagram_bytes;          /* full-sized packet now */
	bool is_starting;                 /* it looks for its rate: share and jump make sense */
	uint32_t flows;                   /* of its group (flow_group.h); 0: alone, as with 1 */
	bool is_probing[RUDP_CC_PROBES];  /* it looks for them now, */
	bool is_to_probe[RUDP_CC_PROBES]; /* and should, with others of its group (set from outside) */
	const char *state_name;           /* "startup", "probe_bw_up", "recovery" ...: statistics */
	_Alignas(16) uint8_t state[RUDP_CC_STATE_BYTES];
};

/* rudp_cc_bbr, rudp_cc_cubic: one for each row of cc_names.h. */
#define RUDP_CC_DECLARE(name) extern const struct rudp_cc_ops rudp_cc_##name;
RUDP_CC_NAMES(RUDP_CC_DECLARE)
#undef RUDP_CC_DECLARE

/* By name; NULL if unknown. */
const struct rudp_cc_ops *rudp_cc_find(const char *name);

void rudp_cc_init(struct rudp_cc *cc, const struct rudp_cc_ops *ops, uint32_t datagram_bytes,
		  int64_t now_at_ns);

/* min(10 datagrams, max(2 datagrams, 14720)), RFC 9002 section 7.2. */
uint64_t rudp_cc_initial_window_bytes(uint32_t datagram_bytes);

#endif
