/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef LINKEM_OPTIONS_H
#define LINKEM_OPTIONS_H

#include "conf.h"

/*
 * Fills conf from defaults and arguments; texts are not copied and must outlive conf. flags are
 * argp's: 0 for a program (prints errors and exits), ARGP_SILENT for a caller that wants EINVAL
 * instead. Returns 0 or a positive error number.
 */
int options_parse(struct linkem_conf *conf, int argc, char **argv, unsigned flags);

/* "ns:NAME,10.0.0.1/24,fd00::1/64,dev=DEVICE". Returns NULL or a description of the error. */
const char *options_side(struct side_conf *side, const char *text);

#endif
