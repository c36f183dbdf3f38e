/* SPDX-License-Identifier: MIT */
/*
 * syn_shares - how many half-open connections (SYN_RCVD) each network has, so that none has all of them.
 *
 * Without shares one host that answers no SYNACK would fill every place, and all others get silence.
 *
 * Rule     a network may have one more while it has fewer than there are free places; the large ones
 *          while they have fewer than twice as many; RUDP_SYN_SHARE_FLOOR in any case. So one address,
 *          /24, /64, /56 or /48 alone fills half of the places, one /16 or IPv6 /32 two thirds. Several
 *          together can fill all: then a network that has fewer than half as many takes the place of the
 *          oldest of theirs. A NAT of thousands of hosts has its half, too: as long as fewer of their
 *          handshakes are under way, nobody behind it notices.
 * Model    counts by a keyed hash of the prefix, twice with different hashes: the lower one counts. A
 *          network that shares one count with a crowded network has another count for itself.
 * Cost     two hashes for each length of prefix, whatever is half open.
 * Threads  none: an endpoint's own.
 * Source   docs/protocol.md section 6.4; the rule is that of dynamic thresholds for shared buffers
 *          (Choudhury and Hahne, 1998).
 */
#ifndef RUDP_PROTO_SYN_SHARES_H
#define RUDP_PROTO_SYN_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define RUDP_SYN_SHARE_LENGTHS_MAX 4 /* IPv4: /32, /24, /16; IPv6: /64, /56, /48, /32 */
#define RUDP_SYN_SHARE_ROWS 2
#define RUDP_SYN_SHARE_FLOOR 16u
#define RUDP_SYN_SHARE_COUNTS 2048u

/* All zeros at first. */
struct rudp_syn_shares {
	uint16_t counts[RUDP_SYN_SHARE_LENGTHS_MAX][RUDP_SYN_SHARE_ROWS][RUDP_SYN_SHARE_COUNTS];
};

/*
 * Which length of prefix forbids one more from there while so many places are free: 0 and up, from the
 * longest prefix on; negative: none.
 */
int rudp_syn_shares_full(const struct rudp_syn_shares *shares, const struct rudp_addr *from,
			 unsigned free_count);
/* A network of one has more than twice as many as that of the other with one more, for some length. */
bool rudp_syn_shares_outweighs(const struct rudp_syn_shares *shares, const struct rudp_addr *one,
			       const struct rudp_addr *other);
/* Both are in the same network of that length of prefix. */
bool rudp_syn_shares_same(int length, const struct rudp_addr *a, const struct rudp_addr *b);

/* One more from there is half open; one less. */
void rudp_syn_shares_add(struct rudp_syn_shares *shares, const struct rudp_addr *from);
void rudp_syn_shares_remove(struct rudp_syn_shares *shares, const struct rudp_addr *from);

/* So many have been added and not removed. */
bool rudp_syn_shares_check(const struct rudp_syn_shares *shares, unsigned count);

#endif
