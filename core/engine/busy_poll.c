/* SPDX-License-Identifier: MIT */
#include "engine/busy_poll.h"

void rudp_look_init(struct rudp_look *look, bool has_processors, int64_t now_at_ns)
{
	*look = (struct rudp_look){.may = has_processors,
				   .sleeps_wanted = RUDP_LOOK_FIRST,
				   .purse_ns = RUDP_LOOK_PURSE_NS,
				   .purse_at_ns = now_at_ns};
}

/* What is left of a division stays for the next time. */
static void fill_purse(struct rudp_look *look, int64_t now_at_ns)
{
	int64_t earned_ns = (now_at_ns - look->purse_at_ns) / RUDP_LOOK_WASTE_DIVISOR;

	look->purse_at_ns += earned_ns * RUDP_LOOK_WASTE_DIVISOR;
	look->purse_ns = rudp_time_min(look->purse_ns + earned_ns, RUDP_LOOK_PURSE_NS);
}

int64_t rudp_look_span_ns(struct rudp_look *look, int64_t now_at_ns)
{
	if (look->faith == 0)
		return 0;
	fill_purse(look, now_at_ns);
	return look->purse_ns >= RUDP_LOOK_NS ? RUDP_LOOK_NS : 0;
}

static void sleep_at_once(struct rudp_look *look, unsigned sleeps_wanted)
{
	look->faith = 0;
	look->sleeps = 0;
	look->sleeps_wanted = sleeps_wanted < RUDP_LOOK_SLEEPS_MAX ? sleeps_wanted
								   : RUDP_LOOK_SLEEPS_MAX;
}

static void begin_trial(struct rudp_look *look)
{
	look->faith = RUDP_LOOK_TRIAL;
	look->has_found = false;
}

void rudp_look_on_found(struct rudp_look *look, int64_t looked_ns)
{
	if (looked_ns >= RUDP_LOOK_LATE_NS) {
		sleep_at_once(look, RUDP_LOOK_SLEEPS_MAX);
		return;
	}
	look->has_found = true;
	if (look->faith < RUDP_LOOK_FAITH_MAX)
		look->faith++;
}

void rudp_look_on_missed(struct rudp_look *look, int64_t looked_ns)
{
	look->has_missed = true;
	/* Beyond its span it was not the engine that ran. */
	look->purse_ns -= rudp_time_min(looked_ns, RUDP_LOOK_NS);
	if (looked_ns >= RUDP_LOOK_LATE_NS)
		sleep_at_once(look, RUDP_LOOK_SLEEPS_MAX);
	else if (look->faith > 1)
		look->faith--;
	else
		sleep_at_once(look, look->has_found ? RUDP_LOOK_FIRST : 2 * look->sleeps_wanted);
}

void rudp_look_on_woken(struct rudp_look *look, int64_t slept_ns)
{
	bool is_short = slept_ns >= RUDP_LOOK_NO_SLEEP_NS && slept_ns <= RUDP_LOOK_SHORT_NS &&
			!look->has_missed;

	look->has_missed = false;
	if (!look->may || look->faith > 0 || !is_short)
		return;
	if (++look->sleeps >= look->sleeps_wanted)
		begin_trial(look);
}
