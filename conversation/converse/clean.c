/* SPDX-License-Identifier: MIT */
#include "conversation/converse/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "conversation/irc/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The length of the UTF-8 character at text; 0: it is invalid. */
static size_t char_len(const char *text)
{
	unsigned char first = (unsigned char)*text;
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return strnlen(text, len) == len && apo_utf8_is_valid(text, len) ? len : 0;
}

static uint32_t code_of(const char *text, size_t len)
{
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = (unsigned char)*text & masks[len];
	size_t i;

	for (i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

static bool is_treacherous(uint32_t code)
{
	return (code >= 0x80 && code < 0xa0) || code == 0x61c ||
	       (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* The length of a code for colour or emphasis: ^B ^C(digits) ^O ^Q ^R ^V ^] ^^ ^_; 0: none. */
static size_t emphasis_len(const char *text)
{
	size_t n = 1, digits = 0;

	if (*text != 3)
		return *text && strchr("\x02\x0f\x11\x12\x16\x1d\x1e\x1f", *text) ? 1 : 0;
	while (digits < 2 && text[n] >= '0' && text[n] <= '9')
		n++, digits++;
	if (digits > 0 && text[n] == ',' && text[n + 1] >= '0' && text[n + 1] <= '9')
		n += text[n + 2] >= '0' && text[n + 2] <= '9' ? 3 : 2;
	return n;
}

/* Cleans one character, which takes *used bytes of text. Writes the result to piece. */
static size_t piece_of(const char *text, char piece[5], size_t *used)
{
	size_t len = char_len(text);

	*used = emphasis_len(text);
	if (*used)
		return 0;
	*used = len ? len : 1;
	if (!len) {
		piece[0] = '?';
		return 1;
	}
	if (len == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f)) {
		piece[0] = '^';
		piece[1] = (char)(*text ^ 0x40);
		return 2;
	}
	if (is_treacherous(code_of(text, len))) {
		memcpy(piece, REPLACEMENT, 3);
		return 3;
	}
	memcpy(piece, text, len);
	return len;
}

char *cv_clean(char *to, size_t size, const char *text)
{
	char piece[5];
	size_t at = 0, used, n;

	for (; *text; text += used) {
		n = piece_of(text, piece, &used);
		if (at + n + 1 > size)
			break;
		memcpy(to + at, piece, n);
		at += n;
	}
	to[at] = 0;
	return to;
}
