/* SPDX-License-Identifier: MIT */
/* Descriptors that are closed later: none too early, none forgotten. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/loop/closer.h"

static struct rudp_closer closer;

static void setup(void)
{
	rudp_closer_init(&closer);
}

static void teardown(void)
{
	rudp_closer_all(&closer);
}

TestSuite(closer, .init = setup, .fini = teardown);

static int any_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_assert(ge(int, fd, 0));
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

Test(closer, what_is_taken_stays_open_until_asked_for)
{
	int first = any_fd(), second = any_fd();

	rudp_closer_take(&closer, first, 0);
	rudp_closer_take(&closer, second, 0);
	cr_assert(is_open(first) && is_open(second));
	cr_assert(rudp_closer_one(&closer));
	cr_assert(is_open(second) && !is_open(first));
	cr_assert(rudp_closer_one(&closer));
	cr_assert(not(is_open(second)));
	cr_assert(not(rudp_closer_one(&closer)));
}

Test(closer, no_descriptor_is_nothing_to_close)
{
	rudp_closer_take(&closer, -1, 0);
	cr_assert(not(rudp_closer_one(&closer)));
}

Test(closer, one_too_many_closes_the_oldest)
{
	int fds[RUDP_CLOSER_MAX + 1];

	for (int i = 0; i <= RUDP_CLOSER_MAX; i++) {
		fds[i] = any_fd();
		rudp_closer_take(&closer, fds[i], i);
	}
	cr_assert(not(is_open(fds[0])));
	for (int i = 1; i <= RUDP_CLOSER_MAX; i++)
		cr_assert(is_open(fds[i]));
	rudp_closer_all(&closer);
	for (int i = 1; i <= RUDP_CLOSER_MAX; i++)
		cr_assert(not(is_open(fds[i])));
}

Test(closer, an_engine_without_pause_closes_what_is_old)
{
	int old = any_fd(), young = any_fd();

	rudp_closer_take(&closer, old, 1000);
	rudp_closer_take(&closer, young, 2000);
	rudp_closer_due(&closer, 1000 + RUDP_CLOSER_AGE_NS - 1);
	cr_assert(is_open(old));
	rudp_closer_due(&closer, 1000 + RUDP_CLOSER_AGE_NS);
	cr_assert(is_open(young) && !is_open(old));
}

Test(closer, scarce_descriptors_are_closed_at_once)
{
	struct rlimit limit;
	int fd = any_fd();

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = (rlim_t)fd * 2;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	rudp_closer_init(&closer);
	rudp_closer_take(&closer, fd, 0);
	cr_assert(not(is_open(fd)));
}
