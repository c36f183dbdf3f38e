/* SPDX-License-Identifier: MIT */
#include "receive_all.h"

#include <linux/sockios.h>
#include <poll.h>

#include "api/raw_syscall.h"
#include "api/socket.h"
#include "deadline.h"
#include "real.h"

static int query_int(int fd, unsigned long request)
{
	int value = 0;

	return REAL(ioctl)(fd, request, &value) == 0 ? value : 0;
}

/*
 * The socket under this number, or 0. Another thread may close it, or give the number to another
 * socket.
 */
static uint64_t socket_under(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return rudp_raw_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

/*
 * Waits until bytes can be read. Returns false after a signal, the timeout, an end of file or an
 * error, and before urgent data, where TCP stops too. If poll reports data but there is none,
 * another thread has read it; then it waits again. Also false if fd is no longer the socket with
 * this cookie.
 */
static bool wait_for_more(int fd, uint64_t cookie, int64_t deadline_at_ns)
{
	struct pollfd one = {.fd = fd, .events = POLLIN | POLLRDHUP};
	bool is_there;

	do {
		if (socket_under(fd) != cookie ||
		    poll(&one, 1, rudp_deadline_remaining_ms(deadline_at_ns)) <= 0 ||
		    query_int(fd, SIOCATMARK))
			return false;
		is_there = query_int(fd, FIONREAD) > 0;
	} while (!is_there && one.revents == POLLIN);
	return is_there && socket_under(fd) == cookie;
}

/* The rest of the buffer into which the next byte goes. */
static struct iovec rest_of_buffer(const struct msghdr *message, size_t done)
{
	size_t i = 0;

	while (done >= message->msg_iov[i].iov_len)
		done -= message->msg_iov[i++].iov_len;
	return (struct iovec){(char *)message->msg_iov[i].iov_base + done,
			      message->msg_iov[i].iov_len - done};
}

ssize_t rudp_receive_all(int fd, struct msghdr *message, size_t len, int flags)
{
	int64_t deadline_at_ns = rudp_deadline_of_call(fd);
	bool waits = !(flags & MSG_DONTWAIT) && !rudp_socket_is_nonblocking(fd);
	uint64_t cookie = waits ? socket_under(fd) : 0;
	ssize_t rc = REAL(recvmsg)(fd, message, flags & ~MSG_WAITALL);
	size_t done = rc > 0 ? (size_t)rc : 0;

	if (rc <= 0)
		return rc;
	while (waits && done < len && wait_for_more(fd, cookie, deadline_at_ns)) {
		struct iovec iov = rest_of_buffer(message, done);

		rc = REAL(recv)(fd, iov.iov_base, iov.iov_len,
				(flags & ~MSG_WAITALL) | MSG_DONTWAIT);
		if (rc < 0 && errno == EAGAIN)
			continue;
		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	return (ssize_t)done;
}
