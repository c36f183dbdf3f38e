/* SPDX-License-Identifier: MIT */
/*
 * link - one direction of a simulated path. First the hop of integration/netmodel: rate or trace,
 * queue with its discipline, policer, aggregation, gaps. Then delay and jitter, single or burst
 * loss, reordering, duplication, corruption, and a maximum size. Losses, jitter and duplicates are
 * drawn from the world's PRNG when a datagram is sent.
 */
#ifndef RUDP_SIM_LINK_H
#define RUDP_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight.h"
#include "integration/netmodel/hop.h"
#include "integration/netmodel/synthetic.h"
#include "prng.h"

struct link_config {
	int64_t delay_ns;
	int64_t jitter_ns;      /* uniform extra delay */
	bool jitter_ordered;    /* a packet waits for earlier ones; else jitter reorders */
	double rate_bits_per_s; /* of IP packets, or the mean of the network's trace; 0: no limit */
	enum nm_network network; /* a synthetic trace instead of a constant rate */
	uint64_t network_seed;
	size_t queue_bytes; /* only with a rate */
	enum nm_discipline discipline;
	int64_t mark_above_ns;     /* CE after a longer wait; 0: never (bulk.h only) */
	int64_t mark_all_above_ns; /* the probability rises from mark_above_ns to this; 0: a step */
	int64_t clump_ns;         /* the receiver handles arrivals at these intervals; 0: at once */
	double police_bits_per_s; /* a policer after the queue; 0: none */
	size_t police_burst_bytes;
	int64_t aggregate_ns; /* packets are held at most this long, and leave together; 0: no */
	size_t aggregate_packets; /* ... or until there are this many; 0: no limit */
	double loss;              /* of each datagram, independently */
	double burst_loss;        /* mean share lost in bursts (Gilbert-Elliott) */
	double burst_len;         /* mean datagrams a burst */
	double reorder;           /* share of datagrams that take reorder_ns longer */
	int64_t reorder_ns;
	double duplicate;
	double corrupt;            /* share with one flipped bit that no lower checksum detects */
	int64_t blackout_every_ns; /* at its end the path is dead for blackout_ns; 0: never */
	int64_t blackout_ns;
	bool blackout_holds;       /* datagrams sent meanwhile wait for its end, and are not lost */
	size_t datagram_max;       /* larger datagrams are lost silently; 0: none */
	size_t datagram_max_later; /* the same from change_at_ns on */
	double rate_later_bits_per_s; /* the rate from then on; 0: the same */
	size_t queue_later_bytes;     /* the queue from then on */
	int64_t change_at_ns;         /* 0: never */
};

struct link_counts {
	uint64_t offered, dropped_queue, dropped_aqm, dropped_policer, dropped_size, lost,
		duplicated, corrupted, delivered, bytes, marked;
};

struct link {
	struct link_config config;
	struct link_counts counts;
	struct nm_hop hop;
	struct nm_trace trace;
	struct nm_gap gap;
	struct flying *twin; /* of the last datagram taken */
	int64_t last_at_ns;  /* of the last arrival, for jitter_ordered */
	bool in_burst;
};

/* false: no memory. */
bool link_init(struct link *link, const struct link_config *config);
void link_fini(struct link *link);

/* How long a datagram that is sent now would wait in the queue. */
int64_t link_wait_ns(struct link *link, int64_t now_ns);

/* How many bytes of IP packets the link can carry between two instants; 0: no limit. */
double link_capacity_bytes(const struct link *link, int64_t from_ns, int64_t to_ns);

/*
 * Sends a datagram and takes ownership; its ECN bits are in its ecn. Returns false when there is no
 * memory for its duplicate.
 */
bool link_submit(struct link *link, struct prng *prng, struct flight *flight, struct flying *f,
		 int64_t now_ns);

/* When the next datagram can leave the link; RUDP_NEVER: none is in it. Not before the last
 * submit. */
int64_t link_next_ns(const struct link *link);

/*
 * Removes the next datagram that has left the link by now_ns; its at_ns is the arrival time. NULL:
 * none. A duplicate follows its original.
 */
struct flying *link_take(struct link *link, int64_t now_ns);

/* Changes the rate from an instant on; the queue keeps its length in time. */
void link_config_change_rate(struct link_config *config, double bits_per_s, int64_t at_ns);

/*
 * Moves the datagrams that leave these links by until_ns into the flight, in order, until the first
 * one arrives. Returns when it arrives, until_ns at the latest; -1: no memory. For a host that
 * stalls, arrival_ns (or NULL) gives the later time at which it receives.
 */
struct links {
	struct link *link[3];
	int count;
	int64_t (*arrival_ns)(void *context, const struct flying *f);
	void *context;
};
int64_t links_run(const struct links *links, struct flight *flight, int64_t until_ns);

/* Decides at random whether this copy is damaged, and damages it. */
void link_corrupt(struct link *link, struct prng *prng, uint8_t *data, size_t len);

#endif
