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
	((unsigned)(RUDP_MARK_IPV6 | RUDP_MARK_V6ONLY | RUDP_MARK_NODELAY | RUDP_MARK_NATIVE |     \
		    RUDP_MARK_REUSEADDR | RUDP_MARK_REUSEPORT | RUDP_MARK_INQ))

/*
 * The engine called listen() on the listener, so SO_PEERCRED of the listener and of a genuine
 * connection are equal. One difference is allowed: an engine in a thread of a program that was root
 * when it called listen(), and now is another user.
 */
static bool is_from(const struct ucred *engine, int fd)
{
	struct ucred peer;

	return rudp_raw_peer(fd, &peer) == 0 && engine->pid == peer.pid &&
	       (engine->uid == peer.uid || engine->uid == 0);
}

/*
 * If the listener's engine was killed, another engine of the same user and with the same nonce
 * serves the listener (engine/failover/supervisor.h). It proves that by calling listen() on it. To
 * let it do so, the listener is given to it here, once; then all who accept from the listener see
 * its credentials.
 */
static bool is_from_successor(int listener, const struct ucred *before, int fd,
			      const struct rudp_name *name, bool quietly)
{
	struct rudp_control_call call;
	struct ucred peer, engine;
	struct rudp_socket s;

	if (rudp_raw_peer(fd, &peer) < 0 || (peer.uid != before->uid && before->uid != 0))
		return false;
	if (quietly)
		return peer.uid == before->uid;
	if (!rudp_socket_inspect(listener, &s) || s.state != RUDP_SOCKET_LISTENING ||
	    memcmp(&s.name.nonce, &name->nonce, sizeof name->nonce) != 0)
		return false;
	/* Another thread or process may have asked meanwhile. */
	if (rudp_raw_peer(listener, &engine) == 0 && is_from(&engine, fd))
		return true;
	rudp_socket_begin(&s, &call, RUDP_CONTROL_LISTEN, listener);
	call.request.number = RUDP_CONTROL_AS_BEFORE;
	return rudp_socket_call(&s, &call) == 0 && call.reply.error == 0 &&
	       rudp_raw_peer(listener, &engine) == 0 && is_from(&engine, fd);
}

/*
 * Returns a connection from the engine, or -errno. The listener's credentials are read before
 * accept, because a signal handler may close the listener after a connection was taken (the
 * children of Apache do), and this connection must not be lost.
 */
static int accept_from_engine(int listener, int flags, bool quietly, struct rudp_name *name)
{
	struct ucred engine;

	if (rudp_raw_peer(listener, &engine) < 0)
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
		/* An unauthenticated caller: every user can connect to an abstract name. */
		rudp_raw_close(fd);
	}
}

static void keep_inherited(struct rudp_stored_options *stored)
{
	int kept = 0;

	for (int i = 0; i < stored->count; i++)
		if (!rudp_option_row(stored->options[i].level, stored->options[i].option)
			     ->not_inherited)
			stored->options[kept++] = stored->options[i];
	stored->count = kept;
}

static void set_up_accepted(int listener, int fd, unsigned mark, const struct rudp_name *name)
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
	/*
	 * Tells the engine that the program has the connection. If it was reset meanwhile, that is
	 * no error.
	 */
	rudp_raw_sendto(fd, name->nonce.bytes, RUDP_SENTINEL_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT,
			NULL, 0);
}

int rudp_call_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, bool quietly)
{
	int mark = rudp_mark_get(fd); /* enough here; rudp_socket_inspect makes two more calls */
	struct rudp_name name;
	int accepted;
	int rc;

	if (mark < 0)
		return RUDP_NOT_OURS;
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) || !(mark & RUDP_MARK_LISTENING))
		return -EINVAL;
	accepted = accept_from_engine(fd, flags, quietly, &name);
	if (accepted < 0)
		return accepted;
	set_up_accepted(fd, accepted, (unsigned)mark, &name);
	if (!addr)
		return accepted;
	rc = rudp_address_copy_out(accepted, &name.remote, (unsigned)mark, addr, len);
	if (rc < 0) {
		rudp_raw_close(accepted);
		return rc;
	}
	return accepted;
}
