/* SPDX-License-Identifier: MIT */
/* The calls of rudp/dispatch.h: waiting, and the queues (dispatch_queues.h) under the node's
 * lock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "messaging/dispatch_queues.h"
#include "messaging/node_private.h"

struct rudpmsg_dispatcher {
	struct rudp_list all; /* node->dispatchers */
	struct rudpmsg_node *node;
	struct rudpmsg_dispatch_queues queues;
	struct waiters room, outcome;
	int fd;          /* an eventfd, readable while there are outcomes; used once is_watched */
	bool is_watched; /* the program has asked for fd */
	bool is_fd_readable; /* fd is readable */
	bool is_closing;     /* no more posts are taken */
};

/* ---- waking ---- */

/* The caller of each function holds the lock. */

static void wake_room(struct rudpmsg_dispatcher *dispatcher)
{
	if (dispatcher->room.count > 0)
		pthread_cond_broadcast(&dispatcher->room.cond);
}

static void set_fd(struct rudpmsg_dispatcher *dispatcher)
{
	uint64_t one = 1;

	if (!dispatcher->is_watched || dispatcher->is_fd_readable ||
	    !rudpmsg_dispatch_queues_has_outcome(&dispatcher->queues))
		return;
	dispatcher->is_fd_readable = true;
	while (write(dispatcher->fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void wake_outcomes(struct rudpmsg_dispatcher *dispatcher)
{
	if (dispatcher->outcome.count > 0)
		pthread_cond_broadcast(&dispatcher->outcome.cond);
	set_fd(dispatcher);
}

void rudpmsg_node_dispatch(struct rudpmsg_node *node)
{
	struct rudpmsg_room *room;
	struct rudpmsg_dispatch_queues *queues;

	while ((room = rudpmsg_hub_next_room(node->hub))) {
		queues = rudpmsg_dispatch_queues_on_room(room, rudp_clock_now_ns());
		wake_room(queues->user);
		wake_outcomes(queues->user);
	}
}

/* ---- opening and closing ---- */

/* The caller holds the lock, or no other thread uses the node. */
static void dispatcher_free(struct rudpmsg_dispatcher *dispatcher)
{
	rudp_list_remove(&dispatcher->all);
	rudpmsg_dispatch_queues_fini(&dispatcher->queues);
	close(dispatcher->fd);
	rudpmsg_waiters_fini(&dispatcher->room);
	rudpmsg_waiters_fini(&dispatcher->outcome);
	free(dispatcher);
}

int rudpmsg_dispatcher_open(struct rudpmsg_dispatcher **out, struct rudpmsg_node *node,
			    const struct rudpmsg_dispatch_options *options)
{
	struct rudpmsg_dispatcher *dispatcher = calloc(1, sizeof *dispatcher);
	int rc = 0;

	*out = NULL;
	if (!dispatcher)
		return -ENOMEM;
	dispatcher->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dispatcher->fd < 0) {
		rc = -errno;
		free(dispatcher);
		return rc;
	}
	dispatcher->node = node;
	rudpmsg_waiters_init(&dispatcher->room);
	rudpmsg_waiters_init(&dispatcher->outcome);
	pthread_mutex_lock(&node->lock);
	rudpmsg_dispatch_queues_init(&dispatcher->queues, node->hub, options, dispatcher);
	rudp_list_append(&node->dispatchers, &dispatcher->all);
	if (node->is_closing) {
		dispatcher_free(dispatcher);
		rc = -ESHUTDOWN;
	} else
		*out = dispatcher;
	pthread_mutex_unlock(&node->lock);
	return rc;
}

/* The caller holds the lock. */
static uint64_t end(struct rudpmsg_dispatcher *dispatcher, int reason)
{
	uint64_t failed;

	dispatcher->is_closing = true;
	failed = rudpmsg_dispatch_queues_fail(&dispatcher->queues, reason);
	wake_room(dispatcher);
	wake_outcomes(dispatcher);
	return failed;
}

int rudpmsg_dispatcher_close(struct rudpmsg_dispatcher *dispatcher, bool drain, int64_t timeout_ns,
			     uint64_t *failed)
{
	struct rudpmsg_node *node = dispatcher->node;
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	uint64_t count;

	pthread_mutex_lock(&node->lock);
	dispatcher->is_closing = true;
	wake_room(dispatcher);
	while (drain && dispatcher->queues.stats.posts_waiting > 0)
		if (rudpmsg_node_wait(node, &dispatcher->room, until_ns) < 0)
			break;
	count = end(dispatcher, ECANCELED);
	pthread_mutex_unlock(&node->lock);
	if (failed)
		*failed = count;
	return drain && count > 0 ? -ETIMEDOUT : 0;
}

void rudpmsg_dispatcher_free(struct rudpmsg_dispatcher *dispatcher)
{
	struct rudpmsg_node *node;

	if (!dispatcher)
		return;
	node = dispatcher->node;
	pthread_mutex_lock(&node->lock);
	dispatcher_free(dispatcher);
	pthread_mutex_unlock(&node->lock);
}

void rudpmsg_node_end_dispatchers(struct rudpmsg_node *node)
{
	RUDP_LIST_EACH(struct rudpmsg_dispatcher, dispatcher, &node->dispatchers, all)
		end(dispatcher, ESHUTDOWN);
}

void rudpmsg_node_free_dispatchers(struct rudpmsg_node *node)
{
	while (!rudp_list_is_empty(&node->dispatchers))
		dispatcher_free(
			RUDP_LIST_OWNER(node->dispatchers.next, struct rudpmsg_dispatcher, all));
}

/* ---- posting ---- */

/* Posts to connection id, or, with a name, to the present connection of that name. The caller holds
 * the lock. */
static int try_to_post(struct rudpmsg_dispatcher *dispatcher, rudpmsg_conn_id id, const char *name,
		       const void *bytes, size_t length, rudpmsg_ticket *ticket)
{
	struct rudpmsg_conn *conn;

	if (dispatcher->is_closing)
		return -ESHUTDOWN;
	if (name) {
		conn = rudpmsg_hub_find(dispatcher->node->hub, name);
		id = conn ? rudpmsg_conn_id_of(conn) : 0;
	}
	return rudpmsg_dispatch_queues_post(&dispatcher->queues, id, bytes, length,
					    rudp_clock_now_ns(), ticket);
}

static int post(struct rudpmsg_dispatcher *dispatcher, rudpmsg_conn_id id, const char *name,
		const void *bytes, size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket)
{
	struct rudpmsg_node *node = dispatcher->node;
	rudpmsg_ticket unwanted;
	int64_t until_ns = 0;
	int rc;

	ticket = ticket ? ticket : &unwanted;
	pthread_mutex_lock(&node->lock);
	while ((rc = try_to_post(dispatcher, id, name, bytes, length, ticket)) == -EAGAIN &&
	       timeout_ns != 0) {
		if (until_ns == 0)
			until_ns = rudpmsg_until_ns(timeout_ns);
		rc = rudpmsg_node_wait(node, &dispatcher->room, until_ns);
		if (rc < 0)
			break;
	}
	dispatcher->queues.stats.posts_refused += rc == -EAGAIN || rc == -ETIMEDOUT;
	wake_outcomes(dispatcher);
	rudpmsg_node_write(node);
	rudpmsg_node_unlock(node);
	return rc;
}

int rudpmsg_post(struct rudpmsg_dispatcher *dispatcher, rudpmsg_conn_id conn, const void *bytes,
		 size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket)
{
	return post(dispatcher, conn, NULL, bytes, length, timeout_ns, ticket);
}

int rudpmsg_post_to(struct rudpmsg_dispatcher *dispatcher, const char *peer_name, const void *bytes,
		    size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket)
{
	return post(dispatcher, 0, peer_name, bytes, length, timeout_ns, ticket);
}

/* ---- outcomes ---- */

int rudpmsg_dispatcher_fd(struct rudpmsg_dispatcher *dispatcher)
{
	pthread_mutex_lock(&dispatcher->node->lock);
	dispatcher->is_watched = true;
	set_fd(dispatcher);
	pthread_mutex_unlock(&dispatcher->node->lock);
	return dispatcher->fd;
}

/* Reads an outcome, which makes room for posts. The caller holds the lock. */
static int take(struct rudpmsg_dispatcher *dispatcher, struct rudpmsg_outcome *outcome)
{
	int rc = rudpmsg_dispatch_queues_outcome(&dispatcher->queues, outcome);
	uint64_t count;

	if (rc == 0)
		wake_room(dispatcher);
	if (dispatcher->is_fd_readable &&
	    !rudpmsg_dispatch_queues_has_outcome(&dispatcher->queues)) {
		dispatcher->is_fd_readable = false;
		while (read(dispatcher->fd, &count, sizeof count) < 0 && errno == EINTR)
			;
	}
	return rc;
}

int rudpmsg_outcome(struct rudpmsg_dispatcher *dispatcher, struct rudpmsg_outcome *outcome)
{
	int rc;

	pthread_mutex_lock(&dispatcher->node->lock);
	rc = take(dispatcher, outcome);
	pthread_mutex_unlock(&dispatcher->node->lock);
	return rc;
}

int rudpmsg_outcome_wait(struct rudpmsg_dispatcher *dispatcher, int64_t timeout_ns,
			 struct rudpmsg_outcome *outcome)
{
	struct rudpmsg_node *node = dispatcher->node;
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	int rc;

	pthread_mutex_lock(&node->lock);
	while ((rc = take(dispatcher, outcome)) == -EAGAIN) {
		if (dispatcher->is_closing && dispatcher->queues.stats.posts_waiting == 0)
			rc = -ESHUTDOWN;
		else if (rudpmsg_node_wait(node, &dispatcher->outcome, until_ns) < 0)
			rc = -ETIMEDOUT;
		else
			continue;
		break;
	}
	pthread_mutex_unlock(&node->lock);
	return rc;
}

void rudpmsg_dispatcher_stats(struct rudpmsg_dispatcher *dispatcher,
			      struct rudpmsg_dispatch_stats *stats, size_t size)
{
	size_t known = size < sizeof *stats ? size : sizeof *stats;

	memset(stats, 0, size);
	pthread_mutex_lock(&dispatcher->node->lock);
	memcpy(stats, &dispatcher->queues.stats, known);
	pthread_mutex_unlock(&dispatcher->node->lock);
}
