/* SPDX-License-Identifier: MIT */
/*
 * node_private - what the files of a node share; only node*.c include it. A node is a hub with a
 * lock, a membership in a loop whose thread moves its bytes, and condition variables for waiting
 * calls.
 *
 * node.c (opening, closing), node_loop.c (work in the loop's thread), node_stream.c (descriptors),
 * node_resolve.c (host names; a separate thread, since a look-up blocks), node_calls.c
 * (rudp/msg.h), node_dispatch.c (rudp/dispatch.h), node_store.c (writing the store; a separate
 * thread).
 *
 * Lock  One for everything. The loop thread holds it while it parses and while it writes messages,
 *       but not while it waits, reads, dials, accepts or writes an ACK. A stream whose connect has
 *       ended changes only under the lock.
 */
#ifndef RUDPMSG_NODE_PRIVATE_H
#define RUDPMSG_NODE_PRIVATE_H

#include <netdb.h>
#include <pthread.h>

#include "base/clock.h"
#include "messaging/disk.h"
#include "messaging/hub.h"
#include "messaging/loop.h"
#include "messaging/transport.h"

#define READS_AT_ONCE 8 /* of one stream, before other streams are served */
#define ACCEPTS_AT_ONCE 64
#define ACCEPT_PAUSE_NS (RUDP_NS_PER_S / 10)

struct stream {
	struct rudpmsg_watch watch; /* first */
	struct rudp_list all;       /* node->streams */
	struct rudpmsg_link *link;
	struct addrinfo *addresses, *next; /* resolved addresses; the next one to try */
	bool is_dialing;
	bool wants_in, wants_out;  /* the events that epoll watches for */
	bool cannot_write;         /* writing failed: the reader will learn why */
	struct rudp_list resolved; /* in node->to_resolve, then node->resolved */
	int resolve_error;
	char *host;
	uint16_t port;
};

struct waiters {
	pthread_cond_t cond;
	unsigned count;
};

struct rudpmsg_node {
	pthread_mutex_t lock;
	struct rudpmsg_hub *hub;
	const struct rudpmsg_transport_ops *transport;
	struct waiters room, readable, answer, connect, event_read, saved;
	struct rudpmsg_loop_member member;
	int event_fd;
	struct rudp_list streams; /* used by the loop thread only */
	struct rudpmsg_watch listeners[RUDPMSG_LISTENERS_MAX];
	unsigned listener_count;
	int64_t accept_at_ns; /* no descriptor was left: listeners pause until then; 0: no pause */
	bool is_due;          /* the loop was told of work, or is serving the node */
	bool is_woken;        /* more work came since then */
	bool is_serving;      /* the loop is serving the node: no other thread writes */
	bool is_fd_readable;  /* event_fd is readable */
	bool is_closing;      /* calls return -ESHUTDOWN */
	bool is_closed;       /* unacknowledged messages will not be acknowledged any more */
	bool is_over;         /* the node leaves the loop */
	/* Looking up host names. */
	pthread_t resolver;
	bool has_resolver;
	pthread_cond_t to_resolve_cond;
	struct rudp_list to_resolve, resolved;
	struct rudp_list dispatchers;
	/* Only with a store: */
	struct rudpmsg_disk *disk;
	pthread_t storer;
	pthread_cond_t to_store_cond;
	bool has_storer;
	bool is_storing_over; /* the storer ends once everything is stored */
};

/* As pthread_create, but the thread blocks all signals: those are for the host program's threads.
 * Returns 0 or a negative errno value. */
int rudpmsg_thread_start(pthread_t *thread, void *(*run)(void *), void *context);
/* The instant at which a timeout of rudp/msg.h ends. */
int64_t rudpmsg_until_ns(int64_t timeout_ns);

void rudpmsg_waiters_init(struct waiters *waiters);
void rudpmsg_waiters_fini(struct waiters *waiters);

/* After calls of the hub: wakes the waiters that its changes concern. The caller holds the lock. */
void rudpmsg_node_tell(struct rudpmsg_node *node);
/* The same, but unlocks first: a thread woken while the lock is held would sleep again at once. */
void rudpmsg_node_unlock(struct rudpmsg_node *node);
void rudpmsg_node_wake(struct rudpmsg_node *node);
/* Writes pending bytes in the calling thread, if that is better than waking the loop
 * (rudpmsg_loop_may_write). Before rudpmsg_node_tell. The caller holds the lock. */
void rudpmsg_node_write(struct rudpmsg_node *node);
/* Waits until something may have changed. The caller holds the lock. Returns 0; -ETIMEDOUT. */
int rudpmsg_node_wait(struct rudpmsg_node *node, struct waiters *waiters, int64_t until_ns);

/* node_dispatch.c. In this order: moves waiting posts to connections that have room again; the
 * node is being closed; no other thread uses the node. The caller holds the lock, except for the
 * last. */
void rudpmsg_node_dispatch(struct rudpmsg_node *node);
void rudpmsg_node_end_dispatchers(struct rudpmsg_node *node);
void rudpmsg_node_free_dispatchers(struct rudpmsg_node *node);

/* node_store.c. Without a store these do nothing. */
int rudpmsg_storer_start(struct rudpmsg_node *node);
/* Returns once everything is stored, or cannot be. The caller does not hold the lock. */
void rudpmsg_storer_stop(struct rudpmsg_node *node);
/* Waits until everything so far is stored, or cannot be. The caller holds the lock. */
void rudpmsg_storer_flush(struct rudpmsg_node *node);

struct stream *rudpmsg_stream_new(struct rudpmsg_node *node, int fd);
/* With neither in nor out epoll does not watch it: an ended stream would wake the loop for ever. */
int rudpmsg_stream_watch(struct stream *stream, bool in, bool out);
void rudpmsg_stream_free(struct rudpmsg_node *node, struct stream *stream);
/* Begins to dial for the link; reports the result to the hub. The caller does not hold the lock. */
void rudpmsg_stream_dial(struct rudpmsg_node *node, struct rudpmsg_link *link);
void rudpmsg_stream_on_resolved(struct rudpmsg_node *node, struct stream *stream);
void rudpmsg_stream_on_dial_event(struct rudpmsg_node *node, struct stream *stream);

/* Hands the stream to the resolver's thread, which returns it in node->resolved. The caller does
 * not hold the lock. */
int rudpmsg_resolve(struct rudpmsg_node *node, struct stream *stream);
void rudpmsg_resolver_stop(struct rudpmsg_node *node);

#endif
