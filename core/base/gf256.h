/* SPDX-License-Identifier: MIT */
/*
 * gf256 - arithmetic in the field of 256 elements, for codes that repair losses.
 *
 * Elements are bytes, addition is exclusive or, multiplication is that of polynomials over GF(2)
 * modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), as in most Reed-Solomon codes.
 *
 * Cost     multiply_add takes about a nanosecond for ten bytes where the processor can look up bytes
 *          in a register (SSSE3, asked for at run time; AArch64), for two elsewhere;
 *          inverses are in a table.
 * Threads  none: no state.
 */
#ifndef RUDP_BASE_GF256_H
#define RUDP_BASE_GF256_H

#include <stddef.h>
#include <stdint.h>

uint8_t rudp_gf256_multiply(uint8_t a, uint8_t b);
/* a must not be 0. */
uint8_t rudp_gf256_inverse(uint8_t a);

/* to[i] += factor * from[i] for len bytes. They must not overlap. */
void rudp_gf256_multiply_add(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len);

#endif
