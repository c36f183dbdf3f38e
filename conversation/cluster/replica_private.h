/* SPDX-License-Identifier: MIT */
/* replica_private - the structures that the files of the replica share. */
#ifndef APO_CLUSTER_REPLICA_PRIVATE_H
#define APO_CLUSTER_REPLICA_PRIVATE_H

#include "base/list.h"
#include "conversation/cluster/replica.h"

enum apo_replica_state {
	APO_REPLICA_OFF,     /* there is no bus yet, or it is being reopened */
	APO_REPLICA_JOINING, /* its JOIN is not in the log yet */
	APO_REPLICA_WAITING, /* for the snapshot, or for silence */
	APO_REPLICA_LIVE
};

struct apo_node {
	uint64_t id; /* the position of its JOIN; 0: the entry is free */
	uint64_t incarnation;
	uint64_t last_number, last_position; /* of its last entry */
	int64_t wall_ms;                     /* its clock, as of its last entry */
	int64_t heard_at_ns;
	bool is_of_other_log; /* its last comparable digest differed from that of this node */
	char name[APO_NODE_NAME_BYTES_MAX + 1];
};

/* An entry that waits for the snapshot. */
struct apo_waiting_entry {
	struct rudp_list link;
	uint64_t seq;
	size_t len;
	uint8_t bytes[];
};

/* Events that wait for publication, as records of one entry or of several ones. */
struct apo_queue {
	uint8_t *bytes;
	size_t len, capacity, events;
};

#define APO_REPLICA_DIGESTS 1024 /* a power of two */
#define APO_REPLICA_EVENT_BYTES_MAX (APO_REPLICA_ENTRY_BYTES_MAX - APO_ENTRY_HEAD_BYTES_MAX - 4)

struct apo_replica {
	const struct apo_replica_calls *calls;
	void *of;
	char name[APO_NODE_NAME_BYTES_MAX + 1];
	enum apo_replica_state state;
	uint64_t random, incarnation, number;
	int64_t node_timeout_ns, now_at_ns, wall_ms;

	/* The shared state of the cluster itself. */
	struct apo_node nodes[APO_NODES_MAX];
	uint64_t run;
	int64_t shared_wall_ms; /* it never goes backwards */
	/* Digests of the log up to each of the last applied positions, at index position modulo
	 * APO_REPLICA_DIGESTS; positions before first_digest have none. Nodes with equal digests
	 * have applied the same entries. */
	uint64_t digests[APO_REPLICA_DIGESTS];
	uint64_t first_digest;
	uint64_t events_position; /* of the last EVENTS that was applied */

	/* Authors of EVENTS that are not in the table, for this node only; their ids are 0. */
	struct apo_node foreign[APO_NODES_MAX];

	/* A sequence is that of the copy of the log that is delivered to this node; those of two
	 * servers can differ for ever. A position is the same for all nodes. */
	uint64_t seen_seq;      /* the last sequence delivered */
	uint64_t join_seq;      /* WAITING: of the own JOIN */
	uint64_t ahead;         /* LIVE: a position less its sequence, modulo 2^64 */
	uint64_t self;          /* LIVE: the position of the own JOIN */
	uint64_t applied;       /* LIVE: the last position applied */
	unsigned attempts;      /* to join, since this node was live */
	int64_t since_at_ns;    /* JOINING, WAITING: since when */
	int64_t quiet_at_ns;    /* WAITING: since when there is silence */
	int64_t yield_until_ns; /* WAITING: until then another node may begin the network */
	bool is_other_alive;    /* WAITING: another node has appended EVENTS since the own JOIN */
	struct rudp_list waiting;
	size_t waiting_bytes;

	/* A snapshot that has come before the own JOIN. */
	uint8_t *early;
	size_t early_len;
	uint64_t early_position;

	/* The publication in progress. */
	uint8_t *flight;
	size_t flight_len, flight_events;
	int64_t flight_at_ns, repeat_at_ns;
	int64_t stored_at_ns, subscribe_at_ns; /* RUDP_NEVER: it is not known to be stored */
	uint64_t publication;                  /* its number in this process */
	bool is_in_flight;

	struct apo_queue queue;
	size_t awaited_events; /* in the last own entry, or waiting when it came back */
	int64_t beat_at_ns;    /* when the next entry is due, even without events */
	bool is_cut_off;
	bool must_rejoin; /* a vital event is lost */
};

/* Leaves the cluster, and joins again when the bus has been reopened. reason: a static sentence
 * for the log. */
void apo_replica_rejoin(struct apo_replica *replica, const char *reason);
/* Applies the entry at the next position. */
void apo_replica_apply(struct apo_replica *replica, uint64_t position, const void *bytes,
		       size_t len);
struct apo_node *apo_replica_node_add(struct apo_replica *replica, uint64_t id,
				      const struct apo_entry_head *head);
/* The own entry in flight has come back. */
void apo_replica_landed(struct apo_replica *replica);
/* NULL if there is none. */
struct apo_node *apo_replica_node_by_id(struct apo_replica *replica, uint64_t id);
/* Nodes in snapshots, and in what another process takes over: at most APO_NODES_BYTES_MAX. */
#define APO_NODES_BYTES_MAX (1 + APO_NODES_MAX * (1 + APO_NODE_NAME_BYTES_MAX + 5 * 8))
void apo_replica_write_nodes(const struct apo_replica *replica, struct rudp_writer *writer);
bool apo_replica_read_nodes(struct apo_replica *replica, struct rudp_reader *reader);
/* The last millisecond of the year 9999: the model computes with the time. */
#define APO_WALL_MS_MAX INT64_C(253402300799999)
/* Returns whether the nodes and the time that were read fit each other: this node is among them
 * under the id, and nothing comes after the last position applied. */
bool apo_replica_knows_itself(struct apo_replica *replica, uint64_t id, uint64_t applied);
/* The digest of the log up to the last applied position. */
uint64_t apo_replica_digest(const struct apo_replica *replica);
/* To the node that has joined with this entry. */
void apo_replica_send_snapshot(struct apo_replica *replica, const struct apo_entry_head *join,
			       uint64_t position);
/* Reads the nodes and the state of a snapshot, and the digest. Returns false if it does not fit. */
bool apo_replica_read_snapshot(struct apo_replica *replica, uint64_t position, const void *bytes,
			       size_t len, uint64_t *digest);

#endif
