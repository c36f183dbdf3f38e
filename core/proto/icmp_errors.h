/* SPDX-License-Identifier: MIT */
/*
 * hearsay - what others have said of a peer since it was last heard itself: that its port is closed, or
 * that no way leads to it. ICMP says so, which anybody can forge, or the own host.
 *
 * Belief   that a port is closed: not before RUDP_HEARSAY_REFUSALS_MIN have said so, all but the last of
 *          which were a reason to ask the peer, and only when it has had time to answer. That no way
 *          leads there is never believed: it is the reason given when the peer was silent too long.
 * Source   docs/protocol.md section 12.5.
 * Threads  none: a connection's own.
 */
#ifndef RUDP_PROTO_HEARSAY_H
#define RUDP_PROTO_HEARSAY_H

#include <stdint.h>

#define RUDP_HEARSAY_REFUSALS_MIN 3u

/* All zero: nothing has been said. */
struct rudp_hearsay {
	int64_t refused_at_ns; /* for the first time, if ever */
	unsigned refusals;
	int no_way_error;      /* the last; 0: none */
};

/* What to do about one more refusal. */
enum rudp_hearsay_advice {
	RUDP_HEARSAY_ASK,     /* the peer, whether it is there */
	RUDP_HEARSAY_WAIT,    /* it has been asked, and may still answer */
	RUDP_HEARSAY_BELIEVE,
};

/* The peer has been heard: what was said of it is void. */
void rudp_hearsay_forget(struct rudp_hearsay *hearsay);

/* Its port is said to be closed; it needs pto_ns for an answer. */
enum rudp_hearsay_advice rudp_hearsay_on_refused(struct rudp_hearsay *hearsay, int64_t pto_ns,
						 int64_t now_at_ns);
void rudp_hearsay_on_no_way(struct rudp_hearsay *hearsay, int error);

/* An errno for who has waited in vain: ETIMEDOUT if nobody has said why. */
int rudp_hearsay_timeout_error(const struct rudp_hearsay *hearsay);

#endif
