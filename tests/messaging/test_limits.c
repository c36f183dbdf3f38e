/* SPDX-License-Identifier: MIT */
/* At each limit of rudp/msg.h its documented outcome happens, and one below it does not. */
#include <stdio.h>

#include "messaging/hub_peer.h"
#include "messaging/hub_private.h"

TestSuite(limits, .init = set_up, .fini = tear_down);

static const uint8_t bytes[2000];

static int send_to(const char *name, size_t length)
{
	rudpmsg_message_id id;

	return rudpmsg_hub_send(hub, rudpmsg_hub_find(hub, name), bytes, length, &id, now_ns);
}

static void send_message_of(struct rudpmsg_link *link, uint64_t id, size_t length)
{
	uint8_t frame[RUDPMSG_MESSAGE_HEAD_BYTES + 2000] = {0};

	rudpmsg_message_head_write(frame, id, length);
	send_bytes(link, frame, RUDPMSG_MESSAGE_HEAD_BYTES + length);
}

static struct rudpmsg_link *come(const char *name, uint64_t number)
{
	struct rudpmsg_handshake handshake = make_handshake(name, number);
	struct rudpmsg_link *link = accepted_link();

	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	return link;
}

static int answer(void)
{
	struct rudpmsg_frame frame;

	return next_frame(&frame);
}

static int try_to_connect(const char *name)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	return rudpmsg_hub_connect(hub, "host", 1, name, now_ns, &ticket, &conn);
}

static void take_and_finish(void)
{
	struct rudpmsg_message message;

	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	rudpmsg_hub_done(hub, message.conn, message.place);
	rudpmsg_chunk_put(message.reserved);
}

/* The reason of the DISCONNECTED event of a connection; 0: there is none. */
static int final_events_of(rudpmsg_conn_id conn)
{
	struct rudpmsg_event event;
	int reason = 0;

	while (rudpmsg_hub_event(hub, &event) == 0)
		if (event.kind == RUDPMSG_EVENT_DISCONNECTED && event.conn == conn)
			reason = event.reason;
	return reason;
}

/* ---- message_bytes_max: 1000 ---- */

Test(limits, a_longer_message_is_not_accepted)
{
	established_link(1);
	cr_assert(eq(int, send_to("peer", 1000), 0));
	cr_assert(eq(int, send_to("peer", 1001), -EMSGSIZE));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 1));
}

Test(limits, a_longer_message_from_a_peer_ends_its_link)
{
	struct rudpmsg_link *link = established_link(1);

	send_message_of(link, 1, 1000);
	cr_assert(eq(u64, next_ack(), 1));
	send_message_of(link, 2, 1001);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_PROTOCOL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_received, 1));
	cr_assert(ne(ptr, rudpmsg_hub_find(hub, "peer"), NULL), "the connection continues");
}

/* ---- queue_messages_max: 10, queue_bytes_max: 5000 with the heads ---- */

Test(limits, a_full_queue_takes_no_message_until_an_acknowledgement)
{
	struct rudpmsg_link *link = established_link(1);
	uint8_t ack[RUDPMSG_MESSAGE_HEAD_BYTES];
	int i;

	for (i = 0; i < 10; i++)
		cr_assert(eq(int, send_to("peer", 1), 0));
	cr_assert(eq(int, send_to("peer", 1), -EAGAIN));
	read_output(link);
	send_bytes(link, ack, rudpmsg_ack_write(ack, 1));
	cr_assert(eq(int, send_to("peer", 1), 0));
	cr_assert(eq(int, send_to("peer", 1), -EAGAIN));
}

Test(limits, the_bytes_of_a_queue_are_bounded)
{
	int i;

	established_link(1);
	for (i = 0; i < 5; i++)
		cr_assert(eq(int, send_to("peer", 1000 - RUDPMSG_MESSAGE_HEAD_BYTES), 0));
	cr_assert(eq(int, send_to("peer", 0), -EAGAIN), "not even its head has room");
}

Test(limits, an_empty_queue_takes_one_message_whatever_its_length)
{
	struct rudpmsg_hub_config c = small_config();

	rudpmsg_hub_free(hub);
	c.limits.queue_bytes_max = 10;
	hub = rudpmsg_hub_new(&c, now_ns);
	established_link(1);
	cr_assert(eq(int, send_to("peer", 1000), 0));
	cr_assert(eq(int, send_to("peer", 1), -EAGAIN));
}

/* ---- unread_bytes_max: 5000 ---- */

Test(limits, a_peer_is_held_back_until_half_of_what_it_sent_is_done)
{
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_message messages[10];
	uint8_t *room;
	int count = 0, i;

	while (rudpmsg_hub_read_room(hub, link, &room) > 0 && count < 10)
		send_message_of(link, (uint64_t)++count, 900);
	cr_assert(lt(int, count, 10));
	for (i = 0; i < count; i++)
		cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, messages + i), 0));
	cr_assert(eq(ptr, rudpmsg_hub_next_read(hub), NULL), "taken is not done");
	for (i = 0; i < count; i++) {
		rudpmsg_hub_done(hub, messages[i].conn, messages[i].place);
		rudpmsg_chunk_put(messages[i].reserved);
	}
	cr_assert(eq(ptr, rudpmsg_hub_next_read(hub), link));
	cr_assert(ge(sz, rudpmsg_hub_read_room(hub, link, &room), 1));
}

/* Duplicates fill the chunk that the message before them keeps in memory. */
static void send_duplicates(struct rudpmsg_link *link, uint64_t id)
{
	int i;

	for (i = 0; i < 70; i++) {
		send_message_of(link, id, 990);
		output_bytes = 0;
	}
}

Test(limits, memory_kept_by_an_unread_message_counts)
{
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_message message;
	uint8_t *room;

	send_message(link, 1);
	send_duplicates(link, 1);
	cr_assert(ge(sz, rudpmsg_hub_read_room(hub, link, &room), 1));
	/* Idle connections free their buffers. The memory must still count afterwards. */
	rudpmsg_hub_on_time(hub, now_ns += 2 * RUDP_NS_PER_S);
	rudpmsg_hub_on_time(hub, now_ns += 2 * RUDP_NS_PER_S);
	send_message(link, 2);
	cr_assert(eq(sz, rudpmsg_hub_read_room(hub, link, &room), 0));
	take_and_finish();
	cr_assert(eq(ptr, rudpmsg_hub_next_read(hub), NULL), "the second has paid for it");
	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	rudpmsg_hub_done(hub, message.conn, message.place);
	rudpmsg_chunk_put(message.reserved);
	cr_assert(eq(ptr, rudpmsg_hub_next_read(hub), link));
}

Test(limits, memory_that_no_message_keeps_does_not_count)
{
	struct rudpmsg_link *link = established_link(1);
	uint8_t *room;

	send_message(link, 1);
	take_and_finish();
	send_duplicates(link, 1);
	send_message(link, 2);
	send_message(link, 3);
	cr_assert(ge(sz, rudpmsg_hub_read_room(hub, link, &room), 1));
}

/* ---- connections_max: 3 ---- */

static rudpmsg_conn_id fill_with(const char *first, bool is_gone)
{
	struct rudpmsg_link *link = come(first, 1);
	rudpmsg_conn_id conn = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, first));

	come("second", 1);
	come("third", 1);
	if (is_gone)
		rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	output_bytes = 0;
	return conn;
}

Test(limits, connections_max_holds_while_all_are_in_use)
{
	fill_with("first", false);
	cr_assert(eq(int, try_to_connect("fourth"), -ENFILE));
	come("fourth", 1);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_LIMIT));
	cr_assert(eq(int, try_to_connect("third"), 0), "it is there");
	close_ended();
}

Test(limits, a_connection_without_a_link_is_removed_at_the_limit)
{
	rudpmsg_conn_id conn = fill_with("first", true);
	struct rudpmsg_link *link;

	link = come("fourth", 1);
	cr_assert(eq(int, answer(), RUDPMSG_FRAME_ACK_HANDSHAKE));
	cr_assert(eq(int, final_events_of(conn), ENFILE));
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	cr_assert(eq(int, try_to_connect("fifth"), 0));
	close_ended();
}

Test(limits, a_connection_that_is_needed_is_not_removed)
{
	struct rudpmsg_link *link = come("first", 1);

	come("second", 1);
	cr_assert(eq(int, try_to_connect("third"), 0));
	cr_assert(eq(int, send_to("first", 1), 0));
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	link = come("second", 2);
	send_message(link, 1);
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	output_bytes = 0;
	come("fourth", 1);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_LIMIT));
	close_ended();
}

Test(limits, a_removed_sender_is_remembered)
{
	struct rudpmsg_link *link = come("first", 1);

	send_message(link, 1);
	output_bytes = 0;
	take_and_finish();
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	come("second", 1);
	come("third", 1);
	link = come("fourth", 1);
	cr_assert(eq(ptr, rudpmsg_hub_find(hub, "first"), NULL));
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	link = come("first", 2);
	send_message(link, 1);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_duplicate, 1));
	close_ended();
}

Test(limits, a_restored_connection_is_removed_at_the_limit_as_well)
{
	struct rudpmsg_peer record = {
		.name = "first", .stream = 1, .next_id = 1, .peer_stream = 22, .received = 1};
	struct rudpmsg_received received = {.stream = 22, .id = 1, .bytes = bytes, .length = 4};
	struct rudpmsg_hub_config c = small_config();

	rudpmsg_hub_free(hub);
	c.has_store = true;
	c.limits.connections_max = 1;
	hub = rudpmsg_hub_new(&c, now_ns);
	cr_assert(eq(int, rudpmsg_hub_restore_peer(hub, 1, &record), 0));
	cr_assert(eq(int, rudpmsg_hub_restore_received(hub, 1, &received), 0));
	cr_assert(eq(int, rudpmsg_hub_restore_end(hub, now_ns), 0));
	come("second", 1);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_LIMIT), "it has left something");
	take_and_finish();
	come("second", 1);
	cr_assert(eq(int, answer(), RUDPMSG_FRAME_ACK_HANDSHAKE));
	close_ended();
}

/* For each refused peer the hub examines a limited number of connections; the next peer continues
 * the search. */
Test(limits, a_removable_connection_is_found_behind_many_others)
{
	enum { KEPT = 20 };
	struct rudpmsg_hub_config c = small_config();
	struct rudpmsg_link *link;
	char name[16];
	int i;

	rudpmsg_hub_free(hub);
	c.limits.connections_max = KEPT + 1;
	hub = rudpmsg_hub_new(&c, now_ns);
	for (i = 0; i <= KEPT; i++) {
		snprintf(name, sizeof name, "peer%d", i);
		link = come(name, 1);
		if (i < KEPT)
			cr_assert(eq(int, send_to(name, 1), 0));
		rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	}
	output_bytes = 0;
	come("stranger", 1);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_LIMIT));
	output_bytes = 0;
	come("stranger", 1);
	cr_assert(eq(int, answer(), RUDPMSG_FRAME_ACK_HANDSHAKE));
	cr_assert(eq(ptr, rudpmsg_hub_find(hub, name), NULL));
	close_ended();
}

Test(limits, calls_of_connect_in_progress_are_limited)
{
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;
	int i;

	for (i = 0; i < 3; i++) {
		cr_assert(eq(int, rudpmsg_hub_connect(hub, "host", 1, NULL, now_ns, &ticket, &conn),
			     0));
		rudpmsg_hub_connect_forget(hub, ticket);
	}
	cr_assert(eq(int, try_to_connect(NULL), -ENFILE));
	while ((link = rudpmsg_hub_next_dial(hub)))
		rudpmsg_hub_on_dialed(hub, link, ECONNREFUSED, now_ns);
	cr_assert(eq(int, try_to_connect(NULL), 0));
	close_ended();
}

/* ---- senders_max: 2 ---- */

Test(limits, the_sender_that_was_silent_longest_is_forgotten)
{
	static const char *const names[] = {"first", "second", "third"};
	struct rudpmsg_link *link;
	int i;

	for (i = 0; i < 3; i++) {
		link = come(names[i], 1);
		send_message(link, 1);
		rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, names[i]), ECANCELED, now_ns);
	}
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->senders_forgotten, 1));
	for (i = 2; i >= 0; i--)
		send_message(come(names[i], 2), 1);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_duplicate, 2));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_received, 4), "the first came twice");
	close_ended();
}

/* ---- RUDPMSG_FINAL_EVENTS_MAX ---- */

Test(limits, final_events_of_removed_connections_are_kept)
{
	rudpmsg_conn_id first = 0;
	struct rudpmsg_event event;
	int i, count = 0;

	for (i = 0; i <= RUDPMSG_FINAL_EVENTS_MAX; i++) {
		come("peer", (uint64_t)i + 1);
		if (i == 0)
			first = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, "peer"));
		rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "peer"), ECANCELED, now_ns);
		output_bytes = 0;
		now_ns += 3 * RUDP_NS_PER_S;
		rudpmsg_hub_on_time(hub, now_ns);
		close_ended();
	}
	while (rudpmsg_hub_event(hub, &event) == 0) {
		cr_assert(ne(u64, event.conn, first));
		count += event.kind == RUDPMSG_EVENT_DISCONNECTED;
	}
	cr_assert(eq(int, count, RUDPMSG_FINAL_EVENTS_MAX));
}

/* ---- unauthenticated_max: 2 ---- */

Test(limits, the_oldest_link_without_a_handshake_is_closed)
{
	struct rudpmsg_link *first = accepted_link(), *second = accepted_link();

	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), NULL));
	accepted_link();
	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), first));
	rudpmsg_link_free(first);
	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), NULL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->links_refused, 1));
	accepted_link();
	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), second));
	rudpmsg_link_free(second);
}

/* ---- CONTROL_BYTES ---- */

/* Returns whether the link is still open. */
static bool say_unheard(struct rudpmsg_link *link, const uint8_t *frame, size_t length)
{
	uint8_t *room;

	cr_assert(ge(sz, rudpmsg_hub_read_room(hub, link, &room), length));
	memcpy(room, frame, length);
	rudpmsg_hub_on_read(hub, link, length, now_ns);
	return link->state != LINK_ENDED && link->state != LINK_CLOSING;
}

Test(limits, a_peer_that_asks_without_reading_is_a_protocol_error)
{
	struct rudpmsg_link *link = accepted_link();
	uint8_t who[RUDPMSG_FRAME_HEAD_BYTES];
	size_t answers = 0, size = rudpmsg_who_write(who);

	while (say_unheard(link, who, size))
		cr_assert(lt(sz, ++answers, CONTROL_BYTES));
	cr_expect(ge(sz, answers, 2));
	cr_expect(le(sz, link->control_end, CONTROL_BYTES));
	cr_expect(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
}

Test(limits, unread_acks_are_merged)
{
	struct rudpmsg_link *link = established_link(1);
	uint8_t frame[RUDPMSG_MESSAGE_HEAD_BYTES];
	struct iovec iov[3];
	uint64_t id;

	for (id = 1; id <= CONTROL_BYTES; id++) {
		rudpmsg_message_head_write(frame, id, 0);
		cr_assert(say_unheard(link, frame, sizeof frame));
		take_and_finish();
		cr_assert(ge(int, rudpmsg_hub_write_next(link, iov, 3),
			     1)); /* the peer reads nothing */
		cr_assert(le(sz, iov[0].iov_len, CONTROL_BYTES));
	}
	read_output(link);
	for (id = 0; id < CONTROL_BYTES && output_bytes > 0;)
		id = next_ack();
	cr_expect(eq(u64, id, CONTROL_BYTES), "the ACK of the last message");
}

/* ---- RUDPMSG_HOST_MAX ---- */

Test(limits, a_host_name_has_a_length_limit)
{
	char host[RUDPMSG_HOST_MAX + 2];
	rudpmsg_conn_id conn;
	uint64_t ticket;

	memset(host, 'h', sizeof host);
	host[RUDPMSG_HOST_MAX + 1] = '\0';
	cr_assert(eq(int, rudpmsg_hub_connect(hub, host, 1, "peer", now_ns, &ticket, &conn),
		     -EINVAL));
	host[RUDPMSG_HOST_MAX] = '\0';
	cr_assert(eq(int, rudpmsg_hub_connect(hub, host, 1, "peer", now_ns, &ticket, &conn), 0));
}
