/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <math.h>
#include <stdlib.h>

void nm_trace_init(struct nm_trace *trace)
{
	*trace = (struct nm_trace){.period_ns = NM_NEVER};
}

void nm_trace_fini(struct nm_trace *trace)
{
	free(trace->segments);
	nm_trace_init(trace);
}

static double bits_of(double bits_per_s, uint64_t span_ns)
{
	return bits_per_s * ((double)span_ns / 1e9);
}

static bool reserve(struct nm_trace *trace)
{
	size_t capacity = trace->capacity ? 2 * trace->capacity : 64;
	struct nm_segment *segments;

	if (trace->count < trace->capacity)
		return true;
	if (capacity > NM_TRACE_SEGMENTS_MAX)
		return false;
	segments = realloc(trace->segments, capacity * sizeof *segments);
	if (!segments)
		return false;
	trace->segments = segments;
	trace->capacity = capacity;
	return true;
}

static double bits_until(const struct nm_segment *segment, uint64_t at_ns)
{
	return segment->bits_before + bits_of(segment->bits_per_s, at_ns - segment->from_ns);
}

bool nm_trace_add(struct nm_trace *trace, uint64_t from_ns, double bits_per_s, uint64_t delay_ns)
{
	const struct nm_segment *last = trace->count ? &trace->segments[trace->count - 1] : NULL;
	double bits_before = 0;

	if (!(bits_per_s >= 0) || (last ? from_ns <= last->from_ns : from_ns != 0))
		return false;
	if (last)
		bits_before = bits_until(last, from_ns);
	if (!reserve(trace))
		return false;
	/* reserve() has made room. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	trace->segments[trace->count++] =
		(struct nm_segment){from_ns, bits_per_s, delay_ns, bits_before};
	return true;
}

bool nm_trace_repeat_at(struct nm_trace *trace, uint64_t period_ns)
{
	const struct nm_segment *last = trace->count ? &trace->segments[trace->count - 1] : NULL;

	if (!last || period_ns <= last->from_ns)
		return false;
	trace->period_ns = period_ns;
	trace->period_bits = bits_until(last, period_ns);
	return true;
}

/* The last segment that begins no later. */
static const struct nm_segment *segment_at(const struct nm_trace *trace, uint64_t at_ns)
{
	size_t low = 0, high = trace->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (trace->segments[middle].from_ns <= at_ns)
			low = middle;
		else
			high = middle;
	}
	return &trace->segments[low];
}

/* The segment within which the trace has sent this many bits: its rate is above 0, if any is. */
static const struct nm_segment *segment_of_bits(const struct nm_trace *trace, double bits)
{
	size_t low = 0, high = trace->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (trace->segments[middle].bits_before < bits)
			low = middle;
		else
			high = middle;
	}
	return &trace->segments[low];
}

/* Instants before the period's end, and how many periods there were before. */
static uint64_t within_period(const struct nm_trace *trace, uint64_t at_ns, double *periods)
{
	uint64_t whole;

	*periods = 0;
	if (trace->period_ns == NM_NEVER)
		return at_ns;
	whole = at_ns / trace->period_ns;
	*periods = (double)whole;
	return at_ns % trace->period_ns;
}

static double total_bits(const struct nm_trace *trace, uint64_t at_ns)
{
	double periods;
	uint64_t rest_ns = within_period(trace, at_ns, &periods);

	return periods * trace->period_bits + bits_until(segment_at(trace, rest_ns), rest_ns);
}

uint64_t nm_trace_sent_at(const struct nm_trace *trace, uint64_t from_ns, double bits)
{
	double wanted = total_bits(trace, from_ns) + bits, periods = 0;
	const struct nm_segment *segment;
	double at_ns;

	if (trace->period_ns != NM_NEVER) {
		if (trace->period_bits <= 0)
			return NM_NEVER;
		periods = ceil(wanted / trace->period_bits) - 1;
		periods = periods < 0 ? 0 : periods;
		wanted -= periods * trace->period_bits;
	}
	segment = segment_of_bits(trace, wanted);
	if (segment->bits_per_s <= 0)
		return NM_NEVER;
	at_ns = (double)segment->from_ns +
		ceil((wanted - segment->bits_before) * 1e9 / segment->bits_per_s);
	if (trace->period_ns != NM_NEVER)
		at_ns += periods * (double)trace->period_ns;
	return at_ns > (double)from_ns ? (uint64_t)at_ns : from_ns;
}

double nm_trace_bits(const struct nm_trace *trace, uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? total_bits(trace, to_ns) - total_bits(trace, from_ns) : 0;
}

uint64_t nm_trace_delay_ns(const struct nm_trace *trace, uint64_t at_ns)
{
	double periods;

	return segment_at(trace, within_period(trace, at_ns, &periods))->delay_ns;
}

void nm_trace_scale_to(struct nm_trace *trace, double mean_bits_per_s)
{
	double factor = bits_of(mean_bits_per_s, trace->period_ns) / trace->period_bits;

	for (size_t i = 0; i < trace->count; i++) {
		trace->segments[i].bits_per_s *= factor;
		trace->segments[i].bits_before *= factor;
	}
	trace->period_bits *= factor;
}
