/* SPDX-License-Identifier: MIT */
/*
 * input - lines from the standard input: edited by libedit where that is a terminal, else as they
 * come through a pipe.
 */
#ifndef CV_INPUT_H
#define CV_INPUT_H

#include <stdbool.h>

#define CV_INPUT_LINE_MAX 65536 /* longer ones are cut there */

struct cv_input;

/* on_line gets each line without its end, which it may change; NULL: there are no more. */
struct cv_input *cv_input_open(bool may_edit, void (*on_line)(void *of, char *line), void *of);
void cv_input_close(struct cv_input *input);

/* The standard input is readable. */
void cv_input_on_readable(struct cv_input *input);
/* A line for the user, above what is being typed. */
void cv_input_print(struct cv_input *input, const char *line);

#endif
