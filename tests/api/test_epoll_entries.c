/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/epoll_entries.h"

static int fd;

static void set_up(void)
{
	fd = eventfd(0, EFD_CLOEXEC);
	cr_assert(ge(int, fd, 0));
}

TestSuite(epoll_entries, .init = set_up);

static int set_with(int member, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	int set = epoll_create1(EPOLL_CLOEXEC);

	cr_assert(ge(int, set, 0));
	cr_assert(eq(int, epoll_ctl(set, EPOLL_CTL_ADD, member, &event), 0));
	return set;
}

Test(epoll_entries, what_sets_hold_of_a_descriptor_can_be_put_back)
{
	int set = set_with(fd, EPOLLIN | EPOLLOUT | EPOLLET, UINT64_C(0x123456789abcdef0));
	int other = eventfd(1, EFD_CLOEXEC);
	struct rudp_epoll_entries found;
	struct epoll_event event;

	set_with(other, EPOLLIN, 1);
	rudp_epoll_entries_find(fd, &found);
	cr_assert(eq(int, found.count, 1));
	cr_assert(eq(int, found.entries[0].set, set));
	cr_assert(eq(u64, found.entries[0].data, UINT64_C(0x123456789abcdef0)));
	cr_assert(eq(int, epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL), 0));
	rudp_epoll_entries_restore(fd, &found);
	cr_assert(eq(int, epoll_wait(set, &event, 1, 0), 1));
	cr_assert(eq(u32, event.events, EPOLLOUT));
	cr_assert(eq(u64, event.data.u64, UINT64_C(0x123456789abcdef0)));
}

Test(epoll_entries, of_more_sets_than_it_takes_the_first_are_found)
{
	struct rudp_epoll_entries found;
	int i;

	for (i = 0; i < RUDP_EPOLL_ENTRIES_MAX + 4; i++)
		set_with(fd, EPOLLIN, (uint64_t)i);
	rudp_epoll_entries_find(fd, &found);
	cr_assert(eq(int, found.count, RUDP_EPOLL_ENTRIES_MAX));
	for (i = 0; i < RUDP_EPOLL_ENTRIES_MAX; i++)
		cr_assert(eq(u64, found.entries[i].data, (uint64_t)i));
}
