/* SPDX-License-Identifier: MIT */
/*
 * The capacity of a link as a function of time: segments of constant rate, each with an extra
 * delay. A trace starts over at the end of its period, or keeps its last rate for ever.
 */
#ifndef NETMODEL_TRACE_H
#define NETMODEL_TRACE_H

#include "item.h"

/* More than an hour of one segment a millisecond. */
#define NM_TRACE_SEGMENTS_MAX ((size_t)1 << 22)

struct nm_segment {
	uint64_t from_ns;
	double bits_per_s;  /* 0: nothing is sent */
	uint64_t delay_ns;  /* on top of the link's */
	double bits_before; /* what the trace has sent until from_ns */
};

struct nm_trace {
	struct nm_segment *segments;
	size_t count, capacity;
	uint64_t period_ns; /* NM_NEVER: does not start over */
	double period_bits;
};

void nm_trace_init(struct nm_trace *trace);
void nm_trace_fini(struct nm_trace *trace);

/*
 * Appends a segment; the first begins at 0, and each later than the one before. Returns false, and
 * changes nothing, when it does not, or when the trace or the memory is full.
 */
bool nm_trace_add(struct nm_trace *trace, uint64_t from_ns, double bits_per_s, uint64_t delay_ns);

/* The trace starts over at this instant, which is behind its last segment's beginning. */
bool nm_trace_repeat_at(struct nm_trace *trace, uint64_t period_ns);

/* When this many bits have been sent from from_ns on; NM_NEVER: the rate is 0 from some time on. */
uint64_t nm_trace_sent_at(const struct nm_trace *trace, uint64_t from_ns, double bits);

/* The capacity between two instants. */
double nm_trace_bits(const struct nm_trace *trace, uint64_t from_ns, uint64_t to_ns);

/* The extra delay of what is sent at this instant. */
uint64_t nm_trace_delay_ns(const struct nm_trace *trace, uint64_t at_ns);

/* Multiplies all rates so that a period's mean becomes this. For traces that start over. */
void nm_trace_scale_to(struct nm_trace *trace, double mean_bits_per_s);

#endif
