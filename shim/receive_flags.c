/* SPDX-License-Identifier: MIT */
#include "receive_flags.h"

#include <poll.h>
#include <time.h>

#include "api/socket.h"
#include "api/raw_syscall.h"
#include "deadline.h"
#include "real.h"
#include "receive_all.h"
#include "receive_check.h"

#define DISCARDED_BYTES 65536
#define PEEK_PAUSE_NS_MIN 50000
#define PEEK_PAUSE_NS_MAX 5000000

/* All threads share this buffer, because its content is never read. */
static char discarded[DISCARDED_BYTES];

static ssize_t discard_some(int fd, size_t len, int flags)
{
	struct iovec iov = {discarded, len < DISCARDED_BYTES ? len : DISCARDED_BYTES};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	flags &= ~MSG_TRUNC;
	return flags & MSG_WAITALL ? rudp_receive_all(fd, &message, iov.iov_len, flags)
				   : REAL(recvmsg)(fd, &message, flags);
}

static size_t total_len(const struct msghdr *message)
{
	size_t len = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		len += message->msg_iov[i].iov_len;
	return len;
}

/* Only the first read waits, unless MSG_WAITALL is set. */
static ssize_t discard(int fd, struct msghdr *message, int flags)
{
	size_t len = total_len(message);
	ssize_t done = discard_some(fd, len, flags);
	ssize_t more = done;

	if (done < 0)
		return done;
	message->msg_controllen = 0;
	message->msg_flags = flags & MSG_CMSG_CLOEXEC;
	if (flags & MSG_PEEK)
		return done;
	if (!(flags & MSG_WAITALL))
		flags |= MSG_DONTWAIT;
	while (more == DISCARDED_BYTES && (size_t)done < len) {
		more = discard_some(fd, len - (size_t)done, flags);
		if (more > 0)
			done += more;
	}
	return done;
}

static bool ended(int fd)
{
	int bits = rudp_raw_poll(fd, POLLRDHUP);

	return bits < 0 || bits & (POLLRDHUP | POLLHUP | POLLERR);
}

/*
 * The kernel cannot report that more bytes have arrived while some are still unread. So this polls,
 * with growing pauses.
 */
static ssize_t peek_all(int fd, struct msghdr *message, size_t len, int flags)
{
	int64_t deadline_at_ns = rudp_deadline_of_call(fd);
	struct timespec pause = {0, PEEK_PAUSE_NS_MIN};
	bool waits = !(flags & MSG_DONTWAIT) && !rudp_socket_is_nonblocking(fd);

	for (;;) {
		/* Asked before the peek, so that the peek sees all bytes before the end. */
		bool over = ended(fd);
		ssize_t rc = REAL(recvmsg)(fd, message, flags & ~MSG_WAITALL);

		if (rc <= 0 || (size_t)rc >= len || !waits || over ||
		    rudp_clock_now_ns() >= deadline_at_ns)
			return rc;
		if (nanosleep(&pause, NULL) < 0)
			return rc;
		if (pause.tv_nsec < PEEK_PAUSE_NS_MAX)
			pause.tv_nsec *= 2;
	}
}

static ssize_t receive(int fd, struct msghdr *message, int flags)
{
	int before = errno;
	ssize_t rc;

	if (flags & MSG_ERRQUEUE) {
		errno = EAGAIN;
		return -1;
	}
	if (flags & MSG_TRUNC)
		rc = discard(fd, message, flags);
	else if (flags & MSG_PEEK)
		rc = peek_all(fd, message, total_len(message), flags);
	else
		rc = rudp_receive_all(fd, message, total_len(message), flags);
	if (rc < 0)
		return rc;
	errno = before; /* an error that ended the wait for more bytes is not reported */
	if (message->msg_name)
		message->msg_namelen = 0;
	return rc;
}

ssize_t rudp_receive_special(int fd, void *data, size_t len, int flags)
{
	struct iovec iov = {data, len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	return receive(fd, &message, flags);
}

ssize_t rudp_receive_special_message(int fd, struct msghdr *message, int flags)
{
	int rc = rudp_receive_check(message);

	return rc < 0 ? rudp_result(rc) : receive(fd, message, flags);
}
