/* SPDX-License-Identifier: MIT */
/*
 * look - whether the engine looks for the next event before it sleeps. A calculator: it is told how
 * looks and sleeps have ended.
 *
 * Why      Who is awake does not have to be woken, and that is most of what a short exchange on one
 *          machine takes. But a look that finds nothing is a processor's time lost, and a program that
 *          the kernel has put on the engine's own processor gets it only when the engine sleeps.
 * Rule     RUDP_LOOK_FIRST short sleeps, which a look would have spared, begin a trial: the engine
 *          looks, up to RUDP_LOOK_NS. Each look that finds something is good for one that does not.
 *          When more have failed the engine sleeps at once again, and after a trial without any success
 *          the next takes twice as many short sleeps, up to RUDP_LOOK_SLEEPS_MAX. The short sleep
 *          after a failed look is none: perhaps it was the look that had kept the program waiting.
 *          An engine that has lost its processor while it looked stands where many failed trials
 *          would have led: others want it.
 * Cost     None without short sleeps: a program that says something now and then is not looked for.
 *          Looks that find nothing take at most a RUDP_LOOK_WASTE_DIVISOR-th of the time, and
 *          RUDP_LOOK_PURSE_NS once. One that finds something takes less than RUDP_LOOK_NS, in place of a
 *          wake-up: so while something comes more often than that an engine may be awake all the time.
 *          With one processor: none at all.
 */
#ifndef RUDP_ENGINE_LOOK_H
#define RUDP_ENGINE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_LOOK_NS (50 * RUDP_NS_PER_US)
#define RUDP_LOOK_LATE_NS (200 * RUDP_NS_PER_US)  /* so long a look was somebody else's turn */
#define RUDP_LOOK_SHORT_NS (150 * RUDP_NS_PER_US) /* of a sleep: what was waited for, and two wakings */
#define RUDP_LOOK_NO_SLEEP_NS (3 * RUDP_NS_PER_US) /* the event was there before the sleep */
#define RUDP_LOOK_FIRST 2
#define RUDP_LOOK_SLEEPS_MAX 1024
#define RUDP_LOOK_TRIAL 2                         /* looks that a trial may lose */
#define RUDP_LOOK_FAITH_MAX 8                     /* looks that may be lost after any success */
#define RUDP_LOOK_PURSE_NS (1 * RUDP_NS_PER_MS)
#define RUDP_LOOK_WASTE_DIVISOR 32

struct rudp_look {
	bool may;                    /* there is more than one processor */
	bool has_missed;             /* the look just before the sleep that comes */
	bool has_found;              /* a look of this trial */
	unsigned faith;              /* looks that may be lost before it sleeps at once; 0: it does */
	unsigned sleeps;             /* short ones since it does */
	unsigned sleeps_wanted;      /* for the next trial */
	int64_t purse_ns;            /* what looks may lose */
	int64_t purse_at_ns;         /* ... as of then */
};

void rudp_look_init(struct rudp_look *look, bool has_processors, int64_t now_at_ns);
/* How long to look before the next sleep; 0: not at all. */
int64_t rudp_look_span_ns(struct rudp_look *look, int64_t now_at_ns);
/* A look has found an event, not at its very beginning, or none; after so long. */
void rudp_look_on_found(struct rudp_look *look, int64_t looked_ns);
void rudp_look_on_missed(struct rudp_look *look, int64_t looked_ns);
/* An event, not a deadline, has ended a sleep of so long. */
void rudp_look_on_woken(struct rudp_look *look, int64_t slept_ns);

#endif
