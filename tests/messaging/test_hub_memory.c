/* SPDX-License-Identifier: MIT */
/* Hubs without memory, at each allocation: no call has an effect in part, and it succeeds later. */
#include "../base/fault.h"
#include "messaging/hub_peer.h"

TestSuite(hub_memory, .init = set_up, .fini = tear_down);

Test(hub_memory, a_link_that_cannot_be_read_for_lack_of_memory_ends)
{
	struct rudpmsg_hub_config c = small_config();
	struct rudpmsg_link *link;
	uint8_t *room;
	size_t size;

	rudpmsg_hub_free(hub);
	c.limits.unread_bytes_max = 1 << 24;
	hub = rudpmsg_hub_new(&c, now_ns);
	link = established_link(1);
	/* Use all of the chunk, with messages that the application holds. */
	do {
		send_message(link, rudpmsg_hub_stats(hub)->messages_received + 1);
		fault_arm(1);
		size = rudpmsg_hub_read_room(hub, link, &room);
		fault_arm(0);
	} while (size > 0);
	cr_assert(rudpmsg_hub_next_close(hub) == link, "and is not left waiting for nobody");
	cr_assert(eq(u64, rudpmsg_hub_stats(hub)->links_broken, 1));
	rudpmsg_link_free(link);
}

Test(hub_memory, sending_with_a_store_fails_as_a_whole_or_not_at_all)
{
	struct rudpmsg_hub_config c = small_config();
	const struct rudpmsg_batch *batch;
	struct rudpmsg_conn *conn;
	uint8_t filling[340] = {0};
	rudpmsg_message_id id;
	rudpmsg_conn_id conn_id;
	uint64_t ticket, sent = 0;
	unsigned nth;
	int rc = -ENOMEM;

	rudpmsg_hub_free(hub);
	c.has_store = true;
	hub = rudpmsg_hub_new(&c, now_ns);
	cr_assert(
		eq(int, rudpmsg_hub_connect(hub, "host", 1, "peer", now_ns, &ticket, &conn_id), 0));
	conn = rudpmsg_hub_conn(hub, conn_id);
	for (nth = 1; rc == -ENOMEM; nth++) {
		fault_arm(nth);
		rc = rudpmsg_hub_send(hub, conn, "text", 4, &id, now_ns);
		fault_arm(0);
		sent += rc == 0;
		cr_assert(rudpmsg_hub_check(hub));
		cr_assert(eq(u64, rudpmsg_conn_unanswered(conn), sent));
	}
	cr_assert(ge(uint, nth, 4), "two allocations have failed before");
	cr_assert(eq(int, rc, 0));
	/* The batch grows by the record. Without memory the record is not taken; later it is. */
	rudpmsg_hub_store_now(hub);
	for (nth = 0; rudpmsg_hub_send(hub, conn, filling, sizeof filling, &id, now_ns) == 0; nth++)
		;
	fault_arm(1);
	batch = rudpmsg_hub_take_batch(hub);
	cr_assert(batch == NULL || fault_count() == 0);
	fault_arm(0);
	rudpmsg_hub_on_time(hub, now_ns + 2 * RUDP_NS_PER_S);
	cr_assert(batch != NULL || rudpmsg_hub_take_batch(hub) != NULL);
	rudpmsg_hub_on_stored(hub, 0, now_ns);
	cr_assert(eq(int, (int)rudpmsg_conn_state(conn, 1, NULL), RUDPMSG_STATE_QUEUED));
}
