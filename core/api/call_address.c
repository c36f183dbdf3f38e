/* SPDX-License-Identifier: MIT */
/*
 * getsockname, getpeername, shutdown. The names and the kernel's poll bits are enough to answer
 * them.
 */
#include "api/call.h"

#include <errno.h>
#include <poll.h>

#include "api/address.h"
#include "api/control_client.h"
#include "api/socket.h"
#include "api/raw_syscall.h"
#include "proto/conn/conn.h"

int rudp_call_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct rudp_socket s;

	if (!rudp_socket_recognise(fd, &s))
		return RUDP_NOT_OURS;
	return rudp_address_copy_out(fd, &s.name.local, s.flags, addr, len);
}

/*
 * After SHUT_RDWR, poll reports the end of both directions. But TCP still has a peer until the peer
 * ends its direction or one side resets. The kernel forgets the error of a reset when the program
 * has read it; the engine knows it longer.
 */
static bool is_shut_by_us(int fd, const struct rudp_socket *s)
{
	int bits = rudp_raw_poll(fd, 0);

	return s->flags & RUDP_MARK_SHUT_RD && bits > 0 && bits & POLLHUP && !(bits & POLLERR) &&
	       rudp_socket_true_error(s, 0) == 0;
}

int rudp_call_getpeername(int fd, struct sockaddr *addr, socklen_t *len, bool quietly)
{
	struct rudp_socket s;

	if (!rudp_socket_recognise(fd, &s))
		return RUDP_NOT_OURS;
	if (s.state != RUDP_SOCKET_CONNECTED)
		return -ENOTCONN;
	/* Programs may ask to learn whether the sender of bytes is still there (Python's ssl). */
	if (!quietly && rudp_raw_poll(fd, 0) == 0)
		rudp_socket_catch_up(&s);
	if (!is_shut_by_us(fd, &s) && rudp_socket_progress(fd, &s) != RUDP_PROGRESS_ESTABLISHED)
		return -ENOTCONN;
	return rudp_address_copy_out(fd, &s.name.remote, s.flags, addr, len);
}

static void tell_engine(int fd, const struct rudp_socket *s, int how)
{
	struct rudp_control_call call;

	rudp_socket_begin(s, &call, RUDP_CONTROL_SHUTDOWN, fd);
	call.request.number = how;
	rudp_socket_call(s, &call);
}

/* Another thread may wait in connect(). Until that ends, only the engine knows the connection. */
static int end_blocking_connect(int fd, const struct rudp_socket *s, int how)
{
	struct rudp_control_call call;

	rudp_socket_begin(s, &call, RUDP_CONTROL_SHUTDOWN, fd);
	call.request.number = how;
	return rudp_socket_call(s, &call) == 0 && call.reply.error == 0 ? 0 : -ENOTCONN;
}

static int shutdown_listener(int fd, const struct rudp_socket *s, int how)
{
	if (how == SHUT_WR)
		return 0;
	tell_engine(fd, s, how);
	rudp_mark_change(fd, 0, RUDP_MARK_LISTENING);
	return rudp_raw_shutdown(fd, SHUT_RDWR); /* wakes accept */
}

/* With SO_LINGER of 0, the peer sees a difference between the end of one direction and a close. */
static bool resets_on_close(int fd)
{
	struct linger linger = {0};
	socklen_t len = sizeof linger;

	return rudp_raw_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 &&
	       linger.l_onoff && linger.l_linger == 0;
}

/* The kernel refuses even no bytes after SHUT_WR. */
static bool has_shut_writing(int fd)
{
	return rudp_raw_sendto(fd, NULL, 0, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0) == -EPIPE;
}

/* Whether both directions have ended, so that the engine has freed the connection or soon will. */
static bool is_over(int fd)
{
	struct rudp_control_info info;

	return rudp_call_info(fd, &info) < 0 || info.state == RUDP_STATE_CLOSED ||
	       info.state == RUDP_STATE_TIME_WAIT;
}

static int shutdown_connection(int fd, const struct rudp_socket *s, int how)
{
	int bits;

	/* The first SHUT_WR, which is common, is not worth asking the engine. */
	if (how != SHUT_WR || has_shut_writing(fd))
		rudp_socket_catch_up(s);
	bits = rudp_raw_poll(fd, 0);
	if (s->flags & RUDP_MARK_PENDING) {
		enum rudp_progress progress = rudp_socket_progress(fd, s);

		/* TCP gives up the connect attempt, and the socket is like new. */
		if (progress == RUDP_PROGRESS_CONNECTING)
			return rudp_socket_abort(fd, s);
		if (progress == RUDP_PROGRESS_OVER)
			return -ENOTCONN;
		/* After the shutdown this state cannot be read any more. */
		rudp_mark_change(fd, 0, RUDP_MARK_PENDING);
	}
	if (bits < 0 || bits & POLLERR)
		return -ENOTCONN;
	/* After our SHUT_RDWR, poll reports POLLHUP too, and TCP allows the same call again. */
	if (bits & POLLHUP && !(s->flags & RUDP_MARK_SHUT_RD) && is_over(fd))
		return -ENOTCONN;
	if (how != SHUT_WR) {
		tell_engine(fd, s, SHUT_RD);
		rudp_mark_change(fd, RUDP_MARK_SHUT_RD, 0);
	}
	if (how != SHUT_RD && resets_on_close(fd))
		tell_engine(fd, s, SHUT_WR);
	return rudp_raw_shutdown(fd, how);
}

int rudp_call_shutdown(int fd, int how)
{
	struct rudp_socket s;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	switch (s.state) {
	case RUDP_SOCKET_FRESH:
	case RUDP_SOCKET_BOUND:
		return end_blocking_connect(fd, &s, how);
	case RUDP_SOCKET_LISTENING:
		return shutdown_listener(fd, &s, how);
	case RUDP_SOCKET_CONNECTED:
		return shutdown_connection(fd, &s, how);
	}
	return -ENOTCONN;
}
