/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/checksum.h"
#include "../../integration/linkem/prng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

/* The example of RFC 1071, section 3. */
Test(checksum, example_of_the_rfc)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	cr_assert(eq(u16, checksum_finish(checksum_add(0, data, sizeof data)), (uint16_t)~0xddf2));
}

Test(checksum, odd_byte_counts_as_the_upper_half)
{
	static const uint8_t odd[] = {0x12, 0x34, 0x56}, even[] = {0x12, 0x34, 0x56, 0x00};

	cr_assert(eq(u16, checksum_finish(checksum_add(0, odd, 3)),
		     checksum_finish(checksum_add(0, even, 4))));
}

Test(checksum, patching_equals_computing_anew)
{
	struct prng prng;

	prng_init(&prng, 10, 0);
	for (int round = 0; round < 5000; round++) {
		uint8_t data[40], before[40], field[2];
		size_t at = 2 * prng_below(&prng, 18), size = 2 + 2 * prng_below(&prng, 2);
		uint16_t sum;

		for (size_t i = 0; i < sizeof data; i++)
			data[i] = (uint8_t)prng_next(&prng);
		sum = checksum_finish(checksum_add(0, data, sizeof data));
		field[0] = (uint8_t)(sum >> 8);
		field[1] = (uint8_t)sum;
		memcpy(before, data, sizeof data);
		for (size_t i = at; i < at + size; i++)
			data[i] = (uint8_t)prng_next(&prng);
		checksum_patch(field, before + at, data + at, size);
		sum = checksum_finish(checksum_add(0, data, sizeof data));
		cr_assert(eq(u16, (uint16_t)(field[0] << 8 | field[1]), sum));
	}
}
