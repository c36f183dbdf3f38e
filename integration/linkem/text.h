/* SPDX-License-Identifier: MIT */
/* Splits lists in option values without changing the argument. */
#ifndef LINKEM_TEXT_H
#define LINKEM_TEXT_H

#include <stdbool.h>

enum { TEXT_PARTS_MAX = 36, TEXT_SIZE = 1024 };

struct text_parts {
	char storage[TEXT_SIZE];
	const char *part[TEXT_PARTS_MAX];
	unsigned count;
};

/* Splits at commas; empty parts count. Returns false if there are too many parts or the text is too
 * long. */
bool text_split(struct text_parts *parts, const char *text);

/* The rest of text after the prefix, or NULL. */
const char *text_after(const char *text, const char *prefix);

#endif
