/* SPDX-License-Identifier: MIT */
/*
 * clock - the kernel's clocks, for all that does I/O. The protocol and the models never
 * read a clock: their callers pass the time, which is virtual in the simulator.
 */
#ifndef RUDP_BASE_CLOCK_H
#define RUDP_BASE_CLOCK_H

#include <stdint.h>

/* Threads: any. Source: clock_gettime(2), CLOCK_MONOTONIC. */
int64_t rudp_clock_now_ns(void);
/* CLOCK_REALTIME: milliseconds since 1970, for times that people and other hosts see. */
int64_t rudp_clock_wall_ms(void);

#endif
