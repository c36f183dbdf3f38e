/* SPDX-License-Identifier: MIT */
/* A connection whose reader does not read becomes full, and stays full until the reader reads. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define SMALL_BUFFER_BYTES 16384
/*
 * The bytes that a full connection holds (librudp_shim(7)): SO_SNDBUF; twice SO_RCVBUF (the window,
 * and the receiver's socket), each doubled as by the kernel; the sender's socket; and one more
 * message in the receiver's. A writer that runs beside the engine fills all of it.
 */
#define SMALL_BYTES_MAX (6 * SMALL_BUFFER_BYTES + (292 << 10) + SMALL_BUFFER_BYTES + 2 * 554)
#define PROMISED_BYTES 131072 /* a window that was promised is never taken back */
#define LARGE_PAUSE_MS 1000   /* kernel TCP under a relay sends into a small window with pauses */
#define LARGE_PAUSES_MAX 1000
#define PAUSES_MAX 30 /* bytes in flight make room once or twice, longer on a busy machine */
#define PAUSES 10     /* of PAUSE_MS each, in which a full connection takes nothing */
#define PAUSE_MS 100

static long fill(int fd, size_t piece)
{
	static const char block[65536];
	long taken = 0;
	ssize_t n;

	while ((n = send(fd, block, piece, MSG_DONTWAIT)) > 0)
		taken += n;
	must(errno == EAGAIN, "fill");
	return taken;
}

static bool is_writable(int fd, int ms)
{
	struct pollfd entry = {.fd = fd, .events = POLLOUT};

	return poll(&entry, 1, ms) > 0;
}

/*
 * Writes pieces of this size as long as there is room after a pause, even if it is too little for
 * POLLOUT. Returns the number of bytes. Ends the check if the connection does not become full.
 */
static long fill_with(int fd, size_t piece, int pause_ms, int pauses_max)
{
	long taken = fill(fd, piece);

	for (int i = 0; i < pauses_max; i++) {
		bool was_writable = is_writable(fd, pause_ms);
		long more = fill(fd, piece);

		if (!was_writable && more == 0)
			return taken;
		taken += more;
	}
	say("not full after %d pauses", pauses_max);
	exit(0);
}

/* Large pieces fill all buffers on the way. Then single bytes find room a few times at most. */
static long fill_up(int fd, size_t piece)
{
	long taken = fill_with(fd, piece, LARGE_PAUSE_MS, LARGE_PAUSES_MAX);

	return taken + fill_with(fd, 1, LARGE_PAUSE_MS, PAUSES_MAX);
}

static long read_rest(int fd)
{
	static char block[65536];
	long got = 0;
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		got += n;
	return got;
}

static void say_full(int client)
{
	long more = 0;

	say_poll("full", client);
	for (int i = 0; i < PAUSES; i++) {
		must(!is_writable(client, PAUSE_MS), "a full connection is not writable");
		more += fill(client, 1);
	}
	say("taken while nobody reads: %ld", more);
}

static void say_room_after_reading(int client, int server, long taken)
{
	static char block[4096];
	long got = 0;

	while (!is_writable(client, 0) && got < taken) {
		ssize_t n = recv(server, block, sizeof(block), MSG_DONTWAIT);
		must(n > 0 || errno == EAGAIN, "recv");
		got += n > 0 ? n : 0;
	}
	say("writable before all was read: %d", got > 0 && got < taken);
	taken += fill(client, 1);
	shutdown(client, SHUT_WR);
	say("all came: %d", got + read_rest(server) == taken);
}

CHECK(a_full_connection_stays_full_until_the_reader_reads)
{
	struct trio trio = make_trio(AF_INET);
	long taken = fill_up(trio.client, 65536);

	say_full(trio.client);
	say_room_after_reading(trio.client, trio.server, taken);
}

CHECK(a_full_connection_in_small_pieces_over_ipv6)
{
	struct trio trio = make_trio(AF_INET6);
	long taken = fill_up(trio.server, 4096);

	say_full(trio.server);
	say_room_after_reading(trio.server, trio.client, taken);
}

CHECK(a_connection_that_was_read_from_becomes_full_too)
{
	struct trio trio = make_trio(AF_INET);
	static char block[65536];

	for (long at = 0; at < 1 << 20;) {
		ssize_t n = send(trio.client, block, sizeof(block), MSG_DONTWAIT);
		must(n > 0 || errno == EAGAIN, "send");
		at += n > 0 ? n : 0;
		while (recv(trio.server, block, sizeof(block), MSG_DONTWAIT) > 0)
			;
	}
	fill_up(trio.client, 65536);
	say_full(trio.client);
}

CHECK(an_edge_of_a_full_connection_comes_with_reading_only)
{
	struct trio trio = make_trio(AF_INET);
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
	int ep = epoll_create1(EPOLL_CLOEXEC);
	long taken = fill_up(trio.client, 65536);

	must(epoll_ctl(ep, EPOLL_CTL_ADD, trio.client, &event) == 0, "EPOLL_CTL_ADD");
	say("edges while nobody reads: %d", epoll_wait(ep, &event, 1, PAUSES * PAUSE_MS));
	say("more is taken: %d", fill(trio.client, 1) > 0);
	swallow(trio.server, (size_t)taken);
	say("edges with reading: %d", epoll_wait(ep, &event, 1, 10000));
	say_events("event", event.events);
}

static void set_small(int fd)
{
	set_option(fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_RCVBUF, SMALL_BUFFER_BYTES);
}

static void say_bounded(int writer, long max_bytes)
{
	long taken = fill_up(writer, 16384);

	say("at least one buffer: %d", taken >= SMALL_BUFFER_BYTES);
	say("bounded: %d", taken <= max_bytes);
	say_full(writer);
}

CHECK(small_buffers_bound_what_is_taken)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0), server;

	set_small(listening);
	set_small(client);
	must(connect_to(client, &addr) == 0, "connect");
	server = accept(listening, NULL, NULL);
	must(server >= 0, "accept");
	say_bounded(client, SMALL_BYTES_MAX);
	say_bounded(server, SMALL_BYTES_MAX);
}

CHECK(buffers_made_small_later_bound_what_is_taken)
{
	struct trio trio = make_trio(AF_INET);

	set_small(trio.client);
	set_small(trio.server);
	say_bounded(trio.client, SMALL_BYTES_MAX + PROMISED_BYTES);
}

CHECK(small_buffers_of_a_non_blocking_connect_carry_much_by_poll)
{
	struct sockaddr_storage addr;
	static unsigned char out[1 << 20], in[1 << 20];
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, SOCK_NONBLOCK), server;
	size_t sent = 0, got = 0;

	set_small(listening);
	set_small(client);
	must(connect_to(client, &addr) == 0 || errno == EINPROGRESS, "connect");
	server = accept(listening, NULL, NULL);
	must(server >= 0, "accept");
	fill_pattern(out, sizeof(out), 0);
	while (got < sizeof(in)) {
		ssize_t n;
		if (sent < sizeof(out) && is_writable(client, 0)) {
			n = send(client, out + sent, sizeof(out) - sent, MSG_DONTWAIT);
			must(n > 0 || errno == EAGAIN, "send");
			sent += n > 0 ? (size_t)n : 0;
		}
		n = recv(server, in + got, sizeof(in) - got, MSG_DONTWAIT);
		must(n > 0 || errno == EAGAIN, "recv");
		got += n > 0 ? (size_t)n : 0;
	}
	say("as sent: %d", is_pattern(in, sizeof(in), 0));
}
