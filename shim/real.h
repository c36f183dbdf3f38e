/* SPDX-License-Identifier: MIT */
/*
 * real - finds the functions of libc, or of the next preloaded library, that the shim interposes.
 *
 * All names that every libc has are looked up together, with dlsym alone: when the shim is loaded,
 * or at the first call if that comes earlier. So there is no allocation, and no later look-up in a
 * child of vfork, or in a thread while another one holds dlopen's lock. The first call may come
 * from inside the program's own allocator (Chromium's calls prctl under its lock). dlsym allocates
 * memory if it finds nothing. So names that only later versions of libc have are looked up when
 * they are called.
 * Threads  any.
 */
#ifndef RUDP_SHIM_REAL_H
#define RUDP_SHIM_REAL_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __read_chk(int fd, void *data, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *data, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t room, int flags, __SOCKADDR_ARG addr,
		       socklen_t *addr_len);
/* libc.so has these names besides those without underscores. */
ssize_t __read(int fd, void *data, size_t len);
ssize_t __send(int fd, const void *data, size_t len, int flags);
int __connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len);
int bindresvport(int fd, struct sockaddr_in *addr);
/* Since glibc 2.39; declared here for older headers. */
int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const arguments[],
		char *const environment[]);
int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const arguments[],
		 char *const environment[]);

/* clang-format off */
#define RUDP_REAL_NAMES(X)                                                                         \
	X(socket) X(bind) X(bindresvport) X(connect) X(listen) X(accept) X(accept4) X(shutdown)    \
	X(getsockname) X(getpeername) X(getsockopt) X(setsockopt) X(ioctl)                         \
	X(send) X(sendto) X(sendmsg) X(sendmmsg)                                                   \
	X(read) X(readv) X(recv) X(recvfrom) X(recvmsg) X(recvmmsg) X(splice)                      \
	X(__read_chk) X(__recv_chk) X(__recvfrom_chk)                                              \
	X(execve) X(execvpe) X(execveat) X(fexecve) X(posix_spawn) X(posix_spawnp)              \
	X(system) X(popen) X(_exit) X(daemon) X(prctl) X(getaddrinfo)     \
	X(dlopen)
/* clang-format on */
#define RUDP_REAL_LATER_NAMES(X) X(pidfd_spawn) X(pidfd_spawnp)

#define RUDP_REAL_ENUM(name) RUDP_REAL_##name,
enum rudp_real_index {
	RUDP_REAL_NAMES(RUDP_REAL_ENUM) RUDP_REAL_COUNT,
	RUDP_REAL_BEFORE_LATER = RUDP_REAL_COUNT - 1,
	RUDP_REAL_LATER_NAMES(RUDP_REAL_ENUM)
};
#undef RUDP_REAL_ENUM

void rudp_real_resolve(void);

/* Never NULL. A name that libc lacks gives a function that returns -1 with ENOSYS. */
void (*rudp_real(enum rudp_real_index index))(void);

bool rudp_real_has(enum rudp_real_index index);

#define REAL(name) ((__typeof__(&name))rudp_real(RUDP_REAL_##name))
#define REAL_HAS(name) rudp_real_has(RUDP_REAL_##name)

#define RUDP_EXPORT __attribute__((visibility("default")))

/* Converts -errno to -1 with errno. Returns other values unchanged. */
static inline long rudp_result(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

#endif
