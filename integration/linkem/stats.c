/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

static const char *const drop_names[DROPS_COUNT] = {
#define X(upper, lower) #lower,
	DROPS(X)
#undef X
};

void traffic_add(struct traffic *traffic, const struct packet_view *view)
{
	traffic->packets++;
	traffic->bytes += view->size;
	traffic->payload_bytes += packet_payload_bytes(view);
}

static void put_traffic(FILE *out, const char *name, const struct traffic *traffic)
{
	fprintf(out, "\"%s\": {", name);
	for (size_t i = 0; i < PROTOCOLS_COUNT; i++)
		fprintf(out,
			"%s\n   \"%s\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"payload_bytes\": %" PRIu64 "}",
			i ? "," : "", protocol_names[i], traffic[i].packets, traffic[i].bytes,
			traffic[i].payload_bytes);
	fputs("},\n  ", out);
}

static void put_drops(FILE *out, const uint64_t *drops)
{
	fputs("\"drops\": {", out);
	for (size_t i = 0; i < DROPS_COUNT; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", drop_names[i], drops[i]);
	fputs("},\n  ", out);
}

static void put_limit(FILE *out, const char *name, size_t limit)
{
	if (limit == SIZE_MAX)
		fprintf(out, ", \"%s\": null", name);
	else
		fprintf(out, ", \"%s\": %zu", name, limit);
}

static void put_spans(FILE *out, const struct histogram *histogram)
{
	fprintf(out, "\"mean_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f",
		histogram_mean_ns(histogram) / 1e3,
		(double)histogram_quantile_ns(histogram, 0.99) / 1e3,
		(double)histogram->max_ns / 1e3);
}

static void put_under_way(FILE *out, const struct snapshot *snapshot, enum direction direction)
{
	fprintf(out, "\"under_way\": {\"packets\": %zu, \"bytes\": %zu},\n  ",
		snapshot->under_way[direction].packets, snapshot->under_way[direction].bytes);
}

static void put_direction(FILE *out, const char *name, const struct snapshot *snapshot,
			  enum direction direction)
{
	const struct direction_stats *stats = snapshot->direction[direction];

	fprintf(out, ",\n \"%s\": {\n  ", name);
	put_under_way(out, snapshot, direction);
	put_traffic(out, "sent", stats->sent);
	put_traffic(out, "delivered", stats->delivered);
	put_drops(out, stats->drops);
	fprintf(out,
		"\"duplicated\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"reordered\": %" PRIu64
		", \"translated\": %" PRIu64 ", \"marked\": %" PRIu64 ",\n  ",
		stats->duplicated, stats->corrupted, stats->reordered, stats->translated,
		stats->marked);
	fprintf(out, "\"queue\": {\"bytes_max\": %zu, \"packets_max\": %zu", stats->queue_bytes_max,
		stats->queue_packets_max);
	put_limit(out, "bytes_limit", stats->queue_bytes_limit);
	put_limit(out, "packets_limit", stats->queue_packets_limit);
	fputs("},\n  \"queue_delay\": {", out);
	put_spans(out, &stats->queue_delay);
	fputs("},\n  \"queue_delay_settled\": {", out);
	put_spans(out, &stats->queue_delay_settled);
	fputs("},\n  \"late\": {", out);
	put_spans(out, &stats->late);
	fputs("}}", out);
}

static void put_snapshot(FILE *out, const struct snapshot *snapshot)
{
	fprintf(out,
		"{\"snapshot\": %" PRIu64 ", \"final\": %s, \"seed\": %" PRIu64
		", \"elapsed_s\": %.6f, \"cpu_s\": %.6f, \"rebinds\": %" PRIu64,
		snapshot->number, snapshot->final ? "true" : "false", snapshot->seed,
		(double)snapshot->elapsed_ns / 1e9, snapshot->cpu_s, snapshot->rebinds);
	put_direction(out, "ab", snapshot, DIRECTION_AB);
	put_direction(out, "ba", snapshot, DIRECTION_BA);
	fputs("}\n", out);
}

/* Writes a temporary file and renames it, so that a reader never sees half a document. */
int stats_write(const char *path, const struct snapshot *snapshot)
{
	char beside[PATH_MAX];
	bool fine;
	FILE *out;

	if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
		return -ENAMETOOLONG;
	out = fopen(beside, "we");
	if (!out)
		return -errno;
	put_snapshot(out, snapshot);
	fine = !ferror(out);
	if (fclose(out) != 0 || !fine)
		return -EIO;
	return rename(beside, path) == 0 ? 0 : -errno;
}
