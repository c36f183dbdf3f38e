/* SPDX-License-Identifier: MIT */
/*
 * input - reads lines from the standard input. On a terminal libedit edits them; from a pipe they
 * are taken as they come.
 */
#ifndef CV_INPUT_H
#define CV_INPUT_H

#include <stdbool.h>

#define CV_INPUT_LINE_MAX 65536 /* bytes; the rest of a longer line is dropped */

struct cv_input;

/* on_line gets each line, without its end, and may change it. NULL: the input has ended. */
struct cv_input *cv_input_open(bool may_edit, void (*on_line)(void *of, char *line), void *of);
void cv_input_close(struct cv_input *input);

/* The standard input is readable. */
void cv_input_on_readable(struct cv_input *input);
/* Prints a line above the one that is being typed. */
void cv_input_print(struct cv_input *input, const char *line);

#endif
