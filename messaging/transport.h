/* SPDX-License-Identifier: MIT */
/*
 * transport - opens, accepts, reads and writes a node's streams, over rudp's or the kernel's
 * sockets.
 *
 * Both kinds of sockets have the same calls. So a transport is a table of calls, and the code that
 * uses them exists once; tests bring tables of their own. All descriptors are non-blocking,
 * pollable and close-on-exec.
 *
 * Returns  0 or more, or a negative errno value.
 * Threads  the node's loop thread; rudpmsg_transport_listen: the caller of rudpmsg_listen.
 */
#ifndef RUDPMSG_TRANSPORT_H
#define RUDPMSG_TRANSPORT_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "rudp/msg.h"
#include "rudp/rudp.h"

/* Like the system calls of these names: -1 and errno. flags: SOCK_NONBLOCK and SOCK_CLOEXEC. */
struct rudpmsg_transport_ops {
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
	/* NULL: peers have no identities. */
	int (*peer_identity)(int fd, struct rudp_peer_identity *identity, size_t size);
};

/* librudp's sockets: encrypted, over UDP. */
extern const struct rudpmsg_transport_ops rudpmsg_transport_rudp;
/* The kernel's sockets. Under the shim, rudp carries them too. */
extern const struct rudpmsg_transport_ops rudpmsg_transport_tcp;

/* Returns a listening descriptor. */
int rudpmsg_transport_listen(const struct rudpmsg_transport_ops *transport,
			     const struct sockaddr *address, socklen_t length);
/* -EAGAIN: no connection is waiting. */
int rudpmsg_transport_accept(const struct rudpmsg_transport_ops *transport, int listener);
/* Begins to connect. -EINPROGRESS: *fd becomes writable when the connect has ended. 0: it is
 * connected already. */
int rudpmsg_transport_dial(const struct rudpmsg_transport_ops *transport,
			   const struct sockaddr *address, socklen_t length, int *fd);
/* The result, once *fd was writable: 0; an error; -EINPROGRESS not yet; -EKEYREJECTED the peer has
 * another key. */
int rudpmsg_transport_dial_result(const struct rudpmsg_transport_ops *transport, int fd);
/* The key that the peer has proven. Returns false if it has proven none. Asks the engine, and waits
 * for its answer. */
bool rudpmsg_transport_key(const struct rudpmsg_transport_ops *transport, int fd,
			   uint8_t key[RUDPMSG_KEY_BYTES]);
/* 0: end of the stream. -EAGAIN: nothing to read now. */
ssize_t rudpmsg_transport_read(const struct rudpmsg_transport_ops *transport, int fd, void *bytes,
			       size_t length);
ssize_t rudpmsg_transport_write(const struct rudpmsg_transport_ops *transport, int fd,
				const struct iovec *iov, int count);

#endif
