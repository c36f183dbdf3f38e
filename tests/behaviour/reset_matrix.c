/* SPDX-License-Identifier: MIT */
/*
 * In all combinations of who resets, what is in flight and which call is used: a reset is never
 * reported as an end of file, and the bytes before it can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/data.h"
#include "behaviour/reset_setup.h"
#include "behaviour/traffic.h"
#include "behaviour/uring.h"

typedef void observe(struct reset *reset);

static void all_states(enum resetter who, observe *look)
{
	for (int what = 0; what < UNDER_WAY_COUNT; what++) {
		struct reset reset;

		reset_prepare(&reset, who, (enum under_way)what);
		say("%s", under_way_names[what]);
		look(&reset);
		close(reset.observer);
		if (who == RESET_BY_connect_to_nothing)
			close(reset.server);
	}
}

static void say_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0, "SO_ERROR");
	say("SO_ERROR: %s", error ? strerrorname_np(error) : "none");
}

static void with_read(struct reset *reset)
{
	reset_now(reset);
	say_rest("read", reset->observer);
	say_result("read again", read(reset->observer, &(char){0}, 1));
	say_poll("then", reset->observer);
	say_error(reset->observer);
}

static void with_recv(struct reset *reset)
{
	char text[2 * UNREAD_BYTES];
	ssize_t n, sum = 0;

	reset_now(reset);
	while ((n = recv(reset->observer, text, 300, 0)) > 0)
		sum += n;
	say("recv: %zd bytes, then %s", sum, n == 0 ? "end of file" : strerrorname_np(errno));
	say_result("recv again", recv(reset->observer, text, sizeof(text), 0));
	say_result("peek", recv(reset->observer, text, sizeof(text), MSG_PEEK));
}

/* An observer that slept when the reset came. */
static void with_recv_of_everything(struct reset *reset)
{
	char text[2 * UNREAD_BYTES];
	ssize_t n;

	reset_now(reset);
	n = recv(reset->observer, text, sizeof(text), MSG_WAITALL);
	say_result("recv, MSG_WAITALL", n);
	say_result("again", recv(reset->observer, text, sizeof(text), MSG_WAITALL));
}

static void with_error_option(struct reset *reset)
{
	reset_now(reset);
	wait_for(reset->observer, POLLHUP | POLLOUT);
	say_error(reset->observer);
	say_error(reset->observer);
	say_poll("then", reset->observer);
	say_rest("read", reset->observer);
}

static void with_poll(struct reset *reset)
{
	reset_now(reset);
	wait_for(reset->observer, POLLHUP | POLLOUT);
	say_poll("poll", reset->observer);
	say_rest("read", reset->observer);
	say_poll("then", reset->observer);
}

/*
 * Unread bytes make epoll_wait() return at once, so a program that waits for the end polls all the
 * time. AF_UNIX tests for the error before it tests for the end. If both come in between, it
 * reports HUP without ERR, once. An edge is reported after both.
 */
static void look_until_settled(int set, struct epoll_event *event)
{
	uint32_t before;

	do {
		before = event->events;
		nap();
		must(epoll_wait(set, event, 1, 10000) == 1, "the event of the reset, again");
	} while (event->events != before);
}

static void with_epoll_of(struct reset *reset, uint32_t how)
{
	struct epoll_event event = {.events = how | EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP};
	int set = epoll_create1(EPOLL_CLOEXEC);

	must(epoll_ctl(set, EPOLL_CTL_ADD, reset->observer, &event) == 0, "epoll_ctl");
	reset_now(reset);
	do
		must(epoll_wait(set, &event, 1, 10000) == 1, "the event of the reset");
	while ((event.events & (EPOLLHUP | EPOLLOUT)) != (EPOLLHUP | EPOLLOUT));
	if (!(how & EPOLLET))
		look_until_settled(set, &event);
	say_events("epoll", event.events);
	if (!(how & EPOLLET))
		say("again: %d", epoll_wait(set, &event, 1, 0));
	say_rest("read", reset->observer);
	close(set);
}

static void with_epoll(struct reset *reset)
{
	with_epoll_of(reset, 0);
}

static void with_epoll_by_edges(struct reset *reset)
{
	with_epoll_of(reset, EPOLLET);
}

static void with_select(struct reset *reset)
{
	struct timeval timeout = {10, 0};
	fd_set readable, writable, special;

	reset_now(reset);
	wait_for(reset->observer, POLLHUP | POLLOUT);
	FD_ZERO(&readable);
	FD_SET(reset->observer, &readable);
	writable = special = readable;
	say_result("select", select(reset->observer + 1, &readable, &writable, &special, &timeout));
	say("readable %d, writable %d, special %d", FD_ISSET(reset->observer, &readable) != 0,
	    FD_ISSET(reset->observer, &writable) != 0, FD_ISSET(reset->observer, &special) != 0);
	say_rest("read", reset->observer);
}

static void with_splice(struct reset *reset)
{
	int ends[2];
	ssize_t n, sum = 0;

	must(pipe(ends) == 0, "pipe");
	reset_now(reset);
	while ((n = splice(reset->observer, NULL, ends[1], NULL, 65536, 0)) > 0)
		sum += n;
	say("splice: %zd bytes, then %s", sum, n == 0 ? "end of file" : strerrorname_np(errno));
	n = splice(reset->observer, NULL, ends[1], NULL, 65536, 0);
	say("again: %s", n == 0 ? "end of file" : n < 0 ? strerrorname_np(errno) : "more");
	close(ends[0]);
	close(ends[1]);
}

static void with_io_uring(struct reset *reset)
{
	char text[2 * UNREAD_BYTES];
	struct uring ring;
	int n, sum = 0;

	if (!uring_open(&ring)) {
		say("this kernel has no io_uring");
		return;
	}
	uring_recv(&ring, reset->observer, text, sizeof(text));
	reset_now(reset);
	while ((n = uring_result(&ring)) > 0) {
		sum += n;
		uring_recv(&ring, reset->observer, text, sizeof(text));
	}
	say("recv: %d bytes, then %s", sum, n == 0 ? "end of file" : strerrorname_np(-n));
	uring_close(&ring);
}

static void with_send(struct reset *reset)
{
	reset_now(reset);
	wait_for(reset->observer, POLLHUP);
	say_result("send", send(reset->observer, "x", 1, MSG_NOSIGNAL));
	say_result("send again", send(reset->observer, "x", 1, MSG_NOSIGNAL));
	say_rest("read", reset->observer);
}

#define SEEN_BY(look, who)                                                                         \
	CHECK(who##_is_seen_##look)                                                                \
	{                                                                                          \
		all_states(RESET_BY_##who, look);                                                  \
	}

#define SEEN(who)                                                                                  \
	SEEN_BY(with_read, who)                                                                    \
	SEEN_BY(with_recv, who)                                                                    \
	SEEN_BY(with_recv_of_everything, who)                                                      \
	SEEN_BY(with_error_option, who)                                                            \
	SEEN_BY(with_poll, who)                                                                    \
	SEEN_BY(with_epoll, who)                                                                   \
	SEEN_BY(with_epoll_by_edges, who)                                                          \
	SEEN_BY(with_select, who)                                                                  \
	SEEN_BY(with_splice, who)                                                                  \
	SEEN_BY(with_io_uring, who)                                                                \
	SEEN_BY(with_send, who)
RESETTERS(SEEN)

CHECK(the_first_write_after_a_reset)
{
	struct reset reset;

	count_signal(SIGPIPE);
	reset_prepare(&reset, RESET_BY_a_lingering_close, NOTHING_UNDER_WAY);
	reset_now(&reset);
	wait_for(reset.observer, POLLHUP);
	say_result("write", write(reset.observer, "x", 1));
	say("SIGPIPE: %d", signal_count());
	say_result("write again", write(reset.observer, "x", 1));
	say("SIGPIPE: %d", signal_count());
	say_rest("read", reset.observer);
}

CHECK(a_reset_below_the_low_water_mark)
{
	int mark = 2 * UNREAD_BYTES;
	struct reset reset;

	reset_prepare(&reset, RESET_BY_a_lingering_close, SOMETHING_UNREAD);
	say_result("SO_RCVLOWAT",
		   setsockopt(reset.observer, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)));
	reset_now(&reset);
	say_rest("read", reset.observer);
}
