/* SPDX-License-Identifier: MIT */
/*
 * transport - how a node makes its streams: a table of functions on descriptors. All descriptors
 * are non-blocking, pollable and close-on-exec.
 *
 * Returns  0 or more, or a negative errno value.
 * Threads  called by the node's loop thread, listen by the caller of rudpmsg_listen.
 */
#ifndef RUDPMSG_TRANSPORT_H
#define RUDPMSG_TRANSPORT_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct rudpmsg_transport_ops {
	const char *name;
	/* A listening descriptor. */
	int (*listen)(const struct sockaddr *address, socklen_t length);
	/* -EAGAIN: nobody waits. */
	int (*accept)(int listener);
	/* *fd is a descriptor that becomes writable when it is decided; 0: it is connected already.
	 */
	int (*dial)(const struct sockaddr *address, socklen_t length, int *fd);
	/* Once it was writable: 0, or why not; -EINPROGRESS not yet. */
	int (*dial_result)(int fd);
	/* 0: end of the stream. -EAGAIN. */
	ssize_t (*read)(int fd, void *bytes, size_t length);
	ssize_t (*write)(int fd, const struct iovec *iov, int count);
	void (*close)(int fd);
};

extern const struct rudpmsg_transport_ops rudpmsg_transport_rudp;
extern const struct rudpmsg_transport_ops rudpmsg_transport_tcp;

#endif
