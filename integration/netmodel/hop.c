/* SPDX-License-Identifier: MIT */
#include "hop.h"

bool nm_hop_init(struct nm_hop *hop, const struct nm_hop_conf *conf)
{
	*hop = (struct nm_hop){0};
	nm_token_bucket_init(&hop->policer, conf->police_bits_per_s, conf->police_burst_bytes);
	nm_aggregator_init(&hop->aggregator, conf->aggregate_ns, conf->aggregate_packets_max);
	return nm_bottleneck_init(&hop->bottleneck, &conf->bottleneck);
}

void nm_hop_fini(struct nm_hop *hop)
{
	nm_bottleneck_fini(&hop->bottleneck);
}

bool nm_hop_submit(struct nm_hop *hop, struct nm_item *item, uint64_t now_ns)
{
	return nm_bottleneck_submit(&hop->bottleneck, item, now_ns);
}

uint64_t nm_hop_next_at(const struct nm_hop *hop)
{
	uint64_t bottleneck_ns = nm_bottleneck_next_at(&hop->bottleneck);
	uint64_t aggregator_ns = nm_aggregator_next_at(&hop->aggregator);

	return bottleneck_ns < aggregator_ns ? bottleneck_ns : aggregator_ns;
}

/* Returns the item where the hop drops it. */
static struct nm_item *police(struct nm_hop *hop, struct nm_item *item)
{
	if (item->outcome != NM_SENT)
		return item;
	if (nm_token_bucket_pass(&hop->policer, item->sent_at_ns, item->bytes))
		return NULL;
	item->outcome = NM_DROPPED_POLICER;
	return item;
}

static struct nm_item *add_delay(struct nm_hop *hop, struct nm_item *item)
{
	item->left_at_ns += nm_rate_delay_ns(&hop->bottleneck.conf.rate, item->left_at_ns);
	if (item->left_at_ns < hop->last_left_at_ns)
		item->left_at_ns = hop->last_left_at_ns;
	hop->last_left_at_ns = item->left_at_ns;
	return item;
}

struct nm_item *nm_hop_take(struct nm_hop *hop, uint64_t now_ns)
{
	struct nm_item *item;

	while ((item = nm_bottleneck_take(&hop->bottleneck, now_ns))) {
		if (police(hop, item))
			return item;
		nm_aggregator_put(&hop->aggregator, item);
	}
	item = nm_aggregator_take(&hop->aggregator, now_ns);
	return item ? add_delay(hop, item) : NULL;
}

struct nm_item *nm_hop_drain(struct nm_hop *hop)
{
	struct nm_item *item = nm_bottleneck_drain(&hop->bottleneck);

	return item ? item : nm_aggregator_take(&hop->aggregator, NM_NEVER);
}
