/* SPDX-License-Identifier: MIT */
/*
 * call - the socket calls on rudp descriptors, for the shim and the native API alike.
 *
 * Each behaves as the call of the same name on a TCP socket, pointers included, but returns -errno
 * instead of setting errno. RUDP_NOT_OURS means that the descriptor is none of rudp's, and nothing has
 * been done: the caller's business.
 * Threads  any; async-signal-safe; no allocation.
 * Source   the man pages of section 2 and tcp(7), ip(7), ipv6(7), socket(7); where they are silent,
 *          what Linux does.
 */
#ifndef RUDP_API_CALL_H
#define RUDP_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/addr.h"

#define RUDP_NOT_OURS (-65536)

/*
 * domain AF_INET or AF_INET6; type SOCK_STREAM with SOCK_NONBLOCK or SOCK_CLOEXEC.
 *
 * Returns  a descriptor; -ENOKEY, -EACCES: a key is set and rudp cannot serve; RUDP_NOT_OURS: use
 *          kernel TCP; -errno.
 */
int rudp_call_socket(int domain, int type);

int rudp_call_bind(int fd, const struct sockaddr *addr, socklen_t len);
/* Of the next free port below 1024, from any that the engine lets the caller have. */
int rudp_call_bindresvport(int fd, struct sockaddr_in *addr);
int rudp_call_listen(int fd, int backlog);

/*
 * Puts a listener of ours in the place of the kernel's, if the engine's policy wants it so.
 *
 * Returns  0; RUDP_NOT_OURS: no listening TCP socket; -EOPNOTSUPP: no rule takes it; -errno. Where it is
 *          not 0 nothing has changed.
 */
int rudp_call_adopt(int fd);

/*
 * The kernel has refused the program's bind of fd, a socket of UDP, with EADDRINUSE: perhaps the port
 * is the engine's, for a TCP listener of the same number.
 *
 * Returns  0: it may be free now; RUDP_NOT_OURS, -errno: it is not.
 */
int rudp_call_udp_port_release(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * The program is about to bind fd. A socket of UDP with SO_REUSEPORT would come to share the port with
 * an engine in a thread that shares it with others, and lose half of its datagrams: the engine goes.
 *
 * Returns  0: go on; -EADDRINUSE: the engine must keep the port.
 */
int rudp_call_udp_port_release_shared(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * wants_kernel, which may be NULL, decides on a fresh or bound socket, with the checked destination,
 * whether kernel TCP shall take its place (then it has, and the result is the kernel's).
 */
typedef bool rudp_wants_kernel(const struct rudp_addr *remote);
int rudp_call_connect(int fd, const struct sockaddr *addr, socklen_t len,
		      rudp_wants_kernel *wants_kernel);

/* The first bytes of a connection, as sendmsg with MSG_FASTOPEN has them. */
struct rudp_early {
	const struct iovec *iov;
	size_t count;
	bool dont_wait;               /* MSG_DONTWAIT */
	size_t taken;                 /* out: these need not be sent again, unless there is an error */
};

/*
 * What MSG_FASTOPEN does before it sends: it connects, and where the engine can have it so the first
 * bytes go with the SYN. addr NULL: no name was given.
 *
 * Returns  0: connected, the rest may be sent; -EINPROGRESS: it connects, and with taken 0 nothing has
 *          been sent, as with TCP; RUDP_NOT_OURS: also when kernel TCP has just taken the socket's
 *          place, which is then to be asked the same; -EISCONN, -EALREADY, -EOPNOTSUPP (switched off
 *          by net.ipv4.tcp_fastopen), -EINVAL, or as rudp_call_connect.
 */
int rudp_call_open_fast(int fd, const struct sockaddr *addr, socklen_t len,
			rudp_wants_kernel *wants_kernel, struct rudp_early *early);

/* quietly: with no calls but those on the sockets themselves, as a filter may kill for others. */
int rudp_call_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, bool quietly);
int rudp_call_shutdown(int fd, int how);
int rudp_call_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int rudp_call_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int rudp_call_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int rudp_call_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

/* SIOCOUTQ, SIOCOUTQNSD and interface requests; RUDP_NOT_OURS for others too. */
int rudp_call_ioctl(int fd, unsigned long request, void *argument);

/*
 * After send or receive has failed with error (positive): what TCP would have said, or error itself.
 */
int rudp_call_send_error(int fd, int error);
int rudp_call_receive_error(int fd, int error);

struct rudp_control_info;
/* What the engine knows of a connection or listener: 0, -ENOTCONN, -errno. */
int rudp_call_info(int fd, struct rudp_control_info *info);

#endif
