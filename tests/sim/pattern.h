/* SPDX-License-Identifier: MIT */
/* pattern - the bytes that programs in the simulator write. */
#ifndef RUDP_SIM_PATTERN_H
#define RUDP_SIM_PATTERN_H

#include <stdint.h>

/* The byte that a stream must carry at this offset. */
static inline uint8_t pattern(int index, int from, uint64_t offset)
{
	uint64_t z = (offset + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)((z >> 40) ^ (z >> 17) ^ (uint64_t)(index * 31 + from * 101));
}

#endif
