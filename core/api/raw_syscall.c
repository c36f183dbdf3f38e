/* SPDX-License-Identifier: MIT */
#include "api/raw_syscall.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)

long rudp_raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

long rudp_raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

#else

/* libc's own syscall(), the next one after the shim's, which has the same name. */
long rudp_raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	static long (*next)(long, ...);
	long result;
	int saved = errno;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	if (!next)
		return -ENOSYS;
	result = next(number, a, b, c, d, e, f);
	if (result == -1) {
		result = -errno;
		errno = saved;
	}
	return result;
}

#endif

#define CALL(number, a, b, c, d, e, f)                                                             \
	rudp_raw_syscall((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

int rudp_raw_socket(int domain, int type, int protocol)
{
	return (int)CALL(SYS_socket, domain, type, protocol, 0, 0, 0);
}

int rudp_raw_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL(SYS_bind, fd, addr, len, 0, 0, 0);
}

int rudp_raw_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL(SYS_connect, fd, addr, len, 0, 0, 0);
}

/* Cancellable just as libc makes its own calls so: asynchronously, but around the call alone. */
static long cancellable(long number, long a, long b, long c, long d)
{
	int type = PTHREAD_CANCEL_DEFERRED;
	long result;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type); /* NOLINT(cert-pos47-c) */
	result = rudp_raw_syscall(number, a, b, c, d, 0, 0);
	pthread_setcanceltype(type, NULL);
	return result;
}

int rudp_raw_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return (int)cancellable(SYS_accept4, fd, (long)addr, (long)len, flags);
}

ssize_t rudp_raw_recv_wait(int fd, void *data, size_t len)
{
	return (ssize_t)cancellable(SYS_recvfrom, fd, (long)data, (long)len, 0);
}

int rudp_raw_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL(SYS_getsockname, fd, addr, len, 0, 0, 0);
}

int rudp_raw_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL(SYS_getpeername, fd, addr, len, 0, 0, 0);
}

int rudp_raw_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	return (int)CALL(SYS_getsockopt, fd, level, option, value, len, 0);
}

int rudp_raw_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	return rudp_raw_getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

int rudp_raw_peer(int fd, struct ucred *peer)
{
	socklen_t len = sizeof *peer;

	return rudp_raw_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len);
}

int rudp_raw_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	return (int)CALL(SYS_setsockopt, fd, level, option, value, len, 0);
}

int rudp_raw_shutdown(int fd, int how)
{
	return (int)CALL(SYS_shutdown, fd, how, 0, 0, 0, 0);
}

ssize_t rudp_raw_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return (ssize_t)CALL(SYS_sendmsg, fd, message, flags, 0, 0, 0);
}

ssize_t rudp_raw_sendto(int fd, const void *data, size_t len, int flags,
			const struct sockaddr *addr, socklen_t addr_len)
{
	return (ssize_t)CALL(SYS_sendto, fd, data, len, flags, addr, addr_len);
}

ssize_t rudp_raw_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *addr,
			  socklen_t *addr_len)
{
	return (ssize_t)CALL(SYS_recvfrom, fd, data, len, flags, addr, addr_len);
}

int rudp_raw_poll(int fd, short events)
{
	struct pollfd one = {.fd = fd, .events = events};
	struct timespec at_once = {0, 0};
	long rc = CALL(SYS_ppoll, &one, 1, &at_once, NULL, 0, 0);

	return rc < 0 ? (int)rc : one.revents;
}

int rudp_raw_fcntl(int fd, int command, long argument)
{
	return (int)CALL(SYS_fcntl, fd, command, argument, 0, 0, 0);
}

int rudp_raw_ioctl(int fd, unsigned long request, void *argument)
{
	return (int)CALL(SYS_ioctl, fd, request, argument, 0, 0, 0);
}

int rudp_raw_close(int fd)
{
	return (int)CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* libc's own mask call leaves its two internal signals open. */
bool rudp_raw_signals_block(uint64_t open, uint64_t *before)
{
	uint64_t set = ~open;

	return CALL(SYS_rt_sigprocmask, SIG_SETMASK, &set, before, sizeof set, 0, 0) == 0;
}

void rudp_raw_signals_restore(uint64_t before)
{
	CALL(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before, 0, 0);
}
