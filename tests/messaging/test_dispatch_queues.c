/* SPDX-License-Identifier: MIT */
/* The guarantees of a dispatcher; the test is the peer of its hub. */
#include "../base/fault.h"
#include "messaging/hub_peer.h"
#include "messaging/batch.h"
#include "messaging/dispatch_queues.h"

static struct rudpmsg_dispatch_queues queues;
static struct rudpmsg_link *link_of_peer;
static rudpmsg_conn_id peer;

#define OUTBOX_MAX 10 /* as configured in hub_peer.h */

static void open_queues(const struct rudpmsg_dispatch_options *options)
{
	rudpmsg_dispatch_queues_init(&queues, hub, options, NULL);
}

static void set_up_queues(void)
{
	static const struct rudpmsg_dispatch_options options = {
		.posts_max = 8, .bytes_max = 2000, .outcomes_max = 20};

	set_up();
	link_of_peer = established_link(1);
	peer = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, "peer"));
	open_queues(&options);
}

static void tear_down_queues(void)
{
	cr_assert(rudpmsg_dispatch_queues_check(&queues));
	rudpmsg_dispatch_queues_fini(&queues);
	tear_down();
}

TestSuite(queues, .init = set_up_queues, .fini = tear_down_queues);

static int post(rudpmsg_conn_id conn, size_t length)
{
	static const uint8_t bytes[2000];
	rudpmsg_ticket ticket;

	return rudpmsg_dispatch_queues_post(&queues, conn, bytes, length, now_ns, &ticket);
}

static void serve(void)
{
	struct rudpmsg_room *room;

	while ((room = rudpmsg_hub_next_room(hub)))
		cr_assert(eq(ptr, (void *)rudpmsg_dispatch_queues_on_room(room, now_ns),
			     (void *)&queues));
}

static void expect_outcome(rudpmsg_ticket ticket, rudpmsg_message_id id, int reason)
{
	struct rudpmsg_outcome outcome;

	cr_assert(eq(int, rudpmsg_dispatch_queues_outcome(&queues, &outcome), 0));
	cr_assert(eq(u64, outcome.ticket, ticket));
	cr_assert(eq(u64, outcome.id, id));
	cr_assert(eq(int, outcome.reason, reason));
}

static void expect_no_outcome(void)
{
	struct rudpmsg_outcome outcome;

	cr_assert(eq(int, rudpmsg_dispatch_queues_outcome(&queues, &outcome), -EAGAIN));
}

/* Fills the outbox of the connection, and reads the outcomes. */
static void fill(rudpmsg_conn_id conn)
{
	struct rudpmsg_outcome outcome;
	int i;

	for (i = 0; i < OUTBOX_MAX; i++)
		cr_assert(eq(int, post(conn, 4), 0));
	while (rudpmsg_dispatch_queues_outcome(&queues, &outcome) == 0)
		cr_assert(eq(int, outcome.reason, 0));
}

static void acknowledge(uint64_t id)
{
	uint8_t bytes[RUDPMSG_MESSAGE_HEAD_BYTES];

	read_output(link_of_peer);
	output_bytes = 0;
	send_bytes(link_of_peer, bytes, rudpmsg_ack_write(bytes, id));
	serve();
}

static rudpmsg_conn_id another_peer(const char *name)
{
	struct rudpmsg_handshake handshake = make_handshake(name, 1);
	struct rudpmsg_frame frame;

	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	return rudpmsg_conn_id_of(rudpmsg_hub_find(hub, name));
}

Test(queues, an_unknown_connection_is_an_outcome)
{
	cr_assert(eq(int, post(4711, 4), 0));
	cr_assert(eq(int, post(0, 4), 0));
	expect_outcome(1, 0, ENOENT);
	expect_outcome(2, 0, ENOENT);
	expect_no_outcome();
	cr_assert(eq(u64, queues.stats.posts_unknown, 2));
}

Test(queues, a_post_to_a_connection_with_room_does_not_wait)
{
	cr_assert(eq(int, post(peer, 4), 0));
	expect_outcome(1, 1, 0);
	cr_assert(eq(u64, queues.stats.posts_delayed, 0));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 1));
}

Test(queues, waiting_posts_go_in_order_when_there_is_room)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(peer, 4), 0));
	expect_no_outcome();
	cr_assert(eq(u64, queues.stats.posts_waiting, 2));
	acknowledge(1);
	expect_outcome(11, 11, 0);
	expect_no_outcome();
	acknowledge(2);
	expect_outcome(12, 12, 0);
	cr_assert(eq(u64, queues.stats.connections_waiting, 0));
}

Test(queues, a_post_does_not_overtake_waiting_ones)
{
	static const struct rudpmsg_dispatch_options options = {.bytes_max = 4000};
	int i;

	rudpmsg_dispatch_queues_fini(&queues);
	open_queues(&options);
	for (i = 0; i < 5; i++) /* fill the limit of 5,000 bytes */
		cr_assert(eq(int, post(peer, 900), 0));
	cr_assert(eq(int, post(peer, 900), 0));
	cr_assert(eq(int, post(peer, 1), 0)); /* the outbox has room for it */
	cr_assert(eq(u64, queues.stats.posts_waiting, 2));
	acknowledge(1);
	cr_assert(eq(u64, queues.stats.posts_waiting, 0));
	for (i = 1; i <= 7; i++)
		expect_outcome((rudpmsg_ticket)i, (rudpmsg_message_id)i, 0);
}

Test(queues, a_full_connection_holds_up_no_other)
{
	rudpmsg_conn_id other = another_peer("other");
	int i;

	fill(peer);
	for (i = 0; i < 2; i++) /* a connection may use a quarter of eight */
		cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(peer, 4), -EAGAIN));
	cr_assert(eq(int, post(other, 4), 0));
	expect_outcome(13, 1, 0);
}

Test(queues, at_the_limit_of_waiting_posts_connections_with_room_continue)
{
	static const struct rudpmsg_dispatch_options options = {.posts_max = 2,
								.queue_posts_max = 2};
	rudpmsg_conn_id second = another_peer("second"), third = another_peer("third");

	rudpmsg_dispatch_queues_fini(&queues);
	open_queues(&options);
	fill(peer);
	fill(second);
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(second, 4), 0));
	cr_assert(eq(int, post(peer, 4), -EAGAIN));
	cr_assert(eq(int, post(second, 4), -EAGAIN));
	cr_assert(eq(int, post(third, 4), 0));
	expect_outcome(23, 1, 0);
}

Test(queues, waiting_bytes_are_limited)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 900), 0)); /* the only one: it may exceed its share of 500 */
	cr_assert(eq(int, post(peer, 1), -EAGAIN));
	cr_assert(eq(u64, queues.stats.bytes_waiting, 900));
}

Test(queues, unread_outcomes_stop_posting_at_their_limit)
{
	struct rudpmsg_outcome outcome;
	int i;

	for (i = 0; i < 20; i++)
		cr_assert(eq(int, post(4711, 4), 0));
	cr_assert(eq(int, post(4711, 4), -EAGAIN));
	cr_assert(eq(int, post(peer, 4), -EAGAIN));
	cr_assert(eq(int, rudpmsg_dispatch_queues_outcome(&queues, &outcome), 0));
	cr_assert(eq(int, post(peer, 4), 0));
}

Test(queues, waiting_posts_fail_when_their_connection_is_removed)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(peer, 4), 0));
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_conn(hub, peer), ECANCELED, now_ns);
	cr_assert(eq(int, post(peer, 4), -EAGAIN)); /* its share is still in use */
	serve();
	expect_outcome(11, 0, ENOENT);
	expect_outcome(12, 0, ENOENT);
	cr_assert(eq(int, post(peer, 4), 0));
	expect_outcome(13, 0, ENOENT);
	close_ended();
}

Test(queues, posts_to_a_removed_connection_fail_in_order)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_conn(hub, peer), ECANCELED, now_ns);
	cr_assert(eq(int, post(peer, 4), 0));
	expect_no_outcome();
	serve();
	expect_outcome(11, 0, ENOENT);
	expect_outcome(12, 0, ENOENT);
	close_ended();
}

Test(queues, waiting_posts_fail_on_goodbye_with_unread_messages)
{
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX];

	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	send_message(link_of_peer, 1);
	send_bytes(link_of_peer, bytes,
		   rudpmsg_reason_write(bytes, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_GOODBYE));
	serve();
	expect_outcome(11, 0, ENOENT);
	close_ended();
}

Test(queues, a_post_too_long_for_the_peer_fails_and_the_next_is_sent)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 2);

	handshake.message_bytes_max = 100;
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, post(peer, 101), 0));
	cr_assert(eq(int, post(peer, 100), 0));
	expect_outcome(1, 0, EMSGSIZE);
	expect_outcome(2, 1, 0);
	cr_assert(eq(int, post(peer, 1001), -EMSGSIZE), "longer than the node's own limit");
	expect_no_outcome();
	close_ended();
}

Test(queues, a_broken_link_fails_no_post)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	rudpmsg_hub_on_ended(hub, link_of_peer, ECONNRESET, now_ns);
	serve();
	expect_no_outcome();
	link_of_peer = established_link(2);
	acknowledge(3);
	expect_outcome(11, 11, 0);
	close_ended();
}

Test(queues, with_failures_only_successes_have_no_outcome)
{
	static const struct rudpmsg_dispatch_options options = {.failures_only = true};

	rudpmsg_dispatch_queues_fini(&queues);
	open_queues(&options);
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(4711, 4), 0));
	expect_outcome(2, 0, ENOENT);
	expect_no_outcome();
}

Test(queues, closing_fails_all_waiting_posts)
{
	fill(peer);
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(int, post(peer, 4), 0));
	cr_assert(eq(u64, rudpmsg_dispatch_queues_fail(&queues, ECANCELED), 2));
	expect_outcome(11, 0, ECANCELED);
	expect_outcome(12, 0, ECANCELED);
	acknowledge(1);
	expect_no_outcome();
}

Test(queues, a_post_without_memory_is_not_taken)
{
	unsigned n;
	int rc = -ENOMEM;

	fill(peer);
	for (n = 1; rc == -ENOMEM; n++) {
		fault_arm(n);
		rc = post(peer, 4);
		fault_arm(0);
		cr_assert(rudpmsg_dispatch_queues_check(&queues));
		cr_assert(rc == 0 || queues.stats.posts_taken == OUTBOX_MAX);
	}
	cr_assert(eq(int, rc, 0));
	cr_assert(ge(uint, n, 5), "the post, its queue, its place in the table");
	acknowledge(1);
	expect_outcome(11, 11, 0);
}

Test(queues, outcomes_of_waiting_posts_need_no_memory)
{
	static const struct rudpmsg_dispatch_options options = {0};
	int i;

	rudpmsg_dispatch_queues_fini(&queues);
	open_queues(&options);
	fill(peer);
	for (i = 0; i < 1000; i++)
		cr_assert(eq(int, post(peer, 1), 0));
	fault_arm(1);
	cr_assert(eq(u64, rudpmsg_dispatch_queues_fail(&queues, ECANCELED), 1000));
	cr_assert(eq(uint, fault_count(), 0));
	fault_arm(0);
}

/* A hub with a store in place of the one without. */
static void set_up_store(void)
{
	static const struct rudpmsg_dispatch_options options = {.bytes_max = 8u << 20};
	struct rudpmsg_hub_config c = small_config();

	rudpmsg_dispatch_queues_fini(&queues);
	rudpmsg_hub_free(hub);
	c.has_store = true;
	c.limits.queue_bytes_max = 4 * (uint64_t)RUDPMSG_BATCH_BYTES_MAX;
	c.limits.queue_messages_max = RUDPMSG_BATCH_BYTES_MAX;
	hub = rudpmsg_hub_new(&c, now_ns);
	link_of_peer = established_link(1);
	peer = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, "peer"));
	open_queues(&options);
}

/* Posts to the peer until a batch is full and the last one waits. */
static void fill_batch(void)
{
	struct rudpmsg_outcome outcome;
	int i;

	for (i = 0; queues.stats.posts_waiting == 0; i++) {
		cr_assert(lt(int, i, RUDPMSG_BATCH_BYTES_MAX));
		cr_assert(eq(int, post(peer, 1000), 0));
		(void)rudpmsg_dispatch_queues_outcome(&queues, &outcome);
	}
}

Test(queues, posts_wait_while_the_batch_of_the_store_is_full)
{
	set_up_store();
	fill_batch();
	serve();
	cr_assert(eq(u64, queues.stats.posts_waiting, 1), "nothing has changed yet");
	cr_assert(ne(ptr, (void *)rudpmsg_hub_take_batch(hub), NULL));
	serve();
	cr_assert(eq(u64, queues.stats.posts_waiting, 0));
	rudpmsg_hub_on_stored(hub, 0, now_ns);
}

/* A batch that is dropped makes room, like one that the store takes. */
Test(queues, waiting_posts_continue_when_the_store_drops_a_batch)
{
	rudpmsg_conn_id other;
	uint8_t *room;

	set_up_store();
	other = another_peer("other");
	cr_assert(eq(int, post(peer, 1000), 0));
	cr_assert(ne(ptr, (void *)rudpmsg_hub_take_batch(hub), NULL));
	fill_batch();
	cr_assert(eq(int, post(other, 1000), 0));
	cr_assert(eq(u64, queues.stats.posts_waiting, 2));
	cr_assert(eq(sz, rudpmsg_hub_read_room(hub, link_of_peer, &room), 0), "it is held back");
	while (rudpmsg_hub_next_read(hub))
		;
	rudpmsg_hub_on_stored(hub, -ENOSPC, now_ns);
	serve();
	cr_assert(eq(u64, queues.stats.posts_waiting, 0));
	cr_assert(eq(ptr, (void *)rudpmsg_hub_next_read(hub), (void *)link_of_peer));
}
