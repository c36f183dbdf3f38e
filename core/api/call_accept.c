/* SPDX-License-Identifier: MIT */
#include "api/call.h"

#include <errno.h>
#include <string.h>

#include "api/address.h"
#include "api/control_client.h"
#include "api/option.h"
#include "api/socket.h"
#include "api/fd_replace.h"
#include "api/raw_syscall.h"

#define INHERITED                                                                                  \
	((unsigned)(RUDP_MARK_IPV6 | RUDP_MARK_V6ONLY | RUDP_MARK_NODELAY |             \
		    RUDP_MARK_NATIVE | RUDP_MARK_REUSEADDR | RUDP_MARK_REUSEPORT | RUDP_MARK_INQ))

static bool peer_of(int fd, struct ucred *peer)
{
	socklen_t len = sizeof *peer;

	return rudp_raw_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0;
}

/*
 * The engine called listen() on the listener, so both ends of an honest one say the same: but for an
 * engine in a thread of a program that was root then, and is somebody else now.
 */
static bool is_from(const struct ucred *engine, int fd)
{
	struct ucred peer;

	return peer_of(fd, &peer) && engine->pid == peer.pid &&
	       (engine->uid == peer.uid || engine->uid == 0);
}

/*
 * When the listener's engine was killed another of the same user, and of the same nonce, serves it
 * (engine/failover/supervisor.h). That one says so by calling listen() on it, for which it is
 * given the listener here, once: then it is known to all who accept from it.
 */
static bool is_from_successor(int listener, const struct ucred *before, int fd,
			      const struct rudp_name *name, bool quietly)
{
	struct rudp_control_call call;
	struct ucred peer, engine;
	struct rudp_socket s;

	if (!peer_of(fd, &peer) || (peer.uid != before->uid && before->uid != 0))
		return false;
	if (quietly)
		return peer.uid == before->uid;
	if (!rudp_socket_look(listener, &s) || s.state != RUDP_SOCKET_LISTENING ||
	    memcmp(&s.name.nonce, &name->nonce, sizeof name->nonce) != 0)
		return false;
	/* Somebody else may have asked meanwhile. */
	if (peer_of(listener, &engine) && is_from(&engine, fd))
		return true;
	rudp_socket_begin(&s, &call, RUDP_CONTROL_LISTEN, listener);
	call.request.number = RUDP_CONTROL_AS_BEFORE;
	return rudp_socket_call(&s, &call) == 0 && call.reply.error == 0 &&
	       peer_of(listener, &engine) && is_from(&engine, fd);
}

/*
 * Returns a connection from the engine, or -errno. Whose the listener is must be known before: a signal
 * handler may close it after a connection was taken (the children of Apache do), and this one counts.
 */
static int take(int listener, int flags, bool quietly, struct rudp_name *name)
{
	struct ucred engine;

	if (!peer_of(listener, &engine))
		return -EBADF;
	for (;;) {
		struct sockaddr_un un;
		socklen_t len = sizeof un;
		int fd = rudp_raw_accept4(listener, (struct sockaddr *)&un, &len, flags);

		if (fd < 0)
			return fd;
		if (rudp_name_parse(name, &un, len) == RUDP_NAME_CONNECTION &&
		    (is_from(&engine, fd) ||
		     is_from_successor(listener, &engine, fd, name, quietly)))
			return fd;
		rudp_raw_close(fd); /* an unauthenticated caller: abstract names are open to all */
	}
}

static void keep_inherited(struct rudp_stored_options *stored)
{
	int kept = 0;

	for (int i = 0; i < stored->count; i++)
		if (!rudp_option_row(stored->options[i].level, stored->options[i].option)->own)
			stored->options[kept++] = stored->options[i];
	stored->count = kept;
}

static void dress(int listener, int fd, unsigned mark, const struct rudp_name *name)
{
	bool has_stored = mark & RUDP_MARK_STORED_OPTIONS;
	int none = 0; /* Linux does not inherit SO_PRIORITY */
	struct rudp_stored_options stored;
	int bytes;

	has_stored = has_stored && rudp_stored_options_get(listener, &stored) == 0;
	bytes = has_stored ? rudp_stored_options_sndbuf(&stored) : RUDP_SOCKET_SNDBUF_BYTES;
	rudp_mark_set(fd, (mark & INHERITED) | RUDP_MARK_ACCEPTED);
	rudp_raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	if (mark & RUDP_MARK_NATIVE) {
		rudp_fd_copy_native_options(listener, fd);
		rudp_raw_setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &none, sizeof none);
	} else if (mark & RUDP_MARK_REUSEADDR) {
		rudp_fd_copy_native_option(listener, fd, SO_REUSEADDR);
	}
	if (has_stored) {
		keep_inherited(&stored);
		rudp_stored_options_write(fd, &stored);
	}
	/* Tells the engine that somebody has it. One that has been reset by now does not care. */
	rudp_raw_sendto(fd, name->nonce.bytes, RUDP_SENTINEL_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT,
			NULL, 0);
}

int rudp_call_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, bool quietly)
{
	int mark = rudp_mark_get(fd); /* enough of a listener: a look at its names is two calls */
	struct rudp_name name;
	int accepted;
	int rc;

	if (mark < 0)
		return RUDP_NOT_OURS;
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) || !(mark & RUDP_MARK_LISTENING))
		return -EINVAL;
	accepted = take(fd, flags, quietly, &name);
	if (accepted < 0)
		return accepted;
	dress(fd, accepted, (unsigned)mark, &name);
	if (!addr)
		return accepted;
	rc = rudp_address_copy_out(accepted, &name.remote, (unsigned)mark, addr, len);
	if (rc < 0) {
		rudp_raw_close(accepted);
		return rc;
	}
	return accepted;
}
