/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <stdlib.h>

#include "base/time.h"

#define IP_UDP_BYTES 28

static bool build_trace(struct link *link)
{
	const struct link_config *c = &link->config;

	if (c->network != NM_NO_NETWORK)
		return nm_synthetic(&link->trace, c->network, c->rate_bits_per_s, c->network_seed);
	if (c->change_at_ns == 0 || c->rate_later_bits_per_s <= 0)
		return true;
	return nm_trace_add(&link->trace, 0, c->rate_bits_per_s, 0) &&
	       nm_trace_add(&link->trace, (uint64_t)c->change_at_ns, c->rate_later_bits_per_s, 0);
}

static void configure_marks(const struct link_config *c, struct nm_marker_conf *marker)
{
	*marker = nm_marker_none;
	if (c->mark_above_ns == 0)
		return;
	marker->from_ns = marker->to_ns = (uint64_t)c->mark_above_ns;
	if (c->mark_all_above_ns > c->mark_above_ns)
		marker->to_ns = (uint64_t)c->mark_all_above_ns;
}

bool link_init(struct link *link, const struct link_config *config)
{
	const struct link_config *c = &link->config;
	struct nm_hop_conf hop = {
		.police_bits_per_s = config->police_bits_per_s,
		.police_burst_bytes = config->police_burst_bytes,
		.aggregate_ns = (uint64_t)config->aggregate_ns,
		.aggregate_packets_max = config->aggregate_packets,
	};
	struct nm_bottleneck_conf *bottleneck = &hop.bottleneck;

	*link = (struct link){.config = *config};
	nm_trace_init(&link->trace);
	if (!build_trace(link))
		return false;
	bottleneck->rate.bits_per_s = c->rate_bits_per_s;
	bottleneck->rate.trace = link->trace.count ? &link->trace : NULL;
	bottleneck->discipline = c->discipline;
	bottleneck->codel = nm_codel_default;
	bottleneck->pie = nm_pie_default;
	bottleneck->bytes_max = c->rate_bits_per_s > 0 ? c->queue_bytes : SIZE_MAX;
	bottleneck->packets_max = bottleneck->mark_above_bytes = SIZE_MAX;
	bottleneck->mark_above_packets = SIZE_MAX;
	bottleneck->seed = c->network_seed;
	configure_marks(c, &bottleneck->marker);
	if (c->blackout_every_ns > 0) {
		link->gap = (struct nm_gap){
			.start_ns = (uint64_t)(c->blackout_every_ns - c->blackout_ns),
			.duration_ns = (uint64_t)c->blackout_ns,
			.period_ns = (uint64_t)c->blackout_every_ns,
			.holds = c->blackout_holds,
		};
		bottleneck->gaps = &link->gap;
		bottleneck->gap_count = 1;
	}
	return nm_hop_init(&link->hop, &hop);
}

static void free_datagram(struct flying *f)
{
	free(f->twin);
	free(f);
}

void link_fini(struct link *link)
{
	struct nm_item *item;

	while ((item = nm_hop_drain(&link->hop)))
		free_datagram((struct flying *)item);
	free(link->twin);
	nm_hop_fini(&link->hop);
	nm_trace_fini(&link->trace);
}

int64_t link_wait_ns(struct link *link, int64_t now_ns)
{
	uint64_t wait_ns = nm_bottleneck_wait_ns(&link->hop.bottleneck, (uint64_t)now_ns);

	return wait_ns < RUDP_NEVER ? (int64_t)wait_ns : RUDP_NEVER;
}

double link_capacity_bytes(const struct link *link, int64_t from_ns, int64_t to_ns)
{
	return nm_rate_bytes(&link->hop.bottleneck.conf.rate, (uint64_t)from_ns, (uint64_t)to_ns);
}

static bool is_lost(struct link *link, struct prng *prng)
{
	const struct link_config *c = &link->config;

	if (c->burst_loss > 0) {
		double leave = 1 / c->burst_len;
		double enter = leave * c->burst_loss / (1 - c->burst_loss);

		link->in_burst =
			link->in_burst ? !prng_chance(prng, leave) : prng_chance(prng, enter);
		if (link->in_burst)
			return true;
	}
	return prng_chance(prng, c->loss);
}

static int64_t draw_travel_ns(struct link *link, struct prng *prng)
{
	const struct link_config *c = &link->config;
	int64_t ns = c->delay_ns;

	if (c->jitter_ns > 0)
		ns += prng_between(prng, 0, c->jitter_ns);
	if (prng_chance(prng, c->reorder))
		ns += c->reorder_ns;
	return ns;
}

static bool has_changed(const struct link_config *c, int64_t now_ns)
{
	return c->change_at_ns > 0 && now_ns >= c->change_at_ns;
}

static bool is_too_big(const struct link *link, size_t bytes, int64_t now_ns)
{
	const struct link_config *c = &link->config;
	size_t max = has_changed(c, now_ns) ? c->datagram_max_later : c->datagram_max;

	return max > 0 && bytes > max;
}

/* Decides at random what happens to a datagram. false: no memory for its duplicate. */
static bool draw_fate(struct link *link, struct prng *prng, struct flight *flight, struct flying *f,
		      int64_t now_ns)
{
	/* Checked after the queue: a datagram that is too large still takes its time on the
	 * wire. */
	if (is_too_big(link, f->len, now_ns)) {
		link->counts.dropped_size++;
		f->lost = true;
		return true;
	}
	if (is_lost(link, prng) || nm_gaps_lose(&link->gap, 1, (uint64_t)now_ns)) {
		link->counts.lost++;
		f->lost = true;
		return true;
	}
	f->travel_ns = draw_travel_ns(link, prng);
	if (!prng_chance(prng, link->config.duplicate))
		return true;
	link->counts.duplicated++;
	f->twin = flight_new(flight, f->to, &f->from_addr, &f->to_addr, f->data, f->len);
	if (!f->twin)
		return false;
	f->twin->travel_ns = draw_travel_ns(link, prng);
	f->twin->ecn = f->ecn;
	return true;
}

/* The flow is identified by addresses and ports. */
static uint32_t flow_of(const struct flying *f)
{
	return (uint32_t)rudp_addr_port(&f->from_addr) << 16 ^ rudp_addr_port(&f->to_addr) ^
	       ntohl(f->from_addr.in4.sin_addr.s_addr) * 2654435761u;
}

static void count_drop(struct link *link, enum nm_outcome outcome)
{
	switch (outcome) {
	case NM_DROPPED_QUEUE:
		link->counts.dropped_queue++;
		break;
	case NM_DROPPED_AQM:
		link->counts.dropped_aqm++;
		break;
	case NM_DROPPED_POLICER:
		link->counts.dropped_policer++;
		break;
	case NM_DROPPED_ACK:
	case NM_SENT:
		break;
	}
}

bool link_submit(struct link *link, struct prng *prng, struct flight *flight, struct flying *f,
		 int64_t now_ns)
{
	const struct link_config *c = &link->config;

	link->counts.offered++;
	f->item.bytes = f->len + IP_UDP_BYTES;
	f->item.flow = flow_of(f);
	f->item.ecn_capable = f->ecn != 0;
	if (c->queue_later_bytes && has_changed(c, now_ns))
		link->hop.bottleneck.conf.bytes_max = c->queue_later_bytes;
	if (nm_hop_submit(&link->hop, &f->item, (uint64_t)now_ns))
		return draw_fate(link, prng, flight, f, now_ns);
	count_drop(link, f->item.outcome);
	free(f);
	return true;
}

int64_t link_next_ns(const struct link *link)
{
	uint64_t at_ns = nm_hop_next_at(&link->hop);

	if (link->twin)
		return 0;
	return at_ns < RUDP_NEVER ? (int64_t)at_ns : RUDP_NEVER;
}

static void set_arrival(struct link *link, struct flying *f, int64_t left_at_ns)
{
	int64_t clump_ns = link->config.clump_ns;

	f->at_ns = left_at_ns + f->travel_ns;
	if (link->config.jitter_ordered) {
		f->at_ns = rudp_time_max(f->at_ns, link->last_at_ns);
		link->last_at_ns = f->at_ns;
	}
	if (clump_ns > 0)
		f->at_ns = (f->at_ns + clump_ns - 1) / clump_ns * clump_ns;
}

static struct flying *take_twin(struct link *link)
{
	struct flying *twin = link->twin;

	link->twin = NULL;
	return twin;
}

struct flying *link_take(struct link *link, int64_t now_ns)
{
	struct nm_item *item;

	if (link->twin)
		return take_twin(link);
	while ((item = nm_hop_take(&link->hop, (uint64_t)now_ns))) {
		struct flying *f = (struct flying *)item;

		count_drop(link, item->outcome);
		if (item->outcome != NM_SENT || f->lost) {
			free_datagram(f);
			continue;
		}
		link->counts.delivered++;
		link->counts.bytes += f->len;
		link->counts.marked += item->marked;
		if (item->marked)
			f->ecn = FLYING_CE;
		set_arrival(link, f, (int64_t)item->left_at_ns);
		link->twin = f->twin;
		f->twin = NULL;
		if (link->twin) {
			link->twin->ecn = f->ecn;
			set_arrival(link, link->twin, (int64_t)item->left_at_ns);
		}
		return f;
	}
	return NULL;
}

void link_config_change_rate(struct link_config *config, double bits_per_s, int64_t at_ns)
{
	config->rate_later_bits_per_s = bits_per_s;
	config->change_at_ns = at_ns;
	config->queue_later_bytes =
		(size_t)((double)config->queue_bytes * bits_per_s / config->rate_bits_per_s);
}

static struct link *next_to_leave(const struct links *links)
{
	struct link *first = links->link[0];

	for (int i = 1; i < links->count; i++)
		if (link_next_ns(links->link[i]) < link_next_ns(first))
			first = links->link[i];
	return first;
}

int64_t links_run(const struct links *links, struct flight *flight, int64_t until_ns)
{
	for (;;) {
		struct link *link = next_to_leave(links);
		struct flying *f;

		until_ns = rudp_time_min(until_ns, flight_next_ns(flight));
		if (link_next_ns(link) > until_ns || link_next_ns(link) == RUDP_NEVER)
			return until_ns;
		f = link_take(link, link_next_ns(link));
		if (!f)
			continue;
		if (links->arrival_ns)
			f->at_ns = links->arrival_ns(links->context, f);
		if (!flight_insert(flight, f))
			return -1;
	}
}

void link_corrupt(struct link *link, struct prng *prng, uint8_t *data, size_t len)
{
	if (!prng_chance(prng, link->config.corrupt))
		return;
	data[prng_between(prng, 0, (int64_t)len - 1)] ^= (uint8_t)(1u << prng_between(prng, 0, 7));
	link->counts.corrupted++;
}
