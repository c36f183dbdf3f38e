/* SPDX-License-Identifier: MIT */
/*
 * cluster - makes the model of this process one of the copies of a network of nodes: it connects
 * the replica (cluster/replica.h), the model (model/shared.h) and the bus (bus_thread.h).
 *
 * Hand-over  the next process continues as the same node, with the state of replica and model. The
 *          bus of this process stays open until that is certain: if the hand-over fails, the mail
 *          that has come meanwhile is handled, and nothing is lost.
 * Threads  init, start, stop, hand-over: the main thread. The others: the model's thread. Figures:
 *          any.
 */
#ifndef APO_SERVER_CLUSTER_H
#define APO_SERVER_CLUSTER_H

#include <stdatomic.h>

#include "base/log_ratelimit.h"
#include "conversation/cluster/replica.h"
#include "conversation/server/bus_thread.h"
#include "conversation/server/history_thread.h"

struct apo_upgrade_state;

struct apo_cluster {
	struct apo_replica *replica;
	struct apo_bus_thread bus_thread;
	struct apo_config *config; /* with which this process began */
	struct apo_model *model;
	struct apo_history_thread *history_thread; /* NULL: there is no history */
	int64_t now_at_ns, wall_ms;
	bool is_clock_off;   /* it differs from the time of the network, which has been logged */
	uint64_t seen_seq;   /* the last sequence that the previous process has read; 0: none */
	bool is_handed_over; /* another process continues as this node */
	/* A snapshot that arrives in chunks. */
	uint8_t *snapshot;
	size_t snapshot_len, snapshot_capacity;
	uint64_t snapshot_position, snapshot_sender;
	uint32_t snapshot_next;
	/* Snapshots for other nodes: when the last one would have been due at the highest rate. */
	int64_t snapshots_at_ns;
	/* Limits the log lines that entries of others can cause. */
	struct rudp_log_ratelimit log_ratelimit;
	atomic_bool is_live, is_cut_off;
};

/* The model offers propose. history_thread may be NULL. Returns 0 or -ENOMEM. */
int apo_cluster_init(struct apo_cluster *cluster, struct apo_model *model,
		     struct apo_history_thread *history_thread, struct apo_config *config);
/* Connects to the bus. box: of the model's thread. Returns 0 or a negative errno value. */
int apo_cluster_start(struct apo_cluster *cluster, struct apo_mailbox *box);
/* The model's thread has ended. Returns the result of apo_bus_thread_stop. */
bool apo_cluster_stop(struct apo_cluster *cluster);

/* Why the node cannot be handed over now to a process with this configuration, and what to do.
 * NULL: it can. cluster NULL: the server is alone. */
const char *apo_cluster_refusal(const struct apo_cluster *cluster, const struct apo_config *next);
/* The node, in the state for the next process (upgrade_state.h). The model's thread has ended. */
void apo_cluster_serialize(struct apo_upgrade_state *upgrade, struct apo_cluster *cluster);
/* The next process serves as this node. */
void apo_cluster_on_handed_over(struct apo_cluster *cluster);

/* The call of the model. */
bool apo_cluster_propose(struct apo_cluster *cluster, const void *event, size_t len, bool is_vital);
/* These three may be called without a cluster, NULL. */
void apo_cluster_set_time(struct apo_cluster *cluster, int64_t now_at_ns, int64_t wall_ms);
int64_t apo_cluster_next_at_ns(const struct apo_cluster *cluster);
/* Call it at the end of each turn: it sends what was proposed. */
void apo_cluster_on_time(struct apo_cluster *cluster);
void apo_cluster_on_mail(struct apo_cluster *cluster, const struct apo_bus_mail *mail);
/* A message of this node's history thread to that of another node. */
void apo_cluster_send_history(struct apo_cluster *cluster,
			      const struct apo_history_peer_mail *mail);

#endif
