/* SPDX-License-Identifier: MIT */
/* The options that spoil one direction, as a table: --delay, --ab-delay and --ba-delay each. */
#ifndef LINKEM_IMPAIRMENTS_H
#define LINKEM_IMPAIRMENTS_H

#include "conf.h"

struct impairment {
	const char *name, *argument, *help;
	/* Takes the value over into the direction. Returns NULL or what is wrong with it. */
	const char *(*set)(struct direction_conf *direction, const char *text);
};

extern const struct impairment impairments[];
extern const size_t impairments_count;

/* What a direction is without any option: perfect. */
extern const struct direction_conf impairments_none;

#endif
