/* SPDX-License-Identifier: MIT */
/*
 * Joins an outgoing connection: connects the program's own descriptor to the engine's listener
 * (join.h), or to a one-shot listener that is bound to the connection's name. A gate (zeros in the
 * send buffer) keeps that socket unwritable during the handshake: AF_UNIX reports POLLOUT while at
 * most a quarter of the send buffer is used.
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
#define GATE_TRIES_MAX (GATE_BYTES_MAX / GATE_STEP_BYTES + 64) /* + 64: some may be interrupted */
#define JOIN_BACKLOG 64
#define JOIN_WAIT_US 10000
#define JOIN_TRIES_MAX 3

static int memfd = -1; /* one engine per process; zero pages that all gates share */

static int gate_file(void)
{
	if (memfd >= 0)
		return memfd;
	memfd = memfd_create("rudp-gate", MFD_CLOEXEC);
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
 * sendfile() shares the zero pages; copies would cost 117 KB and 30 us for each pending connect.
 * But on a blocking descriptor sendfile() blocks if another thread of the program shrinks the
 * buffer meanwhile. It would wait for this thread to read, for ever. Another user could change the
 * flags of the descriptor to provoke that. So blocking and foreign descriptors get copies.
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

/*
 * Limits what the program may have in flight to the engine. Changing the size signals a writable
 * socket.
 */
static void set_send_buffer(const struct rudp_app *app, int fd)
{
	int bytes = rudp_socket_sndbuf(app->options.conn.send_max_bytes);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* Fills the buffer until it is not writable. first: size of the first piece. 0 or -errno. */
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
 * sendfile() makes kernel buffers of 64 KB, and the sentinel byte would keep one alive. Four of
 * them do not fit in a small send buffer, which would never become writable. For such a buffer the
 * sentinel is one byte of its own.
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
 * The gate is filled for the large size before SO_SNDBUF is set: setting SO_SNDBUF on a writable
 * socket raises an edge, and the program could see two. After a wake-up that finds the socket
 * gated, epoll still lists it; the handshake may end before the program looks again.
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

void rudp_app_open_gate(struct rudp_engine *engine, struct rudp_app *app)
{
	uint32_t left = app->gate_bytes ? app->gate_bytes - 1 : 0;

	/*
	 * Reads exactly the gate, as the program may have written after it. The gate's last byte
	 * is the sentinel.
	 */
	while (left > 0) {
		size_t want = left < RUDP_SCRATCH_BYTES ? left : RUDP_SCRATCH_BYTES;
		ssize_t n = recv(app->fd, engine->scratch, want, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* closed meanwhile: epoll will report it */
		left -= (uint32_t)n;
	}
	app->unread_tail = app->gate_bytes > 0 && left == 0;
	/* Nothing can follow a lone sentinel yet: the program is still in its connect(). */
	app->may_read = app->gate_bytes != 1;
	app->gate_bytes = 0;
}

/*
 * Every user can connect to the name. A connection that the engine did not make is from an
 * unauthenticated caller, who may also have sent something. The engine's own is in the queue, so
 * the loop ends.
 */
static int accept_own(const struct rudp_engine *engine, int listener)
{
	int end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	while (end >= 0 && !rudp_peer_is_engine(engine, end)) {
		rudp_deferred_close(end);
		end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	return end < 0 ? -errno : end;
}

/*
 * Shuts the listener first, then empties its queue in another thread: close() would close those
 * sockets here.
 */
static void close_unauthenticated(int listener)
{
	int end;

	shutdown(listener, SHUT_RD);
	while ((end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		rudp_deferred_close(end);
}

/*
 * Between listen() and connect() unauthenticated callers may fill the queue. A blocking descriptor
 * would then wait for this thread to empty it. SO_SNDTIMEO limits that; the program's own value is
 * restored.
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

/* The name becomes free when the listener is closed. */
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
		close_unauthenticated(listener);
		close(listener);
		return rc;
	}
	app->join_fd = listener;
	return 0;
}

int rudp_app_join_begin(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	struct sockaddr_un un;
	socklen_t len = rudp_app_name(engine, app, &un);
	int rc = rudp_join_connect(&engine->join, program_fd, &un, len);

	app->is_joining = rc == 0;
	if (rc != -EOPNOTSUPP)
		return rc;
	rc = -EAGAIN;
	for (int i = 0; i < JOIN_TRIES_MAX && rc == -EAGAIN; i++)
		rc = try_join(engine, app, program_fd);
	return rc;
}

int rudp_app_join_end(struct rudp_engine *engine, struct rudp_app *app)
{
	bool is_private = app->is_joining;
	int end = is_private ? rudp_join_accept(&engine->join) : accept_own(engine, app->join_fd);
	int rc;

	app->is_joining = false;
	if (end < 0)
		return end;
	rc = rudp_app_attach(engine, app, end);
	if (rc < 0) {
		close(end);
		return rc;
	}
	if (is_private)
		return 0;
	close_unauthenticated(app->join_fd);
	rudp_closer_take(&engine->closer, app->join_fd, engine->now_at_ns);
	app->join_fd = -1;
	return 0;
}

int rudp_app_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = rudp_app_join_begin(engine, app, program_fd);

	return rc < 0 ? rc : rudp_app_join_end(engine, app);
}
