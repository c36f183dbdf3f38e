/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tools/strict.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static char why[RUDP_STRICT_WHY_SIZE];

Test(strict, a_kernel_from_6_7_on_is_enough)
{
	cr_assert(rudp_strict_is_enough(4, why));
	cr_assert(rudp_strict_is_enough(7, why));
	cr_assert(eq(str, why, ""));
}

Test(strict, what_a_kernel_lacks_is_said_with_what_to_do)
{
	cr_assert(not(rudp_strict_is_enough(3, why)));
	cr_assert(eq(str, why, "the kernel's Landlock cannot deny TCP; Linux 6.7 or later can"));
	cr_assert(not(rudp_strict_is_enough(-ENOSYS, why)));
	cr_assert(eq(str, why, "the kernel's Landlock cannot deny TCP; Linux 6.7 or later can"));
	cr_assert(not(rudp_strict_is_enough(-EOPNOTSUPP, why)));
	cr_assert(ne(ptr, strstr(why, "lsm="), NULL));
	cr_assert(not(rudp_strict_is_enough(-EPERM, why)));
	cr_assert(ne(ptr, strstr(why, "sandbox"), NULL));
}

static struct sockaddr_in listening;

static int tcp(int protocol)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);
}

static int open_listener(void)
{
	socklen_t len = sizeof listening;
	int fd = tcp(0);

	listening =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	cr_assert(zero(int, bind(fd, (struct sockaddr *)&listening, len)));
	cr_assert(zero(int, listen(fd, 8)));
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)&listening, &len)));
	return fd;
}

#define HIGH_BIT (1L << 32) /* the kernel ignores it in an int */

static bool is_denied(ssize_t rc, int error)
{
	return rc < 0 && errno == error;
}

/* Returns the number of the first attempt that the kernel did not deny; 0: it denied all. */
static int try_all(void)
{
	const struct sockaddr *name = (const struct sockaddr *)&listening;
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct msghdr message = {.msg_name = &listening, .msg_namelen = sizeof listening};

	if (!is_denied(connect(tcp(0), name, sizeof listening), EACCES))
		return 1;
	if (!is_denied(bind(tcp(0), (struct sockaddr *)&any, sizeof any), EACCES))
		return 2;
	if (!is_denied(sendto(tcp(0), "x", 1, MSG_FASTOPEN, name, sizeof listening), EACCES))
		return 3;
	if (!is_denied(sendmsg(tcp(0), &message, MSG_FASTOPEN), EACCES))
		return 4;
	if (!is_denied(tcp(IPPROTO_MPTCP), EPROTONOSUPPORT))
		return 5;
	if (!is_denied(
		    syscall(SYS_socket, HIGH_BIT | AF_INET, SOCK_STREAM, HIGH_BIT | IPPROTO_MPTCP),
		    EPROTONOSUPPORT))
		return 6;
	if (!is_denied(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS))
		return 7;
	if (sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, name, sizeof listening) != 1)
		return 8;
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? 9 : 0;
}

Test(strict, no_tcp_is_possible_afterwards_but_udp_is, .timeout = 10)
{
	int status, listener = open_listener();
	pid_t pid;

	if (!rudp_strict_is_possible(why))
		cr_skip_test("%s", why);
	pid = fork();
	if (pid == 0)
		_exit(rudp_strict_enter() == 0 ? try_all() : 99);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status >> 8));
	close(listener);
}
