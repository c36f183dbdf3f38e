/* SPDX-License-Identifier: MIT */
/*
 * busy_poll - whether the engine looks for the next event before it sleeps. A calculator: it is told how
 * looks and sleeps have ended.
 *
 * Why      Who is awake does not have to be woken, and that is most of what a short exchange on one
 *          machine takes. But a look that finds nothing is a processor's time lost, and a program that
 *          the kernel has put on the engine's own processor gets it only when the engine sleeps.
 * Rule     RUDP_BUSY_POLL_FIRST short sleeps, which a look would have spared, begin a trial: the engine
 *          looks, up to RUDP_BUSY_POLL_NS. Each look that finds something is good for one that does not.
 *          When more have failed the engine sleeps at once again, and after a trial without any success
 *          the next takes twice as many short sleeps, up to RUDP_BUSY_POLL_SLEEPS_MAX. The short sleep
 *          after a failed look is none: perhaps it was the look that had kept the program waiting.
 *          An engine that has lost its processor while it looked stands where many failed trials
 *          would have led: others want it.
 * Cost     None without short sleeps: a program that says something now and then is not looked for.
 *          Looks that find nothing take at most a RUDP_BUSY_POLL_WASTE_DIVISOR-th of the time, and
 *          RUDP_BUSY_POLL_BUDGET_NS once. One that finds something takes less than
 *          RUDP_BUSY_POLL_NS, in place of a wake-up: so while something comes more often than that
 *          an engine may be awake all the time. With one processor: none at all.
 */
#ifndef RUDP_ENGINE_BUSY_POLL_H
#define RUDP_ENGINE_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_BUSY_POLL_NS (50 * RUDP_NS_PER_US)
#define RUDP_BUSY_POLL_LATE_NS (200 * RUDP_NS_PER_US) /* so long a look was somebody else's turn */
/* of a sleep: what was waited for, and two wakings */
#define RUDP_BUSY_POLL_SHORT_NS (150 * RUDP_NS_PER_US)
#define RUDP_BUSY_POLL_NO_SLEEP_NS (3 * RUDP_NS_PER_US) /* the event was there before the sleep */
#define RUDP_BUSY_POLL_FIRST 2
#define RUDP_BUSY_POLL_SLEEPS_MAX 1024
#define RUDP_BUSY_POLL_TRIAL 2      /* looks that a trial may lose */
#define RUDP_BUSY_POLL_MISSES_MAX 8 /* looks that may be lost after any success */
#define RUDP_BUSY_POLL_BUDGET_NS (1 * RUDP_NS_PER_MS)
#define RUDP_BUSY_POLL_WASTE_DIVISOR 32

struct rudp_busy_poll {
	bool may;                    /* there is more than one processor */
	bool has_missed;             /* the look just before the sleep that comes */
	bool has_found;              /* a look of this trial */
	unsigned misses_allowed; /* looks that may be lost before it sleeps at once; 0: it does */
	unsigned sleeps;             /* short ones since it does */
	unsigned sleeps_wanted;      /* for the next trial */
	int64_t budget_ns;           /* what looks may lose */
	int64_t budget_at_ns;        /* ... as of then */
};

void rudp_busy_poll_init(struct rudp_busy_poll *busy_poll, bool has_processors, int64_t now_at_ns);
/* How long to look before the next sleep; 0: not at all. */
int64_t rudp_busy_poll_span_ns(struct rudp_busy_poll *busy_poll, int64_t now_at_ns);
/* A look has found an event, not at its very beginning, or none; after so long. */
void rudp_busy_poll_on_found(struct rudp_busy_poll *busy_poll, int64_t looked_ns);
void rudp_busy_poll_on_missed(struct rudp_busy_poll *busy_poll, int64_t looked_ns);
/* An event, not a deadline, has ended a sleep of so long. */
void rudp_busy_poll_on_woken(struct rudp_busy_poll *busy_poll, int64_t slept_ns);

#endif
