/* SPDX-License-Identifier: MIT */
/*
 * steer - a classic BPF program that tells the kernel which engine's socket gets a datagram, for
 * several engines that share a UDP port (SO_REUSEPORT).
 *
 * A packet with a connection id goes to the engine that chose the id: its number is in the lowest
 * bits of the id. A resumed SYN goes to the engine that gave the association. Every other packet goes
 * by its source address: a hash selects one of STEER_BUCKETS buckets, and a table says which engine
 * has the bucket. docs/decisions/several-engines.md has the offsets and the reasons.
 *
 * The program is a prototype, outside of the product.
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
	unsigned engines;    /* a power of two; engine i has the i-th socket bound */
	uint32_t multiplier; /* odd and random: keys the hash of source addresses */
	uint8_t engine_of[STEER_BUCKETS];
};

/* Deals the buckets out in turn. engines: a power of two, at most STEER_ENGINES_MAX. */
void steer_init(struct steer *steer, unsigned engines, uint32_t random);

/*
 * Attaches the program to all sockets that share this one's port, in place of an earlier one. The
 * first socket should have it before it is bound; the others are bound without it, or bind fails with
 * EADDRINUSE. All of them need SO_REUSEPORT. No privilege is needed.
 *
 * Returns  0 or -errno.
 */
int steer_attach(int fd, const struct steer *steer);

/*
 * The bucket and the engine that the program chooses for a source address. An engine that opens a
 * connection asks for them, too.
 */
unsigned steer_bucket(const struct steer *steer, const struct rudp_addr *source);
unsigned steer_engine_of(const struct steer *steer, const struct rudp_addr *source);

/* Makes a random id one of this engine's. */
uint64_t steer_id(const struct steer *steer, uint64_t random, unsigned engine);

/*
 * Deals the buckets without connections out, in proportion to the time that each engine has left. A
 * bucket with connections stays, and so do the connections of a host. load_permille: of a processor,
 * at most STEER_LOAD_MAX.
 *
 * Returns  whether the table has changed; it counts when it is attached.
 */
bool steer_balance(struct steer *steer, const unsigned connections[STEER_BUCKETS],
		   const unsigned load_permille[STEER_ENGINES_MAX]);

#endif
