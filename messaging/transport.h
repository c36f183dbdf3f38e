/* SPDX-License-Identifier: MIT */
/*
 * transport - how a node makes its streams. rudp's sockets and the kernel's have the same calls, so
 * a transport is a table of them, and what is done with them is written once; a test brings a table
 * of its own. All descriptors are non-blocking, pollable and close-on-exec.
 *
 * Returns  0 or more, or a negative errno value.
 * Threads  called by the node's loop thread, listen by the caller of rudpmsg_listen.
 */
#ifndef RUDPMSG_TRANSPORT_H
#define RUDPMSG_TRANSPORT_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As the system's calls of these names: -1 and errno. flags are SOCK_NONBLOCK and SOCK_CLOEXEC. */
struct rudpmsg_transport_ops {
	const char *name;
	int (*socket)(int family, int flags);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t length);
	int (*listen)(int fd, int backlog);
	int (*accept)(int listener, struct sockaddr *address, socklen_t *length, int flags);
	int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
	int (*set_option)(int fd, int level, int option, const void *value, socklen_t length);
	int (*get_option)(int fd, int level, int option, void *value, socklen_t *length);
	ssize_t (*recv)(int fd, void *bytes, size_t length, int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
	int (*close)(int fd);
};

/* librudp's own: encrypted, over UDP. */
extern const struct rudpmsg_transport_ops rudpmsg_transport_rudp;
/* The kernel's. Under the shim they are rudp's, too. */
extern const struct rudpmsg_transport_ops rudpmsg_transport_tcp;

/* A listening descriptor. */
int rudpmsg_transport_listen(const struct rudpmsg_transport_ops *transport,
			     const struct sockaddr *address, socklen_t length);
/* -EAGAIN: nobody waits. */
int rudpmsg_transport_accept(const struct rudpmsg_transport_ops *transport, int listener);
/* *fd is a descriptor that becomes writable when it is decided (-EINPROGRESS); 0: it is connected
 * already. */
int rudpmsg_transport_dial(const struct rudpmsg_transport_ops *transport,
			   const struct sockaddr *address, socklen_t length, int *fd);
/* Once it was writable: 0, or why not; -EINPROGRESS not yet; -EKEYREJECTED the peer has another key. */
int rudpmsg_transport_dial_result(const struct rudpmsg_transport_ops *transport, int fd);
/* 0: end of the stream. -EAGAIN. */
ssize_t rudpmsg_transport_read(const struct rudpmsg_transport_ops *transport, int fd, void *bytes,
			       size_t length);
ssize_t rudpmsg_transport_write(const struct rudpmsg_transport_ops *transport, int fd,
				const struct iovec *iov, int count);

#endif
