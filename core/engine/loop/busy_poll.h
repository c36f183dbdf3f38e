/* SPDX-License-Identifier: MIT */
/*
 * busy_poll - decides whether the engine polls for events before it sleeps. It does no I/O: the
 * loop reports how each poll and each sleep ended.
 *
 * Why      Polling avoids the wake-up, which is most of a short exchange on one machine. But a poll
 *          that finds nothing wastes processor time. It also delays a program that the kernel has
 *          put on the engine's own processor.
 * Rule     RUDP_BUSY_POLL_FIRST short sleeps, which polling would have avoided, begin a trial: the
 *          engine polls for up to RUDP_BUSY_POLL_NS. Each poll that finds an event allows one more
 *          miss. When no miss is allowed any more the engine sleeps at once again. After a trial
 *          without any success the next trial needs twice as many short sleeps, up to
 *          RUDP_BUSY_POLL_SLEEPS_MAX. A short sleep after a missed poll does not count: the poll
 *          itself may have delayed the program. If the engine loses its processor during a poll,
 *          others need it: the next trial needs RUDP_BUSY_POLL_SLEEPS_MAX short sleeps.
 * Cost     None without short sleeps: the engine never polls for a program that writes rarely.
 *          Missed polls take at most 1/RUDP_BUSY_POLL_WASTE_DIVISOR of the time, and
 *          RUDP_BUSY_POLL_BUDGET_NS at once. A poll that finds an event takes less than
 *          RUDP_BUSY_POLL_NS and replaces a wake-up. So with more frequent events an engine may
 *          never sleep. With one processor it never polls.
 */
#ifndef RUDP_ENGINE_BUSY_POLL_H
#define RUDP_ENGINE_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_BUSY_POLL_NS (50 * RUDP_NS_PER_US)
#define RUDP_BUSY_POLL_LATE_NS (200 * RUDP_NS_PER_US) /* a poll this long lost its processor */
/* A sleep this short: the wait for an answer and two wake-ups. */
#define RUDP_BUSY_POLL_SHORT_NS (150 * RUDP_NS_PER_US)
/* In a shorter sleep the event was there before it. */
#define RUDP_BUSY_POLL_NO_SLEEP_NS (3 * RUDP_NS_PER_US)
#define RUDP_BUSY_POLL_FIRST 2
#define RUDP_BUSY_POLL_SLEEPS_MAX 1024
#define RUDP_BUSY_POLL_TRIAL 2      /* misses allowed in a trial */
#define RUDP_BUSY_POLL_MISSES_MAX 8 /* misses allowed after any number of successes */
#define RUDP_BUSY_POLL_BUDGET_NS (1 * RUDP_NS_PER_MS)
#define RUDP_BUSY_POLL_WASTE_DIVISOR 32

struct rudp_busy_poll {
	bool may;                /* there is more than one processor */
	bool has_missed;         /* the poll before the coming sleep found nothing */
	bool has_found;          /* a poll of this trial found an event */
	unsigned misses_allowed; /* misses until it sleeps at once; 0: it does */
	unsigned sleeps;         /* short ones since it sleeps at once */
	unsigned sleeps_wanted;  /* short sleeps that begin the next trial */
	int64_t budget_ns;       /* time that missed polls may still waste */
	int64_t budget_at_ns;    /* when budget_ns was last increased */
};

void rudp_busy_poll_init(struct rudp_busy_poll *busy_poll, bool has_processors, int64_t now_at_ns);
/* Returns the time to poll before the next sleep; 0: not at all. */
int64_t rudp_busy_poll_span_ns(struct rudp_busy_poll *busy_poll, int64_t now_at_ns);
/*
 * A poll has found an event that was not there when it began, or nothing; polled_ns: how long it
 * took.
 */
void rudp_busy_poll_on_found(struct rudp_busy_poll *busy_poll, int64_t polled_ns);
void rudp_busy_poll_on_missed(struct rudp_busy_poll *busy_poll, int64_t polled_ns);
/* An event, not a deadline, has ended a sleep of slept_ns. */
void rudp_busy_poll_on_woken(struct rudp_busy_poll *busy_poll, int64_t slept_ns);

#endif
