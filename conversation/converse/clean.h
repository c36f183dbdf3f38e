/* SPDX-License-Identifier: MIT */
/*
 * clean - text of others for a terminal: nothing in it can move the cursor, change colours, turn
 * the direction of writing, or look like another line.
 */
#ifndef CV_CLEAN_H
#define CV_CLEAN_H

#include <stddef.h>

/* Each byte of text takes three at most. */
#define CV_CLEAN_SIZE(len) (3 * (len) + 1)

/*
 * Controls (C0, DEL) become ^X, what IRC has for colours and emphasis goes, controls of C1, of the
 * direction of writing and separators of lines become U+FFFD, and bytes that are no UTF-8 "?".
 * Returns to.
 */
char *cv_clean(char *to, size_t size, const char *text);

#endif
