/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "proto/crypto/replay.h"

#define MODEL_NUMBERS (1 << 20)
#define STEPS 40000

static uint64_t prng;

static uint64_t draw(uint64_t below)
{
	prng = prng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (prng >> 33) % below;
}

Test(replay, everything_is_fresh_at_the_start)
{
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	cr_assert(eq(u64, replay.next, 0));
	for (uint64_t number = 0; number < 3 * RUDP_REPLAY_WINDOW; number++)
		cr_assert(eq(int, rudp_replay_is_fresh(&replay, number), 1));
	rudp_replay_fini(&replay);
}

Test(replay, a_number_is_taken_once)
{
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	rudp_replay_mark(&replay, 0);
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 0), 0));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 1), 1));
	rudp_replay_mark(&replay, 0);
	cr_assert(eq(u64, replay.next, 1));
	rudp_replay_fini(&replay);
}

Test(replay, the_window_reaches_back_exactly)
{
	uint64_t newest = 10 * RUDP_REPLAY_WINDOW + 17;
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	rudp_replay_mark(&replay, newest);
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, newest - RUDP_REPLAY_WINDOW + 1), 1));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, newest - RUDP_REPLAY_WINDOW), 0));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 0), 0));
	rudp_replay_fini(&replay);
}

/* A number below the window shares its word with a number inside. */
Test(replay, marking_below_the_window_changes_nothing)
{
	uint64_t before[RUDP_REPLAY_WORDS];
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	rudp_replay_mark(&replay, 3 * RUDP_REPLAY_WINDOW);
	memcpy(before, replay.words, sizeof before);
	for (uint64_t number = 0; number < 2 * RUDP_REPLAY_WINDOW; number++)
		rudp_replay_mark(&replay, number);
	cr_assert(eq(int, memcmp(replay.words, before, sizeof before), 0));
	cr_assert(eq(u64, replay.next, 3 * RUDP_REPLAY_WINDOW + 1));
	rudp_replay_fini(&replay);
}

Test(replay, the_largest_numbers_do_not_wrap)
{
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, UINT64_MAX), 0));
	rudp_replay_mark(&replay, UINT64_MAX);
	cr_assert(eq(u64, replay.next, 0));
	rudp_replay_mark(&replay, UINT64_MAX - 1);
	cr_assert(eq(u64, replay.next, UINT64_MAX));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, UINT64_MAX - 1), 0));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, UINT64_MAX - 2), 1));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 5), 0));
	rudp_replay_fini(&replay);
}

Test(replay, without_a_gap_there_is_no_window)
{
	struct rudp_replay replay;

	rudp_replay_init(&replay);
	for (uint64_t number = 0; number < 1000; number++)
		rudp_replay_mark(&replay, number);
	cr_assert(eq(ptr, replay.words, NULL));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 999), 0));
	rudp_replay_mark(&replay, 1001);
	cr_assert(ne(ptr, replay.words, NULL));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 1000), 1));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 999), 0));
	rudp_replay_trim(&replay);
	cr_assert(eq(ptr, replay.words, NULL));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 1000), 0));
	cr_assert(eq(int, rudp_replay_is_fresh(&replay, 1002), 1));
	rudp_replay_fini(&replay);
}

/* The stupid model: one flag for each number there is. */
static bool model_is_fresh(const uint8_t *taken, uint64_t next, uint64_t number)
{
	return !taken[number] && number + RUDP_REPLAY_WINDOW >= next;
}

static uint64_t draw_number(uint64_t next)
{
	uint64_t number;

	switch (draw(6)) {
	case 0:
		number = next;
		break;
	case 1:
		number = next + draw(100);
		break;
	case 2:
		number = next + draw(draw(50) == 0 ? 6000 : 5);
		break;
	case 3:
		number = draw(next + 1); /* anywhere behind */
		break;
	default:
		number = next > 4200 ? next - draw(4200) : draw(next + 1);
		break;
	}
	return number < MODEL_NUMBERS ? number : draw(MODEL_NUMBERS);
}

Test(replay, window_agrees_with_a_set)
{
	static uint8_t taken[MODEL_NUMBERS];

	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct rudp_replay replay;
		uint64_t next = 0;

		prng = seed;
		memset(taken, 0, sizeof taken);
		rudp_replay_init(&replay);
		for (int step = 0; step < STEPS; step++) {
			uint64_t number = draw_number(next);
			bool fresh = model_is_fresh(taken, next, number);

			cr_assert(eq(int, rudp_replay_is_fresh(&replay, number), fresh),
				  "seed %d step %d number %d next %d", (int)seed, step, (int)number,
				  (int)next);
			if (draw(8) == 0) /* it did not authenticate */
				continue;
			rudp_replay_mark(&replay, number);
			taken[number] = 1;
			next = number >= next ? number + 1 : next;
			cr_assert(eq(u64, replay.next, next));
			if (draw(300) == 0) {
				rudp_replay_trim(&replay);
				memset(taken, 1, next);
			}
		}
		rudp_replay_fini(&replay);
	}
}
