/* SPDX-License-Identifier: MIT */
#include "conversation/irc/fingerprint.h"

#include <string.h>

#define HEX_LEN 64
#define BASE64_LEN 43

static const char prefix[] = "SHA256:";

static bool consists_of(const char *text, const char *characters, size_t len)
{
	return strspn(text, characters) == len && text[len] == '\0';
}

bool apo_fingerprint_is_valid(const char *text)
{
	if (strncmp(text, prefix, sizeof prefix - 1) != 0)
		return consists_of(text, "0123456789abcdef", HEX_LEN);
	return consists_of(text + sizeof prefix - 1,
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
			   BASE64_LEN);
}
