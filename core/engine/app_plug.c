/* SPDX-License-Identifier: MIT */
/*
 * The active side's join: a one-shot listener bears the connection's name, the program's own descriptor
 * is connected to it. A plug keeps it unwritable while the handshake runs: AF_UNIX says POLLOUT as long
 * as no more than a quarter of the send buffer is in use.
 */
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app_side.h"
#include "engine/caller.h"

#define PAGE_BYTES 4096
#define PLUG_STEP_BYTES (3 * PAGE_BYTES)
#define PLUG_BYTES_MAX (8u << 20)
#define PLUG_TRIES_MAX 64
#define JOIN_BACKLOG 64 /* more than strangers can fill between two system calls */

static int memfd = -1; /* one engine a process; pages of zeros that every plug shares */

static int plug_file(void)
{
	if (memfd >= 0)
		return memfd;
	memfd = memfd_create("rudp-plug", MFD_CLOEXEC);
	if (memfd >= 0 && ftruncate(memfd, PLUG_BYTES_MAX) < 0) {
		close(memfd);
		memfd = -1;
	}
	return memfd;
}

static bool is_writable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};

	return poll(&one, 1, 0) > 0 && one.revents & POLLOUT;
}

int rudp_app_plug(struct rudp_app *app, int program_fd)
{
	int file = plug_file();
	int sndbuf = 0;
	socklen_t len = sizeof sndbuf;
	size_t want;

	if (file < 0)
		return -errno;
	if (getsockopt(program_fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len) < 0)
		return -errno;
	want = (size_t)sndbuf / 4 / PAGE_BYTES * PAGE_BYTES + PLUG_STEP_BYTES;
	for (int i = 0; i < PLUG_TRIES_MAX && app->plug_bytes < PLUG_BYTES_MAX; i++) {
		off_t at = 0;
		ssize_t n = sendfile(program_fd, file, &at, want);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			app->plug_bytes += (uint32_t)n;
		if (!is_writable(program_fd))
			return 0;
		want = PLUG_STEP_BYTES;
	}
	return -ENOBUFS;
}

int rudp_app_put_sentinel(struct rudp_app *app, int program_fd)
{
	if (send(program_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -errno;
	app->plug_bytes = 1;
	return 0;
}

void rudp_app_unplug(struct rudp_engine *engine, struct rudp_app *app)
{
	uint32_t left = app->plug_bytes ? app->plug_bytes - 1 : 0;

	/* Exactly the plug: the program may have written behind it. Its last byte is the sentinel. */
	while (left > 0) {
		size_t want = left < RUDP_SCRATCH_BYTES ? left : RUDP_SCRATCH_BYTES;
		ssize_t n = recv(app->fd, engine->scratch, want, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* closed meanwhile: epoll will say so */
		left -= (uint32_t)n;
	}
	app->behind = app->plug_bytes > 0 && left == 0;
	/* Nothing can be behind a sentinel yet: the program is still in its connect. */
	app->may_read = app->plug_bytes != 1;
	app->plug_bytes = 0;
}

static void set_send_buffer(int fd)
{
	int bytes = RUDP_APP_SNDBUF_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/*
 * The name is open to all: what is not connected by ourselves, on the program's behalf, is a stranger
 * who came in between. Ours is in the queue, so this ends.
 */
static int accept_ours(const struct rudp_engine *engine, int listener)
{
	int end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	while (end >= 0 && !rudp_peer_is_engine(engine, end)) {
		close(end);
		end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	return end < 0 ? -errno : end;
}

/* Two system calls for the program to be connected; the name is free again with the listener. */
static int join_through(struct rudp_engine *engine, const struct rudp_app *app, int listener,
			int program_fd)
{
	struct sockaddr_un un;
	socklen_t len = rudp_app_name(engine, app, &un);

	if (bind(listener, (struct sockaddr *)&un, len) < 0 || listen(listener, JOIN_BACKLOG) < 0 ||
	    connect(program_fd, (struct sockaddr *)&un, len) < 0)
		return -errno;
	set_send_buffer(program_fd);
	return 0;
}

int rudp_app_join_begin(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int listener = rudp_sockets_take(&engine->sockets);
	int rc;

	if (listener < 0)
		return listener;
	rc = join_through(engine, app, listener, program_fd);
	if (rc < 0) {
		close(listener);
		return rc;
	}
	app->join_fd = listener;
	return 0;
}

int rudp_app_join_end(struct rudp_engine *engine, struct rudp_app *app)
{
	int end = accept_ours(engine, app->join_fd);
	int rc;

	if (end < 0)
		return end;
	rc = rudp_app_attach(engine, app, end);
	if (rc < 0) {
		close(end);
		return rc;
	}
	rudp_closer_take(&engine->closer, app->join_fd, engine->now_at_ns);
	app->join_fd = -1;
	return 0;
}

int rudp_app_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = rudp_app_join_begin(engine, app, program_fd);

	return rc < 0 ? rc : rudp_app_join_end(engine, app);
}
