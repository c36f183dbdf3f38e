/* SPDX-License-Identifier: MIT */
/*
 * mask - matches text against masks: "*" stands for any number of characters, "?" for one. Other
 * characters match regardless of case (names.h: folded).
 *
 * A backslash is an ordinary character: nicks can contain it, and no nick contains "*" or "?" that
 * would have to be escaped.
 */
#ifndef APO_MASK_H
#define APO_MASK_H

#include <stdbool.h>
#include <stddef.h>

#define APO_MASK_BYTES_MAX 160 /* longer than any source that it could match */

/* Takes at most time proportional to the product of both lengths, whatever the mask. */
bool apo_mask_is_match(const char *mask, const char *text);
bool apo_mask_has_wildcard(const char *mask);

/*
 * Completes a ban mask to "nick!user@host": missing parts become "*", and several "*" become one.
 *
 * Returns  false: it does not fit into to (cap bytes with the terminator), or cannot be sent as one
 *          parameter.
 */
bool apo_mask_complete(char *to, size_t cap, const char *mask);

#endif
