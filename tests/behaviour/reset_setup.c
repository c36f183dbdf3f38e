/* SPDX-License-Identifier: MIT */
#include "behaviour/reset_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

const char *const under_way_names[UNDER_WAY_COUNT] = {"nothing under way", "something unread",
						      "something unsent", "both"};

static bool has_arrived(void *argument)
{
	const struct reset *reset = argument;
	int bytes = 0;

	return ioctl(reset->observer, FIONREAD, &bytes) == 0 && bytes == UNREAD_BYTES;
}

static bool is_unread_there(void *argument)
{
	const struct reset *reset = argument;
	int bytes = 0;

	return ioctl(reset->server, FIONREAD, &bytes) == 0 && bytes > 0;
}

/* Writes until nothing fits for a while: bytes in flight make room when they arrive. */
static void fill(int fd)
{
	static const char chunk[65536];
	struct pollfd writable = {.fd = fd, .events = POLLOUT};

	do
		while (send(fd, chunk, sizeof(chunk), MSG_DONTWAIT) > 0)
			;
	while (poll(&writable, 1, 50) > 0);
	must(errno == EAGAIN, "filling the send buffer");
}

void reset_prepare(struct reset *reset, enum resetter who, enum under_way what)
{
	reset->who = who;
	connected_pair(AF_INET, &reset->observer, &reset->server);
	if (what == SOMETHING_UNREAD || what == BOTH_UNDER_WAY) {
		must(pattern_write(reset->server, UNREAD_BYTES), "write");
		wait_true(has_arrived, reset);
	}
	if (what == SOMETHING_UNSENT || what == BOTH_UNDER_WAY)
		fill(reset->observer);
	else if (who != RESET_BY_a_lingering_close && who != RESET_BY_connect_to_nothing)
		must(write(reset->observer, "x", 1) == 1, "write");
	if (who != RESET_BY_a_lingering_close && who != RESET_BY_connect_to_nothing)
		wait_true(is_unread_there, reset);
}

/* In a process that holds the last descriptor of the socket. */
static void end_in_child(struct reset *reset, bool killed)
{
	int go[2];
	pid_t pid;

	must(pipe(go) == 0, "pipe");
	pid = begin_child();
	if (pid == 0) {
		close(reset->observer);
		must(read(go[0], &(char){0}, 1) == 1, "read");
		if (killed)
			raise(SIGKILL);
		_exit(0);
	}
	close(reset->server);
	must(write(go[1], "x", 1) == 1, "write");
	close(go[0]);
	close(go[1]);
	must(waitpid(pid, NULL, 0) == pid, "waitpid");
}

void reset_now(struct reset *reset)
{
	static const struct linger at_once = {.l_onoff = 1};
	static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	switch (reset->who) {
	case RESET_BY_a_lingering_close:
		must(setsockopt(reset->server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) ==
			     0,
		     "SO_LINGER");
		close(reset->server);
		break;
	case RESET_BY_a_close_with_unread_data:
		close(reset->server);
		break;
	case RESET_BY_an_exit_with_unread_data:
		end_in_child(reset, false);
		break;
	case RESET_BY_a_kill_with_unread_data:
		end_in_child(reset, true);
		break;
	case RESET_BY_connect_to_nothing:
		must(connect(reset->server, &nowhere, sizeof(nowhere)) == 0, "connect(AF_UNSPEC)");
		break;
	}
}
