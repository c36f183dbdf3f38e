/* SPDX-License-Identifier: MIT */
/*
 * refusals - hosts that recently reported a port of theirs as closed.
 *
 * An engine closes the port of a connection that it has forgotten, and its kernel then answers
 * packets with ICMP "port unreachable". But the kernel answers each sender only about once a second
 * (icmp(7), icmp_ratelimit), for all ports together. A host that waits for the end of many
 * connections would get few answers. So a refusal of one port is remembered for its host.
 *
 * Cost     a search in RUDP_REFUSALS_MAX entries; the oldest is overwritten.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_PROTO_REFUSALS_H
#define RUDP_PROTO_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

#define RUDP_REFUSALS_MAX 8
#define RUDP_REFUSAL_NS (5 * RUDP_NS_PER_S) /* how long a refusal counts */

struct rudp_refusals {
	struct {
		struct rudp_addr host;
		int64_t until_ns;
	} entries[RUDP_REFUSALS_MAX];
	unsigned next;
};

void rudp_refusals_note(struct rudp_refusals *refusals, const struct rudp_addr *from,
			int64_t now_at_ns);
bool rudp_refusals_has(const struct rudp_refusals *refusals, const struct rudp_addr *host,
		       int64_t now_at_ns);
/* host NULL: all hosts. */
void rudp_refusals_forget(struct rudp_refusals *refusals, const struct rudp_addr *host);

#endif
