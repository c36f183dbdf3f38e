/* SPDX-License-Identifier: MIT */
/*
 * refusals - hosts that have lately said that a port of theirs is not open.
 *
 * An engine closes the port of a connection that it has forgotten, and its kernel answers what still
 * comes with "port unreachable"; but to each asker only about once a second (icmp(7), icmp_ratelimit),
 * however many ports are asked. Who waits for the last word on many connections would hear of a few. So
 * what was said about one port is remembered of its host.
 *
 * Cost     a look at RUDP_REFUSALS_MAX entries; the oldest makes room.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_PROTO_REFUSALS_H
#define RUDP_PROTO_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

#define RUDP_REFUSALS_MAX 8
#define RUDP_REFUSAL_NS (5 * RUDP_NS_PER_S) /* for so long it counts */

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
/* host NULL: all of them. */
void rudp_refusals_forget(struct rudp_refusals *refusals, const struct rudp_addr *host);

#endif
