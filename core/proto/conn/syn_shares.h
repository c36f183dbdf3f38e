/* SPDX-License-Identifier: MIT */
/*
 * syn_shares - limits the half-open connections (SYN_RCVD) of each source network.
 *
 * Without such limits one host that answers no SYNACK could use all entries and lock out all
 * others.
 *
 * Rule     A network may add a connection while it has fewer than there are free entries. The
 *          largest prefixes may while they have fewer than twice as many. RUDP_SYN_SHARE_FLOOR is
 *          always allowed. So one address, /24, /64, /56 or /48 alone fills half of the entries,
 *          one IPv4 /16 or IPv6 /32 two thirds. Several networks together can fill all entries:
 *          then a network that has fewer than half as many evicts the oldest connection of such a
 *          network. A NAT with thousands of hosts has its half, too; its hosts notice nothing while
 *          fewer handshakes are in progress.
 * Model    Counters are indexed by a keyed hash of the prefix, in two rows with different hashes.
 *          The lower count applies: a network that collides with a busy one in one row has its own
 *          counter in the other.
 * Cost     two hashes per prefix length, for any number of half-open connections.
 * Threads  none: belongs to one endpoint.
 * Source   docs/protocol.md section 6.4. The rule is that of dynamic thresholds for shared buffers
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

/* Initialise to all zeros. */
struct rudp_syn_shares {
	uint16_t counts[RUDP_SYN_SHARE_LENGTHS_MAX][RUDP_SYN_SHARE_ROWS][RUDP_SYN_SHARE_COUNTS];
};

/*
 * Returns the index of the first prefix length, from the longest on, whose share is used up while
 * free_count entries are free; negative if another connection from there is allowed.
 */
int rudp_syn_shares_full(const struct rudp_syn_shares *shares, const struct rudp_addr *from,
			 unsigned free_count);
/*
 * True if, for some prefix length, the network of one has more than twice the connections of the
 * network of other plus one.
 */
bool rudp_syn_shares_outweighs(const struct rudp_syn_shares *shares, const struct rudp_addr *one,
			       const struct rudp_addr *other);
/* True if both addresses are in the same network of that prefix length. */
bool rudp_syn_shares_same(int length, const struct rudp_addr *a, const struct rudp_addr *b);

/* Adds a half-open connection from there; removes one. */
void rudp_syn_shares_add(struct rudp_syn_shares *shares, const struct rudp_addr *from);
void rudp_syn_shares_remove(struct rudp_syn_shares *shares, const struct rudp_addr *from);

#endif
