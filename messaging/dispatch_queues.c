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
#define LANE_SHARE 4u
#define RING_KEPT_BYTES (64u << 10) /* of outcomes, when there is none */

struct lane {
	UT_hash_handle hh;
	struct rudpmsg_lanes *lanes;
	rudpmsg_conn_id conn;
	struct rudpmsg_room room; /* always waiting: or there would be no lane */
	struct rudp_list posts;   /* oldest first, never empty */
	uint64_t count, bytes;
};

struct post {
	struct rudp_list all;
	rudpmsg_ticket ticket;
	size_t length;
	uint8_t bytes[];
};

void rudpmsg_lanes_init(struct rudpmsg_lanes *lanes, struct rudpmsg_hub *hub,
			const struct rudpmsg_dispatch_options *options, void *user)
{
	static const struct rudpmsg_dispatch_options defaults;
	struct rudpmsg_dispatch_options *o = &lanes->options;

	memset(lanes, 0, sizeof *lanes);
	lanes->hub = hub;
	lanes->user = user;
	*o = options ? *options : defaults;
	o->posts_max = o->posts_max ? o->posts_max : POSTS_MAX;
	o->bytes_max = o->bytes_max ? o->bytes_max : BYTES_MAX;
	o->outcomes_max = o->outcomes_max ? o->outcomes_max : OUTCOMES_MAX;
	if (o->lane_posts_max == 0)
		o->lane_posts_max = 1 + (o->posts_max - 1) / LANE_SHARE;
	if (o->lane_bytes_max == 0)
		o->lane_bytes_max = 1 + (o->bytes_max - 1) / LANE_SHARE;
	rudp_ring_init(&lanes->outcomes, SIZE_MAX / 4);
}

/* ---- outcomes ---- */

static uint64_t outcome_count(const struct rudpmsg_lanes *lanes)
{
	return rudp_ring_used(&lanes->outcomes) / sizeof(struct rudpmsg_outcome);
}

/* Room for the outcomes of all that wait, and of one more. */
static int reserve_outcome(struct rudpmsg_lanes *lanes)
{
	uint64_t due = lanes->stats.posts_waiting + 1;

	return rudp_ring_reserve(&lanes->outcomes,
				 lanes->outcomes.tail + due * sizeof(struct rudpmsg_outcome));
}

static void settle(struct rudpmsg_lanes *lanes, rudpmsg_ticket ticket, rudpmsg_conn_id conn,
		   rudpmsg_message_id id, int reason)
{
	struct rudpmsg_outcome outcome = {
		.ticket = ticket, .conn = conn, .id = reason ? 0 : id, .reason = reason};
	int rc = 0;

	if (reason)
		lanes->stats.posts_failed++;
	else
		lanes->stats.posts_accepted++;
	if (reason == ENOENT)
		lanes->stats.posts_unknown++;
	if (reason || !lanes->options.failures_only)
		rc = rudp_ring_write(&lanes->outcomes, &outcome, sizeof outcome);
	assert(rc == 0); /* it was reserved when the post was taken */
}

bool rudpmsg_lanes_has_outcome(const struct rudpmsg_lanes *lanes)
{
	return outcome_count(lanes) > 0;
}

int rudpmsg_lanes_outcome(struct rudpmsg_lanes *lanes, struct rudpmsg_outcome *outcome)
{
	struct iovec iov[2];
	int i, count;
	size_t at = 0;

	if (!rudpmsg_lanes_has_outcome(lanes))
		return -EAGAIN;
	count = rudp_ring_readable(&lanes->outcomes, lanes->outcomes.head, sizeof *outcome, iov);
	for (i = 0; i < count; at += iov[i++].iov_len)
		memcpy((uint8_t *)outcome + at, iov[i].iov_base, iov[i].iov_len);
	rudp_ring_consume(&lanes->outcomes, sizeof *outcome);
	if (!rudpmsg_lanes_has_outcome(lanes) && lanes->stats.posts_waiting == 0 &&
	    lanes->outcomes.capacity_bytes > RING_KEPT_BYTES)
		rudp_ring_trim(&lanes->outcomes);
	return 0;
}

/* ---- lanes ---- */

static struct lane *lane_find(const struct rudpmsg_lanes *lanes, rudpmsg_conn_id conn)
{
	struct lane *lane;

	HASH_FIND(hh, lanes->by_conn, &conn, sizeof conn, lane);
	return lane;
}

static struct lane *lane_new(struct rudpmsg_lanes *lanes, rudpmsg_conn_id conn)
{
	bool rudp_table_add_failed = false;
	struct lane *lane = calloc(1, sizeof *lane);

	if (!lane)
		return NULL;
	lane->lanes = lanes;
	lane->conn = conn;
	rudp_list_init(&lane->posts);
	HASH_ADD(hh, lanes->by_conn, conn, sizeof lane->conn, lane);
	if (rudp_table_add_failed) {
		free(lane);
		return NULL;
	}
	lanes->stats.connections_waiting++;
	return lane;
}

static void lane_free(struct lane *lane)
{
	struct rudpmsg_lanes *lanes = lane->lanes;

	assert(rudp_list_is_empty(&lane->posts));
	rudp_list_remove(&lane->room.link);
	HASH_DEL(lanes->by_conn, lane);
	lanes->stats.connections_waiting--;
	free(lane);
}

static void post_free(struct lane *lane, struct post *post)
{
	rudp_list_remove(&post->all);
	lane->count--;
	lane->bytes -= post->length;
	lane->lanes->stats.posts_waiting--;
	lane->lanes->stats.bytes_waiting -= post->length;
	free(post);
}

static void lane_fail(struct lane *lane, int reason)
{
	struct post *post;

	while (!rudp_list_is_empty(&lane->posts)) {
		post = RUDP_LIST_OWNER(lane->posts.next, struct post, all);
		settle(lane->lanes, post->ticket, lane->conn, 0, reason);
		post_free(lane, post);
	}
	lane_free(lane);
}

uint64_t rudpmsg_lanes_fail(struct rudpmsg_lanes *lanes, int reason)
{
	uint64_t waiting = lanes->stats.posts_waiting;
	struct lane *lane, *next;

	HASH_ITER(hh, lanes->by_conn, lane, next)
	{
		lane_fail(lane, reason);
	}
	return waiting;
}

void rudpmsg_lanes_fini(struct rudpmsg_lanes *lanes)
{
	rudpmsg_lanes_fail(lanes, ECANCELED);
	rudp_ring_fini(&lanes->outcomes);
}

/* Until all is handed over, or there is no room again. */
static void hand_over(struct lane *lane, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	rudpmsg_message_id id = 0;
	struct post *post;
	int rc;

	while (!rudp_list_is_empty(&lane->posts)) {
		post = RUDP_LIST_OWNER(lane->posts.next, struct post, all);
		rc = rudpmsg_hub_send(lane->lanes->hub, conn, post->bytes, post->length, &id,
				      now_at_ns);
		if (rc == -EAGAIN) {
			rudpmsg_conn_await_room(lane->lanes->hub, conn, &lane->room);
			return;
		}
		settle(lane->lanes, post->ticket, lane->conn, id, -rc);
		post_free(lane, post);
	}
	lane_free(lane);
}

struct rudpmsg_lanes *rudpmsg_lanes_on_room(struct rudpmsg_room *room, int64_t now_at_ns)
{
	struct lane *lane = RUDP_LIST_OWNER(room, struct lane, room);
	struct rudpmsg_lanes *lanes = lane->lanes;
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(lanes->hub, lane->conn);

	if (conn)
		hand_over(lane, conn, now_at_ns);
	else
		lane_fail(lane, ENOENT);
	return lanes;
}

/* ---- posting ---- */

static bool has_room(const struct rudpmsg_lanes *lanes, const struct lane *lane, size_t length)
{
	const struct rudpmsg_dispatch_options *options = &lanes->options;
	const struct rudpmsg_dispatch_stats *stats = &lanes->stats;

	if (lane && (lane->count >= options->lane_posts_max ||
		     lane->bytes + length > options->lane_bytes_max))
		return false;
	return stats->posts_waiting == 0 || (stats->posts_waiting < options->posts_max &&
					     stats->bytes_waiting + length <= options->bytes_max);
}

static int add_post(struct rudpmsg_lanes *lanes, struct lane *lane, struct rudpmsg_conn *conn,
		    const void *bytes, size_t length, rudpmsg_ticket ticket)
{
	struct post *post;

	if (!has_room(lanes, lane, length))
		return -EAGAIN;
	post = malloc(sizeof *post + length);
	if (!post)
		return -ENOMEM;
	if (!lane) {
		lane = lane_new(lanes, rudpmsg_conn_id_of(conn));
		if (!lane) {
			free(post);
			return -ENOMEM;
		}
		rudpmsg_conn_await_room(lanes->hub, conn, &lane->room);
	}
	post->ticket = ticket;
	post->length = length;
	if (length > 0)
		memcpy(post->bytes, bytes, length);
	rudp_list_append(&lane->posts, &post->all);
	lane->count++;
	lane->bytes += length;
	lanes->stats.posts_waiting++;
	lanes->stats.bytes_waiting += length;
	lanes->stats.posts_delayed++;
	return 0;
}

/* Straight to the connection, if nothing waits before it. */
static int post_one(struct rudpmsg_lanes *lanes, rudpmsg_conn_id id, const void *bytes,
		    size_t length, int64_t now_at_ns, rudpmsg_ticket ticket)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(lanes->hub, id);
	struct lane *lane = lane_find(lanes, id);
	rudpmsg_message_id message = 0;
	int rc = -EAGAIN;

	if (!lane)
		rc = conn ? rudpmsg_hub_send(lanes->hub, conn, bytes, length, &message, now_at_ns)
			  : -ENOENT;
	if (rc == -EAGAIN)
		return add_post(lanes, lane, conn, bytes, length, ticket);
	settle(lanes, ticket, id, message, -rc);
	return 0;
}

int rudpmsg_lanes_post(struct rudpmsg_lanes *lanes, rudpmsg_conn_id conn, const void *bytes,
		       size_t length, int64_t now_at_ns, rudpmsg_ticket *ticket)
{
	int rc;

	if (length > rudpmsg_hub_message_bytes_max(lanes->hub))
		return -EMSGSIZE;
	if (outcome_count(lanes) >= lanes->options.outcomes_max)
		return -EAGAIN;
	rc = reserve_outcome(lanes);
	if (rc == 0)
		rc = post_one(lanes, conn, bytes, length, now_at_ns, lanes->last_ticket + 1);
	if (rc < 0)
		return rc;
	*ticket = ++lanes->last_ticket;
	lanes->stats.posts_taken++;
	return 0;
}

bool rudpmsg_lanes_check(const struct rudpmsg_lanes *lanes)
{
	const struct rudpmsg_dispatch_stats *stats = &lanes->stats;
	uint64_t count = 0, bytes = 0;
	const struct rudp_list *at;
	const struct lane *lane;

	for (lane = lanes->by_conn; lane; lane = lane->hh.next) {
		if (rudp_list_is_empty(&lane->posts) || !rudp_list_is_linked(&lane->room.link))
			return false;
		for (at = lane->posts.next; at != &lane->posts; at = at->next) {
			count++;
			bytes += RUDP_LIST_OWNER(at, struct post, all)->length;
		}
	}
	return count == stats->posts_waiting && bytes == stats->bytes_waiting &&
	       stats->connections_waiting == HASH_COUNT(lanes->by_conn) &&
	       stats->posts_taken ==
		       stats->posts_accepted + stats->posts_failed + stats->posts_waiting;
}
