/* SPDX-License-Identifier: MIT */
/* The options that impair one direction, as a table: --delay, --ab-delay and --ba-delay each. */
#ifndef LINKEM_IMPAIRMENTS_H
#define LINKEM_IMPAIRMENTS_H

#include "conf.h"

struct impairment {
	const char *name, *argument, *help;
	/* Stores the value in the direction. Returns NULL or a description of the error. */
	const char *(*set)(struct direction_conf *direction, const char *text);
};

extern const struct impairment impairments[];
extern const size_t impairments_count;

/* A direction without any impairment. */
extern const struct direction_conf impairments_none;

#endif
