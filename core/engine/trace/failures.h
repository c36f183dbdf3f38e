/* SPDX-License-Identifier: MIT */
/*
 * failures - the last connections that have failed, and why, for `rudp ss --failed`.
 *
 * A program reports one errno at best. The engine knows more: whether the key, a filter for UDP or
 * the peer's port was the cause, and which connections used TCP because nothing answered over UDP.
 *
 * Limit    RUDP_FAILURES_MAX of this host's programs, and as many of peers: SYNs with a wrong key
 *          do not displace failures of programs. A repeated failure is one entry with a count. For
 *          programs that means the same peer, cause, errno and program; for peers the same host,
 *          cause, errno and local port, whatever key it shows: the entry has the last one.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_FAILURES_H
#define RUDP_ENGINE_FAILURES_H

#include <stdint.h>

#include "api/control.h"
#include "base/addr.h"
#include "proto/crypto/credentials.h"

#define RUDP_FAILURES_MAX 64

struct rudp_failure {
	uint64_t number; /* 0: free; a repeated failure gets a new number */
	int64_t at_ns;
	enum rudp_failure_cause cause;
	enum rudp_transport transport;
	int error;      /* the errno that the program gets; 0: none */
	uint32_t count; /* stops at UINT32_MAX */
	uint32_t pid;   /* 0: no program of this host, but a peer */
	char program[16];
	struct rudp_addr local; /* of the listener; family 0: unknown */
	struct rudp_addr remote;
	uint8_t peer_key[RUDP_STATIC_KEY_BYTES];  /* that the peer has shown; zeros: none */
	uint8_t known_key[RUDP_STATIC_KEY_BYTES]; /* that was demanded of it; zeros: none */
	const char *why; /* a static text whose subject is the key; NULL: none */
};

struct rudp_failures {
	struct rudp_failure of_programs[RUDP_FAILURES_MAX], of_peers[RUDP_FAILURES_MAX];
	uint64_t last_number;
	uint64_t counts[RUDP_FAILURE_CAUSE_COUNT]; /* so far, by cause */
};

/*
 * Adds a copy of what; its number and count are ignored. The oldest entry of its half is replaced.
 * pid 0: a failure of a peer.
 */
void rudp_failures_add(struct rudp_failures *failures, const struct rudp_failure *what);

/* The entry with the next higher number; NULL: none. */
const struct rudp_failure *rudp_failures_next(const struct rudp_failures *failures,
					      uint64_t number);

/*
 * Removes the entries with this remote host, or all if host is NULL; the counts stay. Returns how
 * many.
 */
unsigned rudp_failures_forget_host(struct rudp_failures *failures, const struct rudp_addr *host);

/* The cause that an errno of connect(2) means, over rudp. */
enum rudp_failure_cause rudp_failure_cause_of(int error);

#endif
