/* SPDX-License-Identifier: MIT */
/* format - makes a line of output of what the chat shows, for people or for programs; safe for a
 * terminal. */
#ifndef CV_FORMAT_H
#define CV_FORMAT_H

#include "conversation/converse/chat.h"

#define CV_FORMAT_SIZE 8192

/* For people, without line end. "": nothing to print. */
char *cv_format(char to[CV_FORMAT_SIZE], const struct cv_shown *shown, const char *own_nick);
/* For programs: time, nick and text, separated by tabs. */
char *cv_format_plain(char to[CV_FORMAT_SIZE], const struct cv_shown *shown);

#endif
