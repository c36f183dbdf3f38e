/* SPDX-License-Identifier: MIT */
/*
 * No turn of the engine is long while keys rotate and are revoked, and connections carry data.
 *
 * Measured is the processor time that the engine takes between two answers, so the load of the
 * machine does not count. It is that of a few turns.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "engine/config/key_files.h"
#include "engine/config/key_ring.h"
#include "engine/running_engine.h"

#define LIMIT_NS (50 * RUDP_NS_PER_MS)
#define CONNS 5000
#define ROTATIONS 1000
#define REVOCATIONS 1000
#define TURNS_AFTER 100

static int listener, clients[CONNS], servers[CONNS];
static int64_t longest_ns, answered_at_ns; /* in the engine's processor time */

static int64_t engine_time_ns(void)
{
	struct timespec time;
	clockid_t clock;

	cr_assert(zero(int, clock_getcpuclockid(engine_pid, &clock)));
	cr_assert(zero(int, clock_gettime(clock, &time)));
	return time.tv_sec * RUDP_NS_PER_S + time.tv_nsec;
}

static struct rudp_control_reply ask_and_measure(const struct rudp_control_request *request)
{
	struct rudp_control_reply reply = ask(request, -1);
	int64_t now_ns = engine_time_ns();

	longest_ns = rudp_time_max(longest_ns, now_ns - answered_at_ns);
	answered_at_ns = now_ns;
	return reply;
}

static void measure_a_turn(void)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);

	cr_assert(zero(int, ask_and_measure(&hello).error));
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	if (limit.rlim_max < 3 * CONNS)
		cr_skip_test("needs %d descriptors", 3 * CONNS);
	limit.rlim_cur = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
}

static struct rudp_addr listen_on_loopback(void)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);

	listener = fresh();
	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	cr_assert(zero(int, ask(&request, listener).error));
	request = request_of(RUDP_CONTROL_LISTEN);
	request.number = CONNS;
	return ask(&request, listener).local;
}

static void connect_one(int index, const struct rudp_addr *to)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);

	request.addr = *to;
	clients[index] = fresh();
	cr_assert(zero(int, ask(&request, clients[index]).error));
	servers[index] = accept(listener, NULL, NULL);
	cr_assert(ge(int, servers[index], 0));
}

static void write_key(unsigned number)
{
	char content[80];

	snprintf(content, sizeof content, "01%058x%04x\n", 0, number);
	make_text("next", content);
	cr_assert(zero(int, rename("next", "key")));
}

static void begin(void)
{
	struct rudp_addr to;

	allow_descriptors();
	directory_make();
	cr_assert(zero(int, chdir(directory)));
	write_key(0);
	engine_start_with_keys(path_of("key"));
	to = listen_on_loopback();
	for (int i = 0; i < CONNS; i++)
		connect_one(i, &to);
	answered_at_ns = engine_time_ns();
}

static void end(void)
{
	engine_end();
	directory_remove();
}

TestSuite(key_turns, .init = begin, .fini = end, .timeout = 120);

static void carry(unsigned number)
{
	unsigned index = number % CONNS, received = 0;

	cr_assert(eq(int, (int)send(clients[index], &number, sizeof number, MSG_NOSIGNAL),
		     (int)sizeof number));
	cr_assert(eq(int, (int)recv(servers[index], &received, sizeof received, MSG_WAITALL),
		     (int)sizeof received));
	cr_assert(eq(uint, received, number));
}

static uint64_t first_key(void)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_KEYS);

	return ask(&request, -1).key.id;
}

static unsigned revoke_key(uint64_t id)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_REVOKE);
	struct rudp_control_reply reply;

	request.id = id;
	reply = ask_and_measure(&request);
	cr_assert(zero(int, reply.error));
	return (unsigned)reply.ended.connections;
}

static void expect_resets(void)
{
	char byte;

	for (int i = 0; i < CONNS; i++) {
		cr_assert(eq(int, (int)recv(clients[i], &byte, 1, 0), -1));
		cr_assert(eq(int, errno, ECONNRESET));
	}
}

static void rotate(void)
{
	for (unsigned i = 1; i <= ROTATIONS; i++) {
		write_key(i);
		carry(i);
		measure_a_turn();
	}
}

static void revoke_unused_keys(uint64_t used)
{
	for (unsigned i = 1; i <= REVOCATIONS; i++) {
		cr_assert(zero(uint, revoke_key(used + i)));
		carry(i);
	}
}

/* All connections end, but not in one turn. */
static void revoke_the_used_key(uint64_t used)
{
	int64_t since_ns = engine_time_ns();

	longest_ns = 0;
	cr_assert(eq(uint, revoke_key(used), 2 * CONNS));
	for (int i = 0; i < TURNS_AFTER; i++)
		measure_a_turn();
	expect_resets();
	cr_assert(lt(i64, longest_ns, (engine_time_ns() - since_ns) / 3));
}

Test(key_turns, are_short_while_keys_rotate_and_are_revoked)
{
	uint64_t used = first_key();

	rotate();
	revoke_unused_keys(used);
	cr_assert(lt(i64, longest_ns, LIMIT_NS));
	revoke_the_used_key(used);
	cr_assert(lt(i64, longest_ns, LIMIT_NS));
}
