/* SPDX-License-Identifier: MIT */
/* Threads over nodes of the messaging library, and trouble for them. Included once by each program. */
#ifndef RUDP_TESTS_THREADS_NODES_H
#define RUDP_TESTS_THREADS_NODES_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rudp/msg.h"

#define DESCRIPTORS 200 /* more than such a process has */
#define NS_PER_MS INT64_C(1000000)
#define PATIENCE_S 60

static atomic_uint cuts;
static atomic_bool is_over;

static inline void check(int64_t is, int64_t should, const char *what)
{
	if (is == should)
		return;
	fprintf(stderr, "%s: %lld (%s), should be %lld\n", what, (long long)is,
		strerror(is < 0 ? (int)-is : 0), (long long)should);
	exit(1);
}

/* A thread: until it is over every stream of this process breaks now and then, at both ends. */
static inline void *cut_streams(void *argument)
{
	int fd, listens;
	socklen_t length;

	while (!atomic_load(&is_over)) {
		usleep(10000);
		for (fd = 3; fd < DESCRIPTORS; fd++) {
			length = sizeof listens;
			if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 &&
			    !listens && shutdown(fd, SHUT_RDWR) == 0)
				atomic_fetch_add(&cuts, 1);
		}
	}
	return argument;
}

/* Over plain TCP, acknowledged when handled, and soon there again after a cut. */
static inline struct rudpmsg_options options_of(uint64_t queue_messages_max)
{
	return (struct rudpmsg_options){.transport = RUDPMSG_TRANSPORT_TCP,
					.ack = RUDPMSG_ACK_HANDLED,
					.limits = {.queue_messages_max = queue_messages_max},
					.backoff_first_ns = NS_PER_MS,
					.backoff_max_ns = 20 * NS_PER_MS,
					.handshake_timeout_ns = 500 * NS_PER_MS};
}

/* Returns the port. */
static inline uint16_t listen_somewhere(struct rudpmsg_node *node)
{
	uint16_t port = (uint16_t)(20000 + getpid() % 10000);
	int rc;

	while ((rc = rudpmsg_listen(node, "127.0.0.1", port)) == -EADDRINUSE)
		port++;
	check(rc, 0, "listen");
	return port;
}

static inline pthread_t start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, run, argument), 0, "pthread_create");
	return thread;
}

#endif
