/* SPDX-License-Identifier: MIT */
/* Connections, their messages and their memory when one side goes. */
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

	say(link, bytes, rudpmsg_reason_write(bytes, type, reason));
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

Test(hub_ends, questions_leave_room_for_the_handshake)
{
	uint8_t bytes[200 * RUDPMSG_FRAME_HEAD_BYTES + RUDPMSG_HANDSHAKE_BYTES_MAX], *at;
	struct rudpmsg_handshake handshake = greeting("peer", 1);
	struct rudpmsg_link *link;
	int questions, i;

	for (questions = 0; questions <= 200; questions++) {
		link = stranger();
		for (i = 0, at = bytes; i < questions; i++)
			at += rudpmsg_who_write(at);
		at += rudpmsg_handshake_write(at, RUDPMSG_FRAME_HANDSHAKE, &handshake);
		say(link, bytes, (size_t)(at - bytes));
		said_bytes = 0;
		rudpmsg_hub_on_ended(hub, link, 0, now_ns);
		close_ended();
	}
}

Test(hub_ends, what_was_acknowledged_outlives_a_goodbye)
{
	struct rudpmsg_link *link = standing(1);
	rudpmsg_conn_id id = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, "peer"));
	rudpmsg_message_id message;

	say_message(link, 1);
	say_message(link, 2);
	cr_assert(eq(u64, said_ack(), 1));
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

Test(hub_ends, what_was_not_handled_is_taken_again_after_a_goodbye_that_is_lost)
{
	struct rudpmsg_handshake handshake = greeting("peer", 1);
	struct rudpmsg_link *link = stranger();

	handshake.ack = RUDPMSG_ACK_HANDLED;
	say_greeting(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	say_message(link, 1);
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "peer"), ECANCELED, now_ns);
	handshake.link = 2;
	link = stranger();
	say_greeting(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	said_bytes = 0;
	say_message(link, 1);
	take_and_finish(1);
	hear(link);
	cr_assert(eq(u64, said_ack(), 1));
	close_ended();
}

Test(hub_ends, a_message_that_the_peer_does_not_take_fails_and_the_next_is_sent)
{
	static const uint8_t bytes[900];
	struct rudpmsg_handshake handshake = greeting("peer", 1);
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
	link = stranger();
	say_greeting(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	cr_assert(eq(int, rudpmsg_conn_state(conn, ids[1], &reason), RUDPMSG_STATE_FAILED));
	cr_assert(eq(int, reason, EMSGSIZE));
	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_MESSAGE));
	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_MESSAGE));
	rudpmsg_id_read(&frame, &id);
	cr_assert(eq(u64, id, ids[2]));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 2));
	cr_assert(ne(int, kinds_of_events() & 1 << RUDPMSG_EVENT_FAILED, 0));
	close_ended();
}

Test(hub_ends, a_node_that_closes_goes_on_with_what_is_queued)
{
	struct rudpmsg_link *link = standing(1);
	rudpmsg_message_id id;
	struct rudpmsg_handshake other = greeting("other", 1);

	rudpmsg_hub_send(hub, rudpmsg_hub_find(hub, "peer"), "text", 4, &id, now_ns);
	rudpmsg_hub_stop_accepting(hub);
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	say_greeting(stranger(), RUDPMSG_FRAME_HANDSHAKE, &other);
	cr_assert(eq(int, said_reason(), RUDPMSG_REASON_CLOSING));
	standing(2);
	close_ended();
}

Test(hub_ends, a_node_that_closes_dials_again_for_what_is_queued)
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

/* Without this each would wait for the other to end the link, until the time limit. */
Test(hub_ends, two_that_close_at_once_do_not_wait_for_each_other)
{
	struct rudpmsg_link *link = standing(1);

	rudpmsg_hub_end_links(hub, now_ns);
	hear(link);
	cr_assert(eq(int, said_reason(), RUDPMSG_REASON_CLOSING));
	say_message(link, 1); /* it was under way */
	cr_assert(rudpmsg_hub_has_links(hub), "the peer may still read what was said");
	say_bye(link, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_CLOSING);
	cr_assert(not(rudpmsg_hub_has_links(hub)));
	close_ended();
}

Test(hub_ends, nonsense_behind_the_last_word_is_dropped)
{
	struct rudpmsg_link *link = standing(1);
	static const uint8_t nonsense[1000] = {0xff, 0xff, 0xff, 0xff};
	uint8_t *room;
	size_t size;
	int i;

	rudpmsg_hub_end_links(hub, now_ns);
	hear(link);
	say(link, nonsense, sizeof nonsense);
	size = rudpmsg_hub_read_room(hub, link, &room);
	for (i = 0; i < 1000; i++)
		say(link, nonsense, sizeof nonsense);
	cr_assert(eq(sz, rudpmsg_hub_read_room(hub, link, &room), size), "nothing of it is kept");
	cr_assert(rudpmsg_hub_has_links(hub));
	rudpmsg_hub_on_time(hub, now_ns += 3 * RUDP_NS_PER_S);
	cr_assert(not(rudpmsg_hub_has_links(hub)));
	close_ended();
}

Test(hub_ends, connect_tells_why_it_was_refused)
{
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	connect_to("peer", &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	hear(link);
	say_bye(link, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_NAME);
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -ENXIO));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

/* A refusal without a reason byte, and one with reason NONE. */
Test(hub_ends, a_refusal_for_no_reason_fails_all_the_same)
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
		hear(link);
		bytes[3] = (uint8_t)(i % 2);
		say(link, bytes, RUDPMSG_FRAME_HEAD_BYTES + i % 2);
		cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EPROTO));
		cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, i + 1));
		rudpmsg_hub_connect_forget(hub, ticket);
		close_ended();
	}
}

Test(hub_ends, a_close_that_is_cut_off_breaks_the_protocol)
{
	static const uint8_t bytes[] = {0, 0, 0, 0, RUDPMSG_FRAME_CLOSE};

	say(standing(1), bytes, sizeof bytes);
	cr_assert(eq(int, said_reason(), RUDPMSG_REASON_PROTOCOL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	close_ended();
}

Test(hub_ends, whoever_answers_may_not_have_the_own_name)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	connect_to(NULL, &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	hear(link);
	say(link, bytes, rudpmsg_iam_write(bytes, "hub"));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EEXIST));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

Test(hub_ends, connecting_again_does_not_tell_the_error_before)
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

/* Two programs with one name would take the link from each other as fast as they can dial. */
Test(hub_ends, a_link_that_another_program_took_is_dialed_again_after_the_longest_pause)
{
	struct rudpmsg_handshake handshake = greeting("peer", 1);
	struct rudpmsg_frame frame;
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	conn = connect_to("peer", &ticket);
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	hear(link);
	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_HANDSHAKE));
	say_greeting(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), 0));
	say_bye(link, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_TAKEN_OVER);
	cr_expect(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -ESTALE));
	rudpmsg_hub_on_time(hub, now_ns + RUDP_NS_PER_S / 4); /* the first pause is over by far */
	cr_expect(eq(ptr, rudpmsg_hub_next_dial(hub), NULL));
	rudpmsg_hub_on_time(hub, now_ns + 2 * RUDP_NS_PER_S);
	cr_expect(ne(ptr, rudpmsg_hub_next_dial(hub), NULL));
	close_ended();
}

/* Who has moved must not wait for an attempt where it was, which may hang until its time is over.
 */
Test(hub_ends, connecting_elsewhere_gives_up_an_attempt_that_is_under_way)
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
	hear(link);
	say_bye(link, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_CROSSED);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EINPROGRESS));
	close_ended();
}

Test(hub_ends, a_peer_that_never_answered_is_given_up_as_well)
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
		handshake = greeting("peer", 1);
		snprintf(handshake.name, sizeof handshake.name, "peer%d", i);
		link = stranger();
		say_greeting(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
		say_message(link, 1);
		cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
		rudpmsg_hub_done(hub, message.conn, message.place);
		rudpmsg_chunk_put(message.reserved);
		said_bytes = 0;
	}
	for (i = 0; i < 3; i++)
		rudpmsg_hub_on_time(hub, now_ns += 2 * RUDP_NS_PER_S);
	cr_assert(lt(sz, (mallinfo2().uordblks - before) / PEERS, 4096));
}
