/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef LINKEM_CHECKSUM_H
#define LINKEM_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds bytes to a running sum; an odd last byte is padded with zero. Start with 0. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t size);

/* Folds to 16 bits and inverts: the value of the field, in host order. */
uint16_t checksum_finish(uint64_t sum);

/* Corrects the big-endian field for size bytes (even) of before that become after. */
void checksum_patch(uint8_t field[2], const uint8_t *before, const uint8_t *after, size_t size);

#endif
