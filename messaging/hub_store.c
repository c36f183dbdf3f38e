/* SPDX-License-Identifier: MIT */
/*
 * What the hub stores. Messages are added to the batch when they come, positions when the batch is
 * taken. So each batch takes the store from one consistent state of the hub to a later one.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

void rudpmsg_store_init(struct rudpmsg_hub *hub)
{
	rudp_list_init(&hub->unsaved);
	rudp_list_init(&hub->saving);
	rudp_list_init(&hub->unsaved_senders);
	rudp_list_init(&hub->saving_senders);
	rudpmsg_batch_init(hub->batches);
	rudpmsg_batch_init(hub->batches + 1);
	hub->filling = hub->batches;
	hub->store_timer.kind = TIMER_STORE;
}

void rudpmsg_store_fini(struct rudpmsg_hub *hub)
{
	rudpmsg_batch_fini(hub->batches);
	rudpmsg_batch_fini(hub->batches + 1);
	rudpmsg_chunk_put(hub->restored_chunk);
}

int rudpmsg_store_room(struct rudpmsg_hub *hub, size_t length)
{
	if (!hub->config.has_store)
		return 0;
	if (hub->store_error)
		return -hub->store_error;
	if (rudpmsg_batch_is_full(hub->filling))
		return -EAGAIN;
	return rudpmsg_batch_reserve(hub->filling, length);
}

/* ---- when to store ---- */

void rudpmsg_store_want_batch(struct rudpmsg_hub *hub)
{
	hub->is_store_due = true;
	hub->changes |= RUDPMSG_CHANGED_STORE;
}

static void want_batch_soon(struct rudpmsg_hub *hub)
{
	if (!hub->is_store_due && !rudp_timer_is_armed(&hub->store_timer.timer))
		rudpmsg_hub_arm(hub, &hub->store_timer, hub->seen_at_ns + STORE_SOON_NS);
}

void rudpmsg_hub_store_now(struct rudpmsg_hub *hub)
{
	if (!rudpmsg_hub_is_saved(hub))
		rudpmsg_store_want_batch(hub);
}

int rudpmsg_hub_store_error(const struct rudpmsg_hub *hub)
{
	return hub->store_error;
}

bool rudpmsg_hub_is_saved(const struct rudpmsg_hub *hub)
{
	return !hub->is_storing && hub->filling->count == 0 && rudp_list_is_empty(&hub->unsaved) &&
	       rudp_list_is_empty(&hub->unsaved_senders);
}

void rudpmsg_store_note(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	if (!conn->sender)
		return;
	if (!rudp_list_is_linked(&conn->unsaved))
		rudp_list_append(&hub->unsaved, &conn->unsaved);
	want_batch_soon(hub);
}

void rudpmsg_store_note_sender(struct rudpmsg_hub *hub, struct sender *sender)
{
	rudp_list_remove(&sender->unsaved);
	rudp_list_append(&hub->unsaved_senders, &sender->unsaved);
	want_batch_soon(hub);
}

/* ---- what to store ---- */

void rudpmsg_store_sent(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			const void *bytes, size_t length)
{
	struct rudpmsg_op op = {.kind = RUDPMSG_OP_PUT_SENT,
				.from = id,
				.bytes = bytes,
				.length = (uint32_t)length};

	if (!conn->sender)
		return;
	op.peer = conn->sender->number;
	rudpmsg_batch_add(hub->filling, &op);
	rudpmsg_store_note(hub, conn);
	rudpmsg_store_want_batch(hub);
}

void rudpmsg_store_received(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			    const void *bytes, size_t length)
{
	struct rudpmsg_op op = {.kind = RUDPMSG_OP_PUT_RECEIVED,
				.stream = conn->peer_stream,
				.id = id,
				.bytes = bytes,
				.length = (uint32_t)length};

	if (!conn->sender)
		return;
	op.peer = conn->sender->number;
	op.from = ++conn->received_as;
	rudpmsg_batch_add(hub->filling, &op);
	rudpmsg_store_note(hub, conn);
	rudpmsg_store_want_batch(hub);
}

static int add_span(struct rudpmsg_hub *hub, enum rudpmsg_op_kind kind, uint64_t peer,
		    uint64_t from, uint64_t to)
{
	struct rudpmsg_op op = {.kind = kind, .peer = peer, .from = from, .to = to};
	int rc = rudpmsg_batch_reserve(hub->filling, 0);

	if (rc == 0)
		rudpmsg_batch_add(hub->filling, &op);
	return rc;
}

/* Without memory these messages stay in the store, and are delivered again after a restart. */
static void flush_done(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	if (conn->done_from)
		(void)add_span(hub, RUDPMSG_OP_DELETE_RECEIVED, conn->sender->number,
			       conn->done_from, conn->done_to);
	conn->done_from = conn->done_to = 0;
}

void rudpmsg_store_done(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t number)
{
	if (!conn->sender || number == 0)
		return;
	if (conn->done_from && number != conn->done_to + 1)
		flush_done(hub, conn);
	if (!conn->done_from)
		conn->done_from = number;
	conn->done_to = number;
	rudpmsg_store_note(hub, conn);
}

void rudpmsg_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id)
{
	/* Without memory the message stays in the store, and fails again after a restart. */
	(void)add_span(hub, RUDPMSG_OP_DELETE_SENT, conn->sender->number, id, id);
}

static void describe(const struct rudpmsg_conn *conn, uint64_t received)
{
	struct rudpmsg_peer *record = conn->sender->record;
	const struct rudpmsg_outbox *outbox = &conn->outbox;

	memset(record, 0, sizeof *record);
	strcpy(record->name, conn->name);
	if (conn->host) {
		strcpy(record->host, conn->host);
		record->port = conn->port;
	}
	record->stream = conn->stream;
	record->next_id = outbox->next_id;
	record->answered = outbox->answered;
	record->known_from = outbox->known_from;
	record->failure_count = outbox->failure_count;
	memcpy(record->failures, outbox->failures, sizeof record->failures);
	record->peer_stream = conn->peer_stream;
	record->key = conn->key;
	record->received = received;
}

void rudpmsg_store_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	uint64_t received = conn->peer_ack == RUDPMSG_ACK_HANDLED ? conn->inbox.handled_id
								  : conn->inbox.stored_id;

	flush_done(hub, conn);
	/* Messages that are not done are removed with the connection. */
	if (!rudpmsg_inbox_is_empty(&conn->inbox))
		(void)add_span(hub, RUDPMSG_OP_DELETE_RECEIVED, conn->sender->number, 1,
			       conn->received_as);
	free(conn->host);
	conn->host = NULL;
	describe(conn, received);
}

int rudpmsg_store_drop_sender(struct rudpmsg_hub *hub, struct sender *sender)
{
	want_batch_soon(hub);
	return add_span(hub, RUDPMSG_OP_DELETE_PEER, sender->number, 0, 0);
}

/* ---- a batch is taken ---- */

static void add_record(struct rudpmsg_batch *batch, const struct sender *sender)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_op op = {.kind = RUDPMSG_OP_PUT_PEER,
				.peer = sender->number,
				.id = sender->record->answered,
				.bytes = bytes};

	op.length = (uint32_t)rudpmsg_peer_write(bytes, sender->number, sender->record);
	rudpmsg_batch_add(batch, &op);
}

/* Reserves room for a record of each changed peer, and for deleting the messages that are done. */
static int reserve_records(struct rudpmsg_hub *hub)
{
	const struct rudp_list *at;
	size_t count = 0;

	for (at = hub->unsaved.next; at != &hub->unsaved; at = at->next)
		count++;
	for (at = hub->unsaved_senders.next; at != &hub->unsaved_senders; at = at->next)
		count++;
	return rudpmsg_batch_reserve(
		hub->filling, count * (RUDPMSG_PEER_BYTES_MAX + 2 * sizeof(struct rudpmsg_op)));
}

static void save_conn(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	flush_done(hub, conn);
	describe(conn, conn->inbox.received_id);
	add_record(hub->filling, conn->sender);
	rudpmsg_outbox_on_storing(&conn->outbox);
	conn->saving_place = conn->inbox.tail;
	rudp_list_append(&hub->saving, &conn->saving);
}

/* There is room in the batch again. Wakes all who wait for it; those that wait for other room wait
 * again. */
static void resume(struct rudpmsg_hub *hub)
{
	struct rudp_list *at, *next;

	while (!rudp_list_is_empty(&hub->awaited))
		rudpmsg_conn_note_room(
			hub, RUDP_LIST_OWNER(hub->awaited.next, struct rudpmsg_conn, awaited));
	for (at = hub->read_blocked.next; at != &hub->read_blocked; at = next) {
		next = at->next;
		rudpmsg_link_read_on(hub, RUDP_LIST_OWNER(at, struct rudpmsg_link, read_blocked));
	}
	hub->changes |= RUDPMSG_CHANGED_ROOM;
}

const struct rudpmsg_batch *rudpmsg_hub_take_batch(struct rudpmsg_hub *hub)
{
	struct rudpmsg_batch *batch = hub->filling;
	bool was_full = rudpmsg_batch_is_full(batch);
	struct rudp_list *at;

	if (hub->is_storing || !hub->is_store_due || rudpmsg_hub_is_saved(hub))
		return NULL;
	hub->is_store_due = false;
	if (reserve_records(hub) < 0) {
		rudpmsg_hub_arm(hub, &hub->store_timer, hub->seen_at_ns + STORE_RETRY_NS);
		return NULL;
	}
	rudpmsg_hub_arm(hub, &hub->store_timer, RUDP_NEVER);
	while ((at = rudp_list_pop(&hub->unsaved)))
		save_conn(hub, RUDP_LIST_OWNER(at, struct rudpmsg_conn, unsaved));
	while ((at = rudp_list_pop(&hub->unsaved_senders))) {
		add_record(batch, RUDP_LIST_OWNER(at, struct sender, unsaved));
		rudp_list_append(&hub->saving_senders, at);
	}
	hub->is_storing = true;
	hub->filling = hub->batches + (batch == hub->batches);
	if (was_full)
		resume(hub);
	return batch;
}

/* ---- a batch was written ---- */

static void on_saved(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct rudpmsg_link *link = conn->link;

	rudpmsg_outbox_on_stored(&conn->outbox);
	rudpmsg_inbox_on_stored(&conn->inbox, conn->saving_place);
	if (rudpmsg_inbox_is_waiting(&conn->inbox))
		rudpmsg_conn_note_readable(hub, conn);
	if (link && (rudpmsg_outbox_is_due(&conn->outbox) ||
		     rudpmsg_conn_acknowledged(conn) > conn->acked_to_peer))
		rudpmsg_link_want_write(hub, link);
}

/* ---- a batch failed ---- */

/* Messages sent that were not stored fail; received ones count as never received. */
static void roll_back(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason,
		      int64_t now_at_ns)
{
	uint64_t failed = rudpmsg_outbox_roll_back(&conn->outbox, reason);

	rudpmsg_conn_on_failed(hub, conn, failed, conn->outbox.last_id, reason);
	if (rudpmsg_inbox_roll_back(&conn->inbox) && conn->link)
		rudpmsg_link_on_store_failed(hub, conn->link, now_at_ns);
	rudpmsg_store_note(hub, conn);
}

static bool is_delete(enum rudpmsg_op_kind kind)
{
	switch (kind) {
	case RUDPMSG_OP_DELETE_SENT:
	case RUDPMSG_OP_DELETE_RECEIVED:
	case RUDPMSG_OP_DELETE_PEER:
		return true;
	case RUDPMSG_OP_PUT_SENT:
	case RUDPMSG_OP_PUT_RECEIVED:
	case RUDPMSG_OP_PUT_PEER:
		return false;
	}
	return false;
}

/* Keeps deletions for the next batch; records are written again. */
static void keep_deletes(struct rudpmsg_batch *to, const struct rudpmsg_batch *from)
{
	struct rudpmsg_op op;
	size_t at = 0;

	while (rudpmsg_batch_next(from, &at, &op))
		if (is_delete(op.kind) && rudpmsg_batch_reserve(to, 0) == 0)
			rudpmsg_batch_add(to, &op);
}

static void on_failure(struct rudpmsg_hub *hub, struct rudpmsg_batch *batch, int error,
		       int64_t now_at_ns)
{
	bool had_puts = batch->puts > 0, was_full = rudpmsg_batch_is_full(hub->filling);
	struct rudpmsg_batch kept;
	struct rudp_list *at;

	while ((at = rudp_list_pop(&hub->saving_senders)))
		rudp_list_append(&hub->unsaved_senders, at);
	while ((at = rudp_list_pop(&hub->saving)))
		rudpmsg_store_note(hub, RUDP_LIST_OWNER(at, struct rudpmsg_conn, saving));
	for (at = hub->unsaved.next; at != &hub->unsaved; at = at->next)
		roll_back(hub, RUDP_LIST_OWNER(at, struct rudpmsg_conn, unsaved), error, now_at_ns);
	rudpmsg_batch_init(&kept);
	keep_deletes(&kept, batch);
	keep_deletes(&kept, hub->filling);
	rudpmsg_batch_fini(batch);
	rudpmsg_batch_fini(hub->filling);
	*hub->filling = kept;
	if (was_full)
		resume(hub);
	hub->stats.store_failures++;
	/* A batch of positions only, which needs almost no room, may still succeed. */
	if (had_puts) {
		rudpmsg_store_want_batch(hub);
		return;
	}
	hub->store_error = error;
	hub->is_store_due = false;
	rudpmsg_hub_arm(hub, &hub->store_timer, now_at_ns + STORE_RETRY_NS);
}

void rudpmsg_hub_on_stored(struct rudpmsg_hub *hub, int error, int64_t now_at_ns)
{
	struct rudpmsg_batch *batch = hub->batches + (hub->filling == hub->batches);
	struct rudp_list *at;

	assert(hub->is_storing);
	hub->is_storing = false;
	hub->seen_at_ns = now_at_ns;
	hub->changes |= RUDPMSG_CHANGED_SAVED;
	if (error < 0) {
		on_failure(hub, batch, -error, now_at_ns);
		return;
	}
	if (hub->store_error)
		hub->changes |= RUDPMSG_CHANGED_ROOM;
	hub->store_error = 0;
	hub->stats.store_commits++;
	while (rudp_list_pop(&hub->saving_senders))
		;
	while ((at = rudp_list_pop(&hub->saving)))
		on_saved(hub, RUDP_LIST_OWNER(at, struct rudpmsg_conn, saving));
	rudpmsg_batch_clear(batch);
	if (hub->is_store_due)
		hub->changes |= RUDPMSG_CHANGED_STORE;
}
