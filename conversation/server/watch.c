/* SPDX-License-Identifier: MIT */
/* Receipts: finds out when a recipient's transport has acknowledged a text. */
#include <stdlib.h>

#include "conversation/server/worker.h"

void apo_worker_tell_receipt(struct apo_worker *worker, uint64_t watch, uint32_t recipient,
			     bool arrived)
{
	struct apo_event_receipt *event =
		apo_batcher_add(&worker->to_model, APO_EVENT_RECEIPT, sizeof *event);

	event->watch = watch;
	event->recipient = recipient;
	event->arrived = arrived;
	if (arrived)
		APO_COUNT(worker, receipts_arrived);
	else
		APO_COUNT(worker, receipts_missing);
}

void apo_conn_add_watch(struct apo_worker *worker, struct apo_conn *conn,
			struct apo_text_watch *watch)
{
	watch->next = NULL;
	if (conn->watches)
		conn->watches_last->next = watch;
	else
		conn->watches = watch;
	conn->watches_last = watch;
	if (rudp_list_is_linked(&conn->watched))
		return;
	rudp_list_append(&worker->watched, &conn->watched);
	worker->watched_count++;
}

void apo_conn_watch(struct apo_worker *worker, struct apo_conn *conn, uint64_t watch,
		    uint32_t recipient)
{
	struct apo_text_watch *new = malloc(sizeof *new);

	if (!new) {
		apo_worker_tell_receipt(worker, watch, recipient, false);
		return;
	}
	*new = (struct apo_text_watch){.watch = watch,
				       .recipient = recipient,
				       .end_bytes = conn->written_bytes + conn->out.bytes};
	apo_conn_add_watch(worker, conn, new);
}

/* From now on positions count the transport's bytes: with TLS these differ and are more. Bytes
 * written later in the same turn are included, so a receipt may be late but never early. */
void apo_conn_on_written(struct apo_conn *conn)
{
	uint64_t sent_bytes = conn->stream.ops->sent_bytes(&conn->stream);
	struct apo_text_watch *watch;

	for (watch = conn->watches; watch; watch = watch->next) {
		if (watch->is_written)
			continue;
		if (watch->end_bytes > conn->written_bytes)
			return;
		watch->is_written = true;
		watch->end_bytes = sent_bytes;
	}
}

static void forget_first(struct apo_worker *worker, struct apo_conn *conn)
{
	struct apo_text_watch *watch = conn->watches;

	conn->watches = watch->next;
	free(watch);
	if (conn->watches)
		return;
	rudp_list_remove(&conn->watched);
	worker->watched_count--;
}

void apo_conn_poll_watches(struct apo_worker *worker, struct apo_conn *conn)
{
	uint64_t sent_bytes, missing_bytes;
	struct apo_text_watch *watch = conn->watches;

	if (!watch || !watch->is_written)
		return;
	sent_bytes = conn->stream.ops->sent_bytes(&conn->stream);
	missing_bytes = conn->stream.ops->unacknowledged_bytes(&conn->stream);
	while ((watch = conn->watches) && watch->is_written &&
	       watch->end_bytes + missing_bytes <= sent_bytes) {
		apo_worker_tell_receipt(worker, watch->watch, watch->recipient, true);
		forget_first(worker, conn);
	}
}

void apo_conn_drop_watches(struct apo_worker *worker, struct apo_conn *conn)
{
	/* After an error the kernel no longer knows what was acknowledged. */
	if (!conn->has_failed)
		apo_conn_poll_watches(worker, conn);
	while (conn->watches) {
		apo_worker_tell_receipt(worker, conn->watches->watch, conn->watches->recipient,
					false);
		forget_first(worker, conn);
	}
}

void apo_conn_forget_watches(struct apo_worker *worker, struct apo_conn *conn)
{
	while (conn->watches)
		forget_first(worker, conn);
}
