/* SPDX-License-Identifier: MIT */
/*
 * address - copies socket addresses from and to the memory of the program, whose pointers may be
 * wrong.
 *
 * Each pointer is first given to the kernel, in a system call that changes nothing. A wrong pointer
 * therefore gives EFAULT, as with TCP, and never a signal.
 * Threads  any; async-signal-safe.
 */
#ifndef RUDP_API_ADDRESS_H
#define RUDP_API_ADDRESS_H

#include <sys/socket.h>

#include "api/socket.h"
#include "base/addr.h"

/*
 * Copies the sockaddr of len bytes at user as the kernel would. fd is a rudp descriptor.
 *
 * Returns  0, -EFAULT, or -EINVAL (len negative or beyond sockaddr_storage).
 */
int rudp_address_copy_in(int fd, const struct sockaddr *user, socklen_t len,
			 struct sockaddr_storage *copy);

/*
 * Checks an address that the program gave to bind or connect, and converts it to *addr.
 *
 * Returns  0; -EAFNOSUPPORT (the family is not the socket's); -EINVAL (too short).
 */
int rudp_address_check(const struct rudp_socket *s, const struct sockaddr_storage *copy,
		       socklen_t len, struct rudp_addr *addr);

/*
 * Writes addr to the program's memory, in the form that a socket with these mark flags sees: an
 * IPv4 address as a mapped one if the socket is AF_INET6. Writes at most *len bytes, and the full
 * length to *len. fd is any socket.
 *
 * Returns  0, -EFAULT or -EINVAL.
 */
int rudp_address_copy_out(int fd, const struct rudp_addr *addr, unsigned flags,
			  struct sockaddr *user, socklen_t *len);

/* Copies the first len bytes of shown to the program's pointer user. Returns 0 or -EFAULT. */
int rudp_address_give(int fd, const struct sockaddr_in6 *shown, void *user, socklen_t len);

/* Converts addr to the form that rudp_address_copy_out writes. Returns its full length. */
socklen_t rudp_address_present(const struct rudp_addr *addr, unsigned flags,
			       struct sockaddr_in6 *out);

/*
 * Checks the program's pointer to a length. fd is any AF_UNIX socket.
 *
 * Returns  0; -EFAULT (no int can be read at user); -EINVAL (it is negative).
 */
int rudp_address_check_len(int fd, const socklen_t *user);

#endif
