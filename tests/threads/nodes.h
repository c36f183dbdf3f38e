/* SPDX-License-Identifier: MIT */
/* Threads over nodes of the messaging library, and trouble for them. Included once by each
 * program. */
#ifndef RUDP_TESTS_THREADS_NODES_H
#define RUDP_TESTS_THREADS_NODES_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rudp/msg.h"

#define DESCRIPTORS 1000 /* more than such a process has */
#define NS_PER_MS INT64_C(1000000)
#define PATIENCE_S 600

static atomic_uint cuts;
static atomic_uint came; /* messages, of all */
static atomic_bool is_over;

static inline void check(int64_t is, int64_t should, const char *what)
{
	if (is == should)
		return;
	fprintf(stderr, "%s: %lld (%s), should be %lld\n", what, (long long)is,
		strerror(is < 0 ? (int)-is : 0), (long long)should);
	exit(1);
}

/* A listener is left alone. */
static inline bool shutdown_stream(int fd)
{
	int listens;
	socklen_t length = sizeof listens;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && !listens &&
	       shutdown(fd, SHUT_RDWR) == 0;
}

static inline bool has_port(int (*name)(int, struct sockaddr *, socklen_t *), int fd, uint16_t port)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;

	return name(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sin_family == AF_INET && address.sin_port == htons(port);
}

/* A thread: until it is over every stream to or from this port breaks now and then, at both ends,
 * but not before something has come since: on a busy machine nothing might, ever. Other sockets are
 * those of the process that has started the test. */
static inline void *cut_streams(void *of_port)
{
	const uint16_t *port = of_port;
	unsigned came_before = 0;
	int fd;

	while (!atomic_load(&is_over)) {
		usleep(10000);
		if (atomic_load(&cuts) > 0 && atomic_load(&came) == came_before)
			continue;
		came_before = atomic_load(&came);
		for (fd = 0; fd < DESCRIPTORS; fd++)
			if ((has_port(getpeername, fd, *port) ||
			     has_port(getsockname, fd, *port)) &&
			    shutdown_stream(fd))
				atomic_fetch_add(&cuts, 1);
	}
	return of_port;
}

/* Waits for the first cut of a stream: the next step may end before the cutting thread runs. */
static inline void wait_for_cut(void)
{
	while (atomic_load(&cuts) == 0)
		usleep(1000);
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
