/* SPDX-License-Identifier: MIT */
/*
 * history_sync - makes the history of a node that has joined a network equal to that of the other
 * nodes, up to the position of the state that it has joined with.
 *
 * Model    The file is compared from its beginning, page by page. The node asks any other one about
 *          its next rows, with their digest. The other one answers that its rows are the same, or
 *          sends its own, which replace them. So a node that was away fetches what it has missed,
 *          rows that the others have redacted or pruned go, and a question that is repeated, or
 *          answered by another node, does no harm. What happens after that position
 *          is written meanwhile, except parts and redactions: they can be about rows that are not
 *          there yet, so they are written at the end.
 * Ends     If no other node can answer (all are gone, or wait for this one), the file stays as it
 *          is.
 * Errors   A question without an answer is repeated after APO_SYNC_REPEAT_NS, to another node. A
 *          page that cannot be written is asked for again.
 * Threads  the history thread.
 */
#ifndef APO_SERVER_HISTORY_SYNC_H
#define APO_SERVER_HISTORY_SYNC_H

#include "conversation/server/history_thread.h"

#define APO_SYNC_REPEAT_NS (2 * RUDP_NS_PER_S)
#define APO_SYNC_BUSY_NS RUDP_NS_PER_S /* then a node that is being synchronized is asked again */

struct apo_record_peer;

/* Removes from the file, in the open transaction, what is after position last, and markers. */
int apo_history_sync_begin(struct apo_history_thread *history_thread, int64_t last);
/* A message of another node, in the open transaction. Returns 0 or an error as of writing. */
int apo_history_sync_on_peer(struct apo_history_thread *history_thread,
			     const struct apo_record_peer *record);
void apo_history_sync_on_alone(struct apo_history_thread *history_thread);
/* A transaction has been opened, written, or rolled back. */
int apo_history_sync_on_writing(struct apo_history_thread *history_thread);
void apo_history_sync_on_written(struct apo_history_thread *history_thread);
void apo_history_sync_on_failed(struct apo_history_thread *history_thread);
void apo_history_sync_on_time(struct apo_history_thread *history_thread, int64_t now_at_ns);

#endif
