/* SPDX-License-Identifier: MIT */
/*
 * utf8 - is it UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF), and where
 * may it be cut.
 */
#ifndef APO_UTF8_H
#define APO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool apo_utf8_is_valid(const char *bytes, size_t len);

/* At most max of len bytes, so that no character is cut in two. */
size_t apo_utf8_cut(const char *bytes, size_t len, size_t max);

#endif
