/* SPDX-License-Identifier: MIT */
/*
 * replica - keeps one node of a cluster equal to the others: it appends the node's events to the
 * shared log, and applies all events of the log in its order.
 *
 * Model    Entries of the log, results of publications and snapshots come in; publications, events
 *          to apply and snapshots for joining nodes go out. No I/O, clock, thread or randomness, so
 *          the tests run many nodes over a mock log in virtual time. docs/decisions/cluster.md has
 *          the protocol and what each failure does.
 * Limits   APO_REPLICA_QUEUE_BYTES_MAX of events that wait for publication: submit refuses more,
 *          vital ones at twice that.
 *          APO_REPLICA_BUFFER_BYTES_MAX of entries that wait for the snapshot: at more, the node
 *          joins again. APO_NODES_MAX nodes: a further JOIN is ignored.
 * Threads  none: one owner at a time makes all calls and implements all of apo_replica_calls.
 */
#ifndef APO_CLUSTER_REPLICA_H
#define APO_CLUSTER_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conversation/cluster/entry.h"

#define APO_NODES_MAX 16
#define APO_REPLICA_ENTRY_BYTES_MAX (256u << 10)
#define APO_REPLICA_QUEUE_BYTES_MAX (16u << 20)
#define APO_REPLICA_BUFFER_BYTES_MAX (64u << 20)

#define APO_BEAT_NS RUDP_NS_PER_S /* the longest time between two entries of a node */
/* An entry with one line costs nodes and servers nearly as much as one with twenty. So an entry
 * waits for as many events as the node's last entry had, or as waited when that one came back. It
 * waits at most APO_GATHER_NS after the last one was published, or until it has APO_GATHER_BYTES.
 */
#define APO_GATHER_NS (6 * RUDP_NS_PER_MS)
#define APO_GATHER_BYTES (8u << 10)
/* An entry that has not come back after this time is published again, and the log is asked whether
 * it is stored. */
#define APO_REPEAT_NS (500 * RUDP_NS_PER_MS)
#define APO_RETRY_NS (250 * RUDP_NS_PER_MS) /* the same after the log has refused it */
#define APO_CUT_OFF_NS (3 * RUDP_NS_PER_S)  /* an entry not back by then: the node is cut off */
/* After this time without EVENTS in the log, a joining node begins the network. */
#define APO_GENESIS_NS (4 * RUDP_NS_PER_S)
/* Before that, a node waits this long for another joining node that has kept a newer state. */
#define APO_YIELD_NS (2 * APO_GENESIS_NS)
/* A node that has read neither its JOIN nor a snapshot for this long joins again. */
#define APO_SNAPSHOT_NS (10 * RUDP_NS_PER_S)

/* If an entry is known to be stored but is not delivered, the node subscribes to the log again
 * after the first of these times, and joins again after the second. */
#define APO_SUBSCRIBE_NS (1500 * RUDP_NS_PER_MS)
#define APO_LOST_NS (20 * RUDP_NS_PER_S)

/* A clock that is further ahead of those of most nodes is wrong. The limit is longer than the
 * default node-timeout: otherwise all clocks would seem wrong if most nodes are dead. */
#define APO_CLOCK_AHEAD_MS 60000

struct apo_replica;

enum apo_reopening {
	APO_REOPEN_NOT,
	APO_REOPEN_NEXT,   /* from the entry after the last one delivered */
	APO_REOPEN_END,    /* from its end; answered by apo_replica_on_bus */
	APO_REOPEN_CONNECT /* the same through a new connection */
};

/*
 * Called during an event; they return at once. None calls the replica, except that apply may
 * submit events.
 */
struct apo_replica_calls {
	/* Append the entry to the log, and report the result by apo_replica_on_published. number
	 * counts the entries of this process; a repetition has the number of the first try. The
	 * bytes are valid during the call. */
	void (*publish)(void *of, const void *bytes, size_t len, uint64_t number);
	/* Send the snapshot to the node that has joined at the position. */
	void (*send_snapshot)(void *of, const char *name, uint64_t position, const void *bytes,
			      size_t len);
	/* An event of a node (the position of its JOIN) that all nodes apply, in this order. */
	void (*apply)(void *of, uint64_t node, bool is_own, const void *event, size_t len);
	/* The time of the log, before what an entry does. It never goes backwards. */
	void (*time)(void *of, int64_t wall_ms);
	/* The node has gone with all of its clients. */
	void (*node_gone)(void *of, uint64_t node, const char *name);
	/* Writes the shared state; the caller frees *bytes. Returns false if that failed. */
	bool (*save)(void *of, uint8_t **bytes, size_t *len);
	/* Replaces the empty state. Returns false if it does not fit this node: it stays empty. */
	bool (*load)(void *of, const void *bytes, size_t len);
	/* This node is part of the cluster now, under this number. run: the run of the msgids. */
	void (*live)(void *of, uint64_t node, uint64_t run);
	/* This node is no part of the cluster any more: its state becomes empty. */
	void (*reset)(void *of, const char *reason);
	/* Read the log through a new subscription, which may read the copy of another server. */
	void (*reopen)(void *of, enum apo_reopening how);
	/* The position of the state that this node keeps on disk; 0: it keeps none. If no node is
	 * alive, the node with the highest position of those that join begins the network. */
	uint64_t (*kept)(void *of);
	/* Own entries no longer come back from the log (true), or do so again (false). */
	void (*cut_off)(void *of, bool is_cut_off);
};

struct apo_replica_start {
	const struct apo_replica_calls *calls;
	void *of;
	const char *name;
	uint64_t random; /* incarnations derive from it */
	int64_t node_timeout_ns;
	int64_t now_at_ns;
	int64_t wall_ms;
};

/* NULL if memory is short. It joins when apo_replica_on_bus says that there is a bus. */
struct apo_replica *apo_replica_new(const struct apo_replica_start *start);
void apo_replica_free(struct apo_replica *replica);

/* The clocks; call it before each event. */
void apo_replica_set_time(struct apo_replica *replica, int64_t now_at_ns, int64_t wall_ms);

/* The bus can be used, and entries that are appended from now on will be delivered. */
void apo_replica_on_bus(struct apo_replica *replica);
/* An entry of the log, with its sequence in the copy that is delivered to this node. Sequences have
 * no gaps; an entry may be delivered again. */
void apo_replica_on_entry(struct apo_replica *replica, uint64_t seq, const void *bytes, size_t len);
/* The publication with this number is stored; false: it failed, or that is unknown. */
void apo_replica_on_published(struct apo_replica *replica, uint64_t number, bool is_stored);
/* The log cannot be read now: an entry that is not delivered is not lost for that reason. */
void apo_replica_on_unreadable(struct apo_replica *replica);
/* Returns whether the snapshot that begins with these bytes is for this incarnation of the node. */
bool apo_replica_is_addressee(const struct apo_replica *replica, const void *bytes, size_t len);
/* A snapshot for the JOIN at this position. */
void apo_replica_on_snapshot(struct apo_replica *replica, uint64_t position, const void *bytes,
			     size_t len);

/* Queues an event for the log. is_vital: if the event cannot be appended, the node joins
 * again. Returns 0, -EAGAIN (not live), -ENOBUFS or -ENOMEM. */
int apo_replica_submit(struct apo_replica *replica, const void *event, size_t len, bool is_vital);
/* Tells the others that this node ends, after the events that wait, as its last publication. */
void apo_replica_leave(struct apo_replica *replica);

const char *apo_replica_name(const struct apo_replica *replica);
/* Writes the name of the nth of the other nodes (modulo their number), the oldest first. Returns
 * how many there are; 0: name is not set. is_oldest: this node is older than all of them. */
unsigned apo_replica_other(const struct apo_replica *replica, unsigned nth,
			   char name[APO_NODE_NAME_BYTES_MAX + 1], bool *is_oldest);

/* Writes the state with which another process continues as this node. The caller frees *bytes.
 * Returns false if the node is not live, or if memory is short. */
bool apo_replica_save(const struct apo_replica *replica, uint8_t **bytes, size_t *len);
/* Restores a saved node into a new replica of the same name. It is live at once, and publishes the
 * entry that was in flight again. The caller must deliver the log from the entry after *seen_seq
 * on. Returns false if the bytes are invalid: then only apo_replica_free may be called. */
bool apo_replica_resume(struct apo_replica *replica, const void *bytes, size_t len,
			uint64_t *seen_seq);

int64_t apo_replica_next_at_ns(const struct apo_replica *replica);
void apo_replica_on_time(struct apo_replica *replica);

#endif
