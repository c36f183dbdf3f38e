/* SPDX-License-Identifier: MIT */
/*
 * node_private - the inside of a node, for node*.c only: a hub with a lock, a member of a loop whose
 * thread moves its bytes, and condition variables for those who wait.
 *
 * node.c (opening, closing), node_loop.c (the loop's side), node_stream.c (descriptors),
 * node_resolve.c (names of hosts, in a thread of its own, as looking up blocks), node_calls.c
 * (rudp/msg.h), node_dispatch.c (rudp/dispatch.h), node_store.c (what goes to the disk, in a thread
 * of its own).
 *
 * Lock  one for everything. The loop thread holds it while it parses and while it writes messages,
 *       not while it waits, reads, dials, accepts or writes an ACK. A stream that stands changes
 *       under it.
 */
#ifndef RUDPMSG_NODE_PRIVATE_H
#define RUDPMSG_NODE_PRIVATE_H

#include <netdb.h>
#include <pthread.h>

#include "messaging/disk.h"
#include "messaging/hub.h"
#include "messaging/loop.h"
#include "messaging/transport.h"

#define READS_AT_ONCE 8 /* of one stream, before others have their turn */
#define ACCEPTS_AT_ONCE 64
#define ACCEPT_PAUSE_NS (RUDP_NS_PER_S / 10)

struct stream {
	struct watch watch;   /* first */
	struct rudp_list all; /* node->streams */
	struct rudpmsg_link *link;
	struct addrinfo *addresses, *next; /* still to be tried */
	bool is_dialing;
	bool wants_in, wants_out;  /* as epoll was told */
	bool cannot_write;         /* it failed: the reader will learn why */
	struct rudp_list resolved; /* in node->resolved */
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
	struct waiters room, readable, answer, connect, eventful, saved;
	struct rudpmsg_loop_member member;
	int nudge_fd;
	struct rudp_list streams; /* the loop's */
	struct watch listeners[RUDPMSG_LISTENERS_MAX];
	unsigned listener_count;
	int64_t accept_at_ns; /* out of descriptors: listeners rest until then; 0: they do not */
	bool is_due;          /* the loop has been told that there is work, or is at it */
	bool is_woken;        /* and since then somebody had more */
	bool is_serving;      /* it is at it, and nobody else writes */
	bool is_nudged;       /* nudge_fd is readable */
	bool is_closing;      /* calls return -ESHUTDOWN */
	bool is_closed;       /* what is not acknowledged never will be */
	bool is_over;         /* it leaves the loop */
	/* Looking up names. */
	pthread_t resolver;
	bool has_resolver;
	pthread_cond_t to_resolve_cond;
	struct rudp_list to_resolve, resolved;
	struct rudp_list dispatchers;
	/* With a store. */
	struct rudpmsg_disk *disk;
	pthread_t storer;
	pthread_cond_t to_store_cond;
	bool has_storer;
	bool is_storing_over; /* the storer ends, when all is stored */
};

int64_t rudpmsg_now_ns(void);
/* As pthread_create; the thread blocks all signals: the host program's are none of its business.
 * Returns 0 or a negative errno value. */
int rudpmsg_thread_start(pthread_t *thread, void *(*run)(void *), void *context);
/* The instant at which a timeout of rudp/msg.h is over. */
int64_t rudpmsg_until_ns(int64_t timeout_ns);

void rudpmsg_waiters_init(struct waiters *waiters);
void rudpmsg_waiters_fini(struct waiters *waiters);

/* With the lock held, after calls of the hub: tells those whom its changes concern. */
void rudpmsg_node_tell(struct rudpmsg_node *node);
/* The same, and lets go of the lock first: who is woken while it is held sleeps again at once. */
void rudpmsg_node_unlock(struct rudpmsg_node *node);
void rudpmsg_node_wake(struct rudpmsg_node *node);
/* With the lock, by the thread of whoever calls the library: writes what there is, if that is
 * better than to wake the loop for it (rudpmsg_loop_may_write). Before rudpmsg_node_tell. */
void rudpmsg_node_write(struct rudpmsg_node *node);
/* Waits with the lock held until something may have changed. Returns 0; -ETIMEDOUT. */
int rudpmsg_node_wait(struct rudpmsg_node *node, struct waiters *waiters, int64_t until_ns);

/* node_dispatch.c, all with the lock held but for the last: hands over what waits for connections
 * that have room again; the node is being closed; nobody else is left. */
void rudpmsg_node_dispatch(struct rudpmsg_node *node);
void rudpmsg_node_end_dispatchers(struct rudpmsg_node *node);
void rudpmsg_node_free_dispatchers(struct rudpmsg_node *node);

/* node_store.c. Without a store they do nothing. */
int rudpmsg_storer_start(struct rudpmsg_node *node);
/* All that is to be stored is, or cannot be. Without the lock. */
void rudpmsg_storer_stop(struct rudpmsg_node *node);
/* Waits until that is so, for now. With the lock. */
void rudpmsg_storer_flush(struct rudpmsg_node *node);

struct stream *rudpmsg_stream_new(struct rudpmsg_node *node, int fd);
/* With neither it leaves the set: a stream that is over would wake the loop for ever. */
int rudpmsg_stream_watch(struct stream *stream, bool in, bool out);
void rudpmsg_stream_free(struct rudpmsg_node *node, struct stream *stream);
/* Begins to dial for the link; the hub hears of the end. Without the lock. */
void rudpmsg_stream_dial(struct rudpmsg_node *node, struct rudpmsg_link *link);
void rudpmsg_stream_on_resolved(struct rudpmsg_node *node, struct stream *stream);
void rudpmsg_stream_on_dial_event(struct rudpmsg_node *node, struct stream *stream);

/* Hands the stream to the resolver's thread; it comes back in node->resolved. Without the lock. */
int rudpmsg_resolve(struct rudpmsg_node *node, struct stream *stream);
void rudpmsg_resolver_stop(struct rudpmsg_node *node);

#endif
