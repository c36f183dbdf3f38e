/* SPDX-License-Identifier: MIT */
/*
 * conn_move - hands a connection over to another process with all its state: the incomplete line,
 * the unwritten output, its flood control, its watches for receipts.
 *
 * Threads  the main thread, while the workers stand still.
 */
#ifndef APO_SERVER_CONN_MOVE_H
#define APO_SERVER_CONN_MOVE_H

#include "conversation/model/serializer.h"
#include "conversation/server/worker.h"

/* True if the connection is open and its transport can be handed over. */
bool apo_conn_can_move(const struct apo_conn *conn);

/* Everything but the descriptor. Reading needs a conn whose slot was just taken and whose stream is
 * open. Of a connection that cannot move only the watches are written. */
void apo_conn_serialize(struct apo_serializer *serializer, struct apo_worker *worker,
			struct apo_conn *conn, bool moves);

/* After reading: the connection becomes an ordinary one. Returns 0 or a negative errno value. */
int apo_conn_resume(struct apo_worker *worker, struct apo_conn *conn);

/* Forgets the connection, which now belongs to another process. The peer notices nothing. */
void apo_conn_release(struct apo_worker *worker, struct apo_conn *conn);

#endif
