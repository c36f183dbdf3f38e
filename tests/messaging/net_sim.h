/* SPDX-License-Identifier: MIT */
/*
 * net_sim - hubs joined by simulated streams in virtual time: bytes arrive in pieces of random size
 * after random delays, streams break at random moments, with what was under way lost or not, and
 * dials fail; stores take their time, and fail. The same seed gives the same run.
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
	uint16_t port;                     /* dials to it reach this node */
	struct memory_store *store;        /* the caller's, outlives the hub; NULL: none */
	const struct rudpmsg_batch *batch; /* being stored */
	bool is_written;                   /* it is in the store, and the hub not told yet */
};

struct net_sim {
	struct random random;
	int64_t now_ns;
	struct net_sim_node nodes[NET_SIM_NODES_MAX];
	unsigned node_count;
	struct net_sim_pipe *pipes[NET_SIM_PIPES_MAX];
	/* Parts of 1000 a step. */
	unsigned break_permille, dial_fails_permille, store_fails_permille;
	uint64_t breaks, store_failures, written_alone;
};

/* Small limits, and spans that fit the net's. */
struct rudpmsg_hub_config net_sim_config(const char *name, uint64_t seed, enum rudpmsg_ack ack);

/*
 * Of so many seeds, one after the other: 1, or where round n begins by RUDP_TEST_ROUND=n. make soak
 * goes through many.
 */
uint64_t net_sim_first_seed(uint64_t seeds);

void net_sim_init(struct net_sim *net_sim, uint64_t seed);
void net_sim_fini(struct net_sim *net_sim);
/* (Re)starts node i, from its store if it has one. */
void net_sim_start(struct net_sim *net_sim, unsigned i, const struct rudpmsg_hub_config *config);
/* As kill -9: its streams break, what it had written arrives or does not; a batch under way is in
 * its store or is not. */
void net_sim_kill(struct net_sim *net_sim, unsigned i);
/* One thing happens: bytes move, a stream breaks, a dial ends, or time goes on. */
void net_sim_step(struct net_sim *net_sim);
/* What the node has to write is written now, all or some of it, if there is nothing else for it to
 * do. */
void net_sim_write_alone(struct net_sim *net_sim, unsigned i);
/* Steps until nothing but timers is left, and those up to the instant. */
void net_sim_run_until(struct net_sim *net_sim, int64_t at_ns);

#endif
