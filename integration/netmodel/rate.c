/* SPDX-License-Identifier: MIT */
#include "rate.h"

bool nm_rate_is_limited(const struct nm_rate *rate)
{
	return rate->trace || rate->bits_per_s > 0;
}

/* Before its beginning a trace stands at its first instant. */
static uint64_t in_trace(const struct nm_rate *rate, uint64_t at_ns)
{
	return at_ns > rate->start_ns ? at_ns - rate->start_ns : 0;
}

uint64_t nm_rate_sent_at(const struct nm_rate *rate, uint64_t from_ns, size_t bytes)
{
	uint64_t begin_ns = from_ns > rate->start_ns ? from_ns : rate->start_ns, sent_at_ns;

	if (!nm_rate_is_limited(rate))
		return from_ns;
	if (!rate->trace)
		return from_ns + (uint64_t)((double)bytes * 8e9 / rate->bits_per_s);
	sent_at_ns = nm_trace_sent_at(rate->trace, in_trace(rate, from_ns), (double)bytes * 8);
	if (sent_at_ns == NM_NEVER)
		return NM_NEVER;
	return from_ns + (rate->start_ns + sent_at_ns - begin_ns);
}

double nm_rate_bytes(const struct nm_rate *rate, uint64_t from_ns, uint64_t to_ns)
{
	if (!nm_rate_is_limited(rate) || to_ns <= from_ns)
		return 0;
	if (!rate->trace)
		return (double)(to_ns - from_ns) * rate->bits_per_s / 8e9;
	return nm_trace_bits(rate->trace, in_trace(rate, from_ns), in_trace(rate, to_ns)) / 8;
}

uint64_t nm_rate_delay_ns(const struct nm_rate *rate, uint64_t at_ns)
{
	return rate->trace ? nm_trace_delay_ns(rate->trace, in_trace(rate, at_ns)) : 0;
}
