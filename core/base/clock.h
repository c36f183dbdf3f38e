/* SPDX-License-Identifier: MIT */
/*
 * clock - the kernel's CLOCK_MONOTONIC, for all that does I/O. The protocol and the models never
 * read a clock: their callers pass the time, which is virtual in the simulator.
 */
#ifndef RUDP_BASE_CLOCK_H
#define RUDP_BASE_CLOCK_H

#include <stdint.h>

/* Threads: any. Source: clock_gettime(2). */
int64_t rudp_clock_now_ns(void);

#endif
