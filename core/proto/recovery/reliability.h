/* SPDX-License-Identifier: MIT */
/*
 * reliability - everything sent that expects an answer, until the answer has come.
 *
 * The three verbs:
 *	send        records what was sent and which answer it expects;
 *	recv        takes what the peer has answered, marks the records, measures;
 *	retransmit  finds what is overdue: lost by packet or time threshold, or time to probe.
 *
 * One mechanism for the handshake and the data: SYN and SYNACK are packet number 0 of their sender's
 * space. A SYNACK answers the SYN; an ACK frame answers SYNACK, data, FIN, everything else.
 *
 * Model      records live in a ring indexed by packet number - base; numbers are handed out
 *            contiguously by send. A record's content is not kept, only what it was: the owner sends
 *            the content anew under a new number when on_lost tells it to. A record stays until it is
 *            answered, or has been LOST for so long that no answer can come any more.
 *            The loss of a copy is not told as one: what it says of the path, its original's says.
 * Invariant  bytes_in_flight == sum of size_bytes over records that are in_flight and OUTSTANDING.
 * Cost       amortised O(1) a packet and O(ranges) an ACK, whatever the window holds.
 * Limits     RUDP_SENT_RECORDS_MAX records; rudp_reliability_can_send is false beyond.
 * Threads    none: one owner at a time. The owner's callbacks must not call back into this module.
 * Source     RFC 9002 section 6 and appendix A; spurious losses after RFC 4015's idea (undo);
 *            RFC 8985 section 7.1 (adaptive reordering window); docs/protocol.md section 9.
 */
#ifndef RUDP_PROTO_RELIABILITY_H
#define RUDP_PROTO_RELIABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "proto/recovery/rtt.h"
#include "proto/wire/frame.h"

#define RUDP_SENT_RECORDS_MAX (1u << 17)
#define RUDP_PACKET_THRESHOLD 3        /* RFC 9002 section 6.1.1; grows with observed reordering */
#define RUDP_PACKET_THRESHOLD_MAX 1024
#define RUDP_REORDER_MARGIN 2          /* the threshold is this many times the extent seen */
#define RUDP_REORDER_EIGHTHS 1         /* of the RTT waited beyond it: 9/8, RFC 9002 section 6.1.2 */
#define RUDP_REORDER_EIGHTHS_MAX 8     /* RFC 8985 section 7.1: at most one RTT of extra wait */
#define RUDP_REORDER_PERSIST 16        /* loss recoveries after which a wider threshold is relaxed */
#define RUDP_PTO_BACKOFF_SHIFT_MAX 16
#define RUDP_PTO_STEADY_NS (200 * RUDP_NS_PER_MS) /* no backoff before; Linux' least RTO */
#define RUDP_PTO_CAP_FACTOR 3          /* the backed-off PTO is at most the larger of 3 PTOs ... */
#define RUDP_PTO_DITHER_PARTS 16       /* at the cap it is shorter by 0 to 4 of 16 parts, in turn */
#define RUDP_PTO_DITHER_STEPS 5
#define RUDP_PTO_CAP_NS (2 * RUDP_NS_PER_S) /* ... and this: a path back from an outage is used soon */
#define RUDP_PROBES_PER_PTO 2
#define RUDP_PERSISTENT_CONGESTION_PTOS 3 /* RFC 9002 section 7.6.1 */
#define RUDP_SKIPPED_KEPT 4             /* numbers that were left out: the newest */
#define RUDP_LOST_KEPT_PTOS 3          /* a loss older than this is never found to be spurious */

enum rudp_expects { RUDP_EXPECTS_NOTHING, RUDP_EXPECTS_SYNACK, RUDP_EXPECTS_ACK };

enum rudp_fate {
	RUDP_FATE_OUTSTANDING,
	RUDP_FATE_ANSWERED,
	RUDP_FATE_LOST,      /* declared lost; an answer may still come (then the loss was spurious) */
};

/* What a packet carried besides stream bytes: the owner's own bits, kept and handed back. */
#define RUDP_CONTENT_OF_FRAME(name, value, eliciting) RUDP_CONTENT_##name = 1 << (value),
#define RUDP_CONTENT_FLAG(i) (1 << (RUDP_FRAME_TYPES_MAX + (i)))
enum rudp_content {
	RUDP_FRAMES(RUDP_CONTENT_OF_FRAME) /* the bit of a frame is the number of its type */
	RUDP_CONTENT_FIN = RUDP_CONTENT_STREAM_FIN,
	RUDP_CONTENT_HANDSHAKE = RUDP_CONTENT_FLAG(0), /* SYN or SYNACK */
	RUDP_CONTENT_PROBE = RUDP_CONTENT_FLAG(1),     /* sent because of a probe time-out */
	RUDP_CONTENT_COPY = RUDP_CONTENT_FLAG(2),      /* only a second copy (tail.h) */
	RUDP_CONTENT_MTU_PROBE = RUDP_CONTENT_FLAG(3), /* its loss only says that it was too large */
	RUDP_CONTENT_EXTRA = RUDP_CONTENT_COPY | RUDP_CONTENT_MTU_PROBE, /* losing it loses nothing */
	RUDP_CONTENT_ECT = RUDP_CONTENT_FLAG(4),       /* the IP header said ECT(0) */
};
#undef RUDP_CONTENT_OF_FRAME
#undef RUDP_CONTENT_FLAG

/* State of delivery at the moment of sending, for the rate sample (cc.h). */
struct rudp_sent_rate {
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	uint64_t inflight_bytes;      /* including this packet */
	int64_t delivered_at_ns;
	int64_t first_sent_at_ns;
	bool app_limited;
};

struct rudp_sent {
	int64_t sent_at_ns;
	uint64_t stream_start;        /* first stream byte carried */
	uint32_t stream_bytes;        /* 0: none */
	uint32_t size_bytes;          /* UDP payload */
	uint32_t content;             /* RUDP_CONTENT_* */
	uint8_t expects;              /* enum rudp_expects */
	uint8_t fate;                 /* enum rudp_fate */
	bool in_flight;               /* counts against the congestion window */
	bool resent;                  /* set by resend: its answer measures nothing (Karn) */
	uint32_t answered_run;        /* ANSWERED: this many records from here on are, at least */
	uint64_t ack_largest;         /* with RUDP_CONTENT_ACK: largest number our ack covered */
	int64_t lost_at_ns;           /* LOST: since when */
	struct rudp_sent_rate rate;
};

struct rudp_reliability_owner {
	void *context;
	/* A record was answered for the first time (also after it had been declared lost). */
	void (*on_answered)(void *context, uint64_t number, const struct rudp_sent *sent);
	/* A record was declared lost; its content is wanted again under a new number. */
	void (*on_lost)(void *context, uint64_t number, const struct rudp_sent *sent);
	/*
	 * Asked between the ranges of an ACK; false: what the rest says is left to the next ACK, which
	 * repeats it. NULL: all are taken.
	 */
	bool (*may_go_on)(const void *context);
};

struct rudp_reliability {
	struct rudp_reliability_owner owner;
	struct rudp_sent *records;    /* ring, a power of two */
	uint32_t capacity;
	uint64_t base;                /* number of the oldest record kept */
	uint64_t next;                /* number the next packet will get */
	uint64_t largest_answered;    /* UINT64_MAX: none yet */
	uint64_t skipped[RUDP_SKIPPED_KEPT]; /* in turn; 0: none */
	uint8_t skipped_next;
	uint64_t bytes_in_flight;
	uint64_t path_first;          /* what is in flight has this number or a later one */
	uint64_t outstanding;         /* records OUTSTANDING that expect an answer */
	int64_t last_eliciting_at_ns; /* when the newest record that expects an answer was sent */
	int64_t pto_from_ns;          /* last_eliciting_at_ns, or when a later PTO expired */
	int64_t loss_at_ns;           /* when the time threshold will declare the next loss */
	uint64_t loss_next;           /* below it no record that expects an answer is OUTSTANDING */
	uint32_t pto_count;           /* probe time-outs in a row */
	uint32_t packet_threshold;
	uint32_t reorder_shift_eighths; /* time threshold = rtt + rtt/8 * this (1 at first) */
	uint64_t reorder_round_end;   /* answered from here on: a new round of widening may begin */
	uint64_t recovery_end;        /* a loss from here on begins a new recovery */
	uint32_t clean_recoveries;    /* since the last spurious loss or relaxation */
	int64_t first_rtt_at_ns;      /* RUDP_NEVER before the path's first RTT sample */
	int64_t lost_run_from_ns;     /* oldest loss without an answer since; RUDP_NEVER: none */
	/* delivery rate (draft-cheng-iccrg-delivery-rate-estimation) */
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	int64_t delivered_at_ns;
	int64_t first_sent_at_ns;
	uint64_t app_limited_until;   /* delivered_bytes at which the app-limited phase ends; 0: not */
	/* totals for statistics */
	uint64_t lost_packets, spurious_packets, answered_packets;
};

/* What one ACK, or one look at the clock, has brought about. */
struct rudp_reliability_result {
	uint32_t answered_packets;
	uint64_t answered_bytes;      /* of in-flight packets newly answered, spurious losses included */
	uint32_t lost_packets;
	uint64_t lost_bytes;
	int64_t lost_newest_sent_at_ns; /* sent_at of the newest packet now declared lost */
	int64_t lost_oldest_sent_at_ns;
	uint64_t lost_largest_number;
	uint32_t spurious_packets;    /* answered after having been declared lost */
	uint64_t spurious_bytes;
	uint64_t spurious_largest_number;
	bool persistent_congestion;   /* RFC 9002 section 7.6 */
	bool has_rtt;                 /* rtt_ns is a sample (largest newly answered, eliciting) */
	int64_t rtt_ns;
	bool has_sample;              /* newest holds the record for the delivery rate sample */
	struct rudp_sent newest;      /* most recently sent packet among the newly answered */
	uint64_t newest_number;
	uint64_t inflight_before_bytes;
};

/* Returns 0 or -ENOMEM. */
int rudp_reliability_init(struct rudp_reliability *r, const struct rudp_reliability_owner *owner);
void rudp_reliability_fini(struct rudp_reliability *r);

/*
 * A record is free, growing the ring if need be (no allocation in the steady state). At the limit,
 * and where there is no memory to grow, the oldest losses are forgotten first.
 */
bool rudp_reliability_can_send(struct rudp_reliability *r);

/* The same without growing; the oldest losses are forgotten where there is no other room. */
bool rudp_reliability_has_room(struct rudp_reliability *r);

/* Only an answer to the oldest record, or growing, can make room. */
bool rudp_reliability_is_full(const struct rudp_reliability *r);

/*
 * Gives back memory that the records kept do not need; all of it when nothing expects an answer, and
 * then the first packet needs memory again. For an idle connection.
 */
void rudp_reliability_trim(struct rudp_reliability *r);

/*
 * send: records a packet under number r->next and moves on. can_send must have said yes. Fills
 * sent->rate itself. The handshake packet (number 0) that is sent again keeps its record: see resend.
 */
void rudp_reliability_send(struct rudp_reliability *r, const struct rudp_sent *sent);

/*
 * The next number is left out, as no packet has it: who acknowledges it acknowledges what it has not
 * received (RFC 9000 section 21.4). Nothing happens where there is no free record, or no packet has left
 * yet.
 */
void rudp_reliability_skip(struct rudp_reliability *r);

/* The same bytes under the same number once more (SYN, SYNACK). Spoils its RTT sample (Karn). */
void rudp_reliability_resend(struct rudp_reliability *r, uint64_t number, int64_t now_at_ns);

/* The answer to number, if it is still awaited, is of no more interest: nothing follows from it. */
void rudp_reliability_settle(struct rudp_reliability *r, uint64_t number);

/*
 * recv: an ACK frame. rtt is updated from it (delay capped to ack_delay_max_ns).
 *
 * Returns  OK, or BAD_ACK (covers a number never sent): nothing changed then.
 */
enum rudp_verdict rudp_reliability_recv(struct rudp_reliability *r, struct rudp_rtt *rtt,
					const struct rudp_ack *ack, int64_t ack_delay_max_ns,
					int64_t now_at_ns, struct rudp_reliability_result *result);

/* recv for an answer that is no ACK frame: number 0 (SYN) is answered by a SYNACK. */
void rudp_reliability_recv_answer(struct rudp_reliability *r, struct rudp_rtt *rtt, uint64_t number,
				  int64_t now_at_ns, struct rudp_reliability_result *result);

/*
 * Another path has been taken: what is out neither fills the congestion window of that one nor measures
 * anything on it, answered or lost (RFC 9000 section 9.4).
 */
void rudp_reliability_leave_path(struct rudp_reliability *r);

/*
 * retransmit: to be called at or after deadline. Declares what is overdue by time lost (on_lost is
 * called); or, when nothing was lost and the probe time-out has passed, counts it.
 *
 * Returns  the number of probe packets now to be sent whatever the congestion window says: 0, or 2
 *          (RFC 9002 section 6.2.4).
 */
unsigned rudp_reliability_retransmit(struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns, int64_t now_at_ns,
				     struct rudp_reliability_result *result);

/* When retransmit wants to be called; RUDP_NEVER when nothing expects an answer. */
int64_t rudp_reliability_deadline_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns);

/* Backed-off probe time-out: see docs/protocol.md section 9.3 for its cap. */
int64_t rudp_reliability_pto_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				int64_t ack_delay_max_ns);

/* The sender has nothing more to send although the window is open: marks samples app-limited. */
void rudp_reliability_on_app_limited(struct rudp_reliability *r);

/* Declared lost so far, but for those that have been answered since. */
static inline uint64_t rudp_reliability_lost_packets(const struct rudp_reliability *r)
{
	return r->lost_packets > r->spurious_packets ? r->lost_packets - r->spurious_packets : 0;
}

/* The record under number, or NULL when it is no longer kept. */
const struct rudp_sent *rudp_reliability_find(const struct rudp_reliability *r, uint64_t number);

/* Walks the invariants; false, and a log line, when one is broken. For tests and the simulator. */
bool rudp_reliability_check(const struct rudp_reliability *r);

#endif
