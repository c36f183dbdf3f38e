/* SPDX-License-Identifier: MIT */
/*
 * lies - builds the packets of a hostile peer with valid keys: frames that are expensive for the
 * victim, that make false claims, or that are meaningless. arena.c encrypts and sends them.
 */
#ifndef RUDP_SIM_LIES_H
#define RUDP_SIM_LIES_H

#include <stddef.h>
#include <stdint.h>

#include "prng.h"
#include "proto/conn/conn_private.h"

#define LIE_BYTES_MAX 1150

#define LIES(X)                                                                                    \
	X(HOLES)  /* single stream bytes, each where it moves half of the known ranges */          \
	X(SUMS)   /* FEC repair symbols of one block, and single bytes of it */                    \
	X(RANGES) /* ACKs of every second packet */                                                \
	X(UNSENT) /* ACKs of packets that were never sent */                                       \
	X(SMALL)  /* 64 small frames of any kind */                                                \
	X(CREDIT) /* unlimited windows, bytes beyond the victim's window, BLOCKED */               \
	X(PATHS)  /* path challenges and false responses, from changing addresses */               \
	X(PHASES) /* each packet in the next key phase */                                          \
	X(SPARES) /* spare ids, most of them repeated, some out of turn; own ids change at once */ \
	X(SHARES) /* requests for key exchanges, some out of turn, some with weak keys */          \
	X(NOISE)  /* random bytes */

#define LIE_ENUM(name) LIE_##name,
enum lie { LIES(LIE_ENUM) LIE_COUNT };
#undef LIE_ENUM

/* The state of the attack on one connection. */
struct liar {
	uint64_t low, high; /* HOLES: where the next bytes go */
	unsigned holes;
};

/* Writes the frames of one packet of conn, the hostile end; returns their bytes, at least one. */
size_t lies_write(enum lie lie, struct liar *liar, const struct rudp_conn *conn, struct prng *prng,
		  uint8_t frames[LIE_BYTES_MAX]);

#endif
