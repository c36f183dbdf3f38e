/* SPDX-License-Identifier: MIT */
/*
 * raw_syscall - the socket system calls that api code makes, without libc's functions.
 *
 * core/api is linked into the shim, which interposes libc's functions: inside the shim, a call of
 * connect() would call the shim itself. So core/api calls these functions instead. They return
 * -errno instead of setting errno. Only rudp_raw_accept4 and rudp_raw_recv_wait are cancellation
 * points.
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
/* The value of an option that is an int; -1: there is none. */
int rudp_raw_option(int fd, int level, int option);
/* Reads SO_PEERCRED: the process at the other end of a Unix socket. Returns 0 or -errno. */
int rudp_raw_peer(int fd, struct ucred *peer);
int rudp_raw_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int rudp_raw_shutdown(int fd, int how);
ssize_t rudp_raw_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t rudp_raw_sendto(int fd, const void *data, size_t len, int flags,
			const struct sockaddr *addr, socklen_t addr_len);
ssize_t rudp_raw_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *addr,
			  socklen_t *addr_len);
/* poll(2) of one descriptor without waiting. Returns revents, or -errno. */
int rudp_raw_poll(int fd, short events);
int rudp_raw_fcntl(int fd, int command, long argument);
int rudp_raw_ioctl(int fd, unsigned long request, void *argument);
int rudp_raw_close(int fd);
/* recv(2) without flags. A blocking connect waits in it for the engine's reply. */
ssize_t rudp_raw_recv_wait(int fd, void *data, size_t len);

/*
 * Blocks all signals of this thread, the two internal signals of libc included, except those in
 * open (bit n - 1 is signal n). Writes the former mask to *before. Returns false if the kernel
 * refused; then there is nothing to restore.
 */
bool rudp_raw_signals_block(uint64_t open, uint64_t *before);
void rudp_raw_signals_restore(uint64_t before);

/* Makes any system call. Returns its result or -errno. */
long rudp_raw_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
