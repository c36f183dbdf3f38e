/* SPDX-License-Identifier: MIT */
/* The name of a node belongs to the first key that is proven under it. */
#include "messaging/hub_peer.h"

TestSuite(hub_keys, .init = set_up, .fini = tear_down);

/* The link proves the key that consists of this letter; 0: it proves none. */
static void prove(struct rudpmsg_link *link, int letter)
{
	uint8_t key[RUDPMSG_KEY_BYTES];

	memset(key, letter, sizeof key);
	if (letter)
		rudpmsg_link_set_key(link, key);
}

static struct rudpmsg_conn *peer(void)
{
	return rudpmsg_hub_find(hub, "peer");
}

static void expect_bound(int letter)
{
	uint8_t expected[RUDPMSG_KEY_BYTES], key[RUDPMSG_KEY_BYTES];

	memset(expected, letter, sizeof expected);
	cr_assert(eq(int, rudpmsg_conn_key_of(peer(), key), letter ? 0 : -ENODATA));
	if (letter)
		cr_assert(zero(int, memcmp(key, expected, sizeof key)));
}

/* A peer dials and greets. Returns the type of the frame that it gets. */
static int come(int letter, uint64_t number)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", number);
	struct rudpmsg_link *link = accepted_link();
	struct rudpmsg_frame frame;
	uint8_t reason = RUDPMSG_REASON_KEY;
	int type;

	prove(link, letter);
	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	type = next_frame(&frame);
	if (type == RUDPMSG_FRAME_REFUSE)
		rudpmsg_reason_read(&frame, &reason);
	cr_assert(eq(int, reason, RUDPMSG_REASON_KEY));
	return type;
}

static void disconnect(void)
{
	rudpmsg_hub_disconnect(hub, peer(), ECANCELED, now_ns);
	close_ended();
	output_bytes = 0;
}

Test(hub_keys, another_key_is_refused_and_the_link_stays)
{
	cr_assert(eq(int, come('a', 1), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound('a');
	cr_assert(eq(int, come('b', 2), RUDPMSG_FRAME_REFUSE));
	cr_assert(eq(int, come(0, 3), RUDPMSG_FRAME_REFUSE));
	expect_bound('a');
	cr_assert(zero(int, rudpmsg_conn_last_error(peer())));
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->links_refused, 2));
	cr_assert(eq(int, come('a', 4), RUDPMSG_FRAME_ACK_HANDSHAKE));
}

Test(hub_keys, a_name_without_a_key_is_bound_by_the_first_one)
{
	cr_assert(eq(int, come(0, 1), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound(0);
	disconnect();
	cr_assert(eq(int, come('a', 2), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound('a');
}

Test(hub_keys, a_removed_connection_leaves_its_key)
{
	cr_assert(eq(int, come('a', 1), RUDPMSG_FRAME_ACK_HANDSHAKE));
	disconnect();
	cr_assert(eq(int, come('b', 2), RUDPMSG_FRAME_REFUSE));
	cr_assert(zero(ptr, peer()));
	cr_assert(eq(int, come('a', 3), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound('a');
}

Test(hub_keys, a_key_can_be_forgotten)
{
	cr_assert(eq(int, rudpmsg_hub_forget_key(hub, "peer"), -ENOENT));
	cr_assert(eq(int, rudpmsg_hub_forget_key(hub, "no name"), -EINVAL));
	cr_assert(eq(int, come('a', 1), RUDPMSG_FRAME_ACK_HANDSHAKE));
	cr_assert(eq(int, rudpmsg_hub_forget_key(hub, "peer"), 0));
	expect_bound(0);
	disconnect();
	cr_assert(eq(int, come('b', 2), RUDPMSG_FRAME_ACK_HANDSHAKE));
	disconnect();
	cr_assert(eq(int, rudpmsg_hub_forget_key(hub, "peer"), 0));
	cr_assert(eq(int, come('c', 3), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound('c');
}

static struct rudpmsg_link *dialed(const char *name, int letter, uint64_t *ticket)
{
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;

	cr_assert(zero(int, rudpmsg_hub_connect(hub, "host", 1, name, now_ns, ticket, &conn)));
	link = rudpmsg_hub_next_dial(hub);
	cr_assert(ne(ptr, link, NULL));
	prove(link, letter);
	rudpmsg_hub_on_dialed(hub, link, 0, now_ns);
	read_output(link);
	output_bytes = 0;
	return link;
}

Test(hub_keys, an_impostor_that_is_dialed_is_not_taken_for_the_peer)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", 1);
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	link = dialed("peer", 'a', &ticket);
	send_handshake(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	cr_assert(eq(int, rudpmsg_conn_attempt_result(peer()), 0));
	expect_bound('a');
	rudpmsg_hub_connect_forget(hub, ticket);
	disconnect();
	link = dialed("peer", 'b', &ticket);
	handshake.link = 2;
	send_handshake(link, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EKEYREJECTED));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

/* It must not even get the address of the connection changed. */
Test(hub_keys, an_impostor_that_tells_the_name_is_not_taken_for_the_peer)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	cr_assert(eq(int, come('a', 1), RUDPMSG_FRAME_ACK_HANDSHAKE));
	link = dialed(NULL, 'b', &ticket);
	send_bytes(link, bytes, rudpmsg_iam_write(bytes, "peer"));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EKEYREJECTED));
	cr_assert(zero(int, rudpmsg_conn_last_error(peer())));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

Test(hub_keys, a_refusal_of_our_own_key_is_final)
{
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX];
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	link = dialed("peer", 'a', &ticket);
	send_bytes(link, bytes,
		   rudpmsg_reason_write(bytes, RUDPMSG_FRAME_REFUSE, RUDPMSG_REASON_KEY));
	cr_assert(eq(int, rudpmsg_hub_connect_result(hub, ticket, &conn), -EKEYREJECTED));
	cr_assert(zero(ptr, peer()));
	rudpmsg_hub_connect_forget(hub, ticket);
	close_ended();
}

/* ---- with a store ---- */

Test(hub_keys, a_restored_peer_has_its_key)
{
	struct rudpmsg_hub_config config = small_config();
	struct rudpmsg_peer record = {.name = "peer",
				      .stream = 77,
				      .next_id = 2,
				      .answered = 1,
				      .known_from = 1,
				      .key = {.is_known = true}};

	rudpmsg_hub_free(hub);
	config.has_store = true;
	config.run = 9;
	memset(record.key.bytes, 'a', sizeof record.key.bytes);
	hub = rudpmsg_hub_new(&config, now_ns);
	cr_assert(zero(int, rudpmsg_hub_restore_peer(hub, 1, &record)));
	cr_assert(zero(int, rudpmsg_hub_restore_end(hub, now_ns)));
	cr_assert(eq(int, come('b', 1), RUDPMSG_FRAME_REFUSE));
	cr_assert(eq(int, come('a', 2), RUDPMSG_FRAME_ACK_HANDSHAKE));
	expect_bound('a');
}
