/* SPDX-License-Identifier: MIT */
/* Sockets made ahead: no more than fit, none forgotten, and one is always to be had. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app/sockets.h"

static struct rudp_sockets sockets;

static void teardown(void)
{
	rudp_sockets_close(&sockets);
}

TestSuite(sockets, .fini = teardown);

static void expect_fresh(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof domain;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	cr_assert(eq(int, domain, AF_UNIX));
	cr_assert(eq(int, type, SOCK_STREAM));
	cr_assert(ne(int, fcntl(fd, F_GETFL) & O_NONBLOCK, 0));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
}

Test(sockets, one_is_to_be_had_though_none_was_made)
{
	int fd = rudp_sockets_take(&sockets);

	expect_fresh(fd);
	close(fd);
}

Test(sockets, those_made_ahead_are_given_once_each)
{
	int fds[RUDP_SOCKETS_MAX + 1];

	for (int i = 0; i < RUDP_SOCKETS_MAX; i++)
		cr_assert(rudp_sockets_make(&sockets));
	cr_assert(not(rudp_sockets_make(&sockets)));
	for (int i = 0; i <= RUDP_SOCKETS_MAX; i++) {
		fds[i] = rudp_sockets_take(&sockets);
		expect_fresh(fds[i]);
		for (int k = 0; k < i; k++)
			cr_assert(ne(int, fds[k], fds[i]));
	}
	for (int i = 0; i <= RUDP_SOCKETS_MAX; i++)
		close(fds[i]);
}

Test(sockets, none_is_kept_while_descriptors_are_scarce)
{
	int fd;

	cr_assert(rudp_sockets_make(&sockets));
	fd = sockets.fds[0];
	rudp_sockets_on_scarce(&sockets, true);
	cr_assert(eq(int, fcntl(fd, F_GETFD), -1));
	cr_assert(not(rudp_sockets_make(&sockets)));
	rudp_sockets_on_scarce(&sockets, false);
	cr_assert(rudp_sockets_make(&sockets));
}

Test(sockets, none_is_left_open)
{
	int fd;

	cr_assert(rudp_sockets_make(&sockets));
	fd = sockets.fds[0];
	rudp_sockets_close(&sockets);
	cr_assert(eq(int, fcntl(fd, F_GETFD), -1));
}
