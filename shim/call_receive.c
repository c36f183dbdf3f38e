/* SPDX-License-Identifier: MIT */
/* libc would define read, recv and recvfrom inline, which are defined here */
#undef _FORTIFY_SOURCE
/*
 * Receiving. The calls go straight to the kernel. The shim acts only on calls that failed, on
 * returned names, and on flags that AF_UNIX treats differently.
 *
 * Each call is made by rudp_receive_special() or by the kernel (rudp_receive_is_ours() decides).
 * Its result passes through received().
 */
#include <fcntl.h>
#include <limits.h>

#include "api/address.h"
#include "api/call.h"
#include "api/mark.h"
#include "api/names.h"
#include "api/socket.h"
#include "filtered.h"
#include "real.h"
#include "receive_flags.h"
#include "receive_queue.h"
#include "receive_several.h"

/* If there is no urgent byte, TCP says EINVAL, connected or not. Only a listener says ENOTCONN. */
static int urgent_error(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	if (rudp_call_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening)
		return ENOTCONN;
	return EINVAL;
}

/*
 * Translates the kernel's errno to TCP's. Returns false, with errno unchanged, if it is none of
 * ours.
 */
static bool translate_error(int fd, ssize_t rc, int flags)
{
	if (rc >= 0 || (errno != EINVAL && errno != ECONNRESET) || rudp_is_filtered())
		return false;
	errno = errno == EINVAL && flags & MSG_OOB ? urgent_error(fd)
						   : rudp_call_receive_error(fd, errno);
	return true;
}

/*
 * The end of each call. before is errno at its start. If the peer ended its direction before it
 * reset, TCP reports EPIPE to senders only: a reader gets end of file. An EPIPE that was not
 * translated comes from another kind of file, whose driver reports it.
 */
static ssize_t received(int fd, ssize_t rc, int flags, int before)
{
	if (!translate_error(fd, rc, flags) || errno != EPIPE)
		return rc;
	errno = before;
	return 0;
}

RUDP_EXPORT ssize_t read(int fd, void *data, size_t len)
{
	int before = errno;

	return received(fd, REAL(read)(fd, data, len), 0, before);
}

RUDP_EXPORT ssize_t __read(int fd, void *data, size_t len)
{
	return read(fd, data, len);
}

RUDP_EXPORT ssize_t __read_chk(int fd, void *data, size_t len, size_t room)
{
	int before = errno;

	return received(fd, REAL(__read_chk)(fd, data, len, room), 0, before);
}

/* With too many elements, the error is EINVAL with and without a connection, so it stays. */
RUDP_EXPORT ssize_t readv(int fd, const struct iovec *pieces, int count)
{
	int before = errno;
	ssize_t rc = REAL(readv)(fd, pieces, count);

	return count < 0 || count > IOV_MAX ? rc : received(fd, rc, 0, before);
}

/*
 * A TCP socket takes only its own O_NONBLOCK into account. An AF_UNIX socket also takes
 * SPLICE_F_NONBLOCK, which is meant for the pipe. So this waits, as a read does, and tries again.
 * EAGAIN with input unread comes from a full pipe.
 */
static ssize_t splice_again(int in, int out, off64_t *out_at, size_t len, unsigned flags)
{
	char byte;
	ssize_t rc = -1;

	while (rc < 0 && errno == EAGAIN && REAL(recv)(in, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN && REAL(recv)(in, &byte, 1, MSG_PEEK) >= 0)
		rc = REAL(splice)(in, NULL, out, out_at, len, flags);
	return rc;
}

static bool splice_waits(int in, unsigned flags)
{
	return errno == EAGAIN && flags & SPLICE_F_NONBLOCK && !rudp_is_filtered() &&
	       !rudp_socket_is_nonblocking(in) && rudp_mark_get(in) >= 0;
}

RUDP_EXPORT ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
			   unsigned flags)
{
	int before = errno;
	ssize_t rc = REAL(splice)(in, in_at, out, out_at, len, flags);

	if (rc < 0 && splice_waits(in, flags)) {
		rc = splice_again(in, out, out_at, len, flags);
		if (rc >= 0)
			errno = before;
	}
	return rc < 0 && errno == ECONNRESET ? received(in, rc, 0, before) : rc;
}

RUDP_EXPORT ssize_t recv(int fd, void *data, size_t len, int flags)
{
	int before = errno;
	ssize_t rc = rudp_receive_is_ours(fd, flags) ? rudp_receive_special(fd, data, len, flags)
						     : REAL(recv)(fd, data, len, flags);

	return received(fd, rc, flags, before);
}

RUDP_EXPORT ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags)
{
	if (len > room)
		return REAL(__recv_chk)(fd, data, len, room, flags); /* ends the program */
	return recv(fd, data, len, flags);
}

/* Under a system call filter, only the address itself shows whether it is a rudp name. */
static bool is_name_of_ours(int fd, const void *addr, socklen_t len)
{
	return rudp_is_filtered() ? rudp_name_is_connection(addr, len) : rudp_mark_get(fd) >= 0;
}

/*
 * TCP returns no address here, only a length of 0. As in Linux, a wrong pointer to the length is
 * noticed only after the data has been taken.
 */
static ssize_t receive_named(int fd, void *data, size_t len, int flags, socklen_t *addr_len)
{
	ssize_t rc = recv(fd, data, len, flags);
	int checked;

	if (rc < 0)
		return rc;
	checked = rudp_address_check_len(fd, addr_len);
	if (checked < 0)
		return rudp_result(checked);
	*addr_len = 0;
	return rc;
}

RUDP_EXPORT ssize_t recvfrom(int fd, void *data, size_t len, int flags, __SOCKADDR_ARG addr,
			     socklen_t *addr_len)
{
	bool named = addr.__sockaddr__;
	int before = errno;
	ssize_t rc;

	if (!named && rudp_receive_is_special(flags))
		return recv(fd, data, len, flags);
	if (named && (!rudp_is_filtered() || rudp_receive_is_special(flags)) &&
	    rudp_mark_get(fd) >= 0)
		return receive_named(fd, data, len, flags, addr_len);
	rc = received(fd, REAL(recvfrom)(fd, data, len, flags, addr, addr_len), flags, before);
	if (rc >= 0 && named && rudp_is_filtered() &&
	    rudp_name_is_connection(addr.__sockaddr__, *addr_len))
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

/* The kernel has read the message before, so it is readable. */
static void clear_name(int fd, struct msghdr *message)
{
	if (message->msg_name && message->msg_namelen &&
	    is_name_of_ours(fd, message->msg_name, message->msg_namelen))
		message->msg_namelen = 0;
}

/* Sets the output members to what the kernel leaves at an end of file. */
static ssize_t set_end_of_file(struct msghdr *message, int flags)
{
	if (message->msg_name)
		message->msg_namelen = 0;
	message->msg_controllen = 0;
	message->msg_flags = flags & MSG_CMSG_CLOEXEC;
	return 0;
}

RUDP_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	size_t room = rudp_receive_queue_room(fd, message);
	int before = errno;
	ssize_t rc;

	if (rudp_receive_is_ours(fd, flags))
		rc = rudp_receive_special_message(fd, message, flags);
	else
		rc = REAL(recvmsg)(fd, message, flags);
	if (rc < 0)
		return received(fd, rc, flags, before) == 0 ? set_end_of_file(message, flags) : rc;
	clear_name(fd, message);
	if (room > 0)
		rudp_receive_queue_add(fd, message, room);
	return rc;
}

/* Unlike the other calls, recvmmsg reports a pending error before it reads, EPIPE too. */
RUDP_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
			 struct timespec *timeout)
{
	int rc;

	if (rudp_receive_is_one_by_one(fd, flags)) {
		rc = rudp_receive_several(fd, messages, count, flags, timeout);
	} else {
		rc = REAL(recvmmsg)(fd, messages, count, flags, timeout);
		for (int i = 0; i < rc; i++)
			clear_name(fd, &messages[i].msg_hdr);
	}
	translate_error(fd, rc, flags);
	return rc;
}
