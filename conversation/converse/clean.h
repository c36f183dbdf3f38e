/* SPDX-License-Identifier: MIT */
/*
 * clean - makes other people's text safe for a terminal: it cannot move the cursor, change colours,
 * change the writing direction, or look like another line.
 */
#ifndef CV_CLEAN_H
#define CV_CLEAN_H

#include <stddef.h>

/* The result needs at most three bytes for each byte of text. */
#define CV_CLEAN_SIZE(len) (3 * (len) + 1)

/*
 * Replaces control characters (C0, DEL) by ^X, and removes IRC's codes for colours and emphasis.
 * Controls of C1, of the writing direction and line separators become U+FFFD; bytes that are not
 * UTF-8 become "?". Returns to.
 */
char *cv_clean(char *to, size_t size, const char *text);

#endif
