/* SPDX-License-Identifier: MIT */
/*
 * net_sim - connects hubs by simulated streams in virtual time. Bytes arrive in pieces of random
 * size after random delays. Streams break at random moments, with or without losing the bytes in
 * flight. Dials fail. Stores are slow, and fail. The same seed gives the same run.
 */
#ifndef TESTS_MESSAGING_NET_SIM_H
#define TESTS_MESSAGING_NET_SIM_H

#include "base/random.h"
#include "messaging/hub.h"
#include "messaging/store_memory.h"

#define NET_SIM_NODES_MAX 4
#define NET_SIM_PIPES_MAX 256

struct net_sim_pipe;

struct net_sim_node {
	struct rudpmsg_hub *hub;           /* NULL: not running */
	uint16_t port;                     /* dials to this port reach the node */
	struct memory_store *store;        /* owned by the caller, survives the hub; NULL: none */
	const struct rudpmsg_batch *batch; /* being written */
	bool is_written; /* the batch is in the store; the hub does not know yet */
};

struct net_sim {
	struct random random;
	int64_t now_ns;
	struct net_sim_node nodes[NET_SIM_NODES_MAX];
	unsigned node_count;
	struct net_sim_pipe *pipes[NET_SIM_PIPES_MAX];
	/* Probability in each step, in thousandths. */
	unsigned break_permille, dial_fails_permille, store_fails_permille;
	uint64_t breaks, store_failures, written_alone;
};

/* A configuration with small limits, and times that suit the simulated network. */
struct rudpmsg_hub_config net_sim_config(const char *name, uint64_t seed, enum rudpmsg_ack ack);

/*
 * Returns the first seed of a test with so many seeds: 1, or that of round n with
 * RUDP_TEST_ROUND=n. make soak runs many rounds.
 */
uint64_t net_sim_first_seed(uint64_t seeds);

void net_sim_init(struct net_sim *net_sim, uint64_t seed);
void net_sim_fini(struct net_sim *net_sim);
/* (Re)starts node i, from its store if it has one. */
void net_sim_start(struct net_sim *net_sim, unsigned i, const struct rudpmsg_hub_config *config);
/* Like kill -9: the node's streams break, and the bytes that it had written may arrive or not. A
 * batch that is being written may be in the store or not. */
void net_sim_kill(struct net_sim *net_sim, unsigned i);
/* One step: moves bytes, breaks a stream, ends a dial, or advances the time. */
void net_sim_step(struct net_sim *net_sim);
/* Writes what the node has to write, all or part of it, if it has no other work. */
void net_sim_write_alone(struct net_sim *net_sim, unsigned i);
/* Steps until only timers are left, and runs those up to the instant. */
void net_sim_run_until(struct net_sim *net_sim, int64_t at_ns);

#endif
