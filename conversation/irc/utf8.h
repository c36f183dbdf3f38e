/* SPDX-License-Identifier: MIT */
/*
 * utf8 - checks UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF), and
 * finds where it may be cut.
 */
#ifndef APO_UTF8_H
#define APO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool apo_utf8_is_valid(const char *bytes, size_t len);

/* The length of the longest prefix of at most max bytes that does not cut a character in two. */
size_t apo_utf8_cut(const char *bytes, size_t len, size_t max);

#endif
