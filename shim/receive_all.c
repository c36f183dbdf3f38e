/* SPDX-License-Identifier: MIT */
#include "receive_all.h"

#include <linux/sockios.h>
#include <poll.h>

#include "api/socket.h"
#include "deadline.h"
#include "real.h"

static int asked(int fd, unsigned long request)
{
	int value = 0;

	return REAL(ioctl)(fd, request, &value) == 0 ? value : 0;
}

/*
 * false: a signal, the time-out, the end, an error, or urgent data, in front of which TCP stops. Where
 * nothing but data has been told of and none is there, another thread was faster.
 */
static bool wait_for_more(int fd, int64_t deadline_at_ns)
{
	struct pollfd one = {.fd = fd, .events = POLLIN | POLLRDHUP};
	bool is_there;

	do {
		if (poll(&one, 1, rudp_deadline_remaining_ms(deadline_at_ns)) <= 0 ||
		    asked(fd, SIOCATMARK))
			return false;
		is_there = asked(fd, FIONREAD) > 0;
	} while (!is_there && one.revents == POLLIN);
	return is_there;
}

/* What is left of the part that the next byte belongs to. */
static struct iovec place(const struct msghdr *message, size_t done)
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
	ssize_t rc = REAL(recvmsg)(fd, message, flags & ~MSG_WAITALL);
	size_t done = rc > 0 ? (size_t)rc : 0;

	if (rc <= 0)
		return rc;
	while (waits && done < len && wait_for_more(fd, deadline_at_ns)) {
		struct iovec iov = place(message, done);

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
