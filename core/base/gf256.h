/* SPDX-License-Identifier: MIT */
/*
 * gf256 - arithmetic in the finite field GF(256), for forward error correction.
 *
 * Elements are bytes, addition is exclusive or, multiplication is that of polynomials over GF(2)
 * modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), as in most Reed-Solomon codes.
 *
 * Cost     multiply_add handles about 10 bytes in a nanosecond if the processor has a byte shuffle
 *          instruction (SSSE3, detected at run time; AArch64), else about 2. inverse is a table
 *          look-up.
 * Threads  any: no state.
 */
#ifndef RUDP_BASE_GF256_H
#define RUDP_BASE_GF256_H

#include <stddef.h>
#include <stdint.h>

uint8_t rudp_gf256_multiply(uint8_t a, uint8_t b);
/* a must not be 0. */
uint8_t rudp_gf256_inverse(uint8_t a);

/* to[i] += factor * from[i] for len bytes. The two buffers must not overlap. */
void rudp_gf256_multiply_add(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len);

#endif
