/* SPDX-License-Identifier: MIT */
/*
 * An engine whose policy allows early data, and the requests of programs: bytes after a CONNECT, a
 * CONNECT that waits for bytes, a listener that accepts early data.
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

Test(open_fast, bytes_after_a_connect_are_counted)
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

Test(open_fast, data_travels_with_the_syn_if_both_have_met)
{
	struct rudp_addr local;
	int from;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	expect_early(from, &local,
		     0); /* not met before: no early data, the program sends it again */
	early_meet(from, &local);
	expect_early(from, &local, 5);
}

Test(open_fast, not_to_a_listener_without_the_option)
{
	struct rudp_addr local;
	struct rudp_control_reply reply;
	int from, active = fresh(), passive;

	early_start("any use rudp; set early on");
	from = early_listener(0, &local);
	early_meet(from, &local);
	/*
	 * The initiator cannot know that the listener refuses early data, so it sends the bytes
	 * twice.
	 */
	reply = early_connect(active, &local, RUDP_CONTROL_NONBLOCKING, "first", 5);
	cr_assert(eq(u32, reply.early_bytes, 5));
	passive = early_accept(from);
	early_expect_text(passive, "first");
	cr_assert(zero(u16, early_info(reply.id).early_bytes));
	/* The option is set while the socket listens. */
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

Test(open_fast, never_unless_the_policy_allows_it)
{
	struct rudp_addr local;
	int from;

	early_start("any use rudp");
	from = early_listener(4, &local);
	early_meet(from, &local);
	expect_early(from, &local, 0);
}

/*
 * Opens a connection between two engines with five bytes for its SYN. Returns how many travelled
 * with it.
 */
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
	 * The side that closes first keeps its socket for some time. So the server closes first, as
	 * one socket serves all its connections. Otherwise this loop could run out of descriptors.
	 */
	close(passive);
	cr_assert(zero(int, (int)recv(active, &byte, 1, 0)));
	close(active);
	return early_bytes;
}

/* No listen or connect makes the server check its policy; only arriving connections do. */
Test(open_fast, a_server_reloads_its_policy_when_connections_arrive)
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
	reply = early_connect(active, &local, RUDP_CONTROL_DEFER, "", 0); /* a blocking one as well */
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

Test(open_fast, a_connect_to_an_unknown_peer_does_not_wait)
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

Test(open_fast, written_bytes_arrive_after_the_program_has_closed)
{
	struct rudp_addr local;
	int from, active, idle, passive;
	char byte;

	early_start("any use rudp; set early on");
	from = early_listener(4, &local);
	early_meet(from, &local);
	active = fresh(); /* not earlier: the engine would get a copy */
	idle = fresh();
	early_connect(idle, &local, RUDP_CONTROL_DEFER, "", 0);
	early_connect(active, &local, RUDP_CONTROL_DEFER, "", 0);
	close(idle); /* as if this connect had never been */
	cr_assert(eq(int, (int)send(active, "last words", 10, 0), 10));
	close(active);
	passive = early_accept(from);
	early_expect_text(passive, "last words");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* Two engines that have met. The listener's engine is stopped until it is continued. */
struct held {
	struct early_engine client, server;
	struct rudp_addr local;
	pid_t server_pid;
	int from;
};

static struct held hold(void)
{
	struct held held;

	early_start("any use rudp; set early on");
	held.server = early_engine;
	held.server_pid = engine_pid;
	held.from = early_listener(4, &held.local);
	early_start("any use rudp; set early on");
	held.client = early_engine;
	while (early_between(&held.client, &held.server, held.from, &held.local) == 0)
		;
	cr_assert(zero(int, kill(held.server_pid, SIGSTOP)));
	return held;
}

static void send_on(const struct held *held)
{
	/* Makes sure that the client's engine has handled everything before. */
	early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	cr_assert(zero(int, kill(held->server_pid, SIGCONT)));
	early_engine = held->server;
}

/* Bytes after the connect gate belong to the stream; the peer has the first ones already. */
Test(open_fast, a_close_does_not_cut_early_data_short)
{
	struct held held = hold();
	int active = fresh(), passive;
	char byte;

	cr_assert(eq(u32,
		     early_connect(active, &held.local, RUDP_CONTROL_NONBLOCKING, "first", 5)
			     .early_bytes,
		     5));
	cr_assert(eq(int, (int)send(active, " and last", 9, 0), 9));
	close(active);
	send_on(&held);
	passive = early_accept(held.from);
	early_expect_text(passive, "first and last");
	cr_assert(zero(int, (int)recv(passive, &byte, 1, 0)));
}

/* The peer must not take the first bytes for the whole stream. */
Test(open_fast, a_caller_that_dies_while_it_waits_resets_the_connection)
{
	struct rudp_control_request request = {.operation = RUDP_CONTROL_CONNECT, .number = 5};
	struct held held = hold();
	int to, passive;
	char byte;

	request.addr = held.local;
	to = early_begin(request, "first", 5, fresh());
	early_ask((struct rudp_control_request){.operation = RUDP_CONTROL_HELLO}, "", 0, -1);
	close(to);
	send_on(&held);
	passive = early_accept(held.from);
	early_expect_text(passive, "first");
	cr_assert(eq(int, (int)recv(passive, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET));
}

Test(open_fast, a_deferred_connect_to_a_closed_port_fails)
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
	cr_assert(eq(int, errno, ECONNRESET)); /* of AF_UNIX; the engine has the real errno */
	reply = early_ask(
		(struct rudp_control_request){.operation = RUDP_CONTROL_ERROR, .id = reply.id}, "",
		0, -1);
	cr_assert(eq(int, reply.error, ECONNREFUSED));
}
