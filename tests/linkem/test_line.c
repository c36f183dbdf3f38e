/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/line.h"
#include "../../integration/linkem/prng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

Test(line, empty_line_has_nothing_ever)
{
	struct line line;

	line_init(&line);
	cr_assert(eq(u64, line_next_at(&line), LINE_NEVER));
	cr_assert(zero(ptr, line_take(&line, UINT64_MAX)));
	line_fini(&line);
}

Test(line, equal_instants_keep_their_order)
{
	struct line line;

	line_init(&line);
	for (uint8_t i = 0; i < 100; i++)
		cr_assert(line_put(&line, 5, &i, 1));
	cr_assert(zero(ptr, line_take(&line, 4)));
	for (uint8_t i = 0; i < 100; i++) {
		struct line_packet *packet = line_take(&line, 5);

		cr_assert(eq(u8, packet->data[0], i));
		free(packet);
	}
	line_fini(&line);
}

Test(line, full_line_takes_no_more)
{
	static uint8_t data[1 << 20];
	struct line line;

	line_init(&line);
	for (size_t i = 0; i < LINE_BYTES_MAX / sizeof data; i++)
		cr_assert(line_put(&line, i, data, sizeof data));
	cr_assert(not(line_put(&line, 0, data, 1)));
	free(line_take(&line, UINT64_MAX - 1));
	cr_assert(line_put(&line, 0, data, 1));
	line_fini(&line);
}

Test(line, gives_packets_out_in_order_of_their_instants)
{
	struct line line;
	struct prng prng;
	size_t inside = 0;
	uint64_t now = 0;

	line_init(&line);
	prng_init(&prng, 6, 0);
	for (int step = 0; step < 20000; step++) {
		if (prng_chance(&prng, 0.51)) {
			uint64_t due = now + prng_below(&prng, 1000);

			cr_assert(line_put(&line, due, (uint8_t *)&due, sizeof due));
			inside++;
		} else if (inside) {
			uint64_t next = line_next_at(&line), due;
			struct line_packet *packet;

			if (next > now) {
				cr_assert(zero(ptr, line_take(&line, next - 1)));
				now = next;
			}
			packet = line_take(&line, now);
			memcpy(&due, packet->data, sizeof due);
			cr_assert(eq(u64, packet->due_at_ns, due));
			cr_assert(eq(u64, due, next));
			cr_assert(le(u64, due, line_next_at(&line)));
			free(packet);
			inside--;
		}
		cr_assert(eq(sz, line.count, inside));
		cr_assert(eq(sz, line.bytes, inside * sizeof(uint64_t)));
	}
	line_fini(&line);
}
