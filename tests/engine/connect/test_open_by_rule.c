/* SPDX-License-Identifier: MIT */
/* Data that travels with the SYN since a rule asks for it, and no program does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "early_engine.h"
#include "engine/running_engine.h"
#include "proto/conn/conn.h"

TestSuite(open_by_rule, .fini = early_end, .timeout = 300);

#define BY_RULE "any use rudp early; set early on"

/* Writable before the peer has heard anything; what is written then travels with the SYN. */
static void expect_early_by_rule(int from, const struct rudp_addr *local, uint32_t flags)
{
	struct pollfd writable = {.events = POLLOUT | POLLHUP};
	struct rudp_control_reply reply;
	int passive;

	writable.fd = fresh();
	reply = early_connect(writable.fd, local, flags, "", 0);
	cr_assert(eq(int, reply.error, flags &RUDP_CONTROL_NONBLOCKING ? EINPROGRESS : 0));
	cr_assert(eq(int, poll(&writable, 1, 0), 1));
	cr_assert(eq(int, writable.revents, POLLOUT));
	cr_assert(eq(int, (int)send(writable.fd, "first", 5, 0), 5));
	passive = early_accept(from);
	early_expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	early_expect_text(writable.fd, "answer");
	cr_assert(eq(u16, early_info(reply.id).early_bytes, 5));
	close(writable.fd);
	close(passive);
}

Test(open_by_rule, no_program_has_to_ask)
{
	struct rudp_addr local;
	int from;

	early_start(BY_RULE);
	from = early_listener(0, &local);
	early_meet(from, &local);
	expect_early_by_rule(from, &local, 0);
	expect_early_by_rule(from, &local, RUDP_CONTROL_NONBLOCKING);
}

Test(open_by_rule, a_rule_asks_and_the_setting_allows)
{
	struct rudp_control_reply reply;
	struct rudp_addr local;
	int from, active = fresh();

	early_start("any use rudp early");
	from = early_listener(0, &local);
	early_meet(from, &local);
	reply = early_connect(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, early_info(reply.id).state, RUDP_STATE_ESTABLISHED));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	early_expect_text(early_accept(from), "first");
	cr_assert(zero(u16, early_info(reply.id).early_bytes));
}

/* The peer speaks first: nobody waits for somebody. */
Test(open_by_rule, the_syn_leaves_without_bytes_too)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh(), passive;

	early_start(BY_RULE);
	from = early_listener(0, &local);
	early_meet(from, &local);
	reply = early_connect(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	passive = early_accept(from);
	cr_assert(eq(int, (int)send(passive, "greeting", 8, 0), 8));
	early_expect_text(active, "greeting");
	cr_assert(eq(int, (int)send(active, "question", 8, 0), 8));
	early_expect_text(passive, "question");
	cr_assert(zero(u16, early_info(reply.id).early_bytes));
}

static int refused_by(const struct rudp_addr *local)
{
	int fd = fresh(), error = early_connect(fd, local, 0, "", 0).error;

	close(fd);
	return error;
}

/* Who has answered lately is taken at its word, once; who has not is asked. */
Test(open_by_rule, only_a_port_that_has_answered_is_presumed_to_answer)
{
	struct rudp_addr local, closed;
	struct rudp_control_reply reply;
	int from, active = fresh();
	char byte;

	early_start(BY_RULE);
	close(early_listener(0, &closed));
	from = early_listener(0, &local);
	early_meet(from, &local);
	cr_assert(eq(int, refused_by(&closed), ECONNREFUSED)); /* of the same host */
	close(from);
	reply = early_connect(active, &local, 0, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	cr_assert(eq(int, (int)recv(active, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET)); /* the kernel's; the engine knows better */
	cr_assert(eq(int, refused_by(&local), ECONNREFUSED));
}
