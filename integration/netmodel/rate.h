/* SPDX-License-Identifier: MIT */
/* The rate of a link: none, constant, or after a trace. */
#ifndef NETMODEL_RATE_H
#define NETMODEL_RATE_H

#include "trace.h"

struct nm_rate {
	double bits_per_s;            /* without a trace; 0: everything is sent at once */
	const struct nm_trace *trace; /* borrowed; NULL: none */
	uint64_t start_ns;            /* the instant at which the trace begins */
};

/* Whether packets can have to wait. */
bool nm_rate_is_limited(const struct nm_rate *rate);

/* When bytes have been sent whose sending begins at from_ns; NM_NEVER: never. */
uint64_t nm_rate_sent_at(const struct nm_rate *rate, uint64_t from_ns, size_t bytes);

/* The bytes that the rate allows between two instants; 0 where there is no limit. */
double nm_rate_bytes(const struct nm_rate *rate, uint64_t from_ns, uint64_t to_ns);

/* The trace's extra delay at this instant. */
uint64_t nm_rate_delay_ns(const struct nm_rate *rate, uint64_t at_ns);

#endif
