/* SPDX-License-Identifier: MIT */
/*
 * Marks of congestion (ECN) by the time that a packet has waited: a step, as shallow queues for L4S
 * have it (RFC 9332), or a ramp. With an average in place of the packet's own wait the ramp is
 * RED's (Floyd and Jacobson 1993), in time instead of bytes.
 */
#ifndef NETMODEL_MARKER_H
#define NETMODEL_MARKER_H

#include "item.h"

#define NM_RED_WEIGHT 0.002 /* of RED's average (Floyd and Jacobson 1993, section 6) */

struct nm_marker_conf {
	uint64_t from_ns;  /* no packet is marked that has waited no longer; NM_NEVER: none is */
	uint64_t to_ns;    /* every one that has waited longer is; = from_ns: a step */
	double chance_max; /* just below to_ns; between the two it rises from 0 */
	double weight;     /* of a packet's wait in the average; 1: no average */
};

struct nm_marker {
	struct nm_marker_conf conf;
	uint64_t random;
	double average_ns;
};

extern const struct nm_marker_conf nm_marker_none;

void nm_marker_init(struct nm_marker *marker, const struct nm_marker_conf *conf, uint64_t seed);

/* A packet has waited this long. Returns whether it is to be marked. */
bool nm_marker_marks(struct nm_marker *marker, uint64_t wait_ns);

#endif
