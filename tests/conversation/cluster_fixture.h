/* SPDX-License-Identifier: MIT */
/*
 * cluster_fixture - nodes of a cluster in virtual time: each has a model and a replica, and all
 * share a mock log with delays and faults.
 *
 * The log stores entries with sequences without gaps. Publications and deliveries take random
 * times. A publication may get lost before or after it is stored; a delivery may come twice. A node
 * may be unable to reach the log, be killed, or be handed over to another process.
 */
#ifndef CLUSTER_FIXTURE_H
#define CLUSTER_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/cluster/replica.h"
#include "conversation/irc/registry_record.h"
#include "conversation/model/model.h"

#define CLUSTER_NODES 4
#define CLUSTER_CLIENTS 6 /* of each node */
#define CLUSTER_MAIL 64
#define CLUSTER_OUT_BYTES 65536

struct cluster_client {
	struct apo_peer peer;
	bool is_connected, is_held;
	char out[CLUSTER_OUT_BYTES]; /* the last bytes received */
	size_t len, at;
	char last_words[600];
};

struct cluster_publication {
	bool is_used, is_repetition;
	uint8_t *bytes;
	size_t len;
	uint64_t number;
	int64_t at_ns;
};

struct cluster_answer {
	bool is_used;
	uint64_t number;
	bool is_stored;
	int64_t at_ns;
};

struct cluster_snapshot {
	bool is_used;
	uint64_t position;
	uint8_t *bytes;
	size_t len;
	int64_t at_ns;
};

/* A text whose arrival the model waits for. */
#define CLUSTER_WATCHED 64
struct cluster_watched {
	uint64_t watch;
	uint32_t recipient;
	unsigned client;
};

/* The records on the disk of a node as text, in an order that does not depend on the node. */
struct cluster_disk {
	char **lines;
	unsigned count, capacity;
};

struct cluster_node {
	struct cluster *cluster;
	unsigned index;
	char name[8];
	struct apo_model *model; /* NULL: the node does not run */
	struct apo_replica *replica;
	struct cluster_client clients[CLUSTER_CLIENTS];
	struct cluster_publication publications[CLUSTER_MAIL];
	uint64_t published; /* the number of the last one */
	struct cluster_answer answers[CLUSTER_MAIL];
	struct cluster_snapshot snapshots[4];
	uint64_t next_seq; /* to be delivered */
	int64_t deliver_at_ns;
	int64_t open_at_ns; /* the log opens again; RUDP_NEVER: it is open */
	/* The copy of the log that is delivered to the node has so many entries more after its
	 * first copy_at ones, or lacks so many. */
	int copy_shift;
	uint64_t copy_at;
	unsigned copies_left; /* bad ones, which it reads when it opens the log again */
	int64_t clock_ms;     /* so far its clock is ahead */
	bool is_apart;        /* it does not reach the log */
	bool is_standing;     /* it is being handed over: it does nothing */
	/* The node appends to the log but gets nothing from it, and learns that when it
	 * subscribes. */
	bool is_deaf, is_told_unreadable;
	int64_t unreadable_at_ns; /* when it is told next */
	unsigned resets, cut_offs, copies, moves;
	/* The last password that the model has asked about. */
	uint64_t ticket;
	char against[APO_SECRET_SIZE], password[200];
	struct cluster_disk disk, history;
	/* History as of the state that is being read; NULL: none. */
	const uint8_t *incoming;
	size_t incoming_len;
	/* The last question to history. */
	uint64_t question;
	enum apo_history_way way;
	int64_t public_from, since; /* of the last question */
	struct cluster_watched watched[CLUSTER_WATCHED];
	unsigned watched_count;
	char reason[100]; /* of the last reset */
};

struct cluster_entry {
	uint8_t *bytes;
	size_t len;
};

struct cluster {
	struct apo_model_config config;
	struct apo_model_calls calls;
	struct cluster_node nodes[CLUSTER_NODES];
	struct cluster_entry *log; /* the entry with sequence s is at s - 1 */
	size_t log_len, log_capacity;
	int64_t now_ns;
	uint64_t random;
	unsigned loss_percent; /* of publications and their answers */
	bool is_log_down;
	int64_t node_timeout_ns; /* 15 s, unless it is changed before the start */
	/* Called for each line that a client receives; NULL: none. */
	void (*on_line)(struct cluster *cluster, unsigned node, unsigned client, const char *line);
	void *of; /* of the test */
};

struct cluster *cluster_new(uint64_t seed);
/* Before the first start: the nodes have accounts. The hash of a password is it after "hash-". */
void cluster_offer_accounts(struct cluster *cluster);
void cluster_free(struct cluster *cluster);
uint64_t cluster_random(struct cluster *cluster, uint64_t below);

/* With an empty disk. */
void cluster_start(struct cluster *cluster, unsigned node);
void cluster_kill(struct cluster *cluster, unsigned node);
/* Another process takes over the node, if that is possible within some seconds, which pass.
 * is_failing: the other process ends when it has the state. Returns whether it has taken over. */
bool cluster_hand_over(struct cluster *cluster, unsigned node, bool is_failing);
/* Reads the state of the node's model with one bit changed, for each byte, and each part of it. */
void cluster_read_damaged(struct cluster *cluster, unsigned node);
/* Passes virtual time. */
void cluster_run(struct cluster *cluster, int64_t span_ns);
/* Starts the first count nodes, and waits until they are live. */
void cluster_start_all(struct cluster *cluster, unsigned count);
bool cluster_is_live(const struct cluster *cluster, unsigned node);

void cluster_connect(struct cluster *cluster, unsigned node, unsigned client);
void cluster_say(struct cluster *cluster, unsigned node, unsigned client, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void cluster_close(struct cluster *cluster, unsigned node, unsigned client);
/* Connects and registers, and waits for the welcome; drops what was received. */
void cluster_join(struct cluster *cluster, unsigned node, unsigned client, const char *nick);
/* The nodes have history, too. A node that joins has that of the node which sends it the state, as
 * of that moment, at once. */
void cluster_offer_history(struct cluster *cluster);
/* Answers the last question to history. */
void cluster_answer_history(struct cluster *cluster, unsigned node, enum apo_asked asked);
/* How many lines of a kind ("said ", "presence ", "marker ") the node's history has. */
unsigned cluster_count_history(const struct cluster *cluster, unsigned node, const char *kind);
/* A watched message to the client has arrived, or never will. */
void cluster_acknowledge(struct cluster *cluster, unsigned node, unsigned client, bool has_arrived);
/* Answers the last question about a password. */
void cluster_check_password(struct cluster *cluster, unsigned node);
/* Logs in by SASL PLAIN. Drops what was received. */
void cluster_log_in(struct cluster *cluster, unsigned node, unsigned client, const char *account,
		    const char *password);
/* All live nodes have the same on their disks, history included. */
void cluster_check_disks(struct cluster *cluster);
/* The next line without its end; NULL if there is none. */
char *cluster_next(struct cluster *cluster, unsigned node, unsigned client);
/* dan on node 0 and eve on node 1 join #a; what they heard is forgotten. */
void cluster_meet(struct cluster *cluster);
void cluster_forget(struct cluster *cluster);

/* All live nodes have applied the same log and have the same state; each model is valid. */
void cluster_check(struct cluster *cluster);
/* Removes the last count entries from the log, as if it had lost them. */
void cluster_lose(struct cluster *cluster, size_t count);
/* From now on the node's copy of the log lacks some entries (shift < 0), or repeats the last one.
 * times: it gets the right copy when it has opened the log so often. */
void cluster_deviate(struct cluster *cluster, unsigned node, int shift, unsigned times);
/* One fault, or its end. kind: a random number; most numbers mean none. */
void cluster_fault(struct cluster *cluster, unsigned node, unsigned kind);

/* ---- cluster_disk.c, cluster_history.c, cluster_log.c and cluster_move.c, for the fixture ---- */

void cluster_keep_record(void *node, const struct apo_registry_record *record);
void cluster_add_line(struct cluster_disk *disk, const char *line);
/* Those that begin with key. */
void cluster_drop_lines(struct cluster_disk *disk, const char *key);
/* apo_model_calls.ask_auth */
void cluster_on_ask(void *node, struct apo_asker asker, enum apo_auth question, const char *about,
		    const char *proof);
/* Adds the history of the node to the bytes of its state, and separates them again. */
void cluster_add_history(const struct cluster_node *node, uint8_t **bytes, size_t *len);
size_t cluster_take_history(struct cluster_node *node, const uint8_t *bytes, size_t len);
void cluster_drop_disk(struct cluster_node *node);

/* A model and a replica of the node, which are new. */
struct apo_model *cluster_new_model(struct cluster_node *node);
struct apo_replica *cluster_new_replica(struct cluster_node *node);
/* When something that is sent now arrives. */
int64_t cluster_delay_ns(struct cluster *cluster);
/* The number of entries in the node's copy of the log. */
uint64_t cluster_copy_len(const struct cluster *cluster, const struct cluster_node *node);
void cluster_open_log(struct cluster *cluster, struct cluster_node *node);
void cluster_take_publications(struct cluster *cluster, struct cluster_node *node);
void cluster_take_answers(struct cluster *cluster, struct cluster_node *node);
void cluster_take_entries(struct cluster *cluster, struct cluster_node *node);
void cluster_take_snapshots(struct cluster *cluster, struct cluster_node *node);

#define CLUSTER_HEARS(cluster, node, client, mask)                                                 \
	do {                                                                                       \
		char *heard_ = cluster_next(cluster, node, client);                                \
		cr_assert(ne(ptr, heard_, NULL), "nothing instead of %s", mask);                   \
		cr_assert(apo_mask_is_match(mask, heard_), "%s instead of %s", heard_, mask);      \
	} while (0)
#define CLUSTER_QUIET(cluster, node, client)                                                       \
	do {                                                                                       \
		char *heard_ = cluster_next(cluster, node, client);                                \
		cr_assert(eq(ptr, heard_, NULL), "%s", heard_);                                    \
	} while (0)

#endif
