/* SPDX-License-Identifier: MIT */
#include "messaging/dispatch_queues.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define POSTS_MAX 65536u
#define BYTES_MAX (UINT64_C(64) << 20)
#define OUTCOMES_MAX 65536u
#define QUEUE_SHARE 4u
#define RING_KEPT_BYTES (64u << 10) /* an empty ring of outcomes frees larger memory */

struct dispatch_queue {
	UT_hash_handle hh;
	struct rudpmsg_dispatch_queues *queues;
	rudpmsg_conn_id conn;
	struct rudpmsg_room room; /* waits for room as long as the queue exists */
	struct rudp_list posts;   /* oldest first, never empty */
	uint64_t count, bytes;
};

struct post {
	struct rudp_list all;
	rudpmsg_ticket ticket;
	size_t length;
	uint8_t bytes[];
};

void rudpmsg_dispatch_queues_init(struct rudpmsg_dispatch_queues *queues, struct rudpmsg_hub *hub,
				  const struct rudpmsg_dispatch_options *options, void *user)
{
	static const struct rudpmsg_dispatch_options defaults;
	struct rudpmsg_dispatch_options *o = &queues->options;

	memset(queues, 0, sizeof *queues);
	queues->hub = hub;
	queues->user = user;
	*o = options ? *options : defaults;
	o->posts_max = o->posts_max ? o->posts_max : POSTS_MAX;
	o->bytes_max = o->bytes_max ? o->bytes_max : BYTES_MAX;
	o->outcomes_max = o->outcomes_max ? o->outcomes_max : OUTCOMES_MAX;
	if (o->queue_posts_max == 0)
		o->queue_posts_max = 1 + (o->posts_max - 1) / QUEUE_SHARE;
	if (o->queue_bytes_max == 0)
		o->queue_bytes_max = 1 + (o->bytes_max - 1) / QUEUE_SHARE;
	rudp_ring_init(&queues->outcomes, SIZE_MAX / 4);
}

/* ---- outcomes ---- */

static uint64_t outcome_count(const struct rudpmsg_dispatch_queues *queues)
{
	return rudp_ring_used(&queues->outcomes) / sizeof(struct rudpmsg_outcome);
}

/* Reserves room for the outcomes of all waiting posts, and of one more. */
static int reserve_outcome(struct rudpmsg_dispatch_queues *queues)
{
	uint64_t due = queues->stats.posts_waiting + 1;

	return rudp_ring_reserve(&queues->outcomes,
				 queues->outcomes.tail + due * sizeof(struct rudpmsg_outcome));
}

static void settle(struct rudpmsg_dispatch_queues *queues, rudpmsg_ticket ticket,
		   rudpmsg_conn_id conn, rudpmsg_message_id id, int reason)
{
	struct rudpmsg_outcome outcome = {
		.ticket = ticket, .conn = conn, .id = reason ? 0 : id, .reason = reason};
	int rc = 0;

	if (reason)
		queues->stats.posts_failed++;
	else
		queues->stats.posts_accepted++;
	if (reason == ENOENT)
		queues->stats.posts_unknown++;
	if (reason || !queues->options.failures_only)
		rc = rudp_ring_write(&queues->outcomes, &outcome, sizeof outcome);
	assert(rc == 0); /* it was reserved when the post was taken */
}

bool rudpmsg_dispatch_queues_has_outcome(const struct rudpmsg_dispatch_queues *queues)
{
	return outcome_count(queues) > 0;
}

int rudpmsg_dispatch_queues_outcome(struct rudpmsg_dispatch_queues *queues,
				    struct rudpmsg_outcome *outcome)
{
	struct iovec iov[2];
	int i, count;
	size_t at = 0;

	if (!rudpmsg_dispatch_queues_has_outcome(queues))
		return -EAGAIN;
	count = rudp_ring_readable(&queues->outcomes, queues->outcomes.head, sizeof *outcome, iov);
	for (i = 0; i < count; at += iov[i++].iov_len)
		memcpy((uint8_t *)outcome + at, iov[i].iov_base, iov[i].iov_len);
	rudp_ring_consume(&queues->outcomes, sizeof *outcome);
	if (!rudpmsg_dispatch_queues_has_outcome(queues) && queues->stats.posts_waiting == 0 &&
	    queues->outcomes.capacity_bytes > RING_KEPT_BYTES)
		rudp_ring_trim(&queues->outcomes);
	return 0;
}

/* ---- queues ---- */

static struct dispatch_queue *queue_find(const struct rudpmsg_dispatch_queues *queues,
					 rudpmsg_conn_id conn)
{
	return RUDP_TABLE_FIND(hh, queues->by_conn, &conn);
}

static struct dispatch_queue *queue_new(struct rudpmsg_dispatch_queues *queues,
					rudpmsg_conn_id conn)
{
	struct dispatch_queue *dispatch_queue = calloc(1, sizeof *dispatch_queue);

	if (!dispatch_queue)
		return NULL;
	dispatch_queue->queues = queues;
	dispatch_queue->conn = conn;
	rudp_list_init(&dispatch_queue->posts);
	if (!RUDP_TABLE_ADD(hh, queues->by_conn, conn, dispatch_queue)) {
		free(dispatch_queue);
		return NULL;
	}
	queues->stats.connections_waiting++;
	return dispatch_queue;
}

static void queue_free(struct dispatch_queue *dispatch_queue)
{
	struct rudpmsg_dispatch_queues *queues = dispatch_queue->queues;

	assert(rudp_list_is_empty(&dispatch_queue->posts));
	rudp_list_remove(&dispatch_queue->room.link);
	HASH_DEL(queues->by_conn, dispatch_queue);
	queues->stats.connections_waiting--;
	free(dispatch_queue);
}

static void post_free(struct dispatch_queue *dispatch_queue, struct post *post)
{
	rudp_list_remove(&post->all);
	dispatch_queue->count--;
	dispatch_queue->bytes -= post->length;
	dispatch_queue->queues->stats.posts_waiting--;
	dispatch_queue->queues->stats.bytes_waiting -= post->length;
	free(post);
}

static void queue_fail(struct dispatch_queue *dispatch_queue, int reason)
{
	struct post *post;

	while (!rudp_list_is_empty(&dispatch_queue->posts)) {
		post = RUDP_LIST_OWNER(dispatch_queue->posts.next, struct post, all);
		settle(dispatch_queue->queues, post->ticket, dispatch_queue->conn, 0, reason);
		post_free(dispatch_queue, post);
	}
	queue_free(dispatch_queue);
}

uint64_t rudpmsg_dispatch_queues_fail(struct rudpmsg_dispatch_queues *queues, int reason)
{
	uint64_t waiting = queues->stats.posts_waiting;
	struct dispatch_queue *dispatch_queue, *next;

	HASH_ITER(hh, queues->by_conn, dispatch_queue, next) {
		queue_fail(dispatch_queue, reason);
	}
	return waiting;
}

void rudpmsg_dispatch_queues_fini(struct rudpmsg_dispatch_queues *queues)
{
	rudpmsg_dispatch_queues_fail(queues, ECANCELED);
	rudp_ring_fini(&queues->outcomes);
}

/* Moves posts to the connection, until none is left or the connection has no room. */
static void hand_over(struct dispatch_queue *dispatch_queue, struct rudpmsg_conn *conn,
		      int64_t now_at_ns)
{
	rudpmsg_message_id id = 0;
	struct post *post;
	int rc;

	while (!rudp_list_is_empty(&dispatch_queue->posts)) {
		post = RUDP_LIST_OWNER(dispatch_queue->posts.next, struct post, all);
		rc = rudpmsg_hub_send(dispatch_queue->queues->hub, conn, post->bytes, post->length,
				      &id, now_at_ns);
		if (rc == -EAGAIN) {
			rudpmsg_conn_await_room(dispatch_queue->queues->hub, conn,
						&dispatch_queue->room);
			return;
		}
		settle(dispatch_queue->queues, post->ticket, dispatch_queue->conn, id, -rc);
		post_free(dispatch_queue, post);
	}
	queue_free(dispatch_queue);
}

struct rudpmsg_dispatch_queues *rudpmsg_dispatch_queues_on_room(struct rudpmsg_room *room,
								int64_t now_at_ns)
{
	struct dispatch_queue *dispatch_queue = RUDP_LIST_OWNER(room, struct dispatch_queue, room);
	struct rudpmsg_dispatch_queues *queues = dispatch_queue->queues;
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(queues->hub, dispatch_queue->conn);

	if (conn)
		hand_over(dispatch_queue, conn, now_at_ns);
	else
		queue_fail(dispatch_queue, ENOENT);
	return queues;
}

/* ---- posting ---- */

static bool has_room(const struct rudpmsg_dispatch_queues *queues,
		     const struct dispatch_queue *dispatch_queue, size_t length)
{
	const struct rudpmsg_dispatch_options *options = &queues->options;
	const struct rudpmsg_dispatch_stats *stats = &queues->stats;

	if (dispatch_queue && (dispatch_queue->count >= options->queue_posts_max ||
			       dispatch_queue->bytes + length > options->queue_bytes_max))
		return false;
	return stats->posts_waiting == 0 || (stats->posts_waiting < options->posts_max &&
					     stats->bytes_waiting + length <= options->bytes_max);
}

static int add_post(struct rudpmsg_dispatch_queues *queues, struct dispatch_queue *dispatch_queue,
		    struct rudpmsg_conn *conn, const void *bytes, size_t length,
		    rudpmsg_ticket ticket)
{
	struct post *post;

	if (!has_room(queues, dispatch_queue, length))
		return -EAGAIN;
	post = malloc(sizeof *post + length);
	if (!post)
		return -ENOMEM;
	if (!dispatch_queue) {
		dispatch_queue = queue_new(queues, rudpmsg_conn_id_of(conn));
		if (!dispatch_queue) {
			free(post);
			return -ENOMEM;
		}
		rudpmsg_conn_await_room(queues->hub, conn, &dispatch_queue->room);
	}
	post->ticket = ticket;
	post->length = length;
	if (length > 0)
		memcpy(post->bytes, bytes, length);
	rudp_list_append(&dispatch_queue->posts, &post->all);
	dispatch_queue->count++;
	dispatch_queue->bytes += length;
	queues->stats.posts_waiting++;
	queues->stats.bytes_waiting += length;
	queues->stats.posts_delayed++;
	return 0;
}

/* Sends straight to the connection if no post waits before this one; else queues it. */
static int post_one(struct rudpmsg_dispatch_queues *queues, rudpmsg_conn_id id, const void *bytes,
		    size_t length, int64_t now_at_ns, rudpmsg_ticket ticket)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(queues->hub, id);
	struct dispatch_queue *dispatch_queue = queue_find(queues, id);
	rudpmsg_message_id message = 0;
	int rc = -EAGAIN;

	if (!dispatch_queue)
		rc = conn ? rudpmsg_hub_send(queues->hub, conn, bytes, length, &message, now_at_ns)
			  : -ENOENT;
	if (rc == -EAGAIN)
		return add_post(queues, dispatch_queue, conn, bytes, length, ticket);
	settle(queues, ticket, id, message, -rc);
	return 0;
}

int rudpmsg_dispatch_queues_post(struct rudpmsg_dispatch_queues *queues, rudpmsg_conn_id conn,
				 const void *bytes, size_t length, int64_t now_at_ns,
				 rudpmsg_ticket *ticket)
{
	int rc;

	if (length > rudpmsg_hub_message_bytes_max(queues->hub))
		return -EMSGSIZE;
	if (outcome_count(queues) >= queues->options.outcomes_max)
		return -EAGAIN;
	rc = reserve_outcome(queues);
	if (rc == 0)
		rc = post_one(queues, conn, bytes, length, now_at_ns, queues->last_ticket + 1);
	if (rc < 0)
		return rc;
	*ticket = ++queues->last_ticket;
	queues->stats.posts_taken++;
	return 0;
}

bool rudpmsg_dispatch_queues_check(const struct rudpmsg_dispatch_queues *queues)
{
	const struct rudpmsg_dispatch_stats *stats = &queues->stats;
	uint64_t count = 0, bytes = 0;
	const struct rudp_list *at;
	const struct dispatch_queue *dispatch_queue;

	for (dispatch_queue = queues->by_conn; dispatch_queue;
	     dispatch_queue = dispatch_queue->hh.next) {
		if (rudp_list_is_empty(&dispatch_queue->posts) ||
		    !rudp_list_is_linked(&dispatch_queue->room.link))
			return false;
		for (at = dispatch_queue->posts.next; at != &dispatch_queue->posts; at = at->next) {
			count++;
			bytes += RUDP_LIST_OWNER(at, struct post, all)->length;
		}
	}
	return count == stats->posts_waiting && bytes == stats->bytes_waiting &&
	       stats->connections_waiting == HASH_COUNT(queues->by_conn) &&
	       stats->posts_taken ==
		       stats->posts_accepted + stats->posts_failed + stats->posts_waiting;
}
