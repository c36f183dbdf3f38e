/* SPDX-License-Identifier: MIT */
/*
 * loop - the threads that move bytes. A process has as many as it has nodes, but no more than
 * processors: nodes beyond that share them. A thread for each would be woken for each message where
 * many nodes send a little each; one that is busy with other nodes finds several when it comes by.
 *
 * A round: the nodes that have work are served (rudpmsg_node_serve), then the kernel is asked what
 * has happened to their descriptors (rudpmsg_node_on_event).
 *
 * Lock    a loop's own, behind that of a node: nothing is locked while it is held.
 */
#ifndef RUDPMSG_LOOP_H
#define RUDPMSG_LOOP_H

#include "base/list.h"
#include "base/timer_wheel.h"

struct rudpmsg_loop;

#define RUDPMSG_LOOPS_MAX 64 /* in a process, on however many processors */
#define RUDPMSG_WRITE_PAUSE_NS (50 * RUDP_NS_PER_US)

/* Embedded in a node. */
struct rudpmsg_loop_member {
	struct rudpmsg_loop *loop;
	struct rudp_list due;    /* loop->due: somebody says that there is work */
	struct rudp_list ready;  /* in the thread's list for this round */
	struct rudp_timer timer; /* the thread's */
	bool is_leaving, has_left;
};

/* What epoll's data points to. */
enum watch_kind { WATCH_WAKE, WATCH_LISTENER, WATCH_STREAM };

struct watch {
	enum watch_kind kind;
	int fd; /* -1: none (any more) */
	struct rudpmsg_loop_member *member;
};

/* Takes the member's node into a loop, the one with the fewest, and serves it at once. 0; -EAGAIN no
 * thread; -EMFILE, -ENFILE; -ENOMEM. */
int rudpmsg_loop_join(struct rudpmsg_loop_member *member);
/* Waits until the loop has let go of the node; its descriptors are not watched any more. */
void rudpmsg_loop_leave(struct rudpmsg_loop_member *member);
/* Serves the node soon. From any thread. */
void rudpmsg_loop_serve(struct rudpmsg_loop_member *member);

/*
 * May the caller write for the node, in place of waking the loop? It says now when it is. Yes if
 * the loop sleeps and nothing was written by its nodes for RUDPMSG_WRITE_PAUSE_NS: that saves a
 * message that comes alone a change of threads. To many the loop does better, as it gathers them.
 */
bool rudpmsg_loop_may_write(struct rudpmsg_loop_member *member, int64_t now_at_ns);
/* The loop has written for the node. */
void rudpmsg_loop_note_write(struct rudpmsg_loop_member *member, int64_t now_at_ns);

/* Watches its descriptor for other events than before; 0: not at all. Returns 0 or -errno. Nothing
 * is watched for a node that has left. */
int rudpmsg_loop_watch(struct watch *watch, unsigned before, unsigned events);

/* What a node does in its loop's thread. */

/* What is in its lists. Returns when again, unless something happens before. */
int64_t rudpmsg_node_serve(struct rudpmsg_loop_member *member);
void rudpmsg_node_on_event(struct watch *watch, unsigned events);
/* Nothing of it may be watched from now on. */
void rudpmsg_node_on_leave(struct rudpmsg_loop_member *member);

#endif
