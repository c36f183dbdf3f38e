/* SPDX-License-Identifier: MIT */
#include "trace_text.h"
#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_SIZE = 256,
	FIELD_SIZE = 64,
	FIELDS_MAX = 3,
	OPPORTUNITY_BYTES = 1500,
	FILE_BYTES_MAX = 64 << 20,
};

#define MS UINT64_C(1000000)

struct reader {
	struct nm_trace *trace;
	bool is_mahimahi, has_ended;
	uint64_t opportunity_ms; /* of the lines counted in opportunities */
	uint64_t opportunities;
	uint64_t from_ms; /* start of the next segment */
};

/* Spreads the opportunities of a millisecond over the millisecond that ends then. */
static bool put_millisecond(struct reader *r)
{
	double bits_per_s = (double)r->opportunities * OPPORTUNITY_BYTES * 8 * 1000;
	uint64_t begin_ms = r->opportunity_ms ? r->opportunity_ms - 1 : 0;

	if (r->opportunities == 0)
		return true;
	if (begin_ms > r->from_ms && !nm_trace_add(r->trace, r->from_ms * MS, 0, 0))
		return false;
	r->from_ms = begin_ms + 1;
	r->opportunities = 0;
	return nm_trace_add(r->trace, begin_ms * MS, bits_per_s, 0);
}

/* An opportunity at 0 counts as one of the first millisecond. */
static const char *take_opportunity(struct reader *r, const char *field)
{
	uint64_t ms;

	if (!units_integer(field, UINT32_MAX, &ms))
		return "not whole milliseconds";
	ms = ms ? ms : 1;
	if (ms < r->opportunity_ms)
		return "time goes back";
	if (ms > r->opportunity_ms && !put_millisecond(r))
		return "too long";
	r->opportunity_ms = ms;
	r->opportunities++;
	return NULL;
}

static const char *take_segment(struct reader *r, char field[FIELDS_MAX][FIELD_SIZE], int count)
{
	uint64_t from_ns, rate_bps, delay_ns = 0;

	if (r->has_ended)
		return "'repeat' is the last line";
	if (!units_duration(field[0], &from_ns))
		return "not a time";
	if (count == 2 && strcmp(field[1], "repeat") == 0) {
		r->has_ended = true;
		return nm_trace_repeat_at(r->trace, from_ns) ? NULL : "time does not go on";
	}
	if (!units_rate(field[1], &rate_bps))
		return "not a rate";
	if (count == 3 && !units_duration(field[2], &delay_ns))
		return "not a delay";
	return nm_trace_add(r->trace, from_ns, (double)rate_bps, delay_ns)
		       ? NULL
		       : "times begin at 0 and go on, and not for ever";
}

static const char *take_line(struct reader *r, const char *line)
{
	char field[FIELDS_MAX][FIELD_SIZE], rest[2];
	bool is_first = r->trace->count == 0 && r->opportunities == 0;
	int count = sscanf(line, "%63s %63s %63s %1s", field[0], field[1], field[2], rest);

	if (count <= 0 || field[0][0] == '#')
		return NULL;
	if (is_first)
		r->is_mahimahi = count == 1;
	if (count > FIELDS_MAX || (count == 1) != r->is_mahimahi)
		return "one number, or a time, a rate and perhaps a delay";
	return r->is_mahimahi ? take_opportunity(r, field[0]) : take_segment(r, field, count);
}

static const char *finish(struct reader *r)
{
	if (r->is_mahimahi &&
	    (!put_millisecond(r) || !nm_trace_repeat_at(r->trace, r->opportunity_ms * MS)))
		return "too long";
	return r->trace->count ? NULL : "empty";
}

static const char *parse(struct reader *r, const char *text, unsigned *line_number)
{
	const char *wrong = NULL;

	for (*line_number = 1; !wrong && *text; ++*line_number) {
		size_t size = strcspn(text, "\n");
		char line[LINE_SIZE];

		if (size >= sizeof line)
			return "too long a line";
		memcpy(line, text, size);
		line[size] = 0;
		wrong = take_line(r, line);
		if (wrong)
			return wrong;
		text += size + (text[size] == '\n');
	}
	return finish(r);
}

const char *trace_parse(struct nm_trace *trace, const char *text, unsigned *line_number)
{
	struct reader reader = {.trace = trace};
	const char *wrong;

	nm_trace_init(trace);
	wrong = parse(&reader, text, line_number);
	if (wrong)
		nm_trace_fini(trace);
	return wrong;
}

static char *read_all(const char *path)
{
	FILE *in = fopen(path, "re");
	size_t size = 0, capacity = 1 << 16, got;
	char *text = in ? malloc(capacity) : NULL, *larger;

	while (text && (got = fread(text + size, 1, capacity - size - 1, in)) > 0) {
		size += got;
		if (capacity - size > 1)
			continue;
		capacity *= 2;
		larger = capacity <= FILE_BYTES_MAX ? realloc(text, capacity) : NULL;
		if (!larger)
			free(text);
		text = larger;
	}
	if (text && ferror(in)) {
		free(text);
		text = NULL;
	}
	if (text)
		text[size] = 0;
	if (in)
		fclose(in);
	return text;
}

const char *trace_read(struct nm_trace *trace, const char *path, unsigned *line_number)
{
	char *text = read_all(path);
	const char *wrong;

	*line_number = 0;
	if (!text)
		return "cannot be read";
	wrong = trace_parse(trace, text, line_number);
	free(text);
	return wrong;
}

double trace_mean_bps(const struct nm_trace *trace)
{
	if (trace->period_ns == NM_NEVER)
		return trace->segments[0].bits_per_s;
	return trace->period_bits * 1e9 / (double)trace->period_ns;
}
