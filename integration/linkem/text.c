/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stddef.h>
#include <string.h>

bool text_split(struct text_parts *parts, const char *text)
{
	size_t size = strlen(text) + 1;
	char *rest = parts->storage;

	parts->count = 0;
	if (size > sizeof parts->storage)
		return false;
	memcpy(parts->storage, text, size);
	while (rest) {
		if (parts->count == TEXT_PARTS_MAX)
			return false;
		parts->part[parts->count++] = strsep(&rest, ",");
	}
	return true;
}

const char *text_after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}
