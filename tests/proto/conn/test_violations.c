/* SPDX-License-Identifier: MIT */
/* Peers that break the rules, one connection after another: the log stays short. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/log_ratelimit.h"
#include "base/log.h"
#include "proto/pair.h"
#include "proto/conn/endpoint_private.h"

static struct pair pair;
static unsigned resets, left_out;

static void count_line(void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	(void)level;
	resets += strstr(text, " reset: ") != NULL;
	left_out += strncmp(text, "25 more lines ", strlen("25 more lines ")) == 0;
}

static void setup(void)
{
	pair_init(&pair, 0, 0);
	rudp_log_set(count_line, NULL, RUDP_LOG_DEBUG);
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(violations, .init = setup, .fini = teardown);

/* The client says more than it may: the server has promised less than the client believes. */
static void break_a_rule(void)
{
	pair_establish(&pair);
	pair.conn[1]->recvbuf.window_end = 0;
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_settle(&pair);
	for (int side = 0; side < 2; side++)
		rudp_conn_close(pair.conn[side], pair.now_ns);
	pair_settle(&pair);
}

Test(violations, fill_no_log)
{
	for (unsigned i = 0; i < RUDP_LOG_RATELIMIT_MAX + 25; i++)
		break_a_rule();
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_BAD_STREAM),
		     RUDP_LOG_RATELIMIT_MAX + 25));
	cr_assert(eq(uint, resets, RUDP_LOG_RATELIMIT_MAX));
	pair_run(&pair, RUDP_LOG_RATELIMIT_SPAN_NS);
	break_a_rule();
	cr_assert(eq(uint, resets, RUDP_LOG_RATELIMIT_MAX + 1));
	cr_assert(eq(uint, left_out, 1));
}
