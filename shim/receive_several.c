/* SPDX-License-Identifier: MIT */
#include "receive_several.h"

#include <limits.h>

#include "deadline.h"
#include "filtered.h"
#include "real.h"
#include "receive_flags.h"
#include "receive_queue.h"

bool rudp_receive_is_one_by_one(int fd, int flags)
{
	if (rudp_is_filtered())
		return false;
	return rudp_receive_is_ours(fd, flags) || rudp_receive_queue_is_on(fd);
}

/* As in Linux, the timeout is checked between two messages, and not while waiting for one. */
static bool is_late(int64_t begun_at_ns, const struct timespec *span, struct timespec *left)
{
	int64_t passed_ns = rudp_clock_now_ns() - begun_at_ns;
	int64_t passed_s = passed_ns / RUDP_NS_PER_S;

	left->tv_sec = span->tv_sec - (time_t)passed_s;
	left->tv_nsec = span->tv_nsec - (long)(passed_ns - passed_s * RUDP_NS_PER_S);
	if (left->tv_nsec < 0) {
		left->tv_sec--;
		left->tv_nsec += RUDP_NS_PER_S;
	}
	if (left->tv_sec < 0)
		*left = (struct timespec){0, 0};
	return left->tv_sec == 0 && left->tv_nsec == 0;
}

int rudp_receive_several(int fd, struct mmsghdr *messages, unsigned count, int flags,
			 struct timespec *timeout)
{
	int before = errno;
	struct timespec span = {0, 0};
	int64_t begun_at_ns = 0;
	unsigned taken = 0;

	/* With no messages: reports a pending error first, and an invalid timeout. */
	if (REAL(recvmmsg)(fd, messages, 0, flags, timeout) < 0)
		return -1;
	if (timeout) {
		span = *timeout;
		begun_at_ns = rudp_clock_now_ns();
	}
	while (taken < count && taken < IOV_MAX) {
		ssize_t len = recvmsg(fd, &messages[taken].msg_hdr, flags & ~MSG_WAITFORONE);

		if (len < 0)
			break;
		messages[taken++].msg_len = (unsigned)len;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (timeout && is_late(begun_at_ns, &span, timeout))
			break;
	}
	if (taken == 0 && count > 0)
		return -1;
	errno = before;
	return (int)taken;
}
