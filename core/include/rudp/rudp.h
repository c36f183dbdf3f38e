/* SPDX-License-Identifier: MIT */
/*
 * rudp - encrypted, reliable, TCP-like streams over UDP.
 *
 * A rudp descriptor is an AF_UNIX stream socket of the kernel. Therefore poll, select, epoll, read,
 * write, splice, fcntl, dup, fork, SCM_RIGHTS, close, and sendmsg without an address work on it as
 * on a TCP socket. All other socket calls have a function below. Each function behaves as the call
 * of the same name in section 2 of the manual. To port a TCP program, put rudp_ in front of these
 * calls.
 *
 * The process rudp-engine holds the connections. The first rudp_socket starts it, and it ends by
 * itself when no program needs it. It delivers what was written even if the program has ended.
 * Settings come from the environment: RUDP_KEY_FILE, RUDP_CC, RUDP_LOG, RUDP_CONNECT_TIMEOUT,
 * RUDP_ENGINE, RUDP_ENGINE_PATH (rudp(3)), and the other variables of librudp_shim(7). The rules of
 * rudp.conf(5) apply too.
 *
 * On failure every function returns -1 and sets errno. On success it does not change errno.
 * Threads  any thread may call any function at any time. rudp_accept, rudp_connect, rudp_send and
 *          rudp_recv are cancellation points.
 * Memory   no function allocates memory, except with RUDP_ENGINE=thread.
 */
#ifndef RUDP_RUDP_H
#define RUDP_RUDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Creates a stream socket. family is AF_INET or AF_INET6; flags is 0 or a combination of
 * SOCK_NONBLOCK and SOCK_CLOEXEC.
 *
 * Returns  a descriptor: the lowest free number.
 * Errors   EAFNOSUPPORT (another family); EINVAL (other flags); ENOKEY (the key file cannot be
 *          used); EMFILE, ENFILE, ENOMEM. If no engine runs or can be started, or if this process
 *          may not create AF_UNIX sockets: EACCES if a key, an identity, known hosts, authorized
 *          keys or a rule forbid clear text, else EPROTONOSUPPORT.
 */
int rudp_socket(int family, int flags);

/*
 * Binds the socket to a local address and port at once; port 0 chooses a free port. The engine
 * takes the UDP port of this number, and reserves the TCP port of the same number.
 *
 * Errors   EADDRINUSE, EADDRNOTAVAIL, EACCES (a port below 1024 without CAP_NET_BIND_SERVICE),
 *          EINVAL (already bound or connected, or length too short), EAFNOSUPPORT, EFAULT, EBADF,
 *          ENOTSOCK.
 */
int rudp_bind(int fd, const struct sockaddr *address, socklen_t length);

/*
 * Opens a connection.
 *
 * A blocking socket waits until the handshake ends. If SO_SNDTIMEO elapses first, the call fails
 * with EINPROGRESS; if a signal arrives first, it fails with EINTR. In both cases the handshake
 * continues. A non-blocking socket gets EINPROGRESS. It becomes writable when the handshake ends,
 * and SO_ERROR then tells the result. After a failure the socket can be used for another attempt.
 *
 * If a rule of rudp.conf(5) leaves the destination to kernel TCP, fd becomes a kernel TCP socket.
 * From then on the other functions act as the kernel's calls, and rudp_stats fails with ENOTSOCK.
 *
 * Errors   ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EINPROGRESS, EALREADY, EISCONN,
 *          EINTR, EKEYREJECTED (the peer has another key), EACCES (the peer's identity is not
 *          the known one, or the peer refuses the identity of this end; or the engine has ended
 *          since rudp_socket, there is no other, and clear text is forbidden), EINVAL,
 *          EAFNOSUPPORT, EFAULT, EBADF, ENOTSOCK.
 */
int rudp_connect(int fd, const struct sockaddr *address, socklen_t length);

/*
 * Starts to listen. At most backlog established connections wait for rudp_accept.
 *
 * Errors   EADDRINUSE, EINVAL, EBADF, ENOTSOCK.
 */
int rudp_listen(int fd, int backlog);

/*
 * Takes the next established connection of a listener. address and length may both be NULL. flags
 * are those of rudp_socket.
 *
 * Returns  a new descriptor.
 * Errors   EAGAIN (non-blocking and none waits), EINVAL (not listening), EINTR, EMFILE,
 *          ENFILE, EFAULT, EBADF, ENOTSOCK.
 */
int rudp_accept(int fd, struct sockaddr *address, socklen_t *length, int flags);

/*
 * send(2) and recv(2) with MSG_NOSIGNAL. They report the connection's true error, for example
 * ETIMEDOUT or EHOSTUNREACH. write(2) and read(2) report EPIPE and ECONNRESET instead, because the
 * kernel does not know the true error. A reset is never reported as an end of file.
 *
 * Returns  the number of bytes sent or received. rudp_recv returns 0 at the end of the peer's data.
 */
ssize_t rudp_send(int fd, const void *data, size_t length, int flags);
ssize_t rudp_recv(int fd, void *data, size_t length, int flags);

/*
 * Closes one direction of a connection or both. how is SHUT_RD, SHUT_WR or SHUT_RDWR.
 *
 * Errors   ENOTCONN, EINVAL, EBADF, ENOTSOCK.
 */
int rudp_shutdown(int fd, int how);

/* close(2). Returns at once; the engine still delivers what was written. */
int rudp_close(int fd);

/*
 * setsockopt(2) and getsockopt(2), with the levels, options and values of TCP sockets: SO_ERROR,
 * SO_KEEPALIVE, SO_LINGER, TCP_NODELAY, TCP_KEEPIDLE, TCP_USER_TIMEOUT, TCP_CONGESTION ("bbr",
 * "cubic"), TCP_INFO, IPV6_V6ONLY and so on.
 *
 * If rudp.conf(5) has `set early on`, the first bytes can travel with the SYN, as with TCP Fast
 * Open. The client sets TCP_FASTOPEN_CONNECT before rudp_connect; the server sets TCP_FASTOPEN on
 * its listener.
 */
int rudp_set_option(int fd, int level, int option, const void *value, socklen_t length);
int rudp_get_option(int fd, int level, int option, void *value, socklen_t *length);

/* getsockname(2) and getpeername(2). They return the IP addresses and ports of the connection. */
int rudp_local_address(int fd, struct sockaddr *address, socklen_t *length);
int rudp_peer_address(int fd, struct sockaddr *address, socklen_t *length);

/*
 * Statistics of one connection. Times are in nanoseconds, and 0 if nothing was measured yet.
 * Counters start at 0 when the connection begins.
 */
struct rudp_stats {
	uint64_t id;
	char state[16];              /* "ESTABLISHED", ... */
	char congestion_control[16]; /* "bbr", ... */
	char congestion_state[16];   /* the algorithm's name for its state */
	uint8_t authenticated;       /* 1 if both ends use the same shared key, else 0 */
	uint8_t reserved[7];
	uint64_t srtt_ns, rttvar_ns, min_rtt_ns;
	uint64_t cwnd_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t datagram_bytes; /* largest UDP payload in use on this path */
	uint64_t packets_sent, packets_received, packets_lost, packets_spurious;
	uint64_t bytes_sent, bytes_received; /* UDP payload */
	uint64_t stream_sent, stream_acked, stream_received, stream_resent;
	uint64_t unacked_bytes, unsent_bytes, unread_bytes;
	uint64_t window_send_bytes, window_receive_bytes;
	uint64_t early_bytes; /* stream bytes that travelled with the SYN */
};

/*
 * Reads the engine's statistics of a connection or listener. size must be sizeof *stats, so that
 * programs and libraries of different releases work together: a newer library fills only size
 * bytes, and an older one sets the members that it does not know to 0.
 *
 * Errors   ENOTCONN, EINVAL (size 0), EBADF, ENOTSOCK, ECONNREFUSED (the engine has ended), EACCES
 *          (the engine serves another user, or cannot be found).
 */
int rudp_stats(int fd, struct rudp_stats *stats, size_t size);

/* The key of the other side of a connection, and its owner's name. */
struct rudp_peer_identity {
	uint8_t public_key[32]; /* X25519; rudp_keys(5) */
	/* The owner's name in the engine's authorized_keys, else in its known_hosts; "" if neither
	 * file has a line with this key. */
	char name[64];
};

/*
 * Reads the identity that the peer of a connection has proven. A listener's rules and authorized
 * keys have been applied before rudp_accept returned the connection. size is as for rudp_stats.
 *
 * Errors   ENODATA (the peer has proven none), ENOTSOCK (also a kernel TCP socket), and those of
 *          rudp_stats.
 */
int rudp_peer_identity(int fd, struct rudp_peer_identity *identity, size_t size);

/*
 * Reads the channel binding (RFC 5056) of a connection: 32 bytes that are equal at both ends of
 * this connection and of no other one, resumed ones included. A login protocol that signs or hashes
 * them proves that no man in the middle ends one connection and begins another. They are
 * unique, not secret, and reveal no key. They stay the same while the keys of the connection
 * change.
 *
 * Source   Derived from the handshake hash of Noise, revision 34 section 11.2; for a resumed
 *          connection, from both messages of its handshake: docs/protocol.md section 6.9.
 * Errors   ENOTCONN (not connected), ENOTSUP (TCP carries the connection), ENOTSOCK (also a kernel
 *          TCP socket), and those of rudp_stats, except EINVAL.
 */
int rudp_channel_binding(int fd, uint8_t binding[32]);

#ifdef __cplusplus
}
#endif

#endif
