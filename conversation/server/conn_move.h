/* SPDX-License-Identifier: MIT */
/*
 * conn_move - a connection that goes from one process to another with all that is on its way: what
 * of a line has come, what is still to be written, how far it may speak, who waits for receipts.
 *
 * Threads  the main thread's, while the workers stand still.
 */
#ifndef APO_SERVER_CONN_MOVE_H
#define APO_SERVER_CONN_MOVE_H

#include "conversation/model/serializer.h"
#include "conversation/server/worker.h"

/* It is open, and its transport can. */
bool apo_conn_can_move(const struct apo_conn *conn);

/* All but its descriptor. Read, conn is one whose slot has just been taken, with its stream open.
 * Of one that cannot move only the watches are carried. */
void apo_conn_serialize(struct apo_serializer *serializer, struct apo_worker *worker,
			struct apo_conn *conn, bool moves);

/* Read: it lives from now on, as any other. Returns 0 or a negative errno value. */
int apo_conn_begin_again(struct apo_worker *worker, struct apo_conn *conn);

/* The other process has it: it is forgotten here, and the other side sees nothing of that. */
void apo_conn_let_go(struct apo_worker *worker, struct apo_conn *conn);

#endif
