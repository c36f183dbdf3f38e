/* SPDX-License-Identifier: MIT */
/* The relay's side of a kernel TCP connection, over loopback. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/app/options.h"
#include "engine/carrier/tcp.h"
#include "engine/loop/engine.h"
#include "proto/checks.h"
#include "proto/stream/budget.h"

#define WAIT_MS 30000

static struct rudp_engine engine;
static struct rudp_tcp *tcp;
static int peer, listener;
static bool urgent_after_question;

/* One turn of the loop, as far as it concerns the connection. */
static void step(void)
{
	struct epoll_event events[8];
	int count = epoll_wait(engine.epoll_fd, events, 8, WAIT_MS);

	cr_assert(ge(int, count, 1), "nothing happens any more");
	for (int i = 0; i < count; i++) {
		struct rudp_tcp *one =
			rudp_slots_find(&engine.slots, events[i].data.u64, RUDP_KIND_TCP);

		if (one)
			rudp_tcp_on_event(&engine, one, events[i].events);
	}
	rudp_tcp_flush_all(&engine);
}

static struct rudp_addr listen_somewhere(void)
{
	struct rudp_addr addr;
	socklen_t len = sizeof addr.in4;

	cr_assert(zero(int, rudp_addr_parse(&addr, "127.0.0.1:0")));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(zero(int, bind(listener, &addr.sa, sizeof addr.in4)));
	cr_assert(zero(int, listen(listener, 1)));
	cr_assert(zero(int, getsockname(listener, &addr.sa, &len)));
	return addr;
}

static void setup(void)
{
	static struct rudp_settings settings;
	const struct rudp_addr nowhere = {.family = AF_INET};
	const struct rudp_tcp_from from = {.bound_fd = -1, .local = &nowhere};
	struct rudp_addr addr;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	addr = listen_somewhere();
	/* 1 is the id of no app: events are not delivered, which is allowed. */
	cr_assert(zero(int, rudp_tcp_connect(&engine, 1, &from, &addr, &tcp)));
	while (tcp->connecting)
		step();
	peer = accept(listener, NULL, NULL);
	cr_assert(ge(int, peer, 0));
}

static void teardown(void)
{
	close(peer);
	close(listener);
	rudp_engine_fini(&engine);
}

TestSuite(tcp, .init = setup, .fini = teardown);

static void put(const char *text)
{
	struct iovec iov[2];
	size_t len = strlen(text);

	cr_assert(ge(int, rudp_tcp_send_reserve(tcp, len, iov), 1));
	cr_assert(ge(sz, iov[0].iov_len, len));
	memcpy(iov[0].iov_base, text, len);
	rudp_tcp_send_commit(&engine, tcp, len);
}

/* Receives at the peer until text is complete, or until the end; compares. */
static void peer_gets(const char *text)
{
	char got[64] = "";
	size_t len = 0, want = strlen(text);

	while (len < want) {
		ssize_t n = recv(peer, got + len, sizeof got - 1 - len, 0);

		cr_assert(ge(long, n, 1));
		len += (size_t)n;
	}
	cr_assert(eq(str, got, (char *)text));
}

static void take(const char *text)
{
	struct iovec iov[2];
	size_t want = strlen(text);

	while (rudp_tcp_receive_available(tcp) < want && !tcp->error) {
		step();
		rudp_tcp_receive_readable(tcp, iov);
	}
	cr_assert(eq(int, rudp_tcp_receive_readable(tcp, iov), 1));
	cr_assert(zero(int, memcmp(iov[0].iov_base, text, want)));
	rudp_tcp_receive_consume(tcp, want);
}

Test(tcp, bytes_and_half_closes_are_relayed_both_ways)
{
	put("hello ");
	put("world");
	rudp_tcp_flush_all(&engine);
	peer_gets("hello world");
	cr_assert(eq(long, send(peer, "answer", 6, 0), 6));
	shutdown(peer, SHUT_WR);
	take("answer");
	while (!rudp_tcp_receive_eof(tcp))
		step();
	put("still");
	rudp_tcp_shutdown_send(&engine, tcp);
	cr_assert(zero(sz, rudp_tcp_send_room(tcp)));
	rudp_tcp_flush_all(&engine);
	peer_gets("still");
	cr_assert(zero(long, recv(peer, &(char){0}, 1, 0)));
	rudp_tcp_close(&engine, tcp);
	cr_assert(zero(uint, engine.tcp_count));
}

Test(tcp, a_reset_is_reported_after_the_bytes_before_it)
{
	const struct linger at_once = {.l_onoff = 1};

	cr_assert(eq(long, send(peer, "last", 4, 0), 4));
	take("last");
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(peer);
	while (!tcp->error)
		step();
	cr_assert(eq(int, tcp->error, ECONNRESET));
	cr_assert(not(rudp_tcp_receive_eof(tcp)));
	rudp_tcp_close(&engine, tcp);
	peer = -1;
}

Test(tcp, a_close_with_unread_bytes_sends_a_reset)
{
	cr_assert(eq(long, send(peer, "unread", 6, 0), 6));
	take("un");
	rudp_tcp_close(&engine, tcp);
	cr_assert(zero(uint, engine.tcp_count));
	cr_assert(eq(long, recv(peer, &(char){0}, 1, 0), -1));
	cr_assert(eq(int, errno, ECONNRESET));
}

static void reset_by_peer(void)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(peer);
	peer = -1;
}

/* The kernel reports the error only once, to the first call; after that it reports end of file. */
Test(tcp, a_reset_seen_by_a_write_is_not_end_of_file)
{
	cr_assert(eq(long, send(peer, "last", 4, 0), 4));
	reset_by_peer();
	put("in vain");
	tcp->may_write = true;
	rudp_tcp_flush_all(&engine);
	take("last");
	while (!tcp->error && !rudp_tcp_receive_eof(tcp))
		step();
	cr_assert(not(rudp_tcp_receive_eof(tcp)));
	cr_assert(eq(int, tcp->error, ECONNRESET));
}

Test(tcp, a_write_to_a_closed_peer_fails)
{
	close(peer);
	peer = -1;
	while (!rudp_tcp_receive_eof(tcp))
		step();
	put("in vain");
	rudp_tcp_flush_all(&engine);
	while (!tcp->error)
		step();
	cr_assert(eq(int, tcp->error, EPIPE));
	cr_assert(rudp_tcp_receive_eof(tcp));
}

/* Fills all buffers of the connection. Returns the number of bytes. */
static uint64_t put_all_there_is_room_for(void)
{
	static char bytes[65536];
	uint64_t sent = 0;
	struct iovec iov[2];

	while (rudp_tcp_send_room(tcp) > 0 && rudp_tcp_send_reserve(tcp, sizeof bytes, iov) > 0) {
		memset(iov[0].iov_base, 'x', iov[0].iov_len);
		rudp_tcp_send_commit(&engine, tcp, iov[0].iov_len);
		rudp_tcp_flush_all(&engine);
		sent += iov[0].iov_len;
	}
	return sent;
}

Test(tcp, an_orphan_ends_with_the_reset_of_its_peer)
{
	put_all_there_is_room_for();
	rudp_tcp_close(&engine, tcp);
	cr_assert(eq(uint, engine.tcp_count, 1));
	reset_by_peer();
	tcp->may_write = true; /* as if the socket had been writable just before */
	rudp_tcp_on_event(&engine, tcp, EPOLLOUT);
	while (engine.tcp_count > 0)
		step();
}

Test(tcp, an_orphan_ends_when_its_peer_closes_without_reading)
{
	put_all_there_is_room_for();
	rudp_tcp_close(&engine, tcp);
	close(peer);
	peer = -1;
	while (engine.tcp_count > 0)
		step();
}

static int user_timeout_ms(void)
{
	int ms = -1;
	socklen_t len = sizeof ms;

	getsockopt(tcp->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len);
	return ms;
}

/* The kernel's own limit is for sockets that no process has. */
Test(tcp, an_orphan_does_not_wait_for_ever_for_a_reader)
{
	put_all_there_is_room_for();
	cr_assert(zero(int, user_timeout_ms()));
	rudp_tcp_close(&engine, tcp);
	cr_assert(eq(int, user_timeout_ms(), RUDP_ORPHAN_NS / RUDP_NS_PER_MS));
}

Test(tcp, an_orphan_keeps_the_time_out_of_its_program)
{
	const int ms = 500;

	setsockopt(tcp->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
	put_all_there_is_room_for();
	rudp_tcp_close(&engine, tcp);
	cr_assert(eq(int, user_timeout_ms(), ms));
	while (engine.tcp_count > 0) /* as the peer does not read */
		step();
}

/* Bytes received before shutdown_receive() must not keep the window closed forever. */
Test(tcp, discarding_continues_to_the_end)
{
	static char bytes[65536];
	uint64_t sent = 0;
	ssize_t n;

	while (rudp_tcp_receive_available(tcp) < RUDP_TCP_RING_BYTES) {
		n = send(peer, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			sent += (uint64_t)n;
		else
			step();
	}
	rudp_tcp_shutdown_receive(tcp);
	while (rudp_tcp_discard(tcp))
		;
	for (uint64_t more = 0; more < sent;) {
		n = send(peer, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			more += (uint64_t)n;
		else if (!rudp_tcp_discard(tcp))
			step();
	}
	cr_assert(zero(sz, rudp_tcp_receive_available(tcp)));
}

/* More than the kernel's buffers hold: the rest belongs to an orphan, and must still arrive. */
Test(tcp, bytes_written_before_the_close_arrive)
{
	uint64_t sent = put_all_there_is_room_for(), got = 0;
	static char bytes[65536];

	rudp_tcp_close(&engine, tcp);
	cr_assert(eq(uint, engine.tcp_count, 1));
	while (engine.tcp_count > 0 || got < sent) {
		ssize_t n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);

		if (n > 0)
			got += (uint64_t)n;
		else
			step();
	}
	cr_assert(eq(u64, got, sent));
	cr_assert(zero(long, recv(peer, bytes, 1, 0)));
}

Test(tcp, an_urgent_byte_stays_urgent_both_ways)
{
	struct pollfd one = {.fd = peer, .events = POLLPRI};
	char byte;

	put("a!");
	rudp_tcp_mark_urgent(&engine, tcp);
	put("b");
	rudp_tcp_flush_all(&engine);
	cr_assert(eq(int, poll(&one, 1, WAIT_MS), 1));
	cr_assert(eq(long, recv(peer, &byte, 1, MSG_OOB), 1));
	cr_assert(eq(chr, byte, '!'));
	peer_gets("ab");
	cr_assert(eq(long, send(peer, "12", 2, 0), 2));
	cr_assert(eq(long, send(peer, "!", 1, MSG_OOB), 1));
	cr_assert(eq(long, send(peer, "3", 1, 0), 1));
	while (rudp_tcp_receive_available(tcp) < 4) {
		struct iovec iov[2];

		step();
		rudp_tcp_receive_readable(tcp, iov);
	}
	cr_assert(eq(sz, rudp_tcp_urgent_ahead(tcp), 3));
	take("12!");
	cr_assert(zero(sz, rudp_tcp_urgent_ahead(tcp)));
	take("3");
}

/*
 * Overrides the C library's function: right after the first question for the mark "!3" arrives,
 * with the "!" urgent.
 */
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;
	long answer;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	answer = syscall(SYS_ioctl, fd, request, argument);
	if (urgent_after_question && request == SIOCATMARK) {
		urgent_after_question = false;
		send(peer, "!", 1, MSG_OOB);
		send(peer, "3", 1, 0);
	}
	return (int)answer;
}

Test(tcp, a_byte_that_becomes_urgent_late_is_not_missed)
{
	urgent_after_question = true;
	cr_assert(eq(long, send(peer, "12", 2, 0), 2));
	while (rudp_tcp_receive_available(tcp) < 4) {
		struct iovec iov[2];

		step();
		rudp_tcp_receive_readable(tcp, iov);
	}
	cr_assert(not(urgent_after_question), "the question was not asked");
	cr_assert(eq(sz, rudp_tcp_urgent_ahead(tcp), 3));
	take("12!3");
}

Test(tcp, unacknowledged_bytes_are_counted)
{
	struct rudp_conn_stats stats;
	uint64_t unsent;

	put("12345");
	cr_assert(eq(u64, rudp_tcp_unacked(tcp, &unsent), 5));
	cr_assert(eq(u64, unsent, 5));
	rudp_tcp_flush_all(&engine);
	peer_gets("12345");
	while (rudp_tcp_unacked(tcp, &unsent) > 0)
		;
	rudp_tcp_stats(tcp, &stats);
	cr_assert(eq(int, (int)stats.state, RUDP_STATE_ESTABLISHED));
	cr_assert(eq(u64, stats.stream_acked, 6)); /* the kernel counts the SYN */
}

/*
 * A program's bound socket: the binding owns the kernel TCP socket and keeps it when an attempt
 * fails.
 */
static int bound_to(struct rudp_addr *local, const char *text)
{
	socklen_t len = sizeof local->in4;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	cr_assert(zero(int, rudp_addr_parse(local, text)));
	cr_assert(zero(int, bind(fd, &local->sa, len)));
	cr_assert(zero(int, getsockname(fd, &local->sa, &len)));
	return fd;
}

static struct rudp_tcp *connect_from(int fd, const struct rudp_addr *local,
				     struct rudp_addr *remote)
{
	const struct rudp_tcp_from from = {.bound_fd = fd, .local = local};
	struct rudp_tcp *one;

	cr_assert(zero(int, rudp_tcp_connect(&engine, 1, &from, remote, &one)));
	return one;
}

Test(tcp, a_bound_socket_keeps_its_port_after_a_refusal)
{
	struct rudp_addr local, seen, refuses, accepts;
	socklen_t len = sizeof accepts.in4;
	int nobody = bound_to(&refuses, "127.0.0.1:0");
	int fd = bound_to(&local, "127.0.0.1:0");
	struct rudp_tcp *one;
	int end;

	cr_assert(zero(int, getsockname(listener, &accepts.sa, &len)));
	for (int i = 0; i < 3; i++) {
		one = connect_from(fd, &local, &refuses);
		while (one->connecting)
			step();
		cr_assert(eq(int, one->error, ECONNREFUSED));
		rudp_tcp_close(&engine, one);
	}
	one = connect_from(fd, &local, &accepts);
	while (one->connecting)
		step();
	end = accept(listener, &seen.sa, &len);
	cr_assert(eq(int, rudp_addr_port(&seen), rudp_addr_port(&local)));
	rudp_tcp_own(one);
	close(fd);
	rudp_tcp_close(&engine, one);
	cr_assert(zero(long, recv(end, &(char){0}, 1, 0)));
	close(end);
	close(nobody);
}

static int get_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	cr_assert(zero(int, getsockopt(fd, level, option, &value, &len)));
	return value;
}

/* A program can write anything into its stored options, and the engine may have more rights. */
Test(tcp, forged_stored_options_are_not_set)
{
	const struct rudp_stored_options stored = {
		.options = {{IPPROTO_TCP, TCP_KEEPIDLE, 77},
			    {IPPROTO_IP, IP_TTL, 33},
			    {SOL_SOCKET, SO_RCVLOWAT, 100},
			    {SOL_SOCKET, SO_BINDTOIFINDEX, 1},
			    {SOL_SOCKET, SO_MARK, 5},
			    {SOL_SOCKET, SO_DEBUG, 1},
			    {IPPROTO_IP, IP_TRANSPARENT, 1},
			    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1}},
		.count = 8};
	const struct rudp_sock_options options = {.conn.keepalive = true, .route = {.device = 1}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	rudp_tcp_put_options(fd, &stored, NULL);
	cr_expect(eq(int, get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77));
	cr_expect(eq(int, get_int(fd, IPPROTO_IP, IP_TTL), 33));
	cr_expect(eq(int, get_int(fd, SOL_SOCKET, SO_RCVLOWAT), 1));
	cr_expect(zero(int, get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX)));
	cr_expect(zero(int, get_int(fd, SOL_SOCKET, SO_MARK)));
	cr_expect(zero(int, get_int(fd, SOL_SOCKET, SO_DEBUG)));
	cr_expect(zero(int, get_int(fd, IPPROTO_IP, IP_TRANSPARENT)));
	cr_expect(zero(int, get_int(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT)));
	rudp_tcp_put_options(fd, NULL, &options);
	cr_expect(eq(int, get_int(fd, SOL_SOCKET, SO_KEEPALIVE), 1));
	cr_expect(eq(int, get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 1));
	close(fd);
}

Test(tcp, later_options_are_set_if_they_affect_the_network)
{
	const int value = 9;

	cr_assert(zero(int, rudp_tcp_set(tcp->fd, SOL_SOCKET, SO_MARK, &value, sizeof value)));
	cr_assert(zero(int, rudp_tcp_set(tcp->fd, IPPROTO_IP, IP_TTL, &value, sizeof value)));
	cr_assert(zero(int, get_int(tcp->fd, SOL_SOCKET, SO_MARK)));
	cr_assert(eq(int, get_int(tcp->fd, IPPROTO_IP, IP_TTL), 9));
}

/* An attempt that was cancelled must not succeed later. */
Test(tcp, a_cancelled_attempt_leaves_nothing)
{
	struct rudp_addr local, remote;
	socklen_t len = sizeof remote.in4;
	int fd = bound_to(&local, "127.0.0.1:0");
	struct tcp_info info;

	cr_assert(zero(int, getsockname(listener, &remote.sa, &len)));
	rudp_tcp_close(&engine, connect_from(fd, &local, &remote));
	len = sizeof info;
	cr_assert(zero(int, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)));
	cr_assert(eq(int, info.tcpi_state, TCP_CLOSE));
	close(fd);
}

static uint64_t buffered_bytes(void)
{
	return rudp_endpoint_budget(engine.ep)->used_bytes;
}

/* The peer writes and the program does not read. Returns how much arrives in the end. */
static size_t fill_from_peer(void)
{
	static const uint8_t bytes[65536];
	struct iovec iov[2];
	size_t before;

	while (send(peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	step();
	do {
		before = rudp_tcp_receive_available(tcp);
		rudp_tcp_receive_readable(tcp, iov);
	} while (rudp_tcp_receive_available(tcp) > before);
	return before;
}

Test(tcp, rings_count_against_the_memory_budget)
{
	uint64_t before = buffered_bytes();
	size_t got = fill_from_peer();

	cr_assert(eq(sz, got, RUDP_TCP_RING_BYTES));
	cr_assert(eq(u64, buffered_bytes(), before + RUDP_TCP_RING_BYTES));
	put("one more");
	cr_assert(ge(u64, buffered_bytes(), before + RUDP_TCP_RING_BYTES + 1));
	rudp_tcp_reset(&engine, tcp);
	cr_assert(eq(u64, buffered_bytes(), before));
	cr_assert(rudp_endpoint_check(engine.ep));
}

Test(tcp, rings_grow_only_to_the_floor_if_memory_is_scarce)
{
	int64_t others = (int64_t)rudp_endpoint_budget(engine.ep)->limit_bytes;
	struct iovec iov[2];

	rudp_endpoint_charge(engine.ep, others);
	cr_assert(eq(sz, fill_from_peer(), RUDP_BUDGET_FLOOR_BYTES));
	cr_assert(eq(sz, rudp_tcp_send_room(tcp), RUDP_BUDGET_FLOOR_BYTES));
	/* After the program reads, more is received; once memory is available again, a full
	 * ring. */
	rudp_tcp_receive_consume(tcp, RUDP_BUDGET_FLOOR_BYTES - 1);
	rudp_tcp_receive_readable(tcp, iov);
	cr_assert(ge(sz, rudp_tcp_receive_available(tcp), 2));
	rudp_endpoint_charge(engine.ep, -others);
	while (rudp_tcp_receive_available(tcp) < RUDP_TCP_RING_BYTES)
		cr_assert(ge(int, rudp_tcp_receive_readable(tcp, iov), 1));
	cr_assert(rudp_endpoint_check(engine.ep));
}
