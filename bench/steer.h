/* SPDX-License-Identifier: MIT */
/*
 * steer - a classic BPF program that tells the kernel which engine's socket gets a datagram, for
 * several engines that share a UDP port (SO_REUSEPORT).
 *
 * A packet with a connection id goes to the engine that chose the id: its number is in the lowest
 * bits of the id. A resumed SYN goes to the engine that created the association. All other packets
 * are distributed by source address: a hash selects one of STEER_BUCKETS buckets, and a table gives
 * the engine of the bucket. docs/decisions/several-engines.md has the offsets and the reasons.
 *
 * The program is a prototype outside the product.
 *
 * Source   docs/protocol.md section 3; SO_ATTACH_REUSEPORT_CBPF in socket(7).
 * Threads  any.
 */
#ifndef BENCH_STEER_H
#define BENCH_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define STEER_ENGINES_MAX 16 /* a power of two: four bits of the id, and of a bucket's entry */
#define STEER_BUCKETS 64
#define STEER_LOAD_MAX 1000u

struct steer {
	unsigned engines;    /* a power of two; engine i has the i-th bound socket */
	uint32_t multiplier; /* odd and random: keys the hash of source addresses */
	uint8_t engine_of[STEER_BUCKETS];
};

/* Assigns the buckets to the engines in turn. engines: a power of two, at most
 * STEER_ENGINES_MAX. */
void steer_init(struct steer *steer, unsigned engines, uint32_t random);

/*
 * Attaches the program to all sockets that share this one's port, replacing an earlier one. Attach
 * it to the first socket before that is bound; bind the others without it, or bind fails with
 * EADDRINUSE. All of them need SO_REUSEPORT. No privilege is needed.
 *
 * Returns  0 or -errno.
 */
int steer_attach(int fd, const struct steer *steer);

/*
 * The bucket and the engine that the program chooses for a source address. An engine that opens a
 * connection uses them, too.
 */
unsigned steer_bucket(const struct steer *steer, const struct rudp_addr *source);
unsigned steer_engine_of(const struct steer *steer, const struct rudp_addr *source);

/* Changes a random id into one of this engine. */
uint64_t steer_id(const struct steer *steer, uint64_t random, unsigned engine);

/*
 * Reassigns the buckets without connections in proportion to the spare time of each engine. A
 * bucket with connections stays, and so do the connections of a host. load_permille: of a
 * processor, at most STEER_LOAD_MAX.
 *
 * Returns  whether the table has changed; it takes effect when it is attached.
 */
bool steer_balance(struct steer *steer, const unsigned connections[STEER_BUCKETS],
		   const unsigned load_permille[STEER_ENGINES_MAX]);

#endif
