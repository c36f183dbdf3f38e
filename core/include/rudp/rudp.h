/* SPDX-License-Identifier: MIT */
/*
 * rudp - encrypted reliable streams over UDP, behind descriptors that the kernel knows.
 *
 * A rudp descriptor is a real one: poll, select, epoll, read, write, sendmsg without a name, splice,
 * fcntl, dup, fork, SCM_RIGHTS and close work on it as on a TCP socket. Only the calls below know that
 * it is not one. They behave as the calls of section 2 of the manual of the same name; a program that
 * is written for TCP is ported by putting rudp_ in front.
 *
 * The connections live in a process of their own, rudp-engine, which the first rudp_socket starts and
 * which ends by itself; what was written is delivered although the program has ended. Settings come
 * from the environment: RUDP_KEY_FILE, RUDP_CC, RUDP_LOG, RUDP_CONNECT_TIMEOUT, RUDP_ENGINE,
 * RUDP_ENGINE_PATH (rudp(3)) and the others of librudp_shim(7), rules of rudp.conf(5) included.
 *
 * All functions return -1 and set errno on failure and leave errno alone on success. Any thread may
 * call any of them at any time; rudp_accept, rudp_connect, rudp_send and rudp_recv are cancellation
 * points. None allocates memory, but for RUDP_ENGINE=thread.
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
 * Makes a stream socket of family AF_INET or AF_INET6. flags: 0, SOCK_NONBLOCK, SOCK_CLOEXEC.
 *
 * Returns  a descriptor, the lowest free number.
 * Errors   EAFNOSUPPORT another family; EINVAL other flags; ENOKEY the key file cannot be used;
 *          EACCES no engine although a key is set; EPROTONOSUPPORT no engine can be found or started,
 *          or AF_UNIX sockets are forbidden here; EMFILE, ENFILE, ENOMEM.
 */
int rudp_socket(int family, int flags);

/*
 * Takes a local address and port (0: a free one) at once. The UDP port has the same number as the one
 * given, and the TCP port of that number is held as well.
 *
 * Errors   EADDRINUSE, EADDRNOTAVAIL, EACCES (below 1024 without the capability), EINVAL (bound or
 *          connected already; too short), EAFNOSUPPORT, EFAULT, EBADF, ENOTSOCK.
 */
int rudp_bind(int fd, const struct sockaddr *address, socklen_t length);

/*
 * Opens a connection. Blocking: returns when the handshake is over, or after SO_SNDTIMEO with
 * EINPROGRESS, or on a signal with EINTR; in both cases it goes on. Non-blocking: EINPROGRESS, and
 * writable when it is over; SO_ERROR says how. After a failure the socket may be used again.
 * Where a rule of rudp.conf(5) leaves the destination to kernel TCP, fd is a socket of that from now on:
 * the other functions are the kernel's then, and rudp_stats says ENOTSOCK.
 *
 * Errors   ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EINPROGRESS, EALREADY, EISCONN, EINTR,
 *          EKEYREJECTED (the peer has another key), EINVAL, EAFNOSUPPORT, EFAULT, EBADF, ENOTSOCK.
 */
int rudp_connect(int fd, const struct sockaddr *address, socklen_t length);

/* Listens with at most backlog connections waiting. Errors  EADDRINUSE, EINVAL, EBADF, ENOTSOCK. */
int rudp_listen(int fd, int backlog);

/*
 * Takes the next established connection of a listener. address and length may both be NULL; flags as
 * of rudp_socket.
 *
 * Returns  a new descriptor.
 * Errors   EAGAIN, EINVAL (not listening), EINTR, EMFILE, ENFILE, EFAULT, EBADF, ENOTSOCK.
 */
int rudp_accept(int fd, struct sockaddr *address, socklen_t *length, int flags);

/*
 * send(2) and recv(2) with MSG_NOSIGNAL: errors that the kernel cannot know (ETIMEDOUT, EHOSTUNREACH)
 * are told as such; with write(2) and read(2) they read as EPIPE and ECONNRESET. A reset is never an
 * end of file.
 *
 * Returns  bytes sent or received; 0 from recv at the end of the peer's data.
 */
ssize_t rudp_send(int fd, const void *data, size_t length, int flags);
ssize_t rudp_recv(int fd, void *data, size_t length, int flags);

/* Half or whole close: SHUT_RD, SHUT_WR, SHUT_RDWR. Errors  ENOTCONN, EINVAL, EBADF, ENOTSOCK. */
int rudp_shutdown(int fd, int how);

/* close(2): returns at once; what was written is still delivered. */
int rudp_close(int fd);

/*
 * setsockopt(2) and getsockopt(2) with the levels, options and values of TCP sockets: SO_ERROR,
 * SO_KEEPALIVE, SO_LINGER, TCP_NODELAY, TCP_KEEPIDLE, TCP_USER_TIMEOUT, TCP_CONGESTION ("bbr",
 * "cubic"), TCP_INFO, IPV6_V6ONLY and so on. TCP_FASTOPEN_CONNECT before rudp_connect, and TCP_FASTOPEN
 * on a listener, let the first bytes travel with the SYN where rudp.conf(5) has `set early on`.
 */
int rudp_set_option(int fd, int level, int option, const void *value, socklen_t length);
int rudp_get_option(int fd, int level, int option, void *value, socklen_t *length);

/* getsockname(2) and getpeername(2). */
int rudp_local_address(int fd, struct sockaddr *address, socklen_t *length);
int rudp_peer_address(int fd, struct sockaddr *address, socklen_t *length);

/* Spans are nanoseconds, 0 when not measured yet. Counters begin with the connection. */
struct rudp_stats {
	uint64_t id;
	char state[16];                /* "ESTABLISHED", ... */
	char congestion_control[16];   /* "bbr", ... */
	char congestion_state[16];     /* in the words of that */
	uint8_t authenticated;         /* a key is in use at both ends */
	uint8_t reserved[7];
	uint64_t srtt_ns, rttvar_ns, min_rtt_ns;
	uint64_t cwnd_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t datagram_bytes;       /* largest UDP payload in use on this path */
	uint64_t packets_sent, packets_received, packets_lost, packets_spurious;
	uint64_t bytes_sent, bytes_received;   /* UDP payload */
	uint64_t stream_sent, stream_acked, stream_received, stream_resent;
	uint64_t unacked_bytes, unsent_bytes, unread_bytes;
	uint64_t window_send_bytes, window_receive_bytes;
	uint64_t early_bytes;          /* of the stream, that travelled with the SYN */
};

/*
 * What the engine knows of a connection or listener. size is sizeof *stats as the program was built
 * with; a newer library fills that much, an older one leaves the rest 0.
 *
 * Errors   ENOTCONN, EINVAL (size 0), EBADF, ENOTSOCK, ECONNREFUSED (the engine is gone).
 */
int rudp_stats(int fd, struct rudp_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
