/* SPDX-License-Identifier: MIT */
/* What an engine has done so far, in a page that it shares with the test. */
#ifndef RUDP_TESTS_ECONOMY_COUNTS_H
#define RUDP_TESTS_ECONOMY_COUNTS_H

#include <stdatomic.h>

/* Names the file of the page; with a name like that the engine inherits it. */
#define COUNTS_VARIABLE "RUDP_TEST_COUNTS"

/*
 * What a connection at work needs, then what its coming and going takes besides. The loop waits
 * through syscall(), and looks through epoll_wait(). The Makefile has the same list.
 */
/* clang-format off */
#define COUNTED_CALLS(X)                                                                           \
	X(sendmsg) X(sendmmsg) X(recvmsg) X(recvmmsg) X(send) X(sendto) X(recv) X(poll) X(ioctl)   \
	X(syscall) X(epoll_wait) X(epoll_ctl) X(getsockopt) X(setsockopt) X(socket) X(bind)        \
	X(listen) X(connect) X(accept4) X(getsockname) X(getpeername) X(shutdown) X(close)
/* clang-format on */
#define COUNTED_SETUP_FIRST COUNTED_epoll_ctl /* from here on: making, naming, closing sockets */

#define COUNTED_ENUM(name) COUNTED_##name,
enum counted { COUNTED_CALLS(COUNTED_ENUM) COUNTED_COUNT };
#undef COUNTED_ENUM

struct counts {
	_Atomic unsigned long allocations;
	_Atomic unsigned long calls[COUNTED_COUNT];
	_Atomic unsigned long answers;        /* to calls of programs */
	_Atomic unsigned long before_answers; /* system calls between a datagram and them */
};

#endif
