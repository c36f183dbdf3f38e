/* SPDX-License-Identifier: MIT */
#include "engine/app/app_ends.h"

#include <errno.h>

#include "base/log.h"

#define OUT(state) (1u << RUDP_OUT_##state)
#define IN(state) (1u << RUDP_IN_##state)
#define REFUSED_LOGGED_MAX 16 /* beyond it they are only counted */

#define ONE(name) +1
enum { OUT_COUNT = 0 RUDP_OUTS(ONE), IN_COUNT = 0 RUDP_INS(ONE) };
#undef ONE

/* A close after the FIN was sent can still be a reset. */
static const unsigned out_may_follow[OUT_COUNT] = {
	[RUDP_OUT_OPEN] = OUT(FINISHING) | OUT(FAILED),
	[RUDP_OUT_FINISHING] = OUT(FIN_SENT) | OUT(RESETTING) | OUT(FAILED),
	[RUDP_OUT_FIN_SENT] = OUT(RESETTING) | OUT(FAILED),
	[RUDP_OUT_RESETTING] = OUT(FAILED),
	[RUDP_OUT_FAILED] = 0,
};

static const unsigned in_may_follow[IN_COUNT] = {
	[RUDP_IN_OPEN] = IN(READ_SHUT) | IN(EOF_SENT) | IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_READ_SHUT] = IN(EOF_SENT) | IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_EOF_SENT] = IN(CLOSED) | IN(ABORTED),
	[RUDP_IN_CLOSED] = IN(ABORTED),
	[RUDP_IN_ABORTED] = 0,
};

static unsigned refused; /* one engine per process */

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
		rudp_log(RUDP_LOG_ERROR, "bug: step \"%s\" refused in state (out %s, in %s)", step,
			 outs[ends->out], ins[ends->in]);
}

static bool out_may(const struct rudp_ends *ends, enum rudp_out next)
{
	return out_may_follow[ends->out] & (1u << next);
}

static bool in_may(const struct rudp_ends *ends, enum rudp_in next)
{
	return in_may_follow[ends->in] & (1u << next);
}

void rudp_ends_on_write_end(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_FINISHING))
		ends->out = RUDP_OUT_FINISHING;
}

void rudp_ends_on_shutdown_send(struct rudp_ends *ends)
{
	ends->by_shutdown = true;
}

void rudp_ends_on_shutdown_receive(struct rudp_ends *ends)
{
	if (in_may(ends, RUDP_IN_READ_SHUT))
		ends->in = RUDP_IN_READ_SHUT;
}

void rudp_ends_on_closed(struct rudp_ends *ends, bool left_unread)
{
	enum rudp_in next = left_unread ? RUDP_IN_ABORTED : RUDP_IN_CLOSED;

	rudp_ends_on_write_end(ends);
	ends->shut_both |= ends->by_shutdown && ends->in == RUDP_IN_READ_SHUT;
	if (in_may(ends, next))
		ends->in = next;
}

void rudp_ends_on_fin_sent(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_FIN_SENT) && !rudp_ends_is_closed(ends))
		ends->out = RUDP_OUT_FIN_SENT;
	else
		refuse(ends, "FIN sent");
}

void rudp_ends_on_eof_sent(struct rudp_ends *ends)
{
	if (in_may(ends, RUDP_IN_EOF_SENT) && ends->out != RUDP_OUT_FAILED)
		ends->in = RUDP_IN_EOF_SENT;
	else
		refuse(ends, "EOF sent");
}

void rudp_ends_on_reset_due(struct rudp_ends *ends)
{
	if (out_may(ends, RUDP_OUT_RESETTING) && rudp_ends_is_closed(ends))
		ends->out = RUDP_OUT_RESETTING;
	else
		refuse(ends, "reset");
}

void rudp_ends_on_failed(struct rudp_ends *ends, int error)
{
	if (!out_may(ends, RUDP_OUT_FAILED)) {
		refuse(ends, "failed");
		return;
	}
	ends->out = RUDP_OUT_FAILED;
	/* Like tcp_reset() in Linux. */
	ends->error = error == ECONNRESET && ends->in == RUDP_IN_EOF_SENT ? EPIPE : error;
}

bool rudp_ends_may_drain(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_FIN_SENT && ends->out != RUDP_OUT_FAILED;
}

bool rudp_ends_may_deliver(const struct rudp_ends *ends)
{
	return ends->in == RUDP_IN_OPEN;
}

bool rudp_ends_has_write_ended(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_OPEN && ends->out != RUDP_OUT_FAILED;
}

bool rudp_ends_is_closed(const struct rudp_ends *ends)
{
	return ends->in == RUDP_IN_CLOSED || ends->in == RUDP_IN_ABORTED;
}

bool rudp_ends_owes_fin(const struct rudp_ends *ends)
{
	return ends->out == RUDP_OUT_FINISHING && !rudp_ends_is_closed(ends);
}

bool rudp_ends_owes_eof(const struct rudp_ends *ends)
{
	return ends->out != RUDP_OUT_FAILED && in_may(ends, RUDP_IN_EOF_SENT);
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
	return ends->out == RUDP_OUT_FIN_SENT && ends->in == RUDP_IN_EOF_SENT;
}

bool rudp_ends_is_shut(const struct rudp_ends *ends)
{
	return rudp_ends_is_closed(ends) ||
	       (rudp_ends_has_write_ended(ends) && ends->in == RUDP_IN_EOF_SENT);
}

bool rudp_ends_hangup_is_close(const struct rudp_ends *ends, bool resets_on_close)
{
	return ends->in != RUDP_IN_EOF_SENT || (resets_on_close && !ends->by_shutdown);
}
