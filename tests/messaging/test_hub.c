/* SPDX-License-Identifier: MIT */
/* One hub; the test is its peer. */
#include "messaging/hub_peer.h"

TestSuite(hub, .init = set_up, .fini = tear_down);

Test(hub, many_handshakes_get_exactly_one_answer)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link = accepted_link();
	struct rudpmsg_frame frame;
	int i, answers = 0;

	for (i = 0; i < 20; i++)
		send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	send_message(link, 1);
	while ((i = next_frame(&frame)) != 0)
		answers += i == RUDPMSG_FRAME_ACK_HANDSHAKE;
	cr_assert(eq(int, answers, 1));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->handshakes_repeated, 19));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_received, 1));
}

Test(hub, another_handshake_on_the_same_link_ends_it)
{
	struct rudpmsg_handshake other = make_handshake("other", 1);
	struct rudpmsg_link *link = established_link(1);

	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &other);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_PROTOCOL));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->links_broken, 1));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	cr_assert(eq(ptr, (void *)rudpmsg_hub_find(hub, "other"), NULL));
	close_ended();
}

Test(hub, one_ack_for_all_messages_of_one_read)
{
	uint8_t bytes[3 * RUDPMSG_MESSAGE_HEAD_BYTES];
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_frame frame;
	uint64_t id;

	for (id = 1; id <= 3; id++)
		rudpmsg_message_head_write(bytes + (id - 1) * RUDPMSG_MESSAGE_HEAD_BYTES, id, 0);
	send_bytes(link, bytes, sizeof bytes);
	cr_assert(eq(u64, next_ack(), 3));
	cr_assert(eq(int, next_frame(&frame), 0));
}

Test(hub, duplicates_are_dropped_and_acknowledged)
{
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_message message;

	send_message(link, 1);
	next_ack();
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	link = established_link(2);
	send_message(link, 1);
	send_message(link, 2);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_duplicate, 1));
	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	cr_assert(eq(u64, message.id, 1));
	rudpmsg_chunk_put(message.reserved);
	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	cr_assert(eq(u64, message.id, 2));
	rudpmsg_chunk_put(message.reserved);
	close_ended();
}

Test(hub, handled_means_done_by_the_application)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link = accepted_link();
	struct rudpmsg_message message;
	struct rudpmsg_frame frame;

	handshake.ack = RUDPMSG_ACK_HANDLED;
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	next_frame(&frame);
	send_message(link, 1);
	cr_assert(eq(int, next_frame(&frame), 0), "not yet");
	rudpmsg_hub_receive(hub, NULL, &message);
	rudpmsg_hub_done(hub, message.conn, message.place);
	rudpmsg_chunk_put(message.reserved);
	read_output(link);
	cr_assert(eq(u64, next_ack(), 1));
}

Test(hub, stored_is_refused_without_a_store)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link = accepted_link();

	handshake.ack = RUDPMSG_ACK_STORED;
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_NO_STORE));
	close_ended();
}

Test(hub, another_name_and_the_own_name_are_refused)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);

	strcpy(handshake.wanted, "somebody");
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_NAME));
	handshake = make_handshake("hub", 1);
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_SELF));
	close_ended();
}

Test(hub, garbage_ends_only_its_link)
{
	static const uint8_t garbage[64] = {0xff, 0xff, 0xff, 0xff, 0xff};
	struct rudpmsg_link *good = established_link(1), *bad = accepted_link();

	send_bytes(bad, garbage, sizeof garbage);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_PROTOCOL));
	send_message(good, 1);
	cr_assert(eq(u64, next_ack(), 1));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->frames_malformed, 1));
	close_ended();
}

Test(hub, a_newer_link_takes_over_and_a_late_one_does_not)
{
	struct rudpmsg_handshake late = make_handshake("peer", 1);

	established_link(2);
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &late);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_STALE));
	established_link(3);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->links_taken_over, 1));
	close_ended();
}

Test(hub, a_late_link_is_refused_when_the_newer_one_has_broken_too)
{
	struct rudpmsg_handshake late = make_handshake("peer", 1);

	rudpmsg_hub_on_ended(hub, established_link(2), ECONNRESET, now_ns);
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &late);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_STALE));
	established_link(3);
	close_ended();
}

/* A late HANDSHAKE of a peer that has been restarted since. The hub must not forget the messages
 * of the new run. */
Test(hub, a_late_handshake_of_another_stream_causes_no_duplicates)
{
	struct rudpmsg_handshake late = make_handshake("peer", 1), now = make_handshake("peer", 1);
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_frame frame;

	send_message(link, 1);
	next_ack();
	late.run = 10;
	late.stream = 21;
	link = accepted_link();
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &late);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	rudpmsg_handshake_read(&frame, &late);
	cr_assert(eq(u64, late.peer_stream, 21));
	cr_assert(eq(u64, late.received, 0));
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	now.link = 2;
	link = accepted_link();
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &now);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	rudpmsg_handshake_read(&frame, &now);
	cr_assert(eq(u64, now.received, 1));
	send_message(link, 1);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_duplicate, 1));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_received, 1));
	close_ended();
}

Test(hub, the_oldest_unauthenticated_peer_is_removed_at_the_limit)
{
	struct rudpmsg_link *first = accepted_link();

	accepted_link();
	accepted_link();
	cr_assert(eq(ptr, rudpmsg_hub_next_close(hub), first));
	rudpmsg_link_free(first);
}

Test(hub, a_silent_unauthenticated_peer_times_out)
{
	struct rudpmsg_link *link = accepted_link();

	now_ns += 2 * RUDP_NS_PER_S;
	rudpmsg_hub_on_time(hub, now_ns);
	read_output(link);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_TIMEOUT));
	close_ended();
}

Test(hub, too_many_connections_are_refused)
{
	static const char *const names[] = {"one", "two", "three", "four"};
	struct rudpmsg_handshake handshake;
	struct rudpmsg_frame frame;
	int i;

	for (i = 0; i < 3; i++) {
		handshake = make_handshake(names[i], 1);
		send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
		cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	}
	handshake = make_handshake(names[3], 1);
	send_handshake(accepted_link(), RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_reason(), RUDPMSG_REASON_LIMIT));
	close_ended();
}

Test(hub, goodbye_removes_the_connection_and_fails_queued_messages)
{
	struct rudpmsg_link *link = established_link(1);
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub, "peer");
	rudpmsg_conn_id id = rudpmsg_conn_id_of(conn);
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX];
	struct rudpmsg_event event;
	rudpmsg_message_id message;
	int kinds = 0;

	cr_assert(eq(int, rudpmsg_hub_send(hub, conn, "text", 4, &message, now_ns), 0));
	send_bytes(link, bytes,
		   rudpmsg_reason_write(bytes, RUDPMSG_FRAME_CLOSE, RUDPMSG_REASON_GOODBYE));
	cr_assert(eq(ptr, (void *)rudpmsg_hub_conn(hub, id), NULL));
	while (rudpmsg_hub_event(hub, &event) == 0)
		kinds |= 1 << event.kind;
	cr_assert(eq(int, kinds & 1 << RUDPMSG_EVENT_FAILED, 1 << RUDPMSG_EVENT_FAILED));
	cr_assert(
		eq(int, kinds & 1 << RUDPMSG_EVENT_DISCONNECTED, 1 << RUDPMSG_EVENT_DISCONNECTED));
	cr_assert(eq(u64, rudpmsg_hub_unanswered(hub), 0));
	close_ended();
}

Test(hub, a_sender_that_comes_back_is_remembered)
{
	struct rudpmsg_link *link = established_link(1);

	send_message(link, 1);
	next_ack();
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_find(hub, "peer"), ECANCELED, now_ns);
	read_output(link);
	output_bytes = 0;
	link = established_link(2);
	send_message(link, 1);
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->messages_duplicate, 1));
	close_ended();
}

Test(hub, a_dialer_without_a_name_asks_for_it)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	struct rudpmsg_link *link;
	struct rudpmsg_frame frame;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	cr_assert(eq(int, rudpmsg_hub_connect(hub, "host", 1, NULL, now_ns, &ticket, &conn), 0));
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_WHO));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EINPROGRESS));
	send_bytes(link, bytes, rudpmsg_iam_write(bytes, "peer"));
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_HANDSHAKE));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), 0));
	rudpmsg_hub_connect_forget(hub, ticket);
	rudpmsg_handshake_read(&frame, &handshake);
	handshake.link = handshake.link ? handshake.link : 1;
	strcpy(handshake.name, "peer");
	send_handshake(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), 0));
}

Test(hub, pauses_between_attempts_grow)
{
	int64_t last_ns = now_ns, span_ns, longest_ns = 0;
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;
	int i;

	rudpmsg_hub_connect(hub, "host", 1, "peer", now_ns, &ticket, &conn);
	for (i = 0; i < 12; i++) {
		while (!(link = rudpmsg_hub_next_dial(hub)))
			rudpmsg_hub_on_time(hub, now_ns = rudpmsg_hub_deadline_ns(hub));
		span_ns = now_ns - last_ns;
		last_ns = now_ns;
		cr_assert(le(i64, span_ns, RUDP_NS_PER_S + RUDP_TIMER_TICK_NS));
		longest_ns = span_ns > longest_ns ? span_ns : longest_ns;
		rudpmsg_hub_on_dialed(hub, link, ECONNREFUSED, now_ns);
		close_ended();
	}
	cr_assert(ge(i64, longest_ns, RUDP_NS_PER_S / 2));
	cr_assert(eq(int, rudpmsg_conn_attempt_result(rudpmsg_hub_conn(hub, conn)), -EINPROGRESS));
	cr_assert(eq(int, rudpmsg_conn_last_error(rudpmsg_hub_conn(hub, conn)), -ECONNREFUSED));
}
