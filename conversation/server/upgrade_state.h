/* SPDX-License-Identifier: MIT */
/*
 * upgrade_state - everything that a server hands over to the next process: listeners, waiting
 * connections, connections with their unsent data, the state of the model, counters.
 *
 * Model    Bytes (serializer.h), and descriptors in the order in which they are serialized.
 *          Connections that cannot be handed over (TLS: OpenSSL does not export its state;
 *          messaging) are named in the state, so that the new process tells other clients of their
 *          end.
 * Trust    The input is complete and valid, or nothing of it is used.
 * Threads  the main thread, while all other threads stand still.
 */
#ifndef APO_SERVER_UPGRADE_STATE_H
#define APO_SERVER_UPGRADE_STATE_H

#include "conversation/model/serializer.h"

#define APO_UPGRADE_STATE_VERSION 4u

struct apo_acceptor;
struct apo_cluster;
struct apo_history_thread;
struct apo_metrics;
struct apo_model;
struct apo_peers;
struct apo_worker;

struct apo_upgrade_state {
	struct apo_serializer serializer;
	int *fds;
	uint32_t fd_count, fd_capacity; /* of fds; those that were read are replaced by -1 */
	uint32_t fds_read;
	unsigned long moved, left; /* connections that were handed over, and that could not be */
	bool continues_history;    /* reading: both processes keep history in the same file */
	const char *wrong;         /* reading: why it is refused, and what to do; NULL: not known */
};

/* The parts of a server that are written, or that the state is read into. */
struct apo_server_parts {
	struct apo_worker *workers;
	unsigned worker_count;
	struct apo_model *model;
	struct apo_acceptor *acceptor;
	struct apo_metrics *metrics;
	struct apo_peers *peers;                   /* only their counters */
	struct apo_cluster *cluster;               /* NULL: this server is alone */
	struct apo_history_thread *history_thread; /* NULL: there is no history */
	const char *history_file;                  /* NULL: none */
	int64_t now_at_ns;
};

void apo_upgrade_state_to(struct apo_upgrade_state *upgrade);
/* The caller keeps bytes. Each descriptor that is used is taken out of fds (replaced by -1). */
void apo_upgrade_state_from(struct apo_upgrade_state *upgrade, const void *bytes, size_t len,
			    int *fds, uint32_t fd_count);
/* Frees a state that was written. */
void apo_upgrade_state_fini(struct apo_upgrade_state *upgrade);

/* A descriptor. Writing: the caller keeps it. Reading: the caller owns it. */
void apo_upgrade_state_descriptor(struct apo_upgrade_state *upgrade, int *fd);

/* Returns false on failure. Changes nothing but the clients' ordinals. */
bool apo_upgrade_state_write(struct apo_upgrade_state *upgrade,
			     const struct apo_server_parts *from);
/* Reads into a new server that has not started. Returns false on failure: then that server must not
 * be used. */
bool apo_upgrade_state_read(struct apo_upgrade_state *upgrade, const struct apo_server_parts *to);

/* Forgets the connections that were handed over. The others get the reason and are closed when it
 * has been written. */
void apo_upgrade_state_release(const struct apo_server_parts *from, const char *reason);

#endif
