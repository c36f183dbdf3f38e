/* SPDX-License-Identifier: MIT */
#include "wild_access.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/time.h"

#define MS RUDP_NS_PER_MS
#define PACKET_BYTES 1500

static int64_t between_ms(struct prng *p, double low, double high)
{
	return (int64_t)(prng_log_between(p, low, high) * MS);
}

static void draw_rate(struct prng *p, struct wild_path *path)
{
	struct link_config *up = &path->up;
	bool traced = prng_chance(p, 0.25), changes = prng_chance(p, 0.2);
	double factor = prng_log_between(p, 0.1, 10), part = 0.2 + 0.3 * prng_unit(p);

	if (traced) {
		up->network = (enum nm_network)prng_between(p, NM_LTE, NM_STARLINK);
		up->network_seed = prng_next(p);
	} else if (changes) {
		up->rate_later_bits_per_s = up->rate_bits_per_s * factor;
		up->change_at_ns = (int64_t)(part * (double)path->run_ns);
	}
}

static void draw_queue(struct prng *p, struct link_config *up)
{
	int64_t kind = prng_between(p, 0, 9), mark_ns = between_ms(p, 0.3, 20);
	bool rises = prng_chance(p, 0.5);

	if (kind == 5)
		up->discipline = NM_CODEL;
	else if (kind == 6)
		up->discipline = NM_PIE;
	else if (kind == 7)
		up->discipline = NM_FQ_CODEL;
	else if (kind > 7)
		up->mark_above_ns = mark_ns;
	if (kind > 7 && rises)
		up->mark_all_above_ns = 4 * mark_ns;
}

static void draw_policer(struct prng *p, struct link_config *up)
{
	double rate = up->rate_bits_per_s * (0.2 + 0.7 * prng_unit(p));
	double burst = rate / 8 * prng_log_between(p, 0.01, 0.2);

	if (!prng_chance(p, 0.1))
		return;
	up->police_bits_per_s = rate;
	up->police_burst_bytes = (size_t)fmax(burst, 10 * PACKET_BYTES);
}

static void draw_bursts(struct prng *p, struct wild_path *path)
{
	int64_t back_ns = between_ms(p, 1, 20), there_ns = between_ms(p, 0.5, 10);
	int64_t clump_ns = between_ms(p, 0.25, 10);

	if (prng_chance(p, 0.25))
		path->down.aggregate_ns = back_ns;
	if (prng_chance(p, 1.0 / 6))
		path->up.aggregate_ns = there_ns;
	if (prng_chance(p, 0.25))
		path->up.clump_ns = path->down.clump_ns = clump_ns;
}

static void draw_gaps(struct prng *p, struct link_config *up)
{
	int64_t every_ns = between_ms(p, 2000, 10000), gap_ns = between_ms(p, 50, 1000);
	bool holds = prng_chance(p, 0.5);

	if (!prng_chance(p, 0.1))
		return;
	up->blackout_every_ns = every_ns;
	up->blackout_ns = gap_ns;
	up->blackout_holds = holds;
}

static void draw_order(struct prng *p, double rtt_ms, struct link_config *up)
{
	double share = prng_log_between(p, 0.001, 0.1);
	int64_t by_ns = (int64_t)(rtt_ms * prng_unit(p) * MS);
	double twice = 0.05 * prng_unit(p);

	if (prng_chance(p, 1.0 / 6)) {
		up->reorder = share;
		up->reorder_ns = by_ns;
	}
	if (prng_chance(p, 1.0 / 6))
		up->duplicate = twice;
}

void wild_draw_access(struct prng *p, struct wild_path *path)
{
	draw_rate(p, path);
	draw_queue(p, &path->up);
	draw_policer(p, &path->up);
	draw_bursts(p, path);
	draw_gaps(p, &path->up);
	draw_order(p, path->rtt_ms, &path->up);
}

static void describe_rate(const struct link_config *up)
{
	static const char *const disciplines[] = {
		[NM_CODEL] = "codel", [NM_PIE] = "pie", [NM_FQ_CODEL] = "fq-codel"};

	if (up->network != NM_NO_NETWORK)
		printf(" %s", nm_network_name(up->network));
	if (up->change_at_ns > 0)
		printf(" then %.1f Mbit/s at %.1f s", up->rate_later_bits_per_s / 1e6,
		       (double)up->change_at_ns / RUDP_NS_PER_S);
	if (up->discipline != NM_DROP_TAIL)
		printf(" %s", disciplines[up->discipline]);
	if (up->mark_above_ns > 0)
		printf(" marks %.1f%s ms", (double)up->mark_above_ns / MS,
		       up->mark_all_above_ns > 0 ? " rising" : "");
	if (up->police_bits_per_s > 0)
		printf(" policer %.1f Mbit/s %zu", up->police_bits_per_s / 1e6,
		       up->police_burst_bytes);
}

void wild_describe_access(const struct wild_path *path)
{
	const struct link_config *up = &path->up;

	describe_rate(up);
	if (path->down.aggregate_ns > 0)
		printf(" back-bursts %.1f", (double)path->down.aggregate_ns / MS);
	if (up->aggregate_ns > 0)
		printf(" bursts %.1f", (double)up->aggregate_ns / MS);
	if (up->clump_ns > 0)
		printf(" ticks %.2f", (double)up->clump_ns / MS);
	if (up->blackout_ns > 0)
		printf(" gap %" PRId64 "/%" PRId64 "%s", up->blackout_ns / MS,
		       up->blackout_every_ns / MS, up->blackout_holds ? " held" : "");
	if (up->reorder > 0)
		printf(" reorder %.1f %% %.1f", 100 * up->reorder, (double)up->reorder_ns / MS);
	if (up->duplicate > 0)
		printf(" twice %.1f %%", 100 * up->duplicate);
}
