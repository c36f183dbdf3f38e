/* SPDX-License-Identifier: MIT */
/*
 * Data goes straight to the kernel. We look only at calls that failed, at names in them, and at flags
 * that AF_UNIX understands differently.
 */
#include <limits.h>
#include <signal.h>

#include "api/address.h"
#include "api/call.h"
#include "api/mark.h"
#include "filtered.h"
#include "receive_flags.h"
#include "receive_queue.h"
#include "receive_several.h"
#include "policy.h"
#include "real.h"

static ssize_t mend_error(int fd, ssize_t rc)
{
	if (rc < 0 && (errno == EINVAL || errno == ECONNRESET) && !rudp_is_filtered())
		errno = rudp_call_receive_error(fd, errno);
	return rc;
}

/* Where the peer had ended its half before it reset, only who writes is told: who reads has his end. */
static ssize_t mend_receive(int fd, ssize_t rc)
{
	if (rc >= 0 || (errno != EINVAL && errno != ECONNRESET))
		return rc; /* EPIPE, too, which some devices say by themselves */
	mend_error(fd, rc);
	return errno == EPIPE ? 0 : rc;
}

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

/* A few families refuse that flag. */
#define QUIETLY(rc, flags, call)                                                                   \
	do {                                                                                       \
		int how = quiet(flags);                                                            \
		(rc) = (call);                                                                     \
		if ((rc) < 0 && how != (flags) && (errno == EINVAL || errno == EOPNOTSUPP)) {      \
			how = (flags);                                                             \
			(rc) = (call);                                                             \
		}                                                                                  \
	} while (0)

/* Without a connection AF_UNIX says ENOTCONN, where TCP says EPIPE. The signal is ours to send. */
static ssize_t mend_send(int fd, ssize_t rc, int flags)
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

RUDP_EXPORT ssize_t read(int fd, void *data, size_t len)
{
	return mend_receive(fd, REAL(read)(fd, data, len));
}

RUDP_EXPORT ssize_t __read(int fd, void *data, size_t len)
{
	return read(fd, data, len);
}

/* More pieces than there may be are wrong with and without a connection. */
RUDP_EXPORT ssize_t readv(int fd, const struct iovec *pieces, int count)
{
	ssize_t rc = REAL(readv)(fd, pieces, count);

	return count < 0 || count > IOV_MAX ? rc : mend_receive(fd, rc);
}

RUDP_EXPORT ssize_t __read_chk(int fd, void *data, size_t len, size_t room)
{
	return mend_receive(fd, REAL(__read_chk)(fd, data, len, room));
}

/* No urgent byte is EINVAL with or without a connection. */
static ssize_t mend_urgent(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	if (errno != EINVAL)
		return mend_receive(fd, -1);
	if (rudp_call_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening)
		errno = ENOTCONN;
	else
		errno = EINVAL;
	return -1;
}

RUDP_EXPORT ssize_t recv(int fd, void *data, size_t len, int flags)
{
	ssize_t rc;

	if (rudp_receive_is_special(flags) && rudp_mark_get(fd) >= 0)
		return mend_receive(fd, rudp_receive_special(fd, data, len, flags));
	rc = REAL(recv)(fd, data, len, flags);
	return flags & MSG_OOB && rc < 0 ? mend_urgent(fd) : mend_receive(fd, rc);
}

RUDP_EXPORT ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags)
{
	if (len > room)
		return REAL(__recv_chk)(fd, data, len, room, flags); /* ends the program */
	return recv(fd, data, len, flags);
}

/*
 * TCP has no address to give here and says so with a length of 0. A wrong pointer to the length is found
 * only when the data has been taken, as Linux does it.
 */
RUDP_EXPORT ssize_t recvfrom(int fd, void *data, size_t len, int flags, __SOCKADDR_ARG addr,
			     socklen_t *addr_len)
{
	ssize_t rc;
	int checked;

	if ((!addr.__sockaddr__ && !rudp_receive_is_special(flags)) || rudp_mark_get(fd) < 0)
		return mend_receive(fd, REAL(recvfrom)(fd, data, len, flags, addr, addr_len));
	rc = recv(fd, data, len, flags);
	if (rc < 0 || !addr.__sockaddr__)
		return rc;
	checked = rudp_address_check_len(fd, addr_len);
	if (checked < 0)
		return rudp_result(checked);
	*addr_len = 0;
	return rc;
}

RUDP_EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room, int flags,
				   __SOCKADDR_ARG addr, socklen_t *addr_len)
{
	if (len > room)
		return REAL(__recvfrom_chk)(fd, data, len, room, flags, addr, addr_len);
	return recvfrom(fd, data, len, flags, addr, addr_len);
}

/* The kernel has been through the message by now: it can be read. */
static void forget_name(int fd, struct msghdr *message)
{
	if (message->msg_name && message->msg_namelen && rudp_mark_get(fd) >= 0)
		message->msg_namelen = 0;
}

/* As the kernel leaves a message at the end of file. */
static ssize_t found_end(struct msghdr *message)
{
	message->msg_namelen = 0;
	message->msg_controllen = 0;
	message->msg_flags = 0;
	return 0;
}

RUDP_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	size_t room = rudp_receive_queue_room(fd, message);
	ssize_t rc;

	if (rudp_receive_is_special(flags) && rudp_mark_get(fd) >= 0)
		return mend_receive(fd, rudp_receive_special_message(fd, message, flags));
	rc = REAL(recvmsg)(fd, message, flags);
	if (rc >= 0)
		forget_name(fd, message);
	if (rc >= 0 && room > 0)
		rudp_receive_queue_add(fd, message, room);
	if (flags & MSG_OOB && rc < 0)
		return mend_urgent(fd);
	return rc < 0 && mend_receive(fd, rc) == 0 ? found_end(message) : rc;
}

/* The one call that says a pending error before it looks for bytes, EPIPE too. */
RUDP_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
			 struct timespec *timeout)
{
	int rc;

	if (rudp_receive_is_by_one(fd, flags))
		return (int)mend_error(fd, rudp_receive_several(fd, messages, count, flags, timeout));
	rc = REAL(recvmmsg)(fd, messages, count, flags, timeout);
	for (int i = 0; i < rc; i++)
		forget_name(fd, &messages[i].msg_hdr);
	return (int)(flags & MSG_OOB && rc < 0 ? mend_urgent(fd) : mend_error(fd, rc));
}

RUDP_EXPORT ssize_t send(int fd, const void *data, size_t len, int flags)
{
	ssize_t rc;

	QUIETLY(rc, flags, REAL(send)(fd, data, len, how));
	return mend_send(fd, rc, flags);
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
		return mend_send(fd, rc, flags);
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

/* A connected TCP socket takes no notice of a name, but for its pointer. */
RUDP_EXPORT ssize_t sendto(int fd, const void *data, size_t len, int flags,
			   __CONST_SOCKADDR_ARG addr, socklen_t addr_len)
{
	struct iovec iov = {(void *)data, len};
	struct sockaddr_storage copy;
	ssize_t sent;
	int rc;

	if (!addr.__sockaddr__ || rudp_mark_get(fd) < 0) {
		QUIETLY(sent, flags, REAL(sendto)(fd, data, len, how, addr, addr_len));
		return mend_send(fd, sent, flags);
	}
	rc = rudp_address_copy_in(fd, addr.__sockaddr__, addr_len, &copy);
	if (rc < 0)
		return rudp_result(rc);
	if (flags & MSG_FASTOPEN)
		return send_fast(fd,
				 &(struct msghdr){.msg_name = (void *)addr.__sockaddr__,
						  .msg_namelen = addr_len,
						  .msg_iov = &iov,
						  .msg_iovlen = 1},
				 flags);
	return send(fd, data, len, flags);
}

/* AF_UNIX has refused because of the name, and nothing was sent: again without it. */
static ssize_t send_unnamed(int fd, const struct msghdr *message, int flags)
{
	if (flags & MSG_FASTOPEN)
		return send_fast(fd, message, flags);
	return send_behind(fd, message, 0, flags);
}

static bool refused_name(int fd, const struct msghdr *message)
{
	return (errno == EISCONN || errno == EOPNOTSUPP) && rudp_mark_get(fd) >= 0 &&
	       message->msg_name && message->msg_namelen;
}

RUDP_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	int before = errno;
	ssize_t rc;

	QUIETLY(rc, flags, REAL(sendmsg)(fd, message, how));
	if (rc >= 0 || !refused_name(fd, message))
		return mend_send(fd, rc, flags);
	rc = send_unnamed(fd, message, flags);
	if (rc >= 0)
		errno = before;
	return rc;
}

RUDP_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	int before = errno;
	unsigned sent = 0;
	int rc;

	QUIETLY(rc, flags, REAL(sendmmsg)(fd, messages, count, how));
	if (rc >= 0 || count == 0 || !refused_name(fd, &messages[0].msg_hdr))
		return (int)mend_send(fd, rc, flags);
	while (sent < count && sent < IOV_MAX) {
		ssize_t len = send_unnamed(fd, &messages[sent].msg_hdr, flags);

		if (len < 0)
			break;
		messages[sent++].msg_len = (unsigned)len;
	}
	if (sent == 0)
		return -1;
	errno = before;
	return (int)sent;
}
