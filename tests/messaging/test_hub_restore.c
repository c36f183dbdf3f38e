/* SPDX-License-Identifier: MIT */
/* A hub that continues where the last process with its store has ended. */
#include "messaging/hub_peer.h"

#define OUR_STREAM 77
#define PEER_STREAM 22

/* Sent messages 11 and 12 are accepted and not acknowledged. Received message 40 is not done, 41
 * is. */
static void begin(void)
{
	struct rudpmsg_hub_config c = small_config();
	struct rudpmsg_peer record = {.name = "peer",
				      .host = "host",
				      .port = 1,
				      .stream = OUR_STREAM,
				      .next_id = 13,
				      .answered = 10,
				      .known_from = 1,
				      .peer_stream = PEER_STREAM,
				      .received = 41};
	struct rudpmsg_received received = {PEER_STREAM, 40, (const uint8_t *)"forty", 5};

	c.has_store = true;
	c.run = 9;
	now_ns = RUDP_NS_PER_S;
	output_bytes = 0;
	hub = rudpmsg_hub_new(&c, now_ns);
	cr_assert(eq(int, rudpmsg_hub_restore_peer(hub, 3, &record), 0));
	cr_assert(eq(int, rudpmsg_hub_restore_sent(hub, 11, (const uint8_t *)"a", 1), 0));
	cr_assert(eq(int, rudpmsg_hub_restore_sent(hub, 12, (const uint8_t *)"b", 1), 0));
	cr_assert(eq(int, rudpmsg_hub_restore_received(hub, 5, &received), 0));
}

static void restore(void)
{
	begin();
	cr_assert(eq(int, rudpmsg_hub_restore_end(hub, now_ns), 0));
}

TestSuite(hub_restore, .init = restore, .fini = tear_down);

static struct rudpmsg_link *dialed(void)
{
	struct rudpmsg_link *link = rudpmsg_hub_next_dial(hub);

	cr_assert(link != NULL);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	return link;
}

Test(hub_restore, the_handshake_has_the_stream_and_the_received_id)
{
	struct rudpmsg_handshake handshake;
	struct rudpmsg_frame frame;

	dialed();
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_HANDSHAKE));
	cr_assert(eq(int, (int)rudpmsg_handshake_read(&frame, &handshake), RUDPMSG_WIRE_OK));
	cr_assert(handshake.is_lasting);
	cr_assert(eq(u64, handshake.run, 9));
	cr_assert(eq(u64, handshake.stream, OUR_STREAM));
	cr_assert(eq(u64, handshake.peer_stream, PEER_STREAM));
	/* The hub does not know yet which kind of ACK the peer asks for: 40 is stored, but not
	 * done. */
	cr_assert(eq(u64, handshake.received, 39));
}

Test(hub_restore, unacknowledged_messages_are_sent_with_their_ids)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_frame frame;
	uint64_t id;

	struct rudpmsg_link *link = dialed();

	handshake.peer_stream = OUR_STREAM;
	handshake.received = 11; /* the ACK had not reached the process that died */
	output_bytes = 0;
	send_handshake(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	read_output(link);
	while (next_frame(&frame) == RUDPMSG_FRAME_ACK)
		;
	cr_assert(eq(int, (int)frame.type, RUDPMSG_FRAME_MESSAGE));
	cr_assert(eq(int, (int)rudpmsg_id_read(&frame, &id), RUDPMSG_WIRE_OK));
	cr_assert(eq(u64, id, 12));
	cr_assert(eq(int, next_frame(&frame), 0));
}

Test(hub_restore, only_messages_that_are_not_done_are_delivered_again)
{
	struct rudpmsg_message message;

	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), 0));
	cr_assert(eq(u64, message.id, 40));
	cr_assert(eq(int, memcmp(message.bytes, "forty", 5), 0));
	rudpmsg_hub_done(hub, message.conn, message.place);
	rudpmsg_chunk_put(message.reserved);
	cr_assert(eq(int, rudpmsg_hub_receive(hub, NULL, &message), -EAGAIN));
}

/* Another node answers at the peer's address. Accepted messages must not fail because of that. */
Test(hub_restore, a_refusal_does_not_fail_accepted_messages)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX + RUDPMSG_REASON_TEXT_MAX];
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub, "peer");
	struct rudpmsg_link *link = dialed();
	int reason;

	send_bytes(link, bytes,
		   rudpmsg_reason_write(bytes, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_NAME));
	cr_assert(rudpmsg_hub_find(hub, "peer") == conn);
	cr_assert(eq(int, (int)rudpmsg_conn_state(conn, 12, &reason), RUDPMSG_STATE_QUEUED));
	rudpmsg_hub_on_time(hub, now_ns + 2 * RUDP_NS_PER_S);
	cr_assert(rudpmsg_hub_next_dial(hub) != NULL, "it is tried again");
}

Test(hub_restore, an_inconsistent_store_is_refused)
{
	struct rudpmsg_received received = {PEER_STREAM, 41, (const uint8_t *)"x", 1};
	struct rudpmsg_peer record = {.name = "peer", .stream = 1, .next_id = 1, .known_from = 1};

	rudpmsg_hub_free(hub);
	begin();
	cr_assert(eq(int, rudpmsg_hub_restore_sent(hub, 12, (const uint8_t *)"b", 1), -EBADMSG));
	cr_assert(eq(int, rudpmsg_hub_restore_sent(hub, 13, (const uint8_t *)"b", 1), -EBADMSG),
		  "never given out");
	cr_assert(eq(int, rudpmsg_hub_restore_received(hub, 5, &received), -EBADMSG));
	received.id = 42;
	cr_assert(eq(int, rudpmsg_hub_restore_received(hub, 6, &received), -EBADMSG),
		  "never received");
	cr_assert(eq(int, rudpmsg_hub_restore_peer(hub, 4, &record), -EBADMSG), "twice");
	strcpy(record.name, "other");
	cr_assert(eq(int, rudpmsg_hub_restore_peer(hub, 3, &record), -EBADMSG), "out of order");
	strcpy(record.name, "hub");
	cr_assert(eq(int, rudpmsg_hub_restore_peer(hub, 4, &record), -EBADMSG), "itself");
}
