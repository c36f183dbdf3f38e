/* SPDX-License-Identifier: MIT */
/*
 * link - one direction of a simulated path: rate and drop-tail queue, delay and jitter, loss alone or
 * in bursts, reordering, duplication, corruption, blackouts, a size above which nothing passes. Every
 * draw comes from the world's PRNG.
 */
#ifndef RUDP_SIM_LINK_H
#define RUDP_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prng.h"

struct link_config {
	int64_t delay_ns;
	int64_t jitter_ns;          /* uniform extra delay */
	bool jitter_ordered;        /* a packet waits for those sent before it; else jitter reorders */
	double rate_bits_per_s;     /* 0: unlimited */
	size_t queue_bytes;         /* drop-tail; with a rate only */
	int64_t mark_above_ns;      /* CE for what would wait longer; 0: never (bulk.h only) */
	int64_t clump_ns;           /* a host that looks only so often: arrivals wait for it; 0: never */
	double loss;                /* each datagram alone */
	double burst_loss;          /* mean share lost in bursts (Gilbert-Elliott) */
	double burst_len;           /* mean datagrams a burst */
	double reorder;             /* share that takes reorder_ns longer */
	int64_t reorder_ns;
	double duplicate;
	double corrupt;             /* one bit flips, past any checksum below us */
	int64_t blackout_every_ns;  /* 0: none; the path is dead for blackout_ns at the end of each */
	int64_t blackout_ns;
	size_t datagram_max;        /* larger ones vanish without a word; 0: none do */
	size_t datagram_max_later;  /* the same from change_at_ns on */
	double rate_later_bits_per_s; /* likewise the rate; 0: the same */
	int64_t change_at_ns;       /* 0: never */
};

struct link_counts {
	uint64_t offered, dropped_queue, dropped_size, lost, duplicated, corrupted, delivered, bytes;
};

struct link {
	struct link_config config;
	struct link_counts counts;
	int64_t free_at_ns;         /* when the wire has sent what is queued */
	int64_t last_at_ns;         /* of the last arrival, for jitter_ordered */
	bool in_burst;
};

/* When a datagram offered now will arrive: 0, 1 or 2 instants written to at_ns; their number. */
int link_offer(struct link *link, struct prng *prng, size_t bytes, int64_t now_ns,
	       int64_t at_ns[2]);

/* Draws whether this copy is damaged, and damages it. */
void link_corrupt(struct link *link, struct prng *prng, uint8_t *data, size_t len);

#endif
