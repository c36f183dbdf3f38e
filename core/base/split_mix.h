/* SPDX-License-Identifier: MIT */
/*
 * split_mix - pseudo-random numbers: SplitMix64 (Steele, Lea and Flood 2014). The same state gives
 * the same numbers. They are not secure: no secret may come from them.
 */
#ifndef RUDP_BASE_SPLIT_MIX_H
#define RUDP_BASE_SPLIT_MIX_H

#include <stdint.h>

static inline uint64_t rudp_split_mix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif
