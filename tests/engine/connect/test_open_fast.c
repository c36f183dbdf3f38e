/* SPDX-License-Identifier: MIT */
/*
 * An engine whose policy allows data in the SYN, and what programs can ask for: bytes behind a
 * CONNECT, a CONNECT that waits for its first bytes, a listener that wants early data.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "early_engine.h"
#include "engine/running_engine.h"
#include "proto/conn/conn.h"

TestSuite(open_fast, .fini = early_end, .timeout = 300);

static void expect_early(int from, const struct rudp_addr *local, uint16_t bytes)
{
	int active = fresh(), passive;
	struct rudp_control_reply reply =
		early_connect(active, local, RUDP_CONTROL_NONBLOCKING, "first", 5);

	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(eq(u32, reply.early_bytes, bytes ? 5 : 0));
	passive = early_accept(from);
	if (bytes)
		early_expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	early_expect_text(active, "answer");
	cr_assert(eq(u16, early_info(reply.id).early_bytes, bytes));
	close(active);
	close(passive);
}

Test(open_fast, bytes_behind_a_connect_are_counted)
{
	static const uint8_t bytes[RUDP_CONTROL_EARLY_MAX + 1];
	struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT, .number = 5};
	struct rudp_control_request hello = {.operation = RUDP_CONTROL_HELLO};
	int fd = fresh();

	early_start("any use rudp; set early on");
	cr_assert(eq(int, early_ask(request, bytes, 4, fd).error, EPROTO));
	cr_assert(eq(int, early_ask(request, bytes, 6, fd).error, EPROTO));
	cr_assert(eq(int, early_ask(request, bytes, 0, fd).error, EPROTO));
	request.number = -1;
	cr_assert(eq(int, early_ask(request, bytes, 0, fd).error, EPROTO));
	request.number = RUDP_CONTROL_EARLY_MAX + 1;
	cr_assert(eq(int, early_ask(request, bytes, RUDP_CONTROL_EARLY_MAX + 1, fd).error, EPROTO));
	cr_assert(eq(int, early_ask(hello, bytes, 1, -1).error, EPROTO));
	hello.number = 1;
	cr_assert(eq(int, early_ask(hello, bytes, 1, -1).error, EPROTO));
	cr_assert(zero(int, early_ask(hello, bytes, 0, -1).error));
}

Test(open_fast, after_a_first_contact_the_first_bytes_are_in_the_syn)
{
	struct rudp_addr local;
	int from;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	/* First contact: no early data is accepted, and the client sends it again. */
	expect_early(from, &local, 0);
	early_meet(from, &local);
	expect_early(from, &local, 5);
}

Test(open_fast, not_to_a_listener_that_has_not_asked)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh(), passive;

	early_start("any use rudp; set early on");
	from = early_listener(0, &local);
	early_meet(from, &local);
	/* The initiator cannot know that: it has sent the bytes, and sends them again. */
	reply = early_connect(active, &local, RUDP_CONTROL_NONBLOCKING, "first", 5);
	cr_assert(eq(u32, reply.early_bytes, 5));
	passive = early_accept(from);
	early_expect_text(passive, "first");
	cr_assert(zero(u16, early_info(reply.id).early_bytes));
	/* The program sets the option while it listens. */
	early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_SET,
						.level = IPPROTO_TCP,
						.option = TCP_FASTOPEN,
						.number = 4,
						.value = {3}},
		  "", 0, from);
	expect_early(from, &local, 5);
}

Test(open_fast, never_while_tcp_may_win_the_race)
{
	struct rudp_addr local;
	int from;

	early_start("listen use rudp; connect use auto; set early on");
	from = early_listener(4, &local);
	early_meet(from, &local);
	expect_early(from, &local, 0);
}

Test(open_fast, never_unless_the_policy_says_so)
{
	struct rudp_addr local;
	int from;

	early_start("any use rudp");
	from = early_listener(4, &local);
	early_meet(from, &local);
	expect_early(from, &local, 0);
}

/* One connection with five bytes for the SYN, between two engines. Returns how many were in it. */
static uint16_t early_between(const struct early_engine *client, const struct early_engine *server,
			      int from, const struct rudp_addr *local)
{
	int active = fresh(), passive;
	struct rudp_control_reply reply;
	uint16_t early_bytes;
	char byte;

	early_engine = *client;
	reply = early_connect(active, local, 0, "first", 5);
	cr_assert(zero(int, reply.error));
	if (reply.early_bytes == 0)
		cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	early_engine = *server;
	passive = early_accept(from);
	early_expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	early_expect_text(active, "answer");
	early_engine = *client;
	early_bytes = early_info(reply.id).early_bytes;
	/*
	 * The side that closes first keeps its UDP socket for a while. Let it be the server, whose
	 * socket serves all connections; otherwise so many connections would need too many
	 * descriptors.
	 */
	close(passive);
	cr_assert(zero(int, (int)recv(active, &byte, 1, 0)));
	close(active);
	return early_bytes;
}

/* No listen or connect asks the policy for the server any more. */
Test(open_fast, a_server_learns_a_new_policy_from_new_connections)
{
	char path[] = "/tmp/rudp-open-fast.XXXXXX";
	time_t limit = time(NULL) + 4 * WAIT_S;
	struct early_engine client, server;
	struct rudp_addr local;
	int from;

	close(mkstemp(path));
	early_policy_path = path;
	early_write_policy("any use rudp; set early on");
	early_start(NULL);
	server = early_engine;
	from = early_listener(4, &local);
	early_start("any use rudp; set early on");
	client = early_engine;
	while (early_between(&client, &server, from, &local) == 0)
		cr_assert(lt(long, time(NULL), limit));
	early_write_policy("any use rudp");
	while (early_between(&client, &server, from, &local) != 0)
		cr_assert(lt(long, time(NULL), limit));
	unlink(path);
}

Test(open_fast, a_connect_may_wait_for_the_first_bytes)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	struct pollfd writable = {.events = POLLOUT | POLLHUP};
	int from, active = fresh(), passive;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	early_meet(from, &local);
	reply = early_connect(active, &local, RUDP_CONTROL_DEFER, "", 0); /* blocking, too */
	cr_assert(zero(int, reply.error));
	cr_assert(eq(u32, reply.flags, RUDP_CONTROL_DEFERRED));
	cr_assert(ne(u16, rudp_addr_port(&reply.local), 0));
	cr_assert(eq(int, early_info(reply.id).state, RUDP_STATE_SYN_SENT));
	cr_assert(zero(u64, early_info(reply.id).packets_sent));
	writable.fd = active;
	cr_assert(eq(int, poll(&writable, 1, 0), 1));
	cr_assert(eq(int, writable.revents, POLLOUT));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	passive = early_accept(from);
	early_expect_text(passive, "first");
	cr_assert(eq(int, (int)send(passive, "answer", 6, 0), 6));
	early_expect_text(active, "answer");
	cr_assert(eq(u16, early_info(reply.id).early_bytes, 5));
}

Test(open_fast, before_a_first_contact_a_connect_does_not_wait)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh();

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	reply = early_connect(active, &local, RUDP_CONTROL_DEFER | RUDP_CONTROL_NONBLOCKING, "", 0);
	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(zero(u32, reply.flags));
	close(early_accept(from));
}

Test(open_fast, bytes_arrive_although_the_program_has_closed)
{
	struct rudp_addr local;
	int from, active, idle, passive;
	char byte;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	early_meet(from, &local);
	active = fresh(); /* not before: the engine would have a copy */
	idle = fresh();
	early_connect(idle, &local, RUDP_CONTROL_DEFER, "", 0);
	early_connect(active, &local, RUDP_CONTROL_DEFER, "", 0);
	close(idle); /* it never sent anything */
	cr_assert(eq(int, (int)send(active, "last words", 10, 0), 10));
	close(active);
	passive = early_accept(from);
	early_expect_text(passive, "last words");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* Two engines that have met. The server's engine is stopped until resume_server(). */
struct stopped {
	struct early_engine client, server;
	struct rudp_addr local;
	pid_t server_pid;
	int from;
};

static struct stopped stop_server(void)
{
	struct stopped stopped;

	early_start("any use rudp; set early on");
	stopped.server = early_engine;
	stopped.server_pid = engine_pid;
	stopped.from = early_listener(4, &stopped.local);
	early_start("any use rudp; set early on");
	stopped.client = early_engine;
	while (early_between(&stopped.client, &stopped.server, stopped.from, &stopped.local) == 0)
		;
	cr_assert(zero(int, kill(stopped.server_pid, SIGSTOP)));
	return stopped;
}

static void resume_server(const struct stopped *stopped)
{
	/* The client's engine has handled everything before this request. */
	early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	cr_assert(zero(int, kill(stopped->server_pid, SIGCONT)));
	early_engine = stopped->server;
}

/* The bytes behind the gate follow the early bytes, which the peer has already. */
Test(open_fast, after_early_bytes_the_rest_arrives_despite_a_close)
{
	struct stopped stopped = stop_server();
	int active = fresh(), passive;
	char byte;

	cr_assert(eq(u32,
		     early_connect(active, &stopped.local, RUDP_CONTROL_NONBLOCKING, "first", 5)
			     .early_bytes,
		     5));
	cr_assert(eq(int, (int)send(active, " and last", 9, 0), 9));
	close(active);
	resume_server(&stopped);
	passive = early_accept(stopped.from);
	early_expect_text(passive, "first and last");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* The shim asks this before a shutdown(2): what is connecting is given up. */
Test(open_fast, a_connected_program_with_a_full_buffer_is_not_connecting)
{
	struct stopped stopped = stop_server();
	static const char bytes[4096];
	int active = fresh();
	struct rudp_control_reply reply =
		early_connect(active, &stopped.local, RUDP_CONTROL_DEFER, "", 0);

	cr_assert(zero(int, reply.error));
	while (send(active, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	cr_assert(eq(int, errno, EAGAIN));
	reply = early_ask(
		(struct rudp_control_request){.operation = RUDP_CONTROL_ERROR, .id = reply.id}, "",
		0, -1);
	cr_assert(eq(int, reply.info.state, RUDP_STATE_ESTABLISHED));
	resume_server(&stopped);
	close(active);
}

/* The peer must not take the early bytes for the whole stream. */
Test(open_fast, a_caller_that_dies_during_its_connect_resets)
{
	struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT, .number = 5};
	struct stopped stopped = stop_server();
	int to, passive;
	char byte;

	request.addr = stopped.local;
	to = early_begin(request, "first", 5, fresh());
	early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	close(to);
	resume_server(&stopped);
	passive = early_accept(stopped.from);
	early_expect_text(passive, "first");
	cr_assert(eq(int, (int)recv(passive, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET));
}

Test(open_fast, a_listener_that_has_closed_is_a_reset)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh();
	char byte;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	early_meet(from, &local);
	close(from);
	reply = early_connect(active, &local, RUDP_CONTROL_DEFER, "", 0);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(int, (int)send(active, "first", 5, 0), 5));
	cr_assert(eq(int, (int)recv(active, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET)); /* from the kernel; the engine knows more */
	reply = early_ask(
		(struct rudp_control_request){.operation = RUDP_CONTROL_ERROR, .id = reply.id}, "",
		0, -1);
	cr_assert(eq(int, reply.error, ECONNREFUSED));
}
