/* SPDX-License-Identifier: MIT */
/*
 * hash - SipHash-2-4, a keyed hash for tables whose keys a peer can choose.
 *
 * Source   Aumasson & Bernstein, "SipHash: a fast short-input PRF" (2012); tested with its vectors.
 */
#ifndef RUDP_BASE_HASH_H
#define RUDP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t rudp_siphash(const uint8_t key[16], const void *data, size_t len);

#endif
