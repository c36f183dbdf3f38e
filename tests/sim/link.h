/* SPDX-License-Identifier: MIT */
/*
 * link - one direction of a simulated path: the hop of integration/netmodel (rate or trace, queue and
 * its discipline, policer, aggregation, gaps), then delay and jitter, loss alone or in bursts,
 * reordering, duplication, corruption, a size above which nothing passes. Losses, jitter and duplicates
 * are drawn from the world's PRNG when a datagram is sent.
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
	int64_t jitter_ns;          /* uniform extra delay */
	bool jitter_ordered;        /* a packet waits for those sent before it; else jitter reorders */
	double rate_bits_per_s;     /* of IP packets; 0: unlimited; the mean of the network's trace */
	enum nm_network network;    /* a synthetic trace in place of the constant rate */
	uint64_t network_seed;
	size_t queue_bytes;         /* with a rate only */
	enum nm_discipline discipline;
	int64_t mark_above_ns;      /* CE for what has waited longer; 0: never (bulk.h only) */
	int64_t mark_all_above_ns;  /* above mark_above_ns the chance rises, up to this; 0: a step */
	int64_t clump_ns;           /* a host that looks only so often: arrivals wait for it; 0: never */
	double police_bits_per_s;   /* a policer behind the queue; 0: none */
	size_t police_burst_bytes;
	int64_t aggregate_ns;       /* held back so long at most, packets leave together; 0: not */
	size_t aggregate_packets;   /* or until there are so many; 0: no bound */
	double loss;                /* each datagram alone */
	double burst_loss;          /* mean share lost in bursts (Gilbert-Elliott) */
	double burst_len;           /* mean datagrams a burst */
	double reorder;             /* share that takes reorder_ns longer */
	int64_t reorder_ns;
	double duplicate;
	double corrupt;             /* one bit flips, past any checksum below us */
	int64_t blackout_every_ns;  /* 0: none; the path is dead for blackout_ns at the end of each */
	int64_t blackout_ns;
	bool blackout_holds;        /* what is sent meanwhile waits for its end, and is not lost */
	size_t datagram_max;        /* larger ones vanish without a word; 0: none do */
	size_t datagram_max_later;  /* the same from change_at_ns on */
	double rate_later_bits_per_s; /* likewise the rate; 0: the same */
	size_t queue_later_bytes;   /* likewise the queue */
	int64_t change_at_ns;       /* 0: never */
};

struct link_counts {
	uint64_t offered, dropped_queue, dropped_aqm, dropped_policer, dropped_size, lost, duplicated,
		corrupted, delivered, bytes, marked;
};

struct link {
	struct link_config config;
	struct link_counts counts;
	struct nm_hop hop;
	struct nm_trace trace;
	struct nm_gap gap;
	struct flying *twin;        /* of the last datagram taken */
	int64_t last_at_ns;         /* of the last arrival, for jitter_ordered */
	bool in_burst;
};

/* Returns false when there is no memory. */
bool link_init(struct link *link, const struct link_config *config);
void link_fini(struct link *link);

/* What a datagram that is sent now would wait before it is sent on. */
int64_t link_wait_ns(struct link *link, int64_t now_ns);

/* What the link can carry between two instants, in bytes of IP packets; 0: it has no limit. */
double link_capacity_bytes(const struct link *link, int64_t from_ns, int64_t to_ns);

/*
 * A datagram is sent, and taken over; what it has of ECN is in its ecn. Returns false when there is no
 * memory for its duplicate.
 */
bool link_submit(struct link *link, struct prng *prng, struct flight *flight, struct flying *f,
		 int64_t now_ns);

/* When a datagram may next leave the link; RUDP_NEVER: none is in it. Not before the last submit. */
int64_t link_next_ns(const struct link *link);

/*
 * The next datagram that has left the link by now_ns, its at_ns being when it arrives; NULL: none.
 * Duplicates come one after the other.
 */
struct flying *link_take(struct link *link, int64_t now_ns);

/* Another rate from an instant on, with a queue as long as before in time. */
void link_config_change_rate(struct link_config *config, double bits_per_s, int64_t at_ns);

/*
 * Moves what leaves these links into the flight, in order, as long as it leaves by until_ns and nothing
 * arrives before. Returns when the first datagram arrives, until_ns at the latest; -1: no memory. A host
 * that stalls takes what arrives later, if arrival_ns (NULL: none does) says so.
 */
struct links {
	struct link *link[3];
	int count;
	int64_t (*arrival_ns)(void *context, const struct flying *f);
	void *context;
};
int64_t links_run(const struct links *links, struct flight *flight, int64_t until_ns);

/* Draws whether this copy is damaged, and damages it. */
void link_corrupt(struct link *link, struct prng *prng, uint8_t *data, size_t len);

#endif
