/* SPDX-License-Identifier: MIT */
/*
 * Times in which nothing passes: a blackout loses what is sent meanwhile, a handover can also hold
 * it back until the gap is over.
 */
#ifndef NETMODEL_GAPS_H
#define NETMODEL_GAPS_H

#include "item.h"

struct nm_gap {
	uint64_t start_ns, duration_ns;
	uint64_t period_ns; /* 0: once */
	bool holds;         /* packets wait for the end; otherwise they are lost */
};

/* When the gap that covers this instant is over; the instant itself when the gap does not. */
uint64_t nm_gap_over_at(const struct nm_gap *gap, uint64_t at_ns);

/* Whether one of the gaps that lose packets covers this instant. */
bool nm_gaps_lose(const struct nm_gap *gaps, size_t count, uint64_t at_ns);

/* The first instant, at_ns or later, that no gap that holds packets back covers. */
uint64_t nm_gaps_open_at(const struct nm_gap *gaps, size_t count, uint64_t at_ns);

#endif
