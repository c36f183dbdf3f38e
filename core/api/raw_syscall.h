/* SPDX-License-Identifier: MIT */
/*
 * raw_syscall - the socket system calls that api code makes, straight to the kernel.
 *
 * core/api is linked into the shim, which interposes the libc names; a call by name would come back to
 * the shim (inside its own library the name is its own). These are the same calls under names of
 * ours. They return -errno instead of setting errno, and are no cancellation points but for
 * rudp_raw_accept4 and rudp_raw_recv_wait.
 */
#ifndef RUDP_API_RAW_SYSCALL_H
#define RUDP_API_RAW_SYSCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

int rudp_raw_socket(int domain, int type, int protocol);
int rudp_raw_bind(int fd, const struct sockaddr *addr, socklen_t len);
int rudp_raw_connect(int fd, const struct sockaddr *addr, socklen_t len);
int rudp_raw_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int rudp_raw_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int rudp_raw_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int rudp_raw_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int rudp_raw_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int rudp_raw_shutdown(int fd, int how);
ssize_t rudp_raw_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t rudp_raw_sendto(int fd, const void *data, size_t len, int flags,
			const struct sockaddr *addr, socklen_t addr_len);
ssize_t rudp_raw_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *addr,
			  socklen_t *addr_len);
/* poll(2) without waiting: revents, or -errno. */
int rudp_raw_poll(int fd, short events);
int rudp_raw_fcntl(int fd, int command, long argument);
int rudp_raw_ioctl(int fd, unsigned long request, void *argument);
int rudp_raw_close(int fd);
/* recv without flags: where a blocking connect waits. */
ssize_t rudp_raw_recv_wait(int fd, void *data, size_t len);

/*
 * Blocks all signals of this thread, libc's own two as well, but for those in open (number n is the bit
 * n - 1). before gets what was blocked until then. false: the kernel refused, and there is nothing to
 * restore.
 */
bool rudp_raw_signals_block(uint64_t open, uint64_t *before);
void rudp_raw_signals_restore(uint64_t before);

/* Any system call, straight to the kernel: its result or -errno. */
long rudp_raw_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
