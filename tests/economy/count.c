/* SPDX-License-Identifier: MIT */
/*
 * Linked into an engine: its allocations and system calls, counted. malloc is the program's own
 * (glibc lets a program bring one), so that those of libraries count as well; the others are
 * wrapped by the linker (--wrap), in the engine's own objects.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control.h"
#include "counts.h"

static struct counts nowhere, *counts = &nowhere;
static unsigned long since_datagram;

static void count(enum counted call)
{
	counts->calls[call]++;
	since_datagram = call == COUNTED_recvmmsg ? 0 : since_datagram + 1;
}

__attribute__((constructor)) static void share(void)
{
	const char *path = getenv(COUNTS_VARIABLE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		counts = page;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	counts->allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	counts->allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	counts->allocations++;
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	counts->allocations++;
	return __libc_memalign(alignment, size);
}

#define WRAP(type, name, parameters, arguments)                                                    \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		count(COUNTED_##name);                                                             \
		return __real_##name arguments;                                                    \
	}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags), (fd, m, n, flags))
WRAP(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t),
     (fd, m, n, flags, t))
WRAP(ssize_t, recv, (int fd, void *data, size_t len, int flags), (fd, data, len, flags))
WRAP(ssize_t, sendto,
     (int fd, const void *data, size_t len, int flags, const struct sockaddr *name,
      socklen_t name_len),
     (fd, data, len, flags, name, name_len))
WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms))
WRAP(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
WRAP(int, epoll_ctl, (int fd, int op, int target, struct epoll_event *e), (fd, op, target, e))
WRAP(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *len),
     (fd, level, option, value, len))
WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))

WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, bind, (int fd, const struct sockaddr *name, socklen_t len), (fd, name, len))
WRAP(int, listen, (int fd, int backlog), (fd, backlog))
WRAP(int, connect, (int fd, const struct sockaddr *name, socklen_t len), (fd, name, len))
WRAP(int, accept4, (int fd, struct sockaddr *name, socklen_t *len, int flags),
     (fd, name, len, flags))
WRAP(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len))
WRAP(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len))
WRAP(int, shutdown, (int fd, int how), (fd, how))
WRAP(int, close, (int fd), (fd))

/* Only what a datagram may come by asks for a name. */
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	count(COUNTED_recvmsg);
	if (m->msg_name)
		since_datagram = 0;
	return __real_recvmsg(fd, m, flags);
}

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (len == sizeof(struct rudp_control_reply)) {
		counts->answers++;
		counts->before_answers += since_datagram;
	}
	count(COUNTED_send);
	return __real_send(fd, data, len, flags);
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	count(COUNTED_ioctl);
	return __real_ioctl(fd, request, argument);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list list;
	long a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	count(COUNTED_syscall);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
