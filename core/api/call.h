/* SPDX-License-Identifier: MIT */
/*
 * call - the socket calls (bind, connect, accept ...) on rudp descriptors. The shim and the native
 * API both use them.
 *
 * Each function behaves as the call of the same name on a TCP socket, wrong pointers included, but
 * it returns -errno instead of setting errno. RUDP_NOT_OURS means that fd is not a rudp descriptor;
 * then nothing was done, and the caller makes the kernel's call.
 * Threads  any; async-signal-safe; no allocation.
 * Source   the man pages of section 2 and tcp(7), ip(7), ipv6(7), socket(7). Where they say
 *          nothing, the behaviour of Linux.
 */
#ifndef RUDP_API_CALL_H
#define RUDP_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/addr.h"

#define RUDP_NOT_OURS (-65536)

/*
 * Creates a socket. domain is AF_INET or AF_INET6; type is SOCK_STREAM, with SOCK_NONBLOCK or
 * SOCK_CLOEXEC.
 *
 * Returns  a descriptor; -ENOKEY: the key file cannot be used; -EACCES: rudp cannot be used, and
 *          clear text is forbidden (clear_text.h); RUDP_NOT_OURS: use kernel TCP; -errno.
 */
int rudp_call_socket(int domain, int type);

int rudp_call_bind(int fd, const struct sockaddr *addr, socklen_t len);
/* bindresvport(3): binds to a free port below 1024, if the engine may give one to the caller. */
int rudp_call_bindresvport(int fd, struct sockaddr_in *addr);
int rudp_call_listen(int fd, int backlog);

/*
 * Replaces fd, a listener of kernel TCP, by a rudp listener if a rule of the engine says so, or if
 * clear text is forbidden (clear_text.h).
 *
 * Returns  0; RUDP_NOT_OURS: fd is not a listening TCP socket; -EOPNOTSUPP: it stays with the
 *          kernel; -EACCES, -ENOKEY, and any -errno while clear text is forbidden: fd is an unbound
 *          socket now; other -errno: nothing has changed.
 */
int rudp_call_adopt(int fd);

/*
 * Asks the engine for a UDP port. Call it after the kernel has refused the program's bind of fd, a
 * UDP socket, with EADDRINUSE: the engine may hold the port for a TCP listener of the same number.
 *
 * Returns  0: the port may be free now, try again; RUDP_NOT_OURS, -errno: it is not free.
 */
int rudp_call_udp_port_release(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * Call it before the program binds fd. If fd is a UDP socket with SO_REUSEPORT, it could share the
 * port with an engine in a thread whose socket has SO_REUSEPORT too. The kernel would then give
 * half of the program's datagrams to the engine. So the engine is asked to leave the port.
 *
 * Returns  0: go on; -EADDRINUSE: the engine must keep the port.
 */
int rudp_call_udp_port_release_shared(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * wants_kernel may be NULL. It is called for a fresh or bound socket, with the checked destination.
 * If it returns true, a kernel TCP socket replaces fd, and the result is that of the kernel's
 * connect.
 */
typedef bool rudp_wants_kernel(const struct rudp_addr *remote);
int rudp_call_connect(int fd, const struct sockaddr *addr, socklen_t len,
		      rudp_wants_kernel *wants_kernel);

/* The first bytes of a connection, as given to sendmsg with MSG_FASTOPEN. */
struct rudp_early {
	const struct iovec *iov;
	size_t count;
	bool dont_wait; /* MSG_DONTWAIT */
	size_t taken;   /* out: bytes that are sent already, unless the call fails */
};

/*
 * Does the connect of a sendmsg with MSG_FASTOPEN, and sends the first bytes with the SYN if the
 * engine allows it. addr is NULL if the program gave no address.
 *
 * Returns  0: connected, the caller sends the rest; -EINPROGRESS: the handshake continues, and with
 *          taken 0 nothing has been sent, as with TCP; RUDP_NOT_OURS: not a rudp descriptor, or a
 *          kernel TCP socket has just replaced it, so make the same call on that; -EISCONN,
 *          -EALREADY, -EOPNOTSUPP (net.ipv4.tcp_fastopen is off), -EINVAL, or as rudp_call_connect.
 */
int rudp_call_open_fast(int fd, const struct sockaddr *addr, socklen_t len,
			rudp_wants_kernel *wants_kernel, struct rudp_early *early);

/*
 * quietly: makes system calls on the sockets alone. Other calls could kill the process if it has
 * installed a seccomp filter.
 */
int rudp_call_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, bool quietly);
int rudp_call_shutdown(int fd, int how);
int rudp_call_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
/* quietly: as above; a reset over loopback may then be noticed some microseconds late. */
int rudp_call_getpeername(int fd, struct sockaddr *addr, socklen_t *len, bool quietly);
int rudp_call_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int rudp_call_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

/*
 * SIOCOUTQ, SIOCOUTQNSD and requests about interfaces. Returns RUDP_NOT_OURS for other requests
 * too.
 */
int rudp_call_ioctl(int fd, unsigned long request, void *argument);

/*
 * error (positive) is the errno of a failed send or receive. Returns the errno that TCP would have
 * given, or error itself.
 */
int rudp_call_send_error(int fd, int error);
int rudp_call_receive_error(int fd, int error);

struct rudp_control_info;
/* Asks the engine about a connection or listener. Returns 0, -ENOTCONN or -errno. */
int rudp_call_info(int fd, struct rudp_control_info *info);

#endif
