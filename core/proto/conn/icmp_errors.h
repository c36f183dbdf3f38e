/* SPDX-License-Identifier: MIT */
/*
 * icmp_errors - what others have said of a peer since it was last heard itself: that its port is
 * closed, or that no way leads to it. ICMP says so, which anybody can forge, or the own host.
 *
 * Belief   that a port is closed: not before RUDP_ICMP_ERRORS_REFUSALS_MIN have said so, all but
 *          the last of which were a reason to ask the peer, and only when it has had time to
 *          answer. That no way leads there is never believed: it is the reason given when the peer
 * was silent too long.
 * Source   docs/protocol.md section 12.5.
 * Threads  none: a connection's own.
 */
#ifndef RUDP_PROTO_ICMP_ERRORS_H
#define RUDP_PROTO_ICMP_ERRORS_H

#include <stdint.h>

#define RUDP_ICMP_ERRORS_REFUSALS_MIN 3u

/* All zero: nothing has been said. */
struct rudp_icmp_errors {
	int64_t refused_at_ns; /* for the first time, if ever */
	unsigned refusals;
	int no_way_error;      /* the last; 0: none */
};

/* What to do about one more refusal. */
enum rudp_icmp_errors_advice {
	RUDP_ICMP_ERRORS_ASK,  /* the peer, whether it is there */
	RUDP_ICMP_ERRORS_WAIT, /* it has been asked, and may still answer */
	RUDP_ICMP_ERRORS_BELIEVE,
};

/* The peer has been heard: what was said of it is void. */
void rudp_icmp_errors_forget(struct rudp_icmp_errors *icmp_errors);

/* Its port is said to be closed; it needs pto_ns for an answer. */
enum rudp_icmp_errors_advice rudp_icmp_errors_on_refused(struct rudp_icmp_errors *icmp_errors,
							 int64_t pto_ns, int64_t now_at_ns);
void rudp_icmp_errors_on_no_way(struct rudp_icmp_errors *icmp_errors, int error);

/* An errno for who has waited in vain: ETIMEDOUT if nobody has said why. */
int rudp_icmp_errors_timeout_error(const struct rudp_icmp_errors *icmp_errors);

#endif
