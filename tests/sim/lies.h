/* SPDX-License-Identifier: MIT */
/*
 * lies - what a hostile peer with valid keys puts into its packets: frames that cost its victim most,
 * that claim what is not so, or that mean nothing. arena.c seals and sends them.
 */
#ifndef RUDP_SIM_LIES_H
#define RUDP_SIM_LIES_H

#include <stddef.h>
#include <stdint.h>

#include "prng.h"
#include "proto/conn/conn_private.h"

#define LIE_BYTES_MAX 1150

#define LIES(X)                                                                                    \
	X(HOLES)   /* single stream bytes, each where it moves half of the known ranges */          \
	X(SUMS)    /* sums of one block, and single bytes of it */                                 \
	X(RANGES)  /* ACKs of every other packet */                                                \
	X(UNSENT)  /* ACKs of what was never sent */                                               \
	X(SMALL)   /* 64 small frames of any kind */                                               \
	X(CREDIT)  /* windows without end, bytes beyond the victim's window, BLOCKED */            \
	X(PATHS)   /* challenges and false responses, from one address after the other */          \
	X(PHASES)  /* each packet in the next key phase */                                         \
	X(SHARES)  /* requests for exchanges of keys, some out of turn, some with weak keys */     \
	X(NOISE)   /* random bytes */

#define LIE_ENUM(name) LIE_##name,
enum lie { LIES(LIE_ENUM) LIE_COUNT };
#undef LIE_ENUM

/* Of one connection. */
struct liar {
	uint64_t low, high; /* HOLES: where the next bytes go */
	unsigned holes;
};

/* Writes the frames of one packet of conn, the hostile end; returns their bytes, at least one. */
size_t lies_write(enum lie lie, struct liar *liar, const struct rudp_conn *conn, struct prng *prng,
		  uint8_t frames[LIE_BYTES_MAX]);

#endif
