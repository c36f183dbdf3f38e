/* SPDX-License-Identifier: MIT */
#include "api/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/raw_syscall.h"
#include "api/socket_name.h"
#include "proto/conn/conn.h"

static void find_state(int fd, struct rudp_socket *s)
{
	if (rudp_socket_connection_name(fd, &s->name)) {
		s->state = RUDP_SOCKET_CONNECTED;
		return;
	}
	if (rudp_socket_own_name(fd, &s->name))
		s->state =
			s->flags & RUDP_MARK_LISTENING ? RUDP_SOCKET_LISTENING : RUDP_SOCKET_BOUND;
}

bool rudp_socket_inspect(int fd, struct rudp_socket *s)
{
	int flags = rudp_mark_get(fd);

	if (flags < 0)
		return false;
	memset(s, 0, sizeof *s);
	s->flags = (unsigned)flags;
	find_state(fd, s);
	return true;
}

bool rudp_socket_recognise(int fd, struct rudp_socket *s)
{
	if (rudp_socket_inspect(fd, s))
		return true;
	if (rudp_raw_option(fd, SOL_SOCKET, SO_DOMAIN) != AF_UNIX)
		return false;
	memset(s, 0, sizeof *s);
	find_state(fd, s);
	if (s->state != RUDP_SOCKET_CONNECTED)
		return false;
	if (s->name.local.family == AF_INET6)
		s->flags = RUDP_MARK_IPV6;
	return true;
}

enum rudp_progress rudp_socket_progress(int fd, const struct rudp_socket *s)
{
	int bits = rudp_raw_poll(fd, POLLOUT);
	struct rudp_control_call call;

	if (bits < 0 || bits & (POLLHUP | POLLERR))
		return RUDP_PROGRESS_OVER;
	if (bits & POLLOUT || !(s->flags & RUDP_MARK_PENDING))
		return RUDP_PROGRESS_ESTABLISHED;
	/* Not writable: either connecting (the connect gate), or the buffer is full. */
	rudp_socket_begin(s, &call, RUDP_CONTROL_ERROR, -1);
	if (rudp_socket_call(s, &call) < 0)
		return RUDP_PROGRESS_OVER;
	return call.reply.info.state == RUDP_STATE_SYN_SENT ? RUDP_PROGRESS_CONNECTING
							    : RUDP_PROGRESS_ESTABLISHED;
}

int rudp_socket_family(const struct rudp_socket *s)
{
	return s->flags & RUDP_MARK_IPV6 ? AF_INET6 : AF_INET;
}

bool rudp_socket_is_nonblocking(int fd)
{
	int status = rudp_raw_fcntl(fd, F_GETFL, 0);

	return status >= 0 && status & O_NONBLOCK;
}

int rudp_socket_true_error(const struct rudp_socket *s, int error)
{
	struct rudp_control_call call;

	if (s->state != RUDP_SOCKET_CONNECTED)
		return error;
	rudp_socket_begin(s, &call, RUDP_CONTROL_ERROR, -1);
	/* A refusal of the call itself names no connection. */
	if (rudp_socket_call(s, &call) < 0 || call.reply.id != s->name.id || call.reply.error <= 0)
		return error;
	return call.reply.error;
}

void rudp_socket_catch_up(const struct rudp_socket *s)
{
	struct rudp_control_call call;

	if (!rudp_addr_same_host(&s->name.local, &s->name.remote))
		return;
	rudp_socket_begin(s, &call, RUDP_CONTROL_CATCH_UP, -1);
	(void)rudp_socket_call(s, &call);
}

int rudp_socket_take_error(int fd, const struct rudp_socket *s)
{
	int error;

	if (s->flags & RUDP_MARK_ABORTED) {
		rudp_mark_change(fd, 0, RUDP_MARK_ABORTED);
		return ECONNRESET;
	}
	error = rudp_raw_option(fd, SOL_SOCKET, SO_ERROR);
	return error > 0 ? rudp_socket_true_error(s, error) : 0;
}

int rudp_socket_make(unsigned flags, int type_flags)
{
	int fd = rudp_raw_socket(AF_UNIX, SOCK_STREAM | type_flags, 0);
	int rc;

	if (fd < 0)
		return fd;
	rc = rudp_mark_set(fd, flags);
	if (rc < 0) {
		rudp_raw_close(fd);
		return rc;
	}
	return fd;
}

void rudp_socket_begin(const struct rudp_socket *s, struct rudp_control_call *call,
		       enum rudp_control_operation operation, int fd)
{
	rudp_control_begin(call, &s->name.nonce, operation, fd);
	call->request.id = s->name.id;
}

static bool has_gone(int rc, const struct rudp_control_call *call)
{
	return rc == -ECONNREFUSED || rc == -EPERM ||
	       (rc == 0 && call->reply.flags & RUDP_CONTROL_RETIRES);
}

/*
 * A call that a dying engine will never read can still be queued in its socket, and is reset a
 * moment later, when the kernel closes the socket. Then no process listens there any more.
 */
static int call_once_more_if_reset(struct rudp_control_call *call)
{
	int rc = rudp_control_make(call);

	return rc == -ECONNRESET ? rudp_control_make(call) : rc;
}

/*
 * A fresh socket belongs to no engine yet. If the known engine has ended, is about to end, or
 * cannot be reached, another engine can serve it. (EPERM: Landlock keeps a program from sockets
 * that were bound before its restriction.)
 */
static int call_remembered(struct rudp_control_call *call)
{
	struct rudp_engine_ref engine;
	int rc = rudp_engine_find(&engine);

	if (rc < 0)
		return rc;
	call->to.nonce = engine.nonce;
	rc = call_once_more_if_reset(call);
	if (!has_gone(rc, call))
		return rc;
	rudp_engine_forget(&engine.nonce);
	rc = rudp_engine_find(&engine);
	if (rc < 0)
		return rc;
	call->to.nonce = engine.nonce;
	return rudp_control_make(call);
}

int rudp_socket_call(const struct rudp_socket *s, struct rudp_control_call *call)
{
	if (s->state == RUDP_SOCKET_FRESH)
		return call_remembered(call);
	return rudp_control_make(call);
}
