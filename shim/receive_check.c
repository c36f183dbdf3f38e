/* SPDX-License-Identifier: MIT */
#include "receive_check.h"

#include <errno.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"
#include "filtered.h"

/* On a socket without a connection, recvmsg first reads the message and then fails. */
int rudp_receive_check(const struct msghdr *message)
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
