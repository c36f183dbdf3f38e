/* SPDX-License-Identifier: MIT */
#include "api/call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "api/address.h"
#include "api/clear_text.h"
#include "api/control_client.h"
#include "api/name_notes.h"
#include "api/option.h"
#include "api/socket.h"
#include "api/socket_name.h"
#include "api/fd_replace.h"
#include "api/raw_syscall.h"

#define LEFT_TO_KERNEL 2 /* a rule of the engine's policy says so */

/* The destination, and the options of the call. */
struct destination {
	const struct sockaddr *addr; /* the program's pointer: only the kernel may read it */
	socklen_t len;
	struct sockaddr_storage copy;
	rudp_wants_kernel *wants_kernel;
	struct rudp_early *early; /* NULL: connect(2) */
};

/*
 * The any address means this host, as with TCP: the IPv4 address to which the socket is bound, else
 * loopback, of IPv4 if the socket is bound to an IPv4 address.
 */
static void resolve_any(int fd, const struct rudp_socket *s, struct rudp_addr *remote)
{
	uint16_t port = rudp_addr_port(remote);
	struct rudp_name own;

	if (!rudp_addr_is_any(remote))
		return;
	if (s->state == RUDP_SOCKET_BOUND && rudp_socket_own_name(fd, &own) &&
	    own.local.family == AF_INET) {
		if (remote->family == AF_INET6)
			own.local.in4.sin_addr.s_addr = INADDR_ANY;
		*remote = own.local;
		rudp_addr_set_port(remote, port);
	}
	rudp_addr_resolve_any(remote);
}

/* A stream cannot go to multicast or broadcast. */
static int check_destination(int fd, const struct rudp_socket *s,
			     const struct sockaddr_storage *copy, struct rudp_addr *remote)
{
	if (copy->ss_family == AF_INET6 && remote->family == AF_INET && s->flags & RUDP_MARK_V6ONLY)
		return -ENETUNREACH;
	resolve_any(fd, s, remote);
	if (remote->family == AF_INET && ntohl(remote->in4.sin_addr.s_addr) >= 0xe0000000)
		return -ENETUNREACH;
	if (remote->family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&remote->in6.sin6_addr))
		return -ENETUNREACH;
	if (remote->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&remote->in6.sin6_addr) &&
	    remote->in6.sin6_scope_id == 0)
		return -EINVAL;
	return 0;
}

static void set_pending(int fd, bool pending)
{
	rudp_mark_change(fd, pending ? RUDP_MARK_PENDING : 0, pending ? 0 : RUDP_MARK_PENDING);
}

static int finish(int fd, const struct rudp_control_call *call)
{
	int error = call->reply.error;

	if (error != EINPROGRESS)
		return -error;
	set_pending(fd, true);
	return call->went_on ? -call->cut_short : -EINPROGRESS;
}

/* TCP_FASTOPEN_CONNECT. */
static bool wants_deferral(int fd, const struct rudp_socket *s)
{
	struct rudp_stored_options stored;
	uint32_t value = 0;

	return s->flags & RUDP_MARK_STORED_OPTIONS && rudp_stored_options_get(fd, &stored) == 0 &&
	       rudp_stored_options_find(&stored, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &value) &&
	       value;
}

/* Adds as many bytes as a SYN can hold, in as many pieces as the call can carry. */
static void add_early(struct rudp_control_call *call, const struct rudp_early *early,
		      struct iovec pieces[RUDP_CONTROL_EARLY_PIECES])
{
	size_t room = RUDP_CONTROL_EARLY_MAX;

	for (size_t i = 0; i < early->count && call->early_count < RUDP_CONTROL_EARLY_PIECES; i++) {
		struct iovec piece = early->iov[i];

		if (piece.iov_len > room)
			piece.iov_len = room;
		room -= piece.iov_len;
		pieces[call->early_count++] = piece;
	}
	call->early = pieces;
	call->request.number = (int32_t)(RUDP_CONTROL_EARLY_MAX - room);
}

static int ask_engine(int fd, const struct rudp_socket *s, const struct rudp_addr *remote,
		      struct rudp_early *early)
{
	struct iovec pieces[RUDP_CONTROL_EARLY_PIECES];
	struct rudp_control_call call;
	socklen_t len = sizeof call.timeout;
	bool nonblocking = (early && early->dont_wait) || rudp_socket_is_nonblocking(fd);
	struct rudp_found_names names;
	ssize_t names_bytes;
	int rc;

	if (s->flags & RUDP_MARK_ABORTED)
		rudp_mark_change(fd, 0, RUDP_MARK_ABORTED);
	rudp_socket_begin(s, &call, RUDP_CONTROL_CONNECT, fd);
	call.request.addr = *remote;
	names_bytes = rudp_name_notes_get(remote, &names);
	if (names_bytes < 0)
		return (int)names_bytes;
	call.names = names.text;
	call.request.level = (int32_t)names_bytes;
	if (nonblocking)
		call.request.flags = RUDP_CONTROL_NONBLOCKING;
	else if (s->flags & RUDP_MARK_NATIVE)
		rudp_raw_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &call.timeout, &len);
	call.interruptible = !nonblocking;
	if (early)
		add_early(&call, early, pieces);
	else if (wants_deferral(fd, s))
		call.request.flags |= RUDP_CONTROL_DEFER;
	rc = rudp_socket_call(s, &call);
	rudp_name_notes_put(call.names, (size_t)names_bytes);
	if (rc < 0)
		return rc;
	if (call.reply.error == 0 && call.reply.flags & RUDP_CONTROL_BY_KERNEL)
		return LEFT_TO_KERNEL;
	if (early)
		early->taken = call.reply.early_bytes;
	return finish(fd, &call);
}

static int connect_by_kernel(int fd, const struct rudp_socket *s, const struct destination *to)
{
	int rc = rudp_fd_replace_kernel(fd, s);

	if (rc < 0)
		return rc;
	return to->early ? RUDP_NOT_OURS : rudp_raw_connect(fd, to->addr, to->len);
}

static int connect_new(int fd, const struct rudp_socket *s, const struct destination *to)
{
	struct rudp_addr remote;
	int rc = rudp_address_check(s, &to->copy, to->len, &remote);

	if (rc == 0)
		rc = check_destination(fd, s, &to->copy, &remote);
	if (rc < 0)
		return rc;
	if (to->wants_kernel && to->wants_kernel(&remote))
		return connect_by_kernel(fd, s, to);
	rc = ask_engine(fd, s, &remote, to->early);
	/* -ENOENT: the engine that was found at socket() has ended, and there is no other. */
	if (rc == -ENOENT && rudp_clear_text_is_forbidden())
		return -EACCES;
	if (rc == LEFT_TO_KERNEL || rc == -ENOENT)
		return connect_by_kernel(fd, s, to);
	return rc;
}

/*
 * TCP reports the pending error (ECONNABORTED if it was read already). Then the socket is like new.
 */
static int report_failure(int fd, const struct rudp_socket *s)
{
	int error = rudp_socket_take_error(fd, s);
	int rc = rudp_socket_renew(fd, s);

	if (rc < 0)
		return rc;
	return error ? -error : -ECONNABORTED;
}

static int wait_writable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	struct timeval timeout = {0, 0};
	socklen_t len = sizeof timeout;
	int64_t ms;
	int rc;

	rudp_raw_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &len);
	ms = (int64_t)timeout.tv_sec * 1000 + timeout.tv_usec / 1000;
	rc = poll(&one, 1, ms > 0 && ms < INT32_MAX ? (int)ms : -1);
	return rc;
}

/* Another connect() on a socket whose connect attempt has begun. */
static int connect_pending(int fd, const struct rudp_socket *s)
{
	enum rudp_progress progress = rudp_socket_progress(fd, s);

	if (progress == RUDP_PROGRESS_CONNECTING && !rudp_socket_is_nonblocking(fd)) {
		int rc = wait_writable(fd);

		if (rc <= 0)
			return rc == 0 ? -EALREADY : -EINTR;
		progress = rudp_socket_progress(fd, s);
	}
	switch (progress) {
	case RUDP_PROGRESS_CONNECTING:
		return -EALREADY;
	case RUDP_PROGRESS_ESTABLISHED:
		set_pending(fd, false);
		return 0;
	case RUDP_PROGRESS_OVER:
		break;
	}
	return report_failure(fd, s);
}

static void ask_for_reset(int fd, const struct rudp_socket *s)
{
	static const struct linger at_once = {.l_onoff = 1};
	struct rudp_control_call call;

	rudp_socket_begin(s, &call, RUDP_CONTROL_SET, fd);
	call.request.level = SOL_SOCKET;
	call.request.option = SO_LINGER;
	call.request.number = sizeof at_once;
	memcpy(call.request.value, &at_once, sizeof at_once);
	/* A failure is no problem: then the engine does not have the connection any more. */
	rudp_socket_call(s, &call);
}

/*
 * The connection has ended before. A reset that the program has not seen yet stays pending, as with
 * TCP.
 */
static int renew_ended(int fd, const struct rudp_socket *s)
{
	return rudp_socket_take_error(fd, s) == ECONNRESET ? rudp_socket_abort(fd, s)
							   : rudp_socket_renew(fd, s);
}

/* connect() with AF_UNSPEC undoes the present state. The peer gets a reset. */
static int disconnect(int fd, struct rudp_socket *s)
{
	if (s->state == RUDP_SOCKET_FRESH || s->state == RUDP_SOCKET_BOUND)
		return rudp_socket_renew_listener(fd, s);
	if (s->state == RUDP_SOCKET_LISTENING)
		return rudp_socket_renew(fd, s);
	if (rudp_socket_progress(fd, s) == RUDP_PROGRESS_OVER)
		return renew_ended(fd, s);
	ask_for_reset(fd, s);
	return rudp_socket_abort(fd, s);
}

static int connect_by_state(int fd, struct rudp_socket *s, const struct destination *to)
{
	int rc;

	switch (s->state) {
	case RUDP_SOCKET_FRESH:
	case RUDP_SOCKET_BOUND:
		rc = rudp_socket_renew_listener(fd, s);
		return rc < 0 ? rc : connect_new(fd, s, to);
	case RUDP_SOCKET_CONNECTED:
		return s->flags & RUDP_MARK_PENDING ? connect_pending(fd, s) : -EISCONN;
	case RUDP_SOCKET_LISTENING:
		break;
	}
	return -EISCONN;
}

int rudp_call_connect(int fd, const struct sockaddr *addr, socklen_t len,
		      rudp_wants_kernel *wants_kernel)
{
	struct destination to = {.addr = addr, .len = len, .wants_kernel = wants_kernel};
	struct rudp_socket s;
	int rc;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	rc = rudp_address_copy_in(fd, addr, len, &to.copy);
	if (rc < 0)
		return rc;
	if (len < sizeof to.copy.ss_family)
		return -EINVAL;
	if (to.copy.ss_family == AF_UNSPEC)
		return disconnect(fd, &s);
	return connect_by_state(fd, &s, &to);
}

/* Whether bit 0 of net.ipv4.tcp_fastopen is 0: then TCP_FASTOPEN_CONNECT is refused. */
static bool is_switched_off(const struct rudp_socket *s)
{
	int on = 1, scratch = rudp_option_scratch(s), rc;

	if (scratch < 0)
		return false;
	rc = rudp_raw_setsockopt(scratch, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
	rudp_raw_close(scratch);
	return rc == -EOPNOTSUPP;
}

/* The checks are in the order in which Linux makes them. */
int rudp_call_open_fast(int fd, const struct sockaddr *addr, socklen_t len,
			rudp_wants_kernel *wants_kernel, struct rudp_early *early)
{
	struct destination to = {
		.addr = addr, .len = len, .wants_kernel = wants_kernel, .early = early};
	struct rudp_socket s;
	int rc = 0;

	early->taken = 0;
	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (addr)
		rc = rudp_address_copy_in(fd, addr, len, &to.copy);
	if (rc < 0)
		return rc;
	if (is_switched_off(&s))
		return -EOPNOTSUPP;
	if (addr && len < sizeof to.copy.ss_family)
		return -EINVAL;
	if (addr && to.copy.ss_family == AF_UNSPEC)
		return -EOPNOTSUPP;
	return connect_by_state(fd, &s, &to);
}
