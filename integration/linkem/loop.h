/* SPDX-License-Identifier: MIT */
/* Moves packets between the two devices in real time until a signal ends it. */
#ifndef LINKEM_LOOP_H
#define LINKEM_LOOP_H

#include "conf.h"

/*
 * fd[side] is the non-blocking device of that side. Writes the first statistics file at once (it
 * shows that the link is up), another at each SIGUSR1 and the last at SIGTERM, SIGINT or SIGHUP.
 * Returns 0 or -errno.
 */
int loop_run(const struct linkem_conf *conf, const int fd[DIRECTIONS]);

#endif
