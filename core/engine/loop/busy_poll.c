/* SPDX-License-Identifier: MIT */
#include "engine/loop/busy_poll.h"

void rudp_busy_poll_init(struct rudp_busy_poll *busy_poll, bool has_processors, int64_t now_at_ns)
{
	*busy_poll = (struct rudp_busy_poll){.may = has_processors,
					     .sleeps_wanted = RUDP_BUSY_POLL_FIRST,
					     .budget_ns = RUDP_BUSY_POLL_BUDGET_NS,
					     .budget_at_ns = now_at_ns};
}

/* What is left of a division stays for the next time. */
static void fill_budget(struct rudp_busy_poll *busy_poll, int64_t now_at_ns)
{
	int64_t earned_ns = (now_at_ns - busy_poll->budget_at_ns) / RUDP_BUSY_POLL_WASTE_DIVISOR;

	busy_poll->budget_at_ns += earned_ns * RUDP_BUSY_POLL_WASTE_DIVISOR;
	busy_poll->budget_ns =
		rudp_time_min(busy_poll->budget_ns + earned_ns, RUDP_BUSY_POLL_BUDGET_NS);
}

int64_t rudp_busy_poll_span_ns(struct rudp_busy_poll *busy_poll, int64_t now_at_ns)
{
	if (busy_poll->misses_allowed == 0)
		return 0;
	fill_budget(busy_poll, now_at_ns);
	return busy_poll->budget_ns >= RUDP_BUSY_POLL_NS ? RUDP_BUSY_POLL_NS : 0;
}

static void sleep_at_once(struct rudp_busy_poll *busy_poll, unsigned sleeps_wanted)
{
	busy_poll->misses_allowed = 0;
	busy_poll->sleeps = 0;
	busy_poll->sleeps_wanted = sleeps_wanted < RUDP_BUSY_POLL_SLEEPS_MAX
					   ? sleeps_wanted
					   : RUDP_BUSY_POLL_SLEEPS_MAX;
}

static void begin_trial(struct rudp_busy_poll *busy_poll)
{
	busy_poll->misses_allowed = RUDP_BUSY_POLL_TRIAL;
	busy_poll->has_found = false;
}

void rudp_busy_poll_on_found(struct rudp_busy_poll *busy_poll, int64_t looked_ns)
{
	if (looked_ns >= RUDP_BUSY_POLL_LATE_NS) {
		sleep_at_once(busy_poll, RUDP_BUSY_POLL_SLEEPS_MAX);
		return;
	}
	busy_poll->has_found = true;
	if (busy_poll->misses_allowed < RUDP_BUSY_POLL_MISSES_MAX)
		busy_poll->misses_allowed++;
}

void rudp_busy_poll_on_missed(struct rudp_busy_poll *busy_poll, int64_t looked_ns)
{
	busy_poll->has_missed = true;
	/* Beyond its span it was not the engine that ran. */
	busy_poll->budget_ns -= rudp_time_min(looked_ns, RUDP_BUSY_POLL_NS);
	if (looked_ns >= RUDP_BUSY_POLL_LATE_NS)
		sleep_at_once(busy_poll, RUDP_BUSY_POLL_SLEEPS_MAX);
	else if (busy_poll->misses_allowed > 1)
		busy_poll->misses_allowed--;
	else
		sleep_at_once(busy_poll, busy_poll->has_found ? RUDP_BUSY_POLL_FIRST
							      : 2 * busy_poll->sleeps_wanted);
}

void rudp_busy_poll_on_woken(struct rudp_busy_poll *busy_poll, int64_t slept_ns)
{
	bool is_short = slept_ns >= RUDP_BUSY_POLL_NO_SLEEP_NS &&
			slept_ns <= RUDP_BUSY_POLL_SHORT_NS && !busy_poll->has_missed;

	busy_poll->has_missed = false;
	if (!busy_poll->may || busy_poll->misses_allowed > 0 || !is_short)
		return;
	if (++busy_poll->sleeps >= busy_poll->sleeps_wanted)
		begin_trial(busy_poll);
}
