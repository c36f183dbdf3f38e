/* SPDX-License-Identifier: MIT */
#include "link.h"

#define IP_UDP_BYTES 28

static bool is_lost(struct link *link, struct prng *prng)
{
	const struct link_config *c = &link->config;

	if (c->burst_loss > 0) {
		double leave = 1 / c->burst_len;
		double enter = leave * c->burst_loss / (1 - c->burst_loss);

		link->in_burst = link->in_burst ? !prng_chance(prng, leave)
						: prng_chance(prng, enter);
		if (link->in_burst)
			return true;
	}
	return prng_chance(prng, c->loss);
}

static bool is_blacked_out(const struct link *link, int64_t now_ns)
{
	const struct link_config *c = &link->config;

	return c->blackout_every_ns > 0 &&
	       now_ns % c->blackout_every_ns >= c->blackout_every_ns - c->blackout_ns;
}

static int64_t travel_ns(struct link *link, struct prng *prng)
{
	const struct link_config *c = &link->config;
	int64_t ns = c->delay_ns;

	if (c->jitter_ns > 0)
		ns += prng_between(prng, 0, c->jitter_ns);
	if (prng_chance(prng, c->reorder))
		ns += c->reorder_ns;
	return ns;
}

static int64_t arrival_at_ns(struct link *link, struct prng *prng, int64_t out_at_ns)
{
	int64_t at_ns = out_at_ns + travel_ns(link, prng);
	int64_t clump_ns = link->config.clump_ns;

	if (link->config.jitter_ordered) {
		at_ns = at_ns > link->last_at_ns ? at_ns : link->last_at_ns;
		link->last_at_ns = at_ns;
	}
	return clump_ns > 0 ? (at_ns + clump_ns - 1) / clump_ns * clump_ns : at_ns;
}

static bool has_changed(const struct link_config *c, int64_t now_ns)
{
	return c->change_at_ns > 0 && now_ns >= c->change_at_ns;
}

/* false: the queue is full. */
static bool pass_queue(struct link *link, size_t bytes, int64_t now_ns, int64_t *out_at_ns)
{
	const struct link_config *c = &link->config;
	bool later = has_changed(c, now_ns) && c->rate_later_bits_per_s > 0;
	double rate_bits_per_s = later ? c->rate_later_bits_per_s : c->rate_bits_per_s;
	int64_t start = link->free_at_ns > now_ns ? link->free_at_ns : now_ns;
	double waiting_bytes;

	*out_at_ns = now_ns;
	if (rate_bits_per_s <= 0)
		return true;
	waiting_bytes = (double)(start - now_ns) * rate_bits_per_s / 8e9;
	/* A queue as long as before, in time. */
	if (waiting_bytes + (double)bytes >
	    (double)c->queue_bytes * rate_bits_per_s / c->rate_bits_per_s)
		return false;
	link->free_at_ns = start + (int64_t)((double)bytes * 8e9 / rate_bits_per_s);
	*out_at_ns = link->free_at_ns;
	return true;
}

static bool is_too_big(const struct link *link, size_t bytes, int64_t now_ns)
{
	const struct link_config *c = &link->config;
	size_t max = has_changed(c, now_ns) ? c->datagram_max_later : c->datagram_max;

	return max > 0 && bytes > max;
}

int link_offer(struct link *link, struct prng *prng, size_t bytes, int64_t now_ns, int64_t at_ns[2])
{
	int64_t out_at_ns;
	int count = 1;

	link->counts.offered++;
	if (!pass_queue(link, bytes + IP_UDP_BYTES, now_ns, &out_at_ns)) {
		link->counts.dropped_queue++;
		return 0;
	}
	/* Behind the queue: a large one that vanishes has taken its time on the wire before. */
	if (is_too_big(link, bytes, now_ns)) {
		link->counts.dropped_size++;
		return 0;
	}
	if (is_lost(link, prng) || is_blacked_out(link, now_ns)) {
		link->counts.lost++;
		return 0;
	}
	at_ns[0] = arrival_at_ns(link, prng, out_at_ns);
	if (prng_chance(prng, link->config.duplicate)) {
		at_ns[1] = arrival_at_ns(link, prng, out_at_ns);
		link->counts.duplicated++;
		count = 2;
	}
	link->counts.delivered++;
	link->counts.bytes += bytes;
	return count;
}

void link_corrupt(struct link *link, struct prng *prng, uint8_t *data, size_t len)
{
	if (!prng_chance(prng, link->config.corrupt))
		return;
	data[prng_between(prng, 0, (int64_t)len - 1)] ^= (uint8_t)(1u << prng_between(prng, 0, 7));
	link->counts.corrupted++;
}
