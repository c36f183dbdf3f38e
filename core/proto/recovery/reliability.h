/* SPDX-License-Identifier: MIT */
/*
 * reliability - records of sent packets, acknowledgement processing, and loss detection.
 *
 * The three operations:
 *	send        records a sent packet and the answer that it expects;
 *	recv        processes an ACK: marks records, measures RTT and delivery rate;
 *	retransmit  finds packets lost by the packet or time threshold, or a due probe.
 *
 * Handshake and data use the same mechanism: SYN and SYNACK are packet number 0 of their senders. A
 * SYNACK answers the SYN; an ACK frame answers everything else.
 *
 * Model      Records are in a ring, indexed by packet number - base; send assigns consecutive
 *            numbers. A record holds only a description of the packet: when on_lost reports a loss,
 *            the owner sends the content again under a new number. A record is kept until it is
 *            answered, or has been LOST for so long that no answer can come. The loss of a
 *            duplicate (RUDP_CONTENT_COPY) is not reported as a congestion signal: the original's
 *            fate is.
 * Invariant  bytes_in_flight == sum of size_bytes over records from path_first on that are
 *            in_flight and OUTSTANDING.
 * Cost       amortised O(1) per packet and O(ranges) per ACK, for any window size. One call of
 *            recv_step or retransmit settles at most RUDP_FATES_PER_CALL packets each way,
 *            acknowledged and lost: 100,000 at once took 2 ms, in which no other connection was
 *            served.
 * Limits     RUDP_SENT_RECORDS_MAX records; beyond that rudp_reliability_can_send is false.
 * Threads    none: one owner at a time. The owner's callbacks must not call back into this module.
 * Source     RFC 9002 section 6 and appendix A; RFC 4015 (idea of undoing spurious losses); RFC
 *            8985 section 7.1 (adaptive reordering window); docs/protocol.md section 9.
 */
#ifndef RUDP_PROTO_RELIABILITY_H
#define RUDP_PROTO_RELIABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "proto/recovery/rtt.h"
#include "proto/wire/frame.h"

#define RUDP_SENT_RECORDS_MAX (1u << 17)
#define RUDP_PACKET_THRESHOLD 3 /* RFC 9002 section 6.1.1; grows with observed reordering */
#define RUDP_PACKET_THRESHOLD_MAX 1024
#define RUDP_REORDER_MARGIN 2 /* the packet threshold is this many times the observed extent */
/* extra wait in eighths of the RTT: 9/8 in all, RFC 9002 section 6.1.2 */
#define RUDP_REORDER_EIGHTHS 1
#define RUDP_REORDER_EIGHTHS_MAX 8 /* RFC 8985 section 7.1: at most one RTT of extra wait */
/* recoveries without reordering after which the thresholds are lowered */
#define RUDP_REORDER_PERSIST 16
#define RUDP_PTO_BACKOFF_SHIFT_MAX 16
/*
 * No backoff before. Linux sends its first two probes in this time, after 200 and 400 ms. With 200
 * ms, bursts of losses on short paths cost more: 0.51 instead of 0.59 of the ideal goodput on eight
 * random paths of the simulator. Before the first RTT sample, which is in the handshake, it is 200
 * ms.
 */
#define RUDP_PTO_STEADY_NS (600 * RUDP_NS_PER_MS)
#define RUDP_PTO_STEADY_FIRST_NS (200 * RUDP_NS_PER_MS)
#define RUDP_PTO_QUICK 16 /* time-outs after the first that wait less for a delayed ACK */
/* A busy host answers within this time. Without it, hosts that are late would send many probes. */
#define RUDP_PTO_QUICK_DELAY_NS (4 * RUDP_NS_PER_MS)
#define RUDP_PTO_CAP_FACTOR 3    /* the backed-off PTO is at most the larger of 3 PTOs ... */
#define RUDP_PTO_DITHER_PARTS 16 /* at the cap the PTO is shorter by 0 to 4 sixteenths, in turn */
#define RUDP_PTO_DITHER_STEPS 5
/* ... and this, so that a restored path is found soon */
#define RUDP_PTO_CAP_NS (2 * RUDP_NS_PER_S)
#define RUDP_PROBES_PER_PTO 2
#define RUDP_PERSISTENT_CONGESTION_PTOS 3 /* RFC 9002 section 7.6.1 */
#define RUDP_FATES_PER_CALL 128           /* they cost 3 us */
#define RUDP_SKIPPED_KEPT 4               /* how many skipped packet numbers are remembered */
#define RUDP_LOST_KEPT_PTOS 3             /* after this many PTOs a loss is never found spurious */

enum rudp_expects { RUDP_EXPECTS_NOTHING, RUDP_EXPECTS_SYNACK, RUDP_EXPECTS_ACK };

enum rudp_fate {
	RUDP_FATE_OUTSTANDING,
	RUDP_FATE_ANSWERED,
	RUDP_FATE_LOST, /* declared lost; if an answer still comes, the loss was spurious */
};

/* Content of a packet besides stream bytes. The owner sets these bits and gets them back. */
#define RUDP_CONTENT_OF_FRAME(name, value, eliciting) RUDP_CONTENT_##name = 1 << (value),
#define RUDP_CONTENT_FLAG(i) (1 << (RUDP_FRAME_TYPES_MAX + (i)))
enum rudp_content {
	RUDP_FRAMES(RUDP_CONTENT_OF_FRAME) /* one bit per frame type */
	RUDP_CONTENT_FIN = RUDP_CONTENT_STREAM_FIN,
	RUDP_CONTENT_HANDSHAKE = RUDP_CONTENT_FLAG(0), /* SYN or SYNACK */
	RUDP_CONTENT_PROBE = RUDP_CONTENT_FLAG(1),     /* sent because of a probe time-out */
	RUDP_CONTENT_COPY = RUDP_CONTENT_FLAG(2),      /* only a duplicate (tail.h) */
	/* its loss only means that it was too large */
	RUDP_CONTENT_MTU_PROBE = RUDP_CONTENT_FLAG(3),
	/* packets whose loss needs no retransmission */
	RUDP_CONTENT_EXTRA = RUDP_CONTENT_COPY | RUDP_CONTENT_MTU_PROBE,
	RUDP_CONTENT_ECT = RUDP_CONTENT_FLAG(4), /* sent with ECT(0) */
};
#undef RUDP_CONTENT_OF_FRAME
#undef RUDP_CONTENT_FLAG

/* Delivery state at send time, for the rate sample (cc.h). */
struct rudp_sent_rate {
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	uint64_t inflight_bytes; /* including this packet */
	int64_t delivered_at_ns;
	int64_t first_sent_at_ns;
	bool app_limited;
};

struct rudp_sent {
	int64_t sent_at_ns;
	uint64_t stream_start; /* first stream byte carried */
	uint32_t stream_bytes; /* 0: none */
	uint32_t size_bytes;   /* UDP payload */
	uint32_t content;      /* RUDP_CONTENT_* */
	uint8_t expects;       /* enum rudp_expects */
	uint8_t fate;          /* enum rudp_fate */
	bool in_flight;        /* counts against the congestion window */
	bool resent;           /* set by resend: its answer gives no RTT sample (Karn) */
	uint32_t answered_run; /* ANSWERED: at least this many records from here on are */
	uint64_t ack_largest;  /* with RUDP_CONTENT_ACK: largest number that this ACK covered */
	int64_t lost_at_ns;    /* LOST: when it was declared lost */
	struct rudp_sent_rate rate;
};

struct rudp_reliability_owner {
	void *context;
	/* A record was answered for the first time, perhaps after it was declared lost. */
	void (*on_answered)(void *context, uint64_t number, const struct rudp_sent *sent);
	/* A record was declared lost; its content must be sent again under a new number. */
	void (*on_lost)(void *context, uint64_t number, const struct rudp_sent *sent);
	/*
	 * Called between the ranges of an ACK. False: skip the remaining ranges; the next ACK
	 * repeats them. NULL: process all.
	 */
	bool (*may_go_on)(const void *context);
};

struct rudp_reliability {
	struct rudp_reliability_owner owner;
	struct rudp_sent *records; /* ring, a power of two */
	uint32_t capacity;
	uint64_t base;                       /* number of the oldest record kept */
	uint64_t next;                       /* number the next packet will get */
	uint64_t largest_answered;           /* UINT64_MAX: none yet */
	uint64_t skipped[RUDP_SKIPPED_KEPT]; /* ring buffer; 0: none */
	uint8_t skipped_next;
	uint64_t bytes_in_flight;
	uint64_t path_first;  /* packets in flight have this number or a higher one */
	uint64_t outstanding; /* records OUTSTANDING that expect an answer */
	/* when the newest record that expects an answer was sent, or the expiry of a later PTO */
	int64_t pto_from_ns;
	int64_t loss_at_ns; /* when the time threshold will declare the next loss */
	uint64_t loss_next; /* no record below it is awaited */
	uint32_t pto_count; /* consecutive probe time-outs */
	uint32_t packet_threshold;
	uint32_t reorder_shift_eighths; /* time threshold = rtt + rtt/8 * this (1 at first) */
	uint64_t reorder_round_end; /* an answer from here on may widen the time threshold again */
	uint64_t recovery_end;      /* a loss from here on starts a new recovery */
	uint32_t clean_recoveries;  /* recoveries since the last spurious loss or relaxation */
	int64_t first_rtt_at_ns;    /* RUDP_NEVER before the path's first RTT sample */
	int64_t lost_run_from_ns;   /* oldest loss of the current run of losses; RUDP_NEVER: none */
	/* delivery rate (draft-cheng-iccrg-delivery-rate-estimation) */
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	int64_t delivered_at_ns;
	int64_t first_sent_at_ns;
	/* delivered_bytes at which the app-limited phase ends; 0: none */
	uint64_t app_limited_until;
	/* totals for statistics */
	uint64_t lost_packets, spurious_packets, answered_packets;
};

/* The results of one ACK or one time-out. */
struct rudp_reliability_result {
	uint32_t answered_packets;
	/* of newly acknowledged in-flight packets, spurious losses included */
	uint64_t answered_bytes;
	uint32_t lost_packets;
	uint32_t lost_runs; /* of packets in a row */
	uint64_t lost_bytes;
	int64_t lost_oldest_sent_at_ns; /* sent_at_ns of the oldest packet declared lost */
	uint64_t lost_largest_number;
	uint32_t spurious_packets; /* acknowledged after they were declared lost */
	uint64_t spurious_bytes;
	uint64_t spurious_largest_number;
	bool persistent_congestion; /* RFC 9002 section 7.6 */
	bool has_rtt;               /* the RTT was sampled (RFC 9002 section 5.1) */
	bool has_sample;            /* newest is the record for the delivery rate sample */
	struct rudp_sent newest;    /* the newest packet among those newly acknowledged */
	uint64_t newest_number;
	uint64_t inflight_before_bytes;
};

/* An ACK that is being processed. Others read only result, and only when the ACK is done. */
struct rudp_ack_pass {
	struct rudp_reliability_result result;
	const struct rudp_ack *ack;
	uint32_t ranges_left; /* not yet visited; the last ones come first */
	uint64_t from;        /* packets below are settled */
	int64_t arrived_at_ns;
	int64_t rtt_ns;          /* RUDP_NEVER: no RTT sample */
	uint64_t largest;        /* the highest number of those covered so far */
	uint64_t largest_before; /* UINT64_MAX: nothing was acknowledged before */
	uint64_t newest;         /* packet in flight that is newly acknowledged; UINT64_MAX: none */
	uint64_t extent;         /* largest distance of a late packet below largest_before */
	bool eliciting;          /* a newly acknowledged packet was ack-eliciting */
	bool is_answered;
};

/* Returns 0 or -ENOMEM. */
int rudp_reliability_init(struct rudp_reliability *r, const struct rudp_reliability_owner *owner);
void rudp_reliability_fini(struct rudp_reliability *r);

/*
 * True if there is room for a record. Grows the ring if needed (not in the steady state). At the
 * limit, or without memory, the oldest lost records are dropped.
 */
bool rudp_reliability_can_send(struct rudp_reliability *r);

/*
 * The same without growing the ring; the oldest lost records are dropped if there is no other room.
 */
bool rudp_reliability_has_room(struct rudp_reliability *r);

/* True if only an answer to the oldest record, or growing, can make room. */
bool rudp_reliability_is_full(const struct rudp_reliability *r);

/*
 * For idle connections: frees memory that the records do not need. If no answer is expected, all of
 * it is freed, and the next packet allocates again.
 */
void rudp_reliability_trim(struct rudp_reliability *r);

/*
 * send: records a packet under number r->next. can_send must have returned true. Sets sent->rate. A
 * repeated handshake packet (number 0) keeps its record: see resend.
 */
void rudp_reliability_send(struct rudp_reliability *r, const struct rudp_sent *sent);

/*
 * Skips a packet number. A peer that acknowledges it acknowledges packets that it did not receive
 * (RFC 9000 section 21.4). Does nothing if no record is free or no packet was sent yet.
 */
void rudp_reliability_skip(struct rudp_reliability *r);

/* The same packet (SYN, SYNACK) was sent again under its number. It gives no RTT sample (Karn). */
void rudp_reliability_resend(struct rudp_reliability *r, uint64_t number, int64_t now_at_ns);

/* The answer to number is no longer of interest: marks it as answered without further effects. */
void rudp_reliability_settle(struct rudp_reliability *r, uint64_t number);

/*
 * Processes an ACK frame and updates rtt (the delay is capped to ack_delay_max_ns).
 *
 * begin  checks the ACK, which must stay where it is. Returns OK, or BAD_ACK: it covers a number
 *        never sent.
 * step   settles some packets. Returns true if the ACK is done: then the owner uses pass->result.
 * end    ends the pass before it is done. The next ACK covers the remaining packets.
 * forget discards the measurements of the pass, because the path has changed between two steps.
 */
enum rudp_verdict rudp_reliability_recv_begin(struct rudp_reliability *r,
					      const struct rudp_ack *ack, int64_t now_at_ns,
					      struct rudp_ack_pass *pass);
bool rudp_reliability_recv_step(struct rudp_reliability *r, struct rudp_rtt *rtt,
				struct rudp_ack_pass *pass, int64_t ack_delay_max_ns,
				int64_t now_at_ns);
void rudp_reliability_recv_forget(struct rudp_ack_pass *pass);
void rudp_reliability_recv_end(struct rudp_reliability *r, struct rudp_rtt *rtt,
			       struct rudp_ack_pass *pass, int64_t ack_delay_max_ns,
			       int64_t now_at_ns);

/* The same for the SYNACK, which is no ACK frame but answers number 0 (SYN). */
void rudp_reliability_recv_answer(struct rudp_reliability *r, struct rudp_rtt *rtt, uint64_t number,
				  int64_t now_at_ns, struct rudp_reliability_result *result);

/*
 * The path has changed: packets in flight do not count against the new path's congestion window,
 * and their fate measures nothing on it (RFC 9000 section 9.4). Visits no record, because a peer
 * may change its address with each packet.
 */
void rudp_reliability_leave_path(struct rudp_reliability *r);

/*
 * retransmit: to be called at or after the deadline. Declares at most RUDP_FATES_PER_CALL packets
 * lost by the packet or time threshold (calls on_lost); if some are left, the deadline stays, and
 * the next call continues. If none is lost and the probe time-out has expired, counts it.
 *
 * Returns  the number of probe packets to send, regardless of the congestion window: 0 or 2 (RFC
 *          9002 section 6.2.4).
 */
unsigned rudp_reliability_retransmit(struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns, int64_t now_at_ns,
				     struct rudp_reliability_result *result);

/* When to call retransmit; RUDP_NEVER if no answer is expected. */
int64_t rudp_reliability_deadline_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns);

/* The probe time-out with backoff; docs/protocol.md section 9.3 has its cap. */
int64_t rudp_reliability_pto_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				int64_t ack_delay_max_ns);

/*
 * The sender has nothing to send although the window is open: rate samples are marked app-limited.
 */
void rudp_reliability_on_app_limited(struct rudp_reliability *r);

/* Packets declared lost so far, without spurious losses. */
static inline uint64_t rudp_reliability_lost_packets(const struct rudp_reliability *r)
{
	return r->lost_packets > r->spurious_packets ? r->lost_packets - r->spurious_packets : 0;
}

/* The record of number, or NULL if it is no longer kept. */
const struct rudp_sent *rudp_reliability_find(const struct rudp_reliability *r, uint64_t number);

#endif
