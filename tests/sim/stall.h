/* SPDX-License-Identifier: MIT */
/*
 * stall - hosts that sometimes do not run, because another process has the processor. Datagrams
 * that arrive meanwhile are received together afterwards; datagrams that were due are sent late.
 *
 * Model     One stall in each period of every_ns, at a random place. Its length is longest_ns times
 *           the cube of a uniform random number: most are short, a third exceed a third of the
 *           longest. It depends only on seed, host and time: asking for it changes nothing.
 */
#ifndef RUDP_SIM_STALL_H
#define RUDP_SIM_STALL_H

#include <stdint.h>

#include "prng.h"

struct stall {
	int64_t every_ns;   /* 0: hosts always run */
	int64_t longest_ns; /* less than every_ns */
};

/* When a host can run that should run at this instant: then, or at the end of its stall. */
static inline int64_t stall_over_at_ns(const struct stall *stall, uint64_t seed, int host,
				       int64_t at_ns)
{
	struct prng prng;
	int64_t span, length_ns, from_ns;
	double part;

	if (stall->every_ns == 0)
		return at_ns;
	span = at_ns / stall->every_ns;
	prng.state = seed ^ (uint64_t)(2 * span + host) << 20;
	part = prng_unit(&prng);
	length_ns = (int64_t)((double)stall->longest_ns * part * part * part);
	from_ns = span * stall->every_ns +
		  prng_between(&prng, 0, stall->every_ns - stall->longest_ns);
	return at_ns >= from_ns && at_ns < from_ns + length_ns ? from_ns + length_ns : at_ns;
}

#endif
