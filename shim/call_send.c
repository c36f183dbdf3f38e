/* SPDX-License-Identifier: MIT */
/*
 * Sending: straight to the kernel. We look only at calls that failed, and at names in them.
 *
 * Every call takes the way of SEND, in this order: quietly (unless filtered.h), mended. What was
 * refused because of a name is then sent without it. write, writev and sendfile go past us.
 */
#include <limits.h>
#include <signal.h>

#include "api/address.h"
#include "api/call.h"
#include "api/mark.h"
#include "filtered.h"
#include "policy.h"
#include "real.h"

/* One that is ignored is not sent: a filter of system calls may stand in the way. */
static void signal_pipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
		raise(SIGPIPE);
}

/* TCP says first what has ended the connection, and only then EPIPE, with its signal. */
static int quiet(int flags)
{
	return rudp_is_filtered() ? flags : flags | MSG_NOSIGNAL;
}

/* Without a connection AF_UNIX says ENOTCONN, where TCP says EPIPE. The signal is ours to send. */
static ssize_t sent(int fd, ssize_t rc, int flags)
{
	int error = errno, told;

	if (rc >= 0 || (error != ENOTCONN && error != EPIPE && error != ECONNRESET) ||
	    rudp_is_filtered())
		return rc;
	told = rudp_call_send_error(fd, error);
	if (error == ENOTCONN && told == EPIPE && flags & MSG_FASTOPEN)
		told = EINVAL; /* nowhere to connect to */
	else if (told == EPIPE && !(flags & MSG_NOSIGNAL))
		signal_pipe();
	errno = told; /* whatever the handler did */
	return rc;
}

/* One send: the call, its flags in how, and what TCP says then. A few families refuse MSG_NOSIGNAL. */
#define SEND(rc, fd, flags, call)                                                                  \
	do {                                                                                       \
		int how = quiet(flags);                                                            \
		(rc) = (call);                                                                     \
		if ((rc) < 0 && how != (flags) && (errno == EINVAL || errno == EOPNOTSUPP)) {      \
			how = (flags);                                                             \
			(rc) = (call);                                                             \
		}                                                                                  \
		(rc) = sent(fd, rc, flags);                                                        \
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

/* What stands behind the first bytes, which are taken; a piece that is taken in part goes by itself. */
static ssize_t send_behind(int fd, const struct msghdr *message, size_t taken, int flags)
{
	const struct iovec *piece = message->msg_iov, *end = piece + message->msg_iovlen;
	struct msghdr rest = *message;
	size_t done = taken, left;
	ssize_t rc = 0;

	while (piece < end && done >= piece->iov_len)
		done -= (piece++)->iov_len;
	if (done > 0) {
		left = piece->iov_len - done;
		rc = REAL(send)(fd, (const char *)piece->iov_base + done, left, quiet(flags));
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
	rc = REAL(sendmsg)(fd, &rest, quiet(flags));
	if (taken == 0)
		return sent(fd, rc, flags);
	return (ssize_t)taken + (rc > 0 ? rc : 0);
}

/* Connects; what the SYN has not taken follows. An urgent byte has no place in it. */
static ssize_t send_fast(int fd, const struct msghdr *message, int flags)
{
	struct rudp_early early = {.iov = message->msg_iov,
				   .count = flags & MSG_OOB ? 0 : message->msg_iovlen,
				   .dont_wait = flags & MSG_DONTWAIT};
	int rc = rudp_call_open_fast(fd, message->msg_name, message->msg_namelen,
				     rudp_policy_wants_kernel, &early);

	if (rc == RUDP_NOT_OURS)
		return REAL(sendmsg)(fd, message, flags);
	/* Linux would have it sent twice after EINTR: it says so although the bytes are on their way. */
	if ((rc == -EINPROGRESS || rc == -EINTR) && early.taken > 0)
		return (ssize_t)early.taken;
	if (rc < 0)
		return rudp_result(rc);
	return send_behind(fd, message, early.taken, flags & ~MSG_FASTOPEN);
}

/* AF_UNIX has refused because of the name, and nothing was sent: again without it. */
static ssize_t send_unnamed(int fd, const struct msghdr *message, int flags)
{
	if (flags & MSG_FASTOPEN)
		return send_fast(fd, message, flags);
	return send_behind(fd, message, 0, flags);
}

/* The mark is asked for behind a filter, too: what was refused cannot be told from it otherwise. */
static bool refused_name(int fd, const struct msghdr *message)
{
	return (errno == EISCONN || errno == EOPNOTSUPP) && rudp_mark_get(fd) >= 0 &&
	       message->msg_name && message->msg_namelen;
}

/* A connected TCP socket takes no notice of a name, but for its pointer. */
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

/* Behind a filter it is tried as it is: sockets of UDP send so, and none of them is ours. */
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
