/* SPDX-License-Identifier: MIT */
#include "hex.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define TEXT_BYTES_MAX 2048

static const char digits[] = "0123456789abcdef";

static unsigned digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	cr_assert(ne(ptr, (void *)(uintptr_t)at, NULL), "not a hex digit: '%c'", c);
	return (unsigned)(at - digits);
}

size_t hex_read(const char *text, uint8_t *out, size_t out_cap)
{
	size_t len = 0;

	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		cr_assert(lt(sz, len, out_cap));
		out[len++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
	return len;
}

void hex_expect(const uint8_t *bytes, size_t len, const char *text)
{
	uint8_t expected[TEXT_BYTES_MAX];
	size_t expected_len = hex_read(text, expected, sizeof expected);

	cr_assert(eq(sz, len, expected_len));
	if (len > 0)
		cr_assert(eq(int, memcmp(bytes, expected, len), 0), "the bytes differ from %s",
			  text);
}
