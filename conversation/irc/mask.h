/* SPDX-License-Identifier: MIT */
/*
 * mask - "*" is any number of characters, "?" is one; everything else is itself (names.h: folded).
 *
 * A backslash is itself: nicks may have some, and none has "*" or "?" that would need to be
 * escaped.
 */
#ifndef APO_MASK_H
#define APO_MASK_H

#include <stdbool.h>
#include <stddef.h>

#define APO_MASK_BYTES_MAX 160 /* longer than any source that it could match */

/* Time at most the product of the lengths, whatever the mask. */
bool apo_mask_is_match(const char *mask, const char *text);
bool apo_mask_has_wildcard(const char *mask);

/*
 * The whole "nick!user@host" that a ban is: what is missing is "*", runs of "*" are one.
 *
 * Returns  false: it does not fit to (cap with terminator), or cannot be said as one parameter.
 */
bool apo_mask_complete(char *to, size_t cap, const char *mask);

#endif
