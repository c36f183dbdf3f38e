/* SPDX-License-Identifier: MIT */
#include "conversation/irc/names.h"

#include <stdint.h>
#include <string.h>

char apo_fold_char(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

size_t apo_fold(char *to, size_t cap, const char *name)
{
	size_t len;

	for (len = 0; name[len] && len + 1 < cap; len++)
		to[len] = apo_fold_char(name[len]);
	to[len] = '\0';
	return len;
}

bool apo_is_same(const char *a, const char *b)
{
	while (*a && apo_fold_char(*a) == apo_fold_char(*b)) {
		a++;
		b++;
	}
	return apo_fold_char(*a) == apo_fold_char(*b);
}

bool apo_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool apo_nick_is_valid(const char *nick, size_t len_max)
{
	size_t len;

	for (len = 0; nick[len]; len++) {
		if (apo_is_letter(nick[len]) || strchr("[]\\`_^{|}", nick[len]))
			continue;
		if (len == 0 || !(is_digit(nick[len]) || nick[len] == '-'))
			return false;
	}
	return len > 0 && len <= len_max;
}

bool apo_channel_is_meant(const char *name)
{
	return *name == '#';
}

bool apo_channel_is_valid(const char *name, size_t len_max)
{
	size_t len;

	if (!apo_channel_is_meant(name))
		return false;
	for (len = 1; name[len]; len++)
		if ((uint8_t)name[len] <= ' ' || strchr(",:\x7f", name[len]))
			return false;
	return len > 1 && len <= len_max;
}

/* The length of a valid label; 0: it is not valid. */
static size_t label_len(const char *label)
{
	size_t len = 0;

	while (apo_is_letter(label[len]) || is_digit(label[len]) || label[len] == '-')
		len++;
	return len > 0 && label[0] != '-' && label[len - 1] != '-' ? len : 0;
}

bool apo_host_is_valid(const char *host)
{
	const char *label = host;
	size_t len, labels = 0;

	for (;; label += len + 1) {
		len = label_len(label);
		if (len == 0)
			return false;
		labels++;
		if (label[len] != '.')
			break;
	}
	return label[len] == '\0' && labels >= 2 && strlen(host) <= APO_HOST_BYTES_MAX;
}

bool apo_shown_host_is_valid(const char *host)
{
	size_t len;

	for (len = 0; host[len]; len++)
		if ((uint8_t)host[len] <= ' ' || (uint8_t)host[len] >= 0x7f ||
		    strchr("!@*?,", host[len]))
			return false;
	return len > 0 && len <= APO_HOST_BYTES_MAX && host[0] != ':';
}

bool apo_user_clean(char *to, size_t len_max, const char *user)
{
	size_t len = 0;

	for (; *user && len < len_max; user++)
		if (apo_is_letter(*user) || is_digit(*user) || strchr("-._", *user))
			to[len++] = *user;
	to[len] = '\0';
	return len > 0;
}

bool apo_is_word(const char *text)
{
	return *text && *text != ':' && !strchr(text, ' ');
}
