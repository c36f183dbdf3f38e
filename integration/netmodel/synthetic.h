/* SPDX-License-Identifier: MIT */
/*
 * Synthetic traces of access networks. Each lasts NM_SYNTHETIC_NS and then starts over; its mean is
 * the rate asked for, and the same seed gives the same trace.
 *
 * LTE       the logarithm of the rate wanders with a time constant of 3 s; every 5 s or so it falls
 *           within 100 ms to a tenth to four tenths, for 0.3 to 2 s (a body, a corner, a full
 *           cell).
 * Wi-Fi     bursts of 1 to 4 ms at the radio's rate (aggregates), between them the medium is
 *           others': a geometric number of their bursts, now and then a longer pause. The radio's
 *           rate walks between five steps.
 * Starlink  every 15 s another satellite: another rate (0.4 to 1.6 times the mean), another delay
 *           (0 to 20 ms more), and a gap of 20 to 120 ms before. Within a slot the rate varies by
 *           15 % each way every 100 ms.
 */
#ifndef NETMODEL_SYNTHETIC_H
#define NETMODEL_SYNTHETIC_H

#include "trace.h"

#define NM_SYNTHETIC_NS UINT64_C(60000000000)

enum nm_network { NM_NO_NETWORK, NM_LTE, NM_WIFI, NM_STARLINK };

/* NULL: there is none of this name. */
const char *nm_network_name(enum nm_network network);
enum nm_network nm_network_find(const char *name);

/* Fills the trace, which is initialized. Returns false when there is no memory. */
bool nm_synthetic(struct nm_trace *trace, enum nm_network network, double mean_bits_per_s,
		  uint64_t seed);

#endif
