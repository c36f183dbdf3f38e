/* SPDX-License-Identifier: MIT */
/*
 * deadline - computes when a call that receives in several steps must end. SO_RCVTIMEO limits the
 * call as a whole.
 *
 * Threads  any; no allocation.
 */
#ifndef RUDP_SHIM_DEADLINE_H
#define RUDP_SHIM_DEADLINE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/time.h"

/* The deadline of a call on fd that begins now: RUDP_NEVER without SO_RCVTIMEO. */
int64_t rudp_deadline_of_call(int fd);

/*
 * The remaining time as a poll(2) timeout, rounded up. 0: the deadline has passed; -1: RUDP_NEVER.
 */
int rudp_deadline_remaining_ms(int64_t at_ns);

#endif
