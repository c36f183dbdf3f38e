/* SPDX-License-Identifier: MIT */
/*
 * Traces of a link's rate as text. Two formats, told apart by the first line that is neither empty
 * nor a comment (#):
 *
 *	TIME RATE [DELAY]    from TIME on this rate, and so much more delay; the first TIME is 0.
 *	TIME repeat          Times and rates as for linkem's options: a bare time counts
 *	                     milliseconds. With the last line the trace starts over, without it the
 *	                     last rate stays.
 *
 *	MS                   mahimahi's: one line for each opportunity to send 1500 bytes, in
 *	MS                   milliseconds that never go back. Repeats at the last one.
 */
#ifndef LINKEM_TRACE_TEXT_H
#define LINKEM_TRACE_TEXT_H

#include "../netmodel/trace.h"

/* Returns NULL and a trace that the caller must fini, or a description of the error and its
 * line. */
const char *trace_parse(struct nm_trace *trace, const char *text, unsigned *line_number);

/* The same for a file; line_number 0: the file cannot be read, or memory is short. */
const char *trace_read(struct nm_trace *trace, const char *path, unsigned *line_number);

/* The mean rate of a period. For a trace that does not repeat it is the first rate. */
double trace_mean_bps(const struct nm_trace *trace);

#endif
