/* SPDX-License-Identifier: MIT */
#include "checksum.h"

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += (uint64_t)data[i] << 8 | data[i + 1];
	if (i < size)
		sum += (uint64_t)data[i] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~fold(sum);
}

void checksum_patch(uint8_t field[2], const uint8_t *before, const uint8_t *after, size_t size)
{
	uint64_t sum = (uint16_t) ~(field[0] << 8 | field[1]);
	uint16_t result;

	/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m') */
	sum += (uint16_t)~fold(checksum_add(0, before, size));
	sum = checksum_add(sum, after, size);
	result = checksum_finish(sum);
	field[0] = (uint8_t)(result >> 8);
	field[1] = (uint8_t)result;
}
