/* SPDX-License-Identifier: MIT */
/*
 * address - socket addresses in and out of a program's memory, whose pointers may be wrong.
 *
 * The kernel looks at each pointer first, in a call that is sure to fail or harmless, so that a wrong
 * one gives EFAULT as with TCP, never a signal.
 * Threads  any; async-signal-safe.
 */
#ifndef RUDP_API_ADDRESS_H
#define RUDP_API_ADDRESS_H

#include <sys/socket.h>

#include "api/socket.h"
#include "base/addr.h"

/*
 * Copies the sockaddr at user, len bytes, as the kernel would; fd is one of ours.
 *
 * Returns  0, -EFAULT, or -EINVAL (len negative or beyond sockaddr_storage).
 */
int rudp_address_copy_in(int fd, const struct sockaddr *user, socklen_t len,
			 struct sockaddr_storage *copy);

/*
 * Checks what bind and connect want of a socket of this family and converts; any family but the
 * socket's is -EAFNOSUPPORT, too short is -EINVAL.
 */
int rudp_address_check(const struct rudp_socket *s, const struct sockaddr_storage *copy,
		       socklen_t len, struct rudp_addr *addr);

/*
 * Gives addr to the program as a socket of flags sees it (IPv4 as mapped to an AF_INET6 one), cut to
 * *len, with the true length in *len. fd is any socket.
 *
 * Returns  0, -EFAULT or -EINVAL.
 */
int rudp_address_copy_out(int fd, const struct rudp_addr *addr, unsigned flags,
			  struct sockaddr *user, socklen_t *len);

/* len bytes of shown, at most all, to the program's pointer: 0 or -EFAULT. */
int rudp_address_give(int fd, const struct sockaddr_in6 *shown, void *user, socklen_t len);

/* The same without looking at pointers; returns the length. */
socklen_t rudp_address_present(const struct rudp_addr *addr, unsigned flags,
			       struct sockaddr_in6 *out);

/* 0 when an int at user can be read, -EFAULT, -EINVAL when it is negative. fd is any AF_UNIX one. */
int rudp_address_check_len(int fd, const socklen_t *user);

#endif
