/* SPDX-License-Identifier: MIT */
/*
 * A running engine in a child process, as programs see it: valid and malformed control messages,
 * and connections between two sockets of this test, without the shim.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control.h"
#include "api/mark.h"
#include "api/socket_name.h"
#include "engine/config/memory_limit.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/running_engine.h"

TestSuite(control, .init = engine_start, .fini = engine_end, .timeout = 300);

static int fault(const void *data, size_t len, const int *fds, size_t fd_count)
{
	int to = channel();
	struct rudp_control_reply reply;

	send_raw(to, data, len, fds, fd_count);
	reply = answer(to);
	close(to);
	return reply.error;
}

Test(control, hello_gives_nonce_token_and_pid)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	struct rudp_control_reply reply = ask(&request, -1);

	cr_assert(zero(int, reply.error));
	cr_assert(zero(int, memcmp(&reply.nonce, &nonce, sizeof nonce)));
	cr_assert(zero(int, memcmp(reply.token, token, sizeof token)));
	cr_assert(eq(u32, reply.pid, (uint32_t)engine_pid));
}

Test(control, malformed_messages_are_refused_and_the_engine_lives)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	uint8_t large[sizeof request + 1] = {0};
	int fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = fresh();
	memcpy(large, &request, sizeof request);
	cr_assert(eq(int, fault("x", 1, NULL, 0), EPROTO));
	cr_assert(eq(int, fault(&request, sizeof request - 1, NULL, 0), EPROTO));
	cr_assert(eq(int, fault(large, sizeof large, NULL, 0), EPROTO));
	cr_assert(eq(int, fault(&request, sizeof request, fds, 1), EPROTO));
	request.version = 2;
	cr_assert(eq(int, fault(&request, sizeof request, NULL, 0), EPROTO));
	request = request_of(RUDP_CONTROL_BIND);
	cr_assert(eq(int, fault(&request, sizeof request, NULL, 0), EPROTO));
	cr_assert(eq(int, fault(&request, sizeof request, fds, 4), EPROTO));
	request.operation = RUDP_CONTROL_OPERATION_COUNT;
	cr_assert(eq(int, fault(&request, sizeof request, NULL, 0), EPROTO));
	request = request_of(RUDP_CONTROL_HELLO);
	cr_assert(zero(int, ask(&request, -1).error));
}

Test(control, random_messages_change_nothing)
{
	struct rudp_control_request request;

	srand(3);
	for (int i = 0; i < 2000; i++) {
		int to = channel(), fd = fresh();
		size_t len = i % 3 ? sizeof request : (size_t)rand() % sizeof request + 1;

		for (size_t j = 0; j < sizeof request; j++)
			((uint8_t *)&request)[j] = (uint8_t)rand();
		if (i % 2) {
			request.version = RUDP_CONTROL_VERSION;
			request.operation = (uint16_t)(rand() % RUDP_CONTROL_OPERATION_COUNT);
			request.addr.family = rand() % 2 ? AF_INET6 : (sa_family_t)rand();
		}
		send_raw(to, &request, len, &fd, (size_t)rand() % 2);
		close(to);
		close(fd);
	}
	request = request_of(RUDP_CONTROL_HELLO);
	cr_assert(zero(int, ask(&request, -1).error));
}

/* A descriptor of some kind that programs may pass, of this engine or not. */
static int some_descriptor(unsigned kind)
{
	int ends[2];

	switch (kind % 5) {
	case 0:
		return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 1:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 2:
		cr_assert(zero(int, pipe(ends)));
		close(ends[1]);
		return ends[0];
	default:
		return fresh();
	}
}

/* The size, version, token and operation are valid; everything else is random. */
static struct rudp_control_request random_request(void)
{
	struct rudp_control_request request;
	uint8_t *bytes = (uint8_t *)&request;

	for (size_t i = 0; i < sizeof request; i++)
		bytes[i] = (uint8_t)(rand() >> 7);
	request.version = RUDP_CONTROL_VERSION;
	request.operation = (uint16_t)(rand() % RUDP_CONTROL_OPERATION_COUNT);
	request.flags |= RUDP_CONTROL_NONBLOCKING;
	if (request.operation == RUDP_CONTROL_CONNECT)
		request.number = request.level = 0; /* no bytes follow */
	memcpy(request.token, token, sizeof token);
	/* Only loopback addresses: nothing may leave the machine. */
	memset(&request.addr, 0, sizeof request.addr);
	request.addr.family = (sa_family_t)(rand() % 3 ? AF_INET : rand() % 300);
	request.addr.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	request.addr.in4.sin_port = htons((uint16_t)(rand() % 2 ? 0 : 20000 + rand() % 100));
	if (request.addr.family == AF_INET6)
		request.addr.in6.sin6_addr = in6addr_loopback;
	return request;
}

Test(control, random_well_formed_requests_are_all_answered)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	int kept[16];

	for (int i = 0; i < 16; i++)
		kept[i] = -1;
	srand(1);
	for (int i = 0; i < 1500; i++) {
		struct rudp_control_request request = random_request();
		int fd = rudp_control_fds(request.operation) ? some_descriptor((unsigned)rand())
							     : -1;

		/* Some sockets are used again, in their new state. */
		if (fd >= 0 && rand() % 2 && kept[i % 16] >= 0) {
			close(fd);
			fd = dup(kept[i % 16]);
		}
		cr_assert(eq(u16, ask(&request, fd).operation, request.operation));
		if (fd < 0)
			continue;
		if (kept[i % 16] >= 0)
			close(kept[i % 16]);
		kept[i % 16] = fd;
	}
	cr_assert(zero(int, ask(&hello, -1).error));
}

Test(control, a_socket_that_is_not_ours_is_refused)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_LISTEN);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(eq(int, ask(&request, fd).error, ENOTSOCK));
}

static struct rudp_addr loopback(uint16_t port)
{
	struct rudp_addr a = {.in4 = {.sin_family = AF_INET}};

	a.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rudp_addr_set_port(&a, port);
	return a;
}

static int bind_to(int fd, uint16_t port, struct rudp_addr *local)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);
	struct rudp_control_reply reply;

	request.addr = loopback(port);
	reply = ask(&request, fd);
	*local = reply.local;
	return reply.error;
}

static int listener(struct rudp_addr *local)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_LISTEN);
	int fd = fresh();

	request.number = 8;
	cr_assert(zero(int, bind_to(fd, 0, local)));
	cr_assert(zero(int, ask(&request, fd).error));
	return fd;
}

static struct rudp_control_reply connect_to(int fd, const struct rudp_addr *addr, uint32_t flags)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);

	request.addr = *addr;
	request.flags = flags;
	return ask(&request, fd);
}

static int accept_one(int from)
{
	struct timeval limit = {WAIT_S, 0};
	int fd = accept(from, NULL, NULL);

	cr_assert(ge(int, fd, 0));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	cr_assert(eq(int, (int)send(fd, &nonce, sizeof nonce, 0), (int)sizeof nonce));
	return fd;
}

struct ends {
	int active, passive;
};

static struct ends connected(void)
{
	struct rudp_addr local;
	struct ends ends = {fresh(), -1};
	int from = listener(&local);

	cr_assert(zero(int, connect_to(ends.active, &local, 0).error));
	ends.passive = accept_one(from);
	close(from);
	return ends;
}

static void expect_text(int fd, const char *text)
{
	char got[64] = "";

	cr_assert(eq(int, (int)recv(fd, got, strlen(text), MSG_WAITALL), (int)strlen(text)));
	cr_assert(eq(str, got, (char *)text));
}

Test(control, a_port_is_taken_once_and_free_after_the_last_close)
{
	struct rudp_addr local, other;
	int a = fresh(), b = fresh();

	cr_assert(zero(int, bind_to(a, 0, &local)));
	cr_assert(ne(u16, rudp_addr_port(&local), 0));
	cr_assert(eq(int, bind_to(b, rudp_addr_port(&local), &other), EADDRINUSE));
	close(a);
	cr_assert(zero(int, bind_to(b, rudp_addr_port(&local), &other)));
	cr_assert(rudp_addr_equal(&local, &other));
	cr_assert(eq(int, bind_to(b, 0, &other), EINVAL));
}

Test(control, bytes_go_both_ways_and_each_end_of_file_arrives)
{
	struct ends ends = connected();
	char byte;

	send(ends.active, "question", 8, 0);
	expect_text(ends.passive, "question");
	shutdown(ends.active, SHUT_WR);
	cr_assert(zero(int, (int)recv(ends.passive, &byte, 1, 0)));
	send(ends.passive, "answer", 6, 0);
	close(ends.passive);
	expect_text(ends.active, "answer");
	cr_assert(zero(int, (int)recv(ends.active, &byte, 1, 0)));
}

/* As with TCP: that the engine has read an answer is no event for the program that wrote it. */
Test(control, a_short_answer_raises_no_edge)
{
	struct ends ends = connected();
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
	int set = epoll_create1(0);

	cr_assert(zero(int, epoll_ctl(set, EPOLL_CTL_ADD, ends.passive, &event)));
	cr_assert(eq(int, epoll_wait(set, &event, 1, 0), 1)); /* the first event: there is room */
	for (int i = 0; i < 5; i++) {
		send(ends.active, "ask", 3, 0);
		cr_assert(eq(int, epoll_wait(set, &event, 1, WAIT_S * 1000), 1));
		expect_text(ends.passive, "ask");
		send(ends.passive, "answer", 6, 0);
		expect_text(ends.active, "answer");
		cr_assert(zero(int, epoll_wait(set, &event, 1, 0)));
	}
	close(set);
}

Test(control, names_hold_both_addresses)
{
	struct ends ends = connected();
	struct rudp_name active, passive;

	cr_assert(rudp_socket_connection_name(ends.active, &active));
	cr_assert(rudp_socket_connection_name(ends.passive, &passive));
	cr_assert(rudp_addr_equal(&active.local, &passive.remote));
	cr_assert(rudp_addr_equal(&active.remote, &passive.local));
}

Test(control, closing_with_unread_data_is_a_reset_for_the_peer)
{
	struct ends ends = connected();
	struct pollfd one = {.fd = ends.passive, .events = POLLIN};
	char byte;

	send(ends.active, "unread", 6, 0);
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	close(ends.passive);
	cr_assert(eq(int, (int)recv(ends.active, &byte, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET));
}

Test(control, without_the_shims_accept_the_first_bytes_are_data)
{
	struct rudp_addr local;
	int from = listener(&local), active = fresh(), passive;

	cr_assert(zero(int, connect_to(active, &local, 0).error));
	passive = accept(from, NULL, NULL);
	send(passive, "no sentinel, all data", 21, 0);
	expect_text(active, "no sentinel, all data");
}

Test(control, a_refused_connect_leaves_the_socket_as_it_was)
{
	struct rudp_addr local;
	int from = listener(&local), fd = fresh();

	close(from);
	cr_assert(eq(int, connect_to(fd, &local, 0).error, ECONNREFUSED));
	from = listener(&local);
	cr_assert(zero(int, connect_to(fd, &local, 0).error));
	cr_assert(eq(int, connect_to(fd, &local, 0).error, EISCONN));
}

Test(control, a_failed_connect_is_listed_with_its_cause_and_counted)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_FAILED);
	struct rudp_control_reply reply;
	struct rudp_addr local;
	int from = listener(&local), fd = fresh();

	cr_assert(zero(u64, ask(&request, -1).id));
	close(from);
	for (int i = 0; i < 2; i++)
		cr_assert(eq(int, connect_to(fd, &local, 0).error, ECONNREFUSED));
	reply = ask(&request, -1);
	cr_assert(zero(int, reply.error));
	cr_assert(ne(u64, reply.id, 0));
	cr_expect(eq(int, reply.failure.cause, RUDP_FAILURE_REFUSED));
	cr_expect(eq(int, reply.failure.error, ECONNREFUSED));
	cr_expect(eq(u32, reply.failure.count, 2));
	cr_expect(eq(u32, reply.failure.pid, (uint32_t)getpid()));
	cr_expect(rudp_addr_equal(&reply.remote, &local));
	request.id = reply.id;
	cr_assert(zero(u64, ask(&request, -1).id));
	request = request_of(RUDP_CONTROL_LIST);
	do {
		reply = ask(&request, -1);
		request.id = reply.id;
	} while (reply.id);
	cr_assert(eq(u64, reply.engine.failures[RUDP_FAILURE_REFUSED], 2));
}

Test(control, a_nonblocking_connect_becomes_writable_when_established)
{
	struct rudp_addr local;
	int from = listener(&local), fd = fresh(), passive;
	struct pollfd one = {.fd = fd, .events = POLLOUT | POLLIN};

	cr_assert(eq(int, connect_to(fd, &local, RUDP_CONTROL_NONBLOCKING).error, EINPROGRESS));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	cr_assert(eq(int, one.revents, POLLOUT));
	passive = accept_one(from);
	send(fd, "behind the plug", 15, 0);
	expect_text(passive, "behind the plug");
}

Test(control, a_failed_nonblocking_connect_shows_the_bits_of_tcp_and_leaves_its_errno)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_ERROR);
	struct rudp_control_reply reply;
	struct rudp_addr local;
	int from = listener(&local), fd = fresh();
	struct pollfd one = {.fd = fd, .events = POLLOUT | POLLIN | POLLRDHUP};

	close(from);
	reply = connect_to(fd, &local, RUDP_CONTROL_NONBLOCKING);
	cr_assert(eq(int, reply.error, EINPROGRESS));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	cr_assert(eq(int, one.revents, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
	request.id = reply.id;
	cr_assert(eq(int, ask(&request, -1).error, ECONNREFUSED));
}

Test(control, every_connection_and_listener_is_listed_once)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_LIST);
	struct ends ends = connected();
	struct rudp_addr local;
	int from = listener(&local);
	unsigned listening = 0, established = 0;
	struct rudp_control_reply reply;

	for (int i = 0; i < 100; i++) {
		reply = ask(&request, -1);
		if (reply.id == 0)
			break;
		listening += reply.info.state == RUDP_STATE_LISTEN &&
			     rudp_addr_equal(&reply.info.local, &local);
		established += reply.info.state == RUDP_STATE_ESTABLISHED;
		request.id = reply.id;
	}
	cr_assert(eq(uint, listening, 1));
	cr_assert(eq(uint, established, 2));
	cr_assert(zero(u64, reply.id));
	cr_assert(eq(u32, reply.engine.pid, (uint32_t)engine_pid));
	cr_assert(ge(u64, reply.engine.limit_bytes, RUDP_MEMORY_DEFAULT_MIN_BYTES));
	cr_assert(lt(u64, reply.engine.buffered_bytes, reply.engine.limit_bytes));
	cr_assert(zero(u64, reply.engine.dropped_packets));
	close(from);
	close(ends.active);
}

Test(control, an_engine_without_a_key_lists_and_revokes_none)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_KEYS);
	struct rudp_control_reply reply = ask(&request, -1);

	cr_assert(all(zero(int, reply.error), zero(u64, reply.id),
		      eq(u32, reply.ended.pid, (uint32_t)engine_pid)));
	request.operation = RUDP_CONTROL_REVOKE;
	request.id = 1;
	cr_assert(eq(int, ask(&request, -1).error, ENOKEY));
}

/* A program that has changed its user keeps its connections, and nothing more. */
Test(control, the_token_alone_does_not_allow_revoke_and_forget)
{
	static const enum rudp_control_operation operations[] = {RUDP_CONTROL_REVOKE,
								 RUDP_CONTROL_FORGET};

	if (geteuid() != 0)
		cr_skip_test("needs root");
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		struct rudp_control_request request = request_of(operations[i]);
		int to = channel_of_other_user();

		request.id = 1;
		send_raw(to, &request, sizeof request, NULL, 0);
		cr_assert(eq(int, answer(to).error, EACCES));
		close(to);
	}
}

Test(control, a_host_or_all_hosts_can_be_forgotten)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_FORGET);
	struct rudp_control_request failed = request_of(RUDP_CONTROL_FAILED);
	struct rudp_control_reply reply;
	struct rudp_addr local;
	int from = listener(&local), fd = fresh();

	close(from);
	cr_assert(eq(int, connect_to(fd, &local, 0).error, ECONNREFUSED));
	request.addr = local;
	request.addr.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	reply = ask(&request, -1);
	cr_assert(all(zero(int, reply.error), zero(u32, reply.forgotten.failures)));
	cr_assert(eq(u32, reply.forgotten.pid, (uint32_t)engine_pid));
	request.addr = local;
	rudp_addr_set_port(&request.addr, 0);
	cr_assert(eq(u32, ask(&request, -1).forgotten.failures, 1));
	cr_assert(zero(u64, ask(&failed, -1).id));
	cr_assert(eq(int, connect_to(fd, &local, 0).error, ECONNREFUSED));
	request.addr = (struct rudp_addr){.family = AF_UNSPEC};
	cr_assert(eq(u32, ask(&request, -1).forgotten.failures, 1));
	request.addr.family = AF_UNIX;
	cr_assert(eq(int, ask(&request, -1).error, EAFNOSUPPORT));
}

Test(control, urgent_bytes_keep_their_place)
{
	struct ends ends = connected();
	struct pollfd one = {.fd = ends.passive, .events = POLLPRI};
	char byte = 0;

	send(ends.active, "ab", 2, 0);
	send(ends.active, "!", 1, MSG_OOB);
	send(ends.active, "cd", 2, 0);
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000), 1));
	cr_assert(eq(int, (int)recv(ends.passive, &byte, 1, MSG_OOB), 1));
	cr_assert(eq(int, byte, '!'));
	expect_text(ends.passive, "ab");
	expect_text(ends.passive, "cd");
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

Test(control, unauthenticated_callers_do_not_displace_the_owner)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	int other_users[2 * RUDP_UNAUTHENTICATED_MAX], own, late;
	unsigned closed = 0;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	own = channel();
	for (unsigned i = 0; i < 2 * RUDP_UNAUTHENTICATED_MAX; i++)
		other_users[i] = channel_of_other_user();
	/* One more request and its reply, so that the engine has seen all earlier ones. */
	cr_assert(zero(int, ask(&hello, -1).error));
	for (unsigned i = 0; i < 2 * RUDP_UNAUTHENTICATED_MAX; i++)
		closed += is_closed(other_users[i]);
	cr_assert(eq(uint, closed, RUDP_UNAUTHENTICATED_MAX));
	cr_assert(not(is_closed(other_users[2 * RUDP_UNAUTHENTICATED_MAX - 1])));
	/*
	 * A token proves a right, and a lack of it does not. The silent call of the owner stays
	 * open.
	 */
	late = channel_of_other_user();
	send_raw(late, &hello, sizeof hello, NULL, 0);
	cr_assert(zero(int, answer(late).error));
	late = channel_of_other_user();
	memset(hello.token, 0, sizeof hello.token);
	send_raw(late, &hello, sizeof hello, NULL, 0);
	cr_assert(eq(int, answer(late).error, EACCES));
	send_raw(own, &hello, sizeof hello, NULL, 0);
	cr_assert(zero(int, answer(own).error));
}

Test(control, descriptors_of_unauthenticated_callers_do_not_block)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_SHUTDOWN);
	int fd, to;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	for (int i = 0; i < 8; i++) {
		if (i == 4) /* the token proved a right, but the caller is another user */
			memset(request.token, 0, sizeof request.token);
		fd = i % 2 ? wrapped(lingering()) : lingering();
		to = channel_of_other_user();
		cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
		if (i % 4 >= 2) /* the descriptor follows a message that ends the call */
			send_raw(to, "x", 1, NULL, 0);
		send_raw(to, &request, sizeof request, &fd, 1);
		close(fd);
		close(to);
		cr_assert(zero(int, kill(engine_pid, SIGCONT)));
		expect_a_prompt_answer();
	}
}
