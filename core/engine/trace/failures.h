/* SPDX-License-Identifier: MIT */
/*
 * failures - the last connections that failed, with the reason, for `rudp ss --failed`.
 *
 * A program prints one errno at best. The engine knows more: whether the key, a filter for UDP or the
 * peer's port was the cause, and that a connection went over TCP because nothing answered over UDP.
 *
 * Limit    RUDP_FAILURES_MAX of this host's programs, and as many of peers: whoever sends SYNs with a
 *          wrong key displaces no failure of a program. A failure that repeats itself (same peer, cause,
 *          errno and program; of peers: same host and port here) is one entry with a count.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_FAILURES_H
#define RUDP_ENGINE_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "api/control.h"
#include "base/addr.h"

#define RUDP_FAILURES_MAX 64

struct rudp_failure {
	uint64_t number;          /* 0: free; a failure that repeats itself gets the newest number */
	int64_t at_ns;
	enum rudp_failure_cause cause;
	enum rudp_transport transport;
	int error;                /* the errno that the program gets; 0: none */
	uint32_t count;           /* stops at its maximum */
	uint32_t pid;             /* 0: no program of this host */
	char program[16];
	struct rudp_addr local;   /* the listener's; family 0: not known */
	struct rudp_addr remote;
};

struct rudp_failures {
	struct rudp_failure of_programs[RUDP_FAILURES_MAX], of_peers[RUDP_FAILURES_MAX];
	uint64_t last_number;
	uint64_t counts[RUDP_FAILURE_CAUSE_COUNT]; /* ever */
};

/*
 * Keeps a copy of what, whose number and count do not matter. In each half the oldest entry makes room.
 * pid 0: of a peer.
 */
void rudp_failures_add(struct rudp_failures *failures, const struct rudp_failure *what);

/* The entry with the lowest number above this one; NULL: no more. */
const struct rudp_failure *rudp_failures_next(const struct rudp_failures *failures, uint64_t number);

/* Removes the entries with this remote host; host NULL: all. The counts stay. Returns how many. */
unsigned rudp_failures_forget_host(struct rudp_failures *failures, const struct rudp_addr *host);

/* The cause that an errno of connect(2) stands for, over rudp. */
enum rudp_failure_cause rudp_failure_cause_of(int error);

#endif
