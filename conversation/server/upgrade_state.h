/* SPDX-License-Identifier: MIT */
/*
 * upgrade_state - all that a server hands over to the next: who listens, who waits, connections
 * with what is on its way, the model's state, counters.
 *
 * Model    bytes (serializer.h) and descriptors, which stand in the order in which they are carried.
 *          What cannot go along (TLS: OpenSSL gives its state to nobody; messaging connections) is
 *          named in it, so that others are told of its end where they are.
 * Trust    what is read is complete and right, or nothing of it is used.
 * Threads  the main thread's, while all others stand still.
 */
#ifndef APO_SERVER_UPGRADE_STATE_H
#define APO_SERVER_UPGRADE_STATE_H

#include "conversation/model/serializer.h"

#define APO_UPGRADE_STATE_VERSION 2u

struct apo_acceptor;
struct apo_history_thread;
struct apo_metrics;
struct apo_model;
struct apo_peers;
struct apo_worker;

struct apo_upgrade_state {
	struct apo_serializer serializer;
	int *fds;
	uint32_t fd_count, fd_capacity; /* of fds; those that were read have been taken out (-1) */
	uint32_t fds_read;
	unsigned long moved, left; /* connections that went along, and that could not */
	bool goes_on_with_history; /* read: it is kept in the same file */
};

/* Whose it is: what is written, or what it is read into. */
struct apo_server_parts {
	struct apo_worker *workers;
	unsigned worker_count;
	struct apo_model *model;
	struct apo_acceptor *acceptor;
	struct apo_metrics *metrics;
	struct apo_peers *peers; /* only what they have counted */
	struct apo_history_thread *history_thread; /* NULL: there is no history */
	const char *history_file;        /* NULL: none */
	int64_t now_at_ns;
};

void apo_upgrade_state_to(struct apo_upgrade_state *upgrade);
/* bytes stay the caller's; of fds those are taken (and -1 instead) that are used. */
void apo_upgrade_state_from(struct apo_upgrade_state *upgrade, const void *bytes, size_t len,
			    int *fds, uint32_t fd_count);
/* Of one that was written. */
void apo_upgrade_state_fini(struct apo_upgrade_state *upgrade);

/* A descriptor: written, it stays the caller's; read, it is. */
void apo_upgrade_state_descriptor(struct apo_upgrade_state *upgrade, int *fd);

/* Returns whether it could be; nothing has changed but the clients' ordinals. */
bool apo_upgrade_state_write(struct apo_upgrade_state *upgrade,
			     const struct apo_server_parts *from);
/* Into a server that is new and has not begun. Returns whether it could be: else the server is not
 * to be used. */
bool apo_upgrade_state_read(struct apo_upgrade_state *upgrade, const struct apo_server_parts *to);

/* What went along is forgotten here; who could not is told why, and closed as soon as it has been.
 */
void apo_upgrade_state_let_go(const struct apo_server_parts *from, const char *reason);

#endif
