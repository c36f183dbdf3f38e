/* SPDX-License-Identifier: MIT */
/*
 * icmp_errors - ICMP and local errors about a peer since its last packet: port closed, or no route.
 *
 * Anybody can forge an ICMP error, so it alone does not end a connection.
 * Rules    Port closed (refused): believed after RUDP_ICMP_ERRORS_REFUSALS_MIN errors. Each earlier
 *          error makes the connection probe the peer, and the peer must have had time to answer. No
 *          route (unreachable): never believed. If the peer stays silent until a time-out, it is
 *          the error that the program gets.
 * Source   docs/protocol.md section 12.5.
 * Threads  none: belongs to one connection.
 */
#ifndef RUDP_PROTO_ICMP_ERRORS_H
#define RUDP_PROTO_ICMP_ERRORS_H

#include <stdint.h>

#define RUDP_ICMP_ERRORS_REFUSALS_MIN 3u

/* All zeros: no errors. */
struct rudp_icmp_errors {
	int64_t refused_at_ns; /* when the first refusal arrived */
	unsigned refusals;
	int unreachable_error; /* errno of the last error for an unreachable peer; 0: none */
};

/* The connection's reaction to a refusal. */
enum rudp_icmp_errors_advice {
	RUDP_ICMP_ERRORS_ASK,  /* probe the peer */
	RUDP_ICMP_ERRORS_WAIT, /* nothing: a probe was sent and may still be answered */
	RUDP_ICMP_ERRORS_BELIEVE,
};

/* A packet of the peer has arrived: clears all errors. */
void rudp_icmp_errors_forget(struct rudp_icmp_errors *icmp_errors);

/* An error says that the peer's port is closed. The peer needs pto_ns for an answer to a probe. */
enum rudp_icmp_errors_advice rudp_icmp_errors_on_refused(struct rudp_icmp_errors *icmp_errors,
							 int64_t pto_ns, int64_t now_at_ns);
/* An error says that the peer is unreachable; error is the errno. */
void rudp_icmp_errors_on_unreachable(struct rudp_icmp_errors *icmp_errors, int error);

/* errno for a time-out: the last error for an unreachable peer, else ETIMEDOUT. */
int rudp_icmp_errors_timeout_error(const struct rudp_icmp_errors *icmp_errors);

#endif
