/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <endian.h>
#include <string.h>

#define ROUNDS_PER_WORD 2
#define ROUNDS_AT_END 4

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t load_le64(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return le64toh(word);
}

static void run_rounds(struct sip *s, int rounds)
{
	while (rounds--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate_left(s->v1, 13) ^ s->v0;
		s->v3 = rotate_left(s->v3, 16) ^ s->v2;
		s->v0 = rotate_left(s->v0, 32) + s->v3;
		s->v2 += s->v1;
		s->v3 = rotate_left(s->v3, 21) ^ s->v0;
		s->v1 = rotate_left(s->v1, 17) ^ s->v2;
		s->v2 = rotate_left(s->v2, 32);
	}
}

static void take_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	run_rounds(s, ROUNDS_PER_WORD);
	s->v0 ^= word;
}

/* The constants spell "somepseudorandomlygeneratedbytes". */
static struct sip start(const uint8_t key[16])
{
	uint64_t k0 = load_le64(key);
	uint64_t k1 = load_le64(key + 8);

	return (struct sip){
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
}

uint64_t rudp_siphash(const uint8_t key[16], const void *data, size_t len)
{
	struct sip s = start(key);
	const uint8_t *next = data;
	/* the last 0 to 7 bytes; the top byte is len modulo 256 */
	uint64_t last = (uint64_t)len << 56;
	size_t left;

	for (left = len; left >= 8; left -= 8, next += 8)
		take_word(&s, load_le64(next));
	while (left--)
		last |= (uint64_t)next[left] << (8 * left);
	take_word(&s, last);
	s.v2 ^= 0xff;
	run_rounds(&s, ROUNDS_AT_END);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
