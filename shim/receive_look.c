/* SPDX-License-Identifier: MIT */
#include "receive_look.h"

#include <errno.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"
#include "filtered.h"

/* A socket without a connection has nothing to receive, and says so when the message has been read. */
int rudp_receive_look(const struct msghdr *message)
{
	int scratch;
	long rc;

	if (rudp_is_filtered())
		return 0;
	scratch = rudp_raw_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (scratch < 0)
		return 0;
	rc = rudp_raw_syscall(SYS_recvmsg, scratch, (long)message, MSG_DONTWAIT, 0, 0, 0);
	rudp_raw_close(scratch);
	return rc == -EFAULT || rc == -EMSGSIZE ? (int)rc : 0;
}
