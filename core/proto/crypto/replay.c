/* SPDX-License-Identifier: MIT */
#include "proto/crypto/replay.h"

#include <stdlib.h>
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
	*replay = (struct rudp_replay){0};
}

void rudp_replay_fini(struct rudp_replay *replay)
{
	free(replay->words);
	replay->words = NULL;
}

void rudp_replay_trim(struct rudp_replay *replay)
{
	rudp_replay_fini(replay);
}

/* A window in which all below next are marked, and nothing else. */
static void open_window(struct rudp_replay *replay)
{
	uint64_t next = replay->next;

	replay->words = malloc(RUDP_REPLAY_WORDS * sizeof *replay->words);
	if (!replay->words)
		return;
	memset(replay->words, 0xff, RUDP_REPLAY_WORDS * sizeof *replay->words);
	if (next % WORD_BITS)
		*word_of(replay, next) = bit_of(next) - 1;
}

static bool is_below_window(const struct rudp_replay *replay, uint64_t number)
{
	return number < replay->next && replay->next - number > RUDP_REPLAY_WINDOW;
}

bool rudp_replay_is_fresh(const struct rudp_replay *replay, uint64_t number)
{
	if (number == UINT64_MAX) /* never sent, and next could not stand behind it */
		return false;
	if (number >= replay->next)
		return true;
	if (!replay->words || is_below_window(replay, number))
		return false;
	return !(replay->words[number / WORD_BITS % RUDP_REPLAY_WORDS] & bit_of(number));
}

/* Empties the words that begin between the newest number so far and this one. */
static void advance(struct rudp_replay *replay, uint64_t number)
{
	uint64_t words = number / WORD_BITS - (replay->next - 1) / WORD_BITS;

	if (replay->next == 0 || words >= RUDP_REPLAY_WORDS) {
		memset(replay->words, 0, RUDP_REPLAY_WORDS * sizeof *replay->words);
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
	if (!replay->words && number > replay->next)
		open_window(replay);
	if (!replay->words) {
		if (number >= replay->next)
			replay->next = number + 1;
		return;
	}
	if (number >= replay->next)
		advance(replay, number);
	*word_of(replay, number) |= bit_of(number);
}
