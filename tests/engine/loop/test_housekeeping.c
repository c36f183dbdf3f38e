/* SPDX-License-Identifier: MIT */
/* Work of an engine without events, in virtual time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/control/control.h"
#include "engine/loop/loop.h"

#define CALLERS (5 * RUDP_CALLS_PER_PASS / 2)

static struct rudp_engine engine;

static void init(void)
{
	static const struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
}

static void fini(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(housekeeping, .init = init, .fini = fini);

/* Callers that send no request. */
static void call_in_silence(int callers[CALLERS])
{
	struct rudp_control_listener *listener =
		RUDP_LIST_OWNER(engine.control_listeners.next, struct rudp_control_listener, link);
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	cr_assert(eq(int, (int)listener->kind, RUDP_CONTROL_LISTENER_CONTROL));
	cr_assert(zero(int, getsockname(listener->fd, (struct sockaddr *)&un, &len)));
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		cr_assert(zero(int, connect(callers[i], (struct sockaddr *)&un, len)));
		engine.turns++;
		rudp_control_listener_on_event(&engine, listener);
	}
	cr_assert(eq(uint, engine.call_count, CALLERS));
}

Test(housekeeping, a_turn_closes_few_of_many_stale_calls_and_the_next_the_others)
{
	int callers[CALLERS];

	call_in_silence(callers);
	engine.now_at_ns += RUDP_CALL_LINGER_NS + RUDP_HOUSEKEEPING_NS;
	cr_assert(le(i64, rudp_housekeeping_deadline_ns(&engine), engine.now_at_ns));
	for (int left = CALLERS; left > 0; left -= RUDP_CALLS_PER_PASS) {
		cr_assert(eq(uint, engine.call_count, (unsigned)left));
		cr_assert(le(i64, rudp_housekeeping_deadline_ns(&engine), engine.now_at_ns));
		rudp_housekeeping(&engine);
	}
	cr_assert(zero(uint, engine.call_count));
	for (int i = 0; i < CALLERS; i++)
		close(callers[i]);
}
