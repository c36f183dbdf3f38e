/* SPDX-License-Identifier: MIT */
/* Connections, their messages and their memory when one side closes or disconnects. */
#include <malloc.h>

#include "messaging/hub_peer.h"

TestSuite(hub_ends, .init = set_up, .fini = tear_down);

static rudpmsg_conn_id connect_to(const char *name, uint64_t *ticket)
{
	rudpmsg_conn_id conn;

	cr_assert(eq(int, rudpmsg_hub_connect(hub, "host", 1, name, now_ns, ticket, &conn), 0));
	return conn;
}

static void say_bye(struct rudpmsg_link *link, enum rudpmsg_frame_type type,
		    enum rudpmsg_reason reason)
{
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX];

	send_bytes(link, bytes, rudpmsg_reason_write(bytes, type, reason));
}

static void take_and_finish(uint64_t id)
{
	struct rudpmsg_message message;

	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	cr_assert(eq(u64, message.id, id));
	rudpmsg_hub_done(hub, message.conn, message.place);
	rudpmsg_chunk_put(message.reserved);
}

static int kinds_of_events(void)
{
	struct rudpmsg_event event;
	int kinds = 0;

	while (rudpmsg_hub_event(hub, &event) == 0)
		kinds |= 1 << event.kind;
	return kinds;
}

Test(hub_ends, who_frames_leave_room_for_the_handshake)
{
	uint8_t bytes[200 * RUDPMSG_FRAME_HEAD_BYTES + RUDPMSG_HANDSHAKE_BYTES_MAX], *at;
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link;
	int questions, i;

	for (questions = 0; questions <= 200; questions++) {
		link = accepted_link();
		for (i = 0, at = bytes; i < questions; i++)
			at += rudpmsg_who_write(at);
		at += rudpmsg_handshake_write(at, RUDPMSG_FRAME_HANDSHAKE, &handshake);
		send_bytes(link, bytes, (size_t)(at - bytes));
		output_bytes = 0;
		rudpmsg_hub_on_ended(hub, link, 0, now_ns);
		close_ended();
	}
}

Test(hub_ends, acknowledged_messages_can_be_read_after_a_goodbye)
{
	struct rudpmsg_link *link = established_link(1);
	rudpmsg_conn_id id = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, "peer"));
	rudpmsg_message_id message;

	send_message(link, 1);
	send_message(link, 2);
	cr_assert(eq(u64, next_ack(), 1));
	say_bye(link, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_GOODBYE);
	cr_assert(eq(int,
		     rudpmsg_hub_send(hub, rudpmsg_hub_conn(hub, id), "x", 1, &message, now_ns),
		     -ENOENT));
	cr_assert(eq(int, kinds_of_events() & 1 << RUDPMSG_EVENT_DISCONNECTED, 0));
	take_and_finish(1);
	take_and_finish(2);
	cr_assert(eq(ptr, (void *)rudpmsg_hub_conn(hub, id), NULL));
	cr_assert(ne(int, kinds_of_events() & 1 << RUDPMSG_EVENT_DISCONNECTED, 0));
	close_ended();
}

Test(hub_ends, unhandled_messages_are_accepted_again_after_a_lost_goodbye)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link = accepted_link();

	handshake.ack = RUDPMSG_ACK_HANDLED;
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	send_message(link, 1);
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "peer"), ECANCELED, now_ns);
	handshake.link = 2;
	link = accepted_link();
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	output_bytes = 0;
	send_message(link, 1);
	take_and_finish(1);
	read_output(link);
	cr_assert(eq(u64, next_ack(), 1));
	close_ended();
}

Test(hub_ends, a_message_too_long_for_the_peer_fails_and_the_next_is_sent)
{
	static const uint8_t bytes[900];
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	rudpmsg_message_id ids[3];
	struct rudpmsg_conn *conn;
	struct rudpmsg_frame frame;
	struct rudpmsg_link *link;
	uint64_t ticket, id = 0;
	int reason = 0;

	conn = rudpmsg_hub_conn(hub, connect_to("peer", &ticket));
	rudpmsg_hub_send(hub, conn, "one", 3, ids, now_ns);
	rudpmsg_hub_send(hub, conn, bytes, sizeof bytes, ids + 1, now_ns);
	rudpmsg_hub_send(hub, conn, "three", 5, ids + 2, now_ns);
	handshake.message_bytes_max = 100;
	link = accepted_link();
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	cr_assert(eq(int, rudpmsg_conn_state(conn, ids[1], &reason), RUDPMSG_STATE_FAILED));
	cr_assert(eq(int, reason, EMSGSIZE));
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_MESSAGE));
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_MESSAGE));
	rudpmsg_id_read(&frame, &id);
	cr_assert(eq(u64, id, ids[2]));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 2));
	cr_assert(ne(int, kinds_of_events() & 1 << RUDPMSG_EVENT_FAILED, 0));
	close_ended();
}

Test(hub_ends, a_closing_node_sends_its_queued_messages)
{
	struct rudpmsg_link *link = established_link(1);
	rudpmsg_message_id id;
	struct rudpmsg_handshake other = make_handshake("other", 1);

	rudpmsg_hub_send(hub, rudpmsg_hub_find(hub, "peer"), "text", 4, &id, now_ns);
	rudpmsg_hub_stop_accepting(hub);
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &other);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_CLOSING));
	established_link(2);
	close_ended();
}

Test(hub_ends, a_closing_node_dials_again_for_queued_messages)
{
	rudpmsg_message_id id;
	struct rudpmsg_link *link;
	uint64_t ticket;

	rudpmsg_hub_send(hub, rudpmsg_hub_conn(hub, connect_to("peer", &ticket)), "text", 4, &id,
			 now_ns);
	rudpmsg_hub_stop_accepting(hub);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, ECONNREFUSED, now_ns);
	now_ns += RUDP_NS_PER_S;
	rudpmsg_hub_on_time(hub, now_ns);
	cr_assert(ne(ptr, rudpmsg_hub_next_dial(hub), NULL));
	close_ended();
}

/* Otherwise each would wait for the other to end the link, until the time limit. */
Test(hub_ends, two_nodes_that_close_at_once_do_not_wait_for_each_other)
{
	struct rudpmsg_link *link = established_link(1);

	rudpmsg_hub_end_links(hub, now_ns);
	read_output(link);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_CLOSING));
	send_message(link, 1); /* it was in flight */
	cr_assert(rudpmsg_hub_has_links(hub), "the peer may still read the output");
	say_bye(link, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_CLOSING);
	cr_assert(not(rudpmsg_hub_has_links(hub)));
	close_ended();
}

Test(hub_ends, frames_after_close_are_ignored)
{
	struct rudpmsg_link *link = established_link(1);
	static const uint8_t nonsense[1000] = {0xff, 0xff, 0xff, 0xff};
	uint8_t *room;
	size_t size;
	int i;

	rudpmsg_hub_end_links(hub, now_ns);
	read_output(link);
	send_bytes(link, nonsense, sizeof nonsense);
	size = rudpmsg_hub_read_room(hub, link, &room);
	for (i = 0; i < 1000; i++)
		send_bytes(link, nonsense, sizeof nonsense);
	cr_assert(eq(sz, rudpmsg_hub_read_room(hub, link, &room), size), "nothing of it is kept");
	cr_assert(rudpmsg_hub_has_links(hub));
	rudpmsg_hub_on_time(hub, now_ns += 3 * RUDP_NS_PER_S);
	cr_assert(not(rudpmsg_hub_has_links(hub)));
	close_ended();
}

Test(hub_ends, connect_returns_the_reason_of_the_refusal)
{
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	connect_to("peer", &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	say_bye(link, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_NAME);
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -ENXIO));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

/* A refusal without a reason byte, and one with reason NONE. */
Test(hub_ends, a_refusal_without_a_reason_fails_as_well)
{
	static const char *const names[] = {NULL, "peer"};
	uint8_t bytes[] = {0, 0, 0, 0, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_NONE};
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;
	unsigned i;

	for (i = 0; i < 4; i++) {
		connect_to(names[i / 2], &ticket);
		link = rudpmsg_hub_next_dial(hub);
		rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
		read_output(link);
		bytes[3] = (uint8_t)(i % 2);
		send_bytes(link, bytes, RUDPMSG_FRAME_HEAD_BYTES + i % 2);
		cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EPROTO));
		cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, i + 1));
		rudpmsg_hub_connect_forget(hub, ticket);
		close_ended();
	}
}

Test(hub_ends, a_truncated_close_is_a_protocol_error)
{
	static const uint8_t bytes[] = {0, 0, 0, 0, RUDPMSG_FRAME_CLOSE};

	send_bytes(established_link(1), bytes, sizeof bytes);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_PROTOCOL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	close_ended();
}

/* Otherwise each link without a handshake could make the node keep a message of any size. */
Test(hub_ends, a_message_before_the_handshake_is_refused_by_its_head)
{
	uint8_t head[RUDPMSG_MESSAGE_HEAD_BYTES];
	struct rudpmsg_link *link = rudpmsg_hub_on_accepted(hub, NULL, now_ns);

	rudpmsg_message_head_write(head, 1, 100);
	send_bytes(link, head, RUDPMSG_FRAME_HEAD_BYTES);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_PROTOCOL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	close_ended();
}

Test(hub_ends, a_node_with_our_own_name_is_refused)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	connect_to(NULL, &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	send_bytes(link, bytes, rudpmsg_iam_write(bytes, "hub"));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EEXIST));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

Test(hub_ends, connecting_again_does_not_return_the_previous_error)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	conn = connect_to("peer", &ticket);
	rudpmsg_hub_on_dialed(hub, rudpmsg_hub_next_dial(hub), EKEYREJECTED, now_ns);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EKEYREJECTED));
	connect_to("peer", &ticket);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EINPROGRESS));
	close_ended();
}

/* Dials the peer, whose program is there and answers. */
static struct rudpmsg_link *answered_link(rudpmsg_conn_id *conn)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link;
	struct rudpmsg_frame frame;
	uint64_t ticket;

	*conn = connect_to("peer", &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_HANDSHAKE));
	send_handshake(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, *conn)), 0));
	return link;
}

static void is_dialed_again_after_the_longest_pause(void)
{
	rudpmsg_hub_on_time(hub, now_ns + RUDP_NS_PER_S / 4); /* longer than the first pause */
	cr_expect(eq(ptr, rudpmsg_hub_next_dial(hub), NULL));
	rudpmsg_hub_on_time(hub, now_ns + 2 * RUDP_NS_PER_S);
	cr_expect(ne(ptr, rudpmsg_hub_next_dial(hub), NULL));
}

/* A peer that violates the protocol would do the same on the next link. */
Test(hub_ends, a_peer_that_violates_the_protocol_is_dialed_again_after_the_longest_pause)
{
	rudpmsg_conn_id conn;

	send_message(answered_link(&conn), 0);
	cr_expect(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EPROTO));
	is_dialed_again_after_the_longest_pause();
	close_ended();
}

Test(hub_ends, a_peer_that_finds_a_violation_is_dialed_again_after_the_longest_pause)
{
	rudpmsg_conn_id conn;

	say_bye(answered_link(&conn), RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_PROTOCOL);
	cr_expect(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EPROTO));
	is_dialed_again_after_the_longest_pause();
	close_ended();
}

/* Otherwise two programs with one name would take the link from each other as fast as they can
 * dial. */
Test(hub_ends, a_link_that_another_program_took_is_dialed_again_after_the_longest_pause)
{
	rudpmsg_conn_id conn;

	say_bye(answered_link(&conn), RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_TAKEN_OVER);
	cr_expect(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -ESTALE));
	is_dialed_again_after_the_longest_pause();
	close_ended();
}

/* If a peer has moved, an attempt to its old address may hang until its timeout; connecting to
 * the new address must not wait for it. */
Test(hub_ends, connecting_to_a_new_address_cancels_the_old_attempt)
{
	struct rudpmsg_link *before, *after;
	rudpmsg_conn_id conn;
	uint64_t tickets[2];

	cr_assert(eq(int, rudpmsg_hub_connect(hub, "old", 1, "peer", now_ns, tickets, &conn), 0));
	before = rudpmsg_hub_next_dial(hub);
	cr_assert(
		eq(int, rudpmsg_hub_connect(hub, "old", 1, "peer", now_ns, tickets + 1, &conn), 0));
	cr_assert(eq(ptr, rudpmsg_hub_next_dial(hub), NULL), "the same again waits for it");
	rudpmsg_hub_connect_forget(hub, tickets[1]);
	cr_assert(
		eq(int, rudpmsg_hub_connect(hub, "new", 1, "peer", now_ns, tickets + 1, &conn), 0));
	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), before));
	rudpmsg_link_free(before);
	after = rudpmsg_hub_next_dial(hub);
	cr_assert(ne(ptr, after, NULL));
	cr_expect(eq(str, (char *)rudpmsg_link_host(after), "new"));
	cr_expect(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EINPROGRESS));
	close_ended();
}

Test(hub_ends, crossed_is_not_an_error_of_connect)
{
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	conn = connect_to("peer", &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	say_bye(link, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_CROSSED);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EINPROGRESS));
	close_ended();
}

Test(hub_ends, give_up_ns_applies_to_a_peer_that_never_answered)
{
	struct rudpmsg_hub_config c = small_config();
	rudpmsg_message_id message;
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;
	int i;

	rudpmsg_hub_free(hub);
	c.give_up_ns = 5 * RUDP_NS_PER_S;
	hub = rudpmsg_hub_new(&c, now_ns);
	conn = connect_to("peer", &ticket);
	rudpmsg_hub_send(hub, rudpmsg_hub_conn(hub, conn), "text", 4, &message, now_ns);
	for (i = 0; i < 12; i++) {
		while ((link = rudpmsg_hub_next_dial(hub)))
			rudpmsg_hub_on_dialed(hub, link, ECONNREFUSED, now_ns);
		rudpmsg_hub_on_time(hub, now_ns += RUDP_NS_PER_S / 2);
		close_ended();
	}
	cr_assert(eq(ptr, (void *)rudpmsg_hub_conn(hub, conn), NULL));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 0));
	cr_assert(ne(int, kinds_of_events() & 1 << RUDPMSG_EVENT_FAILED, 0));
}

Test(hub_ends, ten_thousand_idle_peers_cost_less_than_four_kilobytes_each)
{
	enum { PEERS = 10000 };
	struct rudpmsg_hub_config c = small_config();
	struct rudpmsg_handshake handshake;
	struct rudpmsg_message message;
	struct rudpmsg_link *link;
	size_t before;
	int i;

	rudpmsg_hub_free(hub);
	c.limits.connections_max = PEERS;
	hub = rudpmsg_hub_new(&c, now_ns);
	before = mallinfo2().uordblks;
	for (i = 0; i < PEERS; i++) {
		handshake = make_handshake("peer", 1);
		snprintf(handshake.name, sizeof handshake.name, "peer%d", i);
		link = accepted_link();
		send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
		send_message(link, 1);
		cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
		rudpmsg_hub_done(hub, message.conn, message.place);
		rudpmsg_chunk_put(message.reserved);
		output_bytes = 0;
	}
	for (i = 0; i < 3; i++)
		rudpmsg_hub_on_time(hub, now_ns += 2 * RUDP_NS_PER_S);
	cr_assert(lt(sz, (mallinfo2().uordblks - before) / PEERS, 4096));
}
