/* SPDX-License-Identifier: MIT */
#include "proto/replay.h"

#include <string.h>

#define WORD_BITS 64

/*
 * A ring of words with one word more than the window: the word that the newest number is in may be
 * only just begun, and the window still reaches back in full. So moving on clears whole words.
 */
static uint64_t *word_of(struct rudp_replay *replay, uint64_t number)
{
	return &replay->words[number / WORD_BITS % RUDP_REPLAY_WORDS];
}

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number % WORD_BITS);
}

void rudp_replay_init(struct rudp_replay *replay)
{
	memset(replay, 0, sizeof *replay);
}

static bool is_below_window(const struct rudp_replay *replay, uint64_t number)
{
	return number < replay->next && replay->next - number > RUDP_REPLAY_WINDOW;
}

bool rudp_replay_is_fresh(const struct rudp_replay *replay, uint64_t number)
{
	uint64_t word = replay->words[number / WORD_BITS % RUDP_REPLAY_WORDS];

	if (number == UINT64_MAX) /* never sent, and next could not stand behind it */
		return false;
	if (number >= replay->next)
		return true;
	return !is_below_window(replay, number) && !(word & bit_of(number));
}

/* Empties the words that begin between the newest number so far and this one. */
static void advance(struct rudp_replay *replay, uint64_t number)
{
	uint64_t words = number / WORD_BITS - (replay->next - 1) / WORD_BITS;

	if (replay->next == 0 || words >= RUDP_REPLAY_WORDS) {
		memset(replay->words, 0, sizeof replay->words);
	} else {
		for (; words > 0; words--)
			*word_of(replay, number - (words - 1) * WORD_BITS) = 0;
	}
	replay->next = number + 1;
}

void rudp_replay_mark(struct rudp_replay *replay, uint64_t number)
{
	if (number == UINT64_MAX || is_below_window(replay, number))
		return;
	if (number >= replay->next)
		advance(replay, number);
	*word_of(replay, number) |= bit_of(number);
}
