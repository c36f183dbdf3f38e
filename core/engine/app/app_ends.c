/* SPDX-License-Identifier: MIT */
#include "engine/app/app_ends.h"

#include <errno.h>

#include "base/log.h"

#define OUT(state) (1u << RUDP_OUT_##state)
#define IN(state) (1u << RUDP_IN_##state)
#define REFUSED_LOGGED_MAX 16 /* of the rest the number is kept */

#define ONE(name) +1
enum { OUT_COUNT = 0 RUDP_OUTS(ONE), IN_COUNT = 0 RUDP_INS(ONE) };
#undef ONE

/* A close behind an end that was given still may be a reset. */
static const unsigned out_may_follow[OUT_COUNT] = {
	[RUDP_OUT_OPEN] = OUT(LAST) | OUT(LOST),
	[RUDP_OUT_LAST] = OUT(ENDED) | OUT(RESETS) | OUT(LOST),
	[RUDP_OUT_ENDED] = OUT(RESETS) | OUT(LOST),
	[RUDP_OUT_RESETS] = OUT(LOST),
	[RUDP_OUT_LOST] = 0,
};

static const unsigned in_may_follow[IN_COUNT] = {
	[RUDP_IN_OPEN] = IN(DEAF) | IN(TOLD) | IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_DEAF] = IN(TOLD) | IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_TOLD] = IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_CLOSED] = IN(ABORTED),
	[RUDP_IN_ABORTED] = 0,
};

static unsigned refused; /* one engine a process */

unsigned rudp_ends_refused(void)
{
	return refused;
}

static void refuse(const struct rudp_ends *ends, const char *step)
{
#define TEXT(name) #name,
	static const char *const outs[OUT_COUNT] = {RUDP_OUTS(TEXT)};
	static const char *const ins[IN_COUNT] = {RUDP_INS(TEXT)};
#undef TEXT

	if (refused++ < REFUSED_LOGGED_MAX)
		rudp_log(RUDP_LOG_ERROR, "a connection's end (out %s, in %s) is not %s: a bug",
			 outs[ends->out], ins[ends->in], step);
}

static bool out_may(const struct rudp_ends *ends, enum rudp_out next)
{
	return out_may_follow[ends->out] & (1u << next);
}

static bool in_may(const struct rudp_ends *ends, enum rudp_in next)
{
	return in_may_follow[ends->in] & (1u << next);
}

void rudp_ends_on_last_words(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_LAST))
		ends->out = RUDP_OUT_LAST;
}

void rudp_ends_on_shutdown_send(struct rudp_ends *ends)
{
	ends->by_shutdown = true;
}

void rudp_ends_on_shutdown_receive(struct rudp_ends *ends)
{
	if (in_may(ends, RUDP_IN_DEAF))
		ends->in = RUDP_IN_DEAF;
}

void rudp_ends_on_closed(struct rudp_ends *ends, bool left_unread)
{
	enum rudp_in next = left_unread ? RUDP_IN_ABORTED : RUDP_IN_CLOSED;

	rudp_ends_on_last_words(ends);
	ends->shut_both |= ends->by_shutdown && ends->in == RUDP_IN_DEAF;
	if (in_may(ends, next))
		ends->in = next;
}

void rudp_ends_on_given(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_ENDED) && !rudp_ends_is_closed(ends))
		ends->out = RUDP_OUT_ENDED;
	else
		refuse(ends, "given");
}

void rudp_ends_on_told(struct rudp_ends *ends)
{
	if (in_may(ends, RUDP_IN_TOLD) && ends->out != RUDP_OUT_LOST)
		ends->in = RUDP_IN_TOLD;
	else
		refuse(ends, "told");
}

void rudp_ends_on_last_call(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_RESETS) && rudp_ends_is_closed(ends))
		ends->out = RUDP_OUT_RESETS;
	else
		refuse(ends, "reset");
}

void rudp_ends_on_lost(struct rudp_ends *ends, int error)
{
	if (!out_may(ends, RUDP_OUT_LOST)) {
		refuse(ends, "lost");
		return;
	}
	ends->out = RUDP_OUT_LOST;
	/* As tcp_reset() in Linux. */
	ends->error = error == ECONNRESET && ends->in == RUDP_IN_TOLD ? EPIPE : error;
}

bool rudp_ends_takes(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_ENDED && ends->out != RUDP_OUT_LOST;
}

bool rudp_ends_gives(const struct rudp_ends *ends)
{
	return ends->in == RUDP_IN_OPEN;
}

bool rudp_ends_has_last_words(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_OPEN && ends->out != RUDP_OUT_LOST;
}

bool rudp_ends_is_closed(const struct rudp_ends *ends)
{
	return ends->in == RUDP_IN_CLOSED || ends->in == RUDP_IN_ABORTED;
}

bool rudp_ends_owes_end(const struct rudp_ends *ends)
{
	return ends->out == RUDP_OUT_LAST && !rudp_ends_is_closed(ends);
}

bool rudp_ends_owes_telling(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_LOST && in_may(ends, RUDP_IN_TOLD);
}

bool rudp_ends_close_resets(const struct rudp_ends *ends, bool resets_on_close)
{
	return resets_on_close && !ends->shut_both;
}

bool rudp_ends_left_unread(const struct rudp_ends *ends)
{
	return ends->in == RUDP_IN_ABORTED;
}

bool rudp_ends_is_over(const struct rudp_ends *ends)
{
	return ends->out == RUDP_OUT_ENDED && ends->in == RUDP_IN_TOLD;
}

bool rudp_ends_is_shut(const struct rudp_ends *ends)
{
	return rudp_ends_is_closed(ends) ||
	       (rudp_ends_has_last_words(ends) && ends->in == RUDP_IN_TOLD);
}

bool rudp_ends_hangup_is_close(const struct rudp_ends *ends, bool resets_on_close)
{
	return ends->in != RUDP_IN_TOLD || (resets_on_close && !ends->by_shutdown);
}
