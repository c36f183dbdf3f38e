/* SPDX-License-Identifier: MIT */
#include "series.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* One hour at 20 ms; after that no rows are written. */
enum { ROWS_MAX = 180000 };

int series_open(struct series *series, const struct linkem_conf *conf)
{
	memset(series, 0, sizeof *series);
	if (!conf->series_path)
		return 0;
	series->out = fopen(conf->series_path, "we");
	if (!series->out)
		return -errno;
	series->interval_ns = conf->series_interval_ns;
	fputs("ms", series->out);
	for (enum direction d = 0; d < DIRECTIONS; d++)
		for (const char *const *name =
			     (const char *const[]){"queue_us", "queue_peak_us", "sent", "delivered",
						   "drops", NULL};
		     *name; name++)
			fprintf(series->out, ",%s_%s", d == DIRECTION_AB ? "ab" : "ba", *name);
	fputc('\n', series->out);
	return 0;
}

void series_close(struct series *series)
{
	if (series->out)
		fclose(series->out);
	series->out = NULL;
}

uint64_t series_next_at(const struct series *series, const struct link *link)
{
	if (!series->out || !link->started || series->rows >= ROWS_MAX)
		return LINE_NEVER;
	return link->started_at_ns + series->rows * series->interval_ns;
}

static uint64_t bytes_of(const struct traffic *traffic)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PROTOCOLS_COUNT; i++)
		sum += traffic[i].bytes;
	return sum;
}

static uint64_t drops_of(const struct direction_stats *stats)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DROPS_COUNT; i++)
		sum += stats->drops[i];
	return sum;
}

static void write_direction(FILE *out, struct direction_stats *stats, uint64_t queue_ns)
{
	fprintf(out, ",%.0f,%.0f,%" PRIu64 ",%" PRIu64 ",%" PRIu64, (double)queue_ns / 1e3,
		(double)stats->queue_delay_peak_ns / 1e3, bytes_of(stats->sent),
		bytes_of(stats->delivered), drops_of(stats));
	stats->queue_delay_peak_ns = 0;
}

void series_write(struct series *series, struct link *link, uint64_t now_ns)
{
	uint64_t at_ns;

	while ((at_ns = series_next_at(series, link)) <= now_ns) {
		fprintf(series->out, "%.0f", (double)(at_ns - link->started_at_ns) / 1e6);
		for (enum direction d = 0; d < DIRECTIONS; d++)
			write_direction(series->out, &link->lane[d].stats,
					link_queue_delay_ns(link, d, now_ns));
		fputc('\n', series->out);
		series->rows++;
	}
}
