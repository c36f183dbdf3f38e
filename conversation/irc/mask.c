/* SPDX-License-Identifier: MIT */
#include "conversation/irc/mask.h"

#include <stdio.h>
#include <string.h>

#include "conversation/irc/names.h"

static const char *next_char(const char *text)
{
	do
		text++;
	while ((*text & 0xc0) == 0x80);
	return text;
}

/* After a mismatch only the last "*" is tried again: an earlier one cannot match more. */
bool apo_mask_is_match(const char *mask, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*mask == '*') {
			star = ++mask;
			retry = text;
		} else if (*mask == '?') {
			mask++;
			text = next_char(text);
		} else if (*mask && apo_fold_char(*mask) == apo_fold_char(*text)) {
			mask++;
			text++;
		} else if (star) {
			mask = star;
			text = retry = next_char(retry);
		} else {
			return false;
		}
	}
	while (*mask == '*')
		mask++;
	return *mask == '\0';
}

bool apo_mask_has_wildcard(const char *mask)
{
	return strpbrk(mask, "*?") != NULL;
}

static void squeeze_stars(char *mask)
{
	char *to = mask;
	const char *from;

	for (from = mask; *from; from++)
		if (*from != '*' || from[1] != '*')
			*to++ = *from;
	*to = '\0';
}

bool apo_mask_complete(char *to, size_t cap, const char *mask)
{
	const char *bang = strchr(mask, '!');
	const char *at = strrchr(mask, '@');
	int len;

	if (!apo_is_word(mask))
		return false;
	if (bang && at && at > bang)
		len = snprintf(to, cap, "%s", mask);
	else if (bang)
		len = snprintf(to, cap, "%s@*", mask);
	else if (at)
		len = snprintf(to, cap, "*!%s", mask);
	else
		len = snprintf(to, cap, "%s!*@*", mask);
	if (len < 0 || (size_t)len >= cap)
		return false;
	squeeze_stars(to);
	return true;
}
