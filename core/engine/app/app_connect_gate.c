/* SPDX-License-Identifier: MIT */
/*
 * The active side's join: a one-shot listener bears the connection's name, the program's own descriptor
 * is connected to it. A gate, zeros in the send buffer, keeps it unwritable while the handshake
 * runs: AF_UNIX says POLLOUT as long as no more than a quarter of the send buffer is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "engine/app/app_side.h"
#include "engine/control/caller.h"
#include "engine/loop/deferred_close.h"
#include "engine/udp/udp_spare.h"

#define PAGE_BYTES 4096
#define GATE_STEP_BYTES (3 * PAGE_BYTES)
#define GATE_BYTES_MAX (8u << 20)
#define GATE_TRIES_MAX (GATE_BYTES_MAX / GATE_STEP_BYTES + 64) /* some may be interrupted */
#define JOIN_BACKLOG 64
#define JOIN_WAIT_US 10000
#define JOIN_TRIES_MAX 3

static int memfd = -1; /* one engine a process; pages of zeros that every connect gate shares */

static int gate_file(void)
{
	if (memfd >= 0)
		return memfd;
	memfd = memfd_create("rudp-plug", MFD_CLOEXEC);
	if (memfd >= 0 && ftruncate(memfd, GATE_BYTES_MAX) < 0) {
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

/*
 * sendfile() shares its pages, where copies would cost 117 KB and 30 us for each connect under way. But
 * it waits where the descriptor is a blocking one and another thread of the program makes the buffer
 * smaller meanwhile; for ever, as who should read is this thread. Another user might see to that.
 */
static ssize_t put_zeros(int program_fd, bool is_foreign, size_t bytes)
{
	static const uint8_t zeros[GATE_STEP_BYTES];
	int file = gate_file();
	int flags = fcntl(program_fd, F_GETFL);
	off_t at = 0;

	if (file < 0 || flags < 0)
		return -1;
	if (flags & O_NONBLOCK && !is_foreign)
		return sendfile(program_fd, file, &at, bytes);
	return send(program_fd, zeros, bytes < sizeof zeros ? bytes : sizeof zeros,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* As much as the program may have on its way to us; it is told when that becomes writable. */
static void set_send_buffer(const struct rudp_app *app, int fd)
{
	int bytes = rudp_socket_sndbuf(app->options.conn.send_max_bytes);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* Until it is not writable; first is tried at once. 0 or -errno. */
static int fill(struct rudp_app *app, int program_fd, bool is_foreign, size_t first)
{
	size_t want = first;

	for (unsigned i = 0; i < GATE_TRIES_MAX && app->gate_bytes < GATE_BYTES_MAX; i++) {
		ssize_t n = put_zeros(program_fd, is_foreign, want);

		if (n < 0 && errno != EINTR && (errno != EAGAIN || app->gate_bytes == 0))
			return -errno;
		if (n > 0)
			app->gate_bytes += (uint32_t)n;
		if (!is_writable(program_fd))
			return 0;
		want = GATE_STEP_BYTES;
	}
	return -ENOBUFS;
}

/*
 * sendfile() makes kernel buffers of 64 KB, and the sentinel would keep one: four of them do not fit
 * in a small send buffer, which would never become writable. There, a byte by itself is the sentinel.
 */
static int put_last(struct rudp_app *app, int program_fd)
{
	if (rudp_socket_sndbuf(app->options.conn.send_max_bytes) == RUDP_APP_SNDBUF_BYTES)
		return 0;
	if (send(program_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -errno;
	app->gate_bytes++;
	return 0;
}

/*
 * The buffer gets its size behind a connect gate that is large enough for it: to be given one makes
 * a writable socket say so, and who waits for an edge may then see two. A wake-up that finds the
 * socket gated again stays on epoll's list, and the end of the handshake may fall between that look
 * and its own.
 */
int rudp_app_connect_gate(struct rudp_app *app, int program_fd, bool is_foreign)
{
	int sndbuf = 2 * RUDP_APP_SNDBUF_BYTES, before = sndbuf;
	socklen_t len = sizeof before;
	int rc;

	if (getsockopt(program_fd, SOL_SOCKET, SO_SNDBUF, &before, &len) < 0)
		return -errno;
	if (before > sndbuf)
		sndbuf = before;
	rc = fill(app, program_fd, is_foreign,
		  (size_t)sndbuf / 4 / PAGE_BYTES * PAGE_BYTES + GATE_STEP_BYTES);
	if (rc == 0)
		rc = put_last(app, program_fd);
	if (rc < 0)
		return rc;
	set_send_buffer(app, program_fd);
	return is_writable(program_fd) ? fill(app, program_fd, is_foreign, GATE_STEP_BYTES) : 0;
}

int rudp_app_put_sentinel(struct rudp_app *app, int program_fd)
{
	set_send_buffer(app, program_fd);
	if (send(program_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -errno;
	app->gate_bytes = 1;
	return 0;
}

void rudp_app_unplug(struct rudp_engine *engine, struct rudp_app *app)
{
	uint32_t left = app->gate_bytes ? app->gate_bytes - 1 : 0;

	/* Exactly the connect gate: the program may have written behind it. Its last byte is the
	 * sentinel. */
	while (left > 0) {
		size_t want = left < RUDP_SCRATCH_BYTES ? left : RUDP_SCRATCH_BYTES;
		ssize_t n = recv(app->fd, engine->scratch, want, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* closed meanwhile: epoll will say so */
		left -= (uint32_t)n;
	}
	app->unread_tail = app->gate_bytes > 0 && left == 0;
	/* Nothing can be behind a sentinel yet: the program is still in its connect. */
	app->may_read = app->gate_bytes != 1;
	app->gate_bytes = 0;
}

/*
 * The name is open to all: what is not connected by ourselves, on the program's behalf, is an
 * unauthenticated caller who came in between, and may have sent something. Ours is in the queue, so
 * this ends.
 */
static int accept_ours(const struct rudp_engine *engine, int listener)
{
	int end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	while (end >= 0 && !rudp_peer_is_engine(engine, end)) {
		rudp_deferred_close(end);
		end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	return end < 0 ? -errno : end;
}

/* Nobody comes any more; unauthenticated callers who have would be closed with it. */
static void turn_unauthenticated_away(int listener)
{
	int end;

	shutdown(listener, SHUT_RD);
	while ((end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		rudp_deferred_close(end);
}

/*
 * Between listen() and connect() unauthenticated callers may have filled the queue, and then a
 * blocking descriptor would wait for this thread to empty it. The limit is the program's own
 * option: it has its value back.
 */
static int connect_within(int program_fd, const struct sockaddr_un *un, socklen_t un_len)
{
	const struct timeval limit = {.tv_usec = JOIN_WAIT_US};
	struct timeval before;
	socklen_t len = sizeof before;
	int rc = 0;

	if (getsockopt(program_fd, SOL_SOCKET, SO_SNDTIMEO, &before, &len) < 0 ||
	    setsockopt(program_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return -errno;
	if (connect(program_fd, (const struct sockaddr *)un, un_len) < 0)
		rc = -errno;
	setsockopt(program_fd, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof before);
	return rc;
}

/* The name is free again with the listener. */
static int join_through(struct rudp_engine *engine, const struct rudp_app *app, int listener,
			int program_fd)
{
	struct sockaddr_un un;
	socklen_t len = rudp_app_name(engine, app, &un);

	if (bind(listener, (struct sockaddr *)&un, len) < 0 || listen(listener, JOIN_BACKLOG) < 0)
		return -errno;
	return connect_within(program_fd, &un, len);
}

static int try_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int listener = rudp_sockets_take(&engine->sockets);
	int rc;

	if (rudp_udp_gives_way(engine, listener))
		listener = rudp_sockets_take(&engine->sockets);
	if (listener < 0)
		return listener;
	rc = join_through(engine, app, listener, program_fd);
	if (rc < 0) {
		turn_unauthenticated_away(listener);
		close(listener);
		return rc;
	}
	app->join_fd = listener;
	return 0;
}

int rudp_app_join_begin(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = -EAGAIN;

	for (int i = 0; i < JOIN_TRIES_MAX && rc == -EAGAIN; i++)
		rc = try_join(engine, app, program_fd);
	return rc;
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
	turn_unauthenticated_away(app->join_fd);
	rudp_closer_take(&engine->closer, app->join_fd, engine->now_at_ns);
	app->join_fd = -1;
	return 0;
}

int rudp_app_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = rudp_app_join_begin(engine, app, program_fd);

	return rc < 0 ? rc : rudp_app_join_end(engine, app);
}
