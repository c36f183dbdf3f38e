/* SPDX-License-Identifier: MIT */
/*
 * loop - the threads that read and write the streams of all nodes of a process.
 *
 * A process has one loop thread for each node, but not more than processors; more nodes share them.
 * If many nodes send a little each, one thread for each node would be woken for each message. A
 * shared thread is often awake already, and finds work for several nodes at once.
 *
 * In each round the thread first serves the nodes that have work (rudpmsg_node_serve). Then it asks
 * epoll for events on their descriptors (rudpmsg_node_on_event).
 *
 * Lock    Each loop has one. It is taken after a node's lock; no other lock is taken while it is
 *         held.
 */
#ifndef RUDPMSG_LOOP_H
#define RUDPMSG_LOOP_H

#include "base/list.h"
#include "base/timer_wheel.h"

struct rudpmsg_loop;

#define RUDPMSG_LOOPS_MAX 64 /* in a process, whatever the number of processors */
#define RUDPMSG_WRITE_PAUSE_NS (50 * RUDP_NS_PER_US)

/* A node's membership in a loop; embedded in the node. */
struct rudpmsg_loop_member {
	struct rudpmsg_loop *loop;
	struct rudp_list due;    /* loop->due: the node has work */
	struct rudp_list ready;  /* in the thread's list for this round */
	struct rudp_timer timer; /* used by the thread only */
	bool is_leaving, has_left;
};

/* Target of the data pointer of an epoll event. */
enum rudpmsg_watch_kind { RUDPMSG_WATCH_WAKE, RUDPMSG_WATCH_LISTENER, RUDPMSG_WATCH_STREAM };

struct rudpmsg_watch {
	enum rudpmsg_watch_kind kind;
	int fd; /* -1: none, or none any more */
	struct rudpmsg_loop_member *member;
};

/* Adds the member's node to the loop with the fewest nodes, and serves the node at once. 0; -EAGAIN
 * no thread can be made; -EMFILE, -ENFILE; -ENOMEM. */
int rudpmsg_loop_join(struct rudpmsg_loop_member *member);
/* Waits until the loop no longer uses the node and does not watch its descriptors. */
void rudpmsg_loop_leave(struct rudpmsg_loop_member *member);
/* Makes the loop serve the node soon. May be called from any thread. */
void rudpmsg_loop_serve(struct rudpmsg_loop_member *member);

/*
 * Returns whether the calling thread may write for the node, in place of waking the loop: if the
 * loop sleeps and its nodes have written nothing for RUDPMSG_WRITE_PAUSE_NS. A single message is
 * then sent without a change of threads. When there are many messages, the loop is better: it
 * combines them.
 */
bool rudpmsg_loop_may_write(struct rudpmsg_loop_member *member, int64_t now_at_ns);
/* Records that bytes were written for the node now. */
void rudpmsg_loop_note_write(struct rudpmsg_loop_member *member, int64_t now_at_ns);

/* Changes the events that the descriptor is watched for, from before to events; 0: none. Returns 0
 * or -errno. Nothing is watched for a node that has left. */
int rudpmsg_loop_watch(struct rudpmsg_watch *watch, unsigned before, unsigned events);

/* ---- what a node does in its loop's thread ---- */

/* Does the work in the node's lists. Returns the instant of the next call if nothing happens
 * before. */
int64_t rudpmsg_node_serve(struct rudpmsg_loop_member *member);
void rudpmsg_node_on_event(struct rudpmsg_watch *watch, unsigned events);
/* The loop must not watch any descriptor of this node from now on. */
void rudpmsg_node_on_leave(struct rudpmsg_loop_member *member);

#endif
