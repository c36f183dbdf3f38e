/* SPDX-License-Identifier: MIT */
/*
 * Sending. The calls go straight to the kernel. The shim acts only on calls that failed, and on the
 * address of those.
 *
 * Each call goes through SEND: it suppresses SIGPIPE (except under a filter, filtered.h) and
 * translates the error. If the kernel refused a call because of its address, the call is made again
 * without the address. write, writev and sendfile are not interposed.
 */
#include <limits.h>
#include <signal.h>

#include "api/address.h"
#include "api/call.h"
#include "api/mark.h"
#include "filtered.h"
#include "policy.h"
#include "real.h"

/* An ignored signal is not raised, because a system call filter may forbid it. */
static void signal_pipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
		raise(SIGPIPE);
}

/*
 * TCP first reports what ended the connection, and only then EPIPE with its signal. So suppress it.
 */
static int without_sigpipe(int flags)
{
	return rudp_is_filtered() ? flags : flags | MSG_NOSIGNAL;
}

/*
 * Without a connection AF_UNIX says ENOTCONN and TCP says EPIPE. Then the shim raises the signal.
 */
static ssize_t after_send(int fd, ssize_t rc, int flags)
{
	int error = errno, error_of_tcp;

	if (rc >= 0 || (error != ENOTCONN && error != EPIPE && error != ECONNRESET) ||
	    rudp_is_filtered())
		return rc;
	error_of_tcp = rudp_call_send_error(fd, error);
	if (error == ENOTCONN && error_of_tcp == EPIPE && flags & MSG_FASTOPEN)
		error_of_tcp = EINVAL; /* no address to connect to */
	else if (error_of_tcp == EPIPE && !(flags & MSG_NOSIGNAL))
		signal_pipe();
	errno = error_of_tcp; /* the handler may have changed it */
	return rc;
}

/*
 * Makes one call with the flags in how, and translates its error. Some families refuse
 * MSG_NOSIGNAL.
 */
#define SEND(rc, fd, flags, call)                                                                  \
	do {                                                                                       \
		int how = without_sigpipe(flags);                                                  \
		(rc) = (call);                                                                     \
		if ((rc) < 0 && how != (flags) && (errno == EINVAL || errno == EOPNOTSUPP)) {      \
			how = (flags);                                                             \
			(rc) = (call);                                                             \
		}                                                                                  \
		(rc) = after_send(fd, rc, flags);                                                  \
	} while (0)

RUDP_EXPORT ssize_t send(int fd, const void *data, size_t len, int flags)
{
	ssize_t rc;

	SEND(rc, fd, flags, REAL(send)(fd, data, len, how));
	return rc;
}

RUDP_EXPORT ssize_t __send(int fd, const void *data, size_t len, int flags)
{
	return send(fd, data, len, flags);
}

/*
 * Sends what follows the first taken bytes. If an element was sent in part, its rest is sent alone.
 */
static ssize_t send_rest(int fd, const struct msghdr *message, size_t taken, int flags)
{
	const struct iovec *piece = message->msg_iov, *end = piece + message->msg_iovlen;
	struct msghdr rest = *message;
	size_t done = taken, left;
	ssize_t rc = 0;

	while (piece < end && done >= piece->iov_len)
		done -= (piece++)->iov_len;
	if (done > 0) {
		left = piece->iov_len - done;
		rc = REAL(send)(fd, (const char *)piece->iov_base + done, left,
				without_sigpipe(flags));
		if (rc != (ssize_t)left)
			return (ssize_t)taken + (rc > 0 ? rc : 0);
		taken += left;
		piece++;
	}
	if (piece == end && taken > 0)
		return (ssize_t)taken;
	rest.msg_name = NULL;
	rest.msg_namelen = 0;
	rest.msg_iov = (struct iovec *)piece;
	rest.msg_iovlen = (size_t)(end - piece);
	rc = REAL(sendmsg)(fd, &rest, without_sigpipe(flags));
	if (taken == 0)
		return after_send(fd, rc, flags);
	return (ssize_t)taken + (rc > 0 ? rc : 0);
}

/* Connects, and sends what the SYN did not carry. An urgent byte cannot be sent with the SYN. */
static ssize_t send_fast(int fd, const struct msghdr *message, int flags)
{
	struct rudp_early early = {.iov = message->msg_iov,
				   .count = flags & MSG_OOB ? 0 : message->msg_iovlen,
				   .dont_wait = flags & MSG_DONTWAIT};
	int rc = rudp_call_open_fast(fd, message->msg_name, message->msg_namelen,
				     rudp_policy_wants_kernel, &early);

	if (rc == RUDP_NOT_OURS)
		return REAL(sendmsg)(fd, message, flags);
	/*
	 * After EINTR Linux makes the program send the bytes twice: it reports EINTR although they
	 * are sent.
	 */
	if ((rc == -EINPROGRESS || rc == -EINTR) && early.taken > 0)
		return (ssize_t)early.taken;
	if (rc < 0)
		return rudp_result(rc);
	return send_rest(fd, message, early.taken, flags & ~MSG_FASTOPEN);
}

/*
 * AF_UNIX refused the call because of its address, and nothing was sent. Send without the address.
 */
static ssize_t send_unnamed(int fd, const struct msghdr *message, int flags)
{
	if (flags & MSG_FASTOPEN)
		return send_fast(fd, message, flags);
	return send_rest(fd, message, 0, flags);
}

/* The mark is read under a filter too: nothing else shows that the socket is a rudp socket. */
static bool refused_name(int fd, const struct msghdr *message)
{
	return (errno == EISCONN || errno == EOPNOTSUPP) && rudp_mark_get(fd) >= 0 &&
	       message->msg_name && message->msg_namelen;
}

/* A connected TCP socket ignores the address, but checks its pointer. */
static ssize_t send_named(int fd, const struct msghdr *message, int flags)
{
	struct sockaddr_storage copy;
	int rc = rudp_address_copy_in(fd, message->msg_name, message->msg_namelen, &copy);

	if (rc < 0)
		return rudp_result(rc);
	if (flags & MSG_FASTOPEN)
		return send_fast(fd, message, flags);
	return send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags);
}

/*
 * Under a filter the call is first made unchanged: UDP sockets send so, and they are none of ours.
 */
RUDP_EXPORT ssize_t sendto(int fd, const void *data, size_t len, int flags,
			   __CONST_SOCKADDR_ARG addr, socklen_t addr_len)
{
	struct iovec iov = {(void *)data, len};
	struct msghdr message = {.msg_name = (void *)addr.__sockaddr__,
				 .msg_namelen = addr_len,
				 .msg_iov = &iov,
				 .msg_iovlen = 1};
	int before = errno;
	ssize_t rc;

	if (addr.__sockaddr__ && !rudp_is_filtered() && rudp_mark_get(fd) >= 0)
		return send_named(fd, &message, flags);
	SEND(rc, fd, flags, REAL(sendto)(fd, data, len, how, addr, addr_len));
	if (rc >= 0 || !addr.__sockaddr__ || !refused_name(fd, &message))
		return rc;
	rc = send_unnamed(fd, &message, flags);
	if (rc >= 0)
		errno = before;
	return rc;
}

RUDP_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	int before = errno;
	ssize_t rc;

	SEND(rc, fd, flags, REAL(sendmsg)(fd, message, how));
	if (rc >= 0 || !refused_name(fd, message))
		return rc;
	rc = send_unnamed(fd, message, flags);
	if (rc >= 0)
		errno = before;
	return rc;
}

RUDP_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	int before = errno;
	unsigned done = 0;
	ssize_t rc;

	SEND(rc, fd, flags, REAL(sendmmsg)(fd, messages, count, how));
	if (rc >= 0 || count == 0 || !refused_name(fd, &messages[0].msg_hdr))
		return (int)rc;
	while (done < count && done < IOV_MAX) {
		ssize_t len = send_unnamed(fd, &messages[done].msg_hdr, flags);

		if (len < 0)
			break;
		messages[done++].msg_len = (unsigned)len;
	}
	if (done == 0)
		return -1;
	errno = before;
	return (int)done;
}
