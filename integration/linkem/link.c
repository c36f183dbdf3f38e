/* SPDX-License-Identifier: MIT */
#include "link.h"
#include "ecn.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

/* Streams of the seed: one for each direction, one for the NAT. */
enum { STREAM_NAT = DIRECTIONS };

static enum direction reverse_of(enum direction direction)
{
	return direction == DIRECTION_AB ? DIRECTION_BA : DIRECTION_AB;
}

static size_t limit_from(double amount)
{
	return amount < 1 ? 1 : amount > 1e15 ? SIZE_MAX : (size_t)amount;
}

static double bdp_bytes(const struct linkem_conf *conf, enum direction direction)
{
	const struct direction_conf *own = &conf->direction[direction];
	uint64_t round_trip_ns = own->delay_ns + conf->direction[reverse_of(direction)].delay_ns;

	return (double)own->rate_bps / 8 * (double)round_trip_ns / 1e9;
}

/* An amount given in bandwidth-delay products is at least floor_bytes. */
static void limits_from(const struct queue_conf *queue, double one_bdp_bytes, double floor_bytes,
			size_t *bytes_max, size_t *packets_max)
{
	double bytes = queue->amount * one_bdp_bytes;

	switch (queue->unit) {
	case QUEUE_UNIT_BYTES:
		*bytes_max = limit_from(queue->amount);
		break;
	case QUEUE_UNIT_PACKETS:
		*packets_max = limit_from(queue->amount);
		break;
	case QUEUE_UNIT_BDP:
		*bytes_max = limit_from(bytes > floor_bytes ? bytes : floor_bytes);
		break;
	}
}

void link_queue_limits(const struct linkem_conf *conf, enum direction direction, size_t *bytes_max,
		       size_t *packets_max)
{
	const struct direction_conf *own = &conf->direction[direction];

	*bytes_max = *packets_max = SIZE_MAX;
	if (own->rate_bps)
		limits_from(&own->queue, bdp_bytes(conf, direction),
			    (double)conf->mtu_bytes * QUEUE_FLOOR_PACKETS, bytes_max, packets_max);
}

static bool supersedes(const struct nm_item *newer, const struct nm_item *older)
{
	return packet_ack_supersedes(&((const struct line_packet *)newer)->ack,
				     &((const struct line_packet *)older)->ack);
}

static struct nm_hop_conf hop_conf(struct lane *lane, const struct linkem_conf *conf,
				   enum direction direction)
{
	const struct direction_conf *own = lane->conf;
	struct nm_hop_conf hop = {
		.police_bits_per_s = (double)own->police_bps,
		.police_burst_bytes = own->police_burst_bytes,
		.aggregate_ns = own->aggregate_ns,
		.aggregate_packets_max = own->aggregate_packets,
	};
	struct nm_bottleneck_conf *bottleneck = &hop.bottleneck;

	bottleneck->rate.bits_per_s = (double)own->rate_bps;
	bottleneck->rate.trace = own->network ? &lane->trace : own->trace;
	bottleneck->discipline = own->discipline;
	bottleneck->codel = own->codel;
	bottleneck->pie = own->pie;
	bottleneck->marker = own->mark_delay;
	bottleneck->gaps = lane->gaps;
	bottleneck->supersedes = own->newest_ack_only ? supersedes : NULL;
	bottleneck->seed = conf->seed * DIRECTIONS + direction;
	link_queue_limits(conf, direction, &bottleneck->bytes_max, &bottleneck->packets_max);
	bottleneck->mark_above_bytes = bottleneck->mark_above_packets = SIZE_MAX;
	if (own->rate_bps && own->mark.amount > 0)
		limits_from(&own->mark, bdp_bytes(conf, direction), 1,
			    &bottleneck->mark_above_bytes, &bottleneck->mark_above_packets);
	return hop;
}

static bool lane_init(struct lane *lane, const struct linkem_conf *conf, enum direction direction)
{
	const struct direction_conf *own = &conf->direction[direction];
	struct nm_hop_conf hop;

	memset(lane, 0, sizeof *lane);
	lane->conf = own;
	prng_init(&lane->prng, conf->seed, direction);
	line_init(&lane->line);
	nm_trace_init(&lane->trace);
	hop = hop_conf(lane, conf, direction);
	lane->stats.queue_bytes_limit = hop.bottleneck.bytes_max;
	lane->stats.queue_packets_limit = hop.bottleneck.packets_max;
	if (hop.bottleneck.bytes_max > LINE_BYTES_MAX)
		hop.bottleneck.bytes_max = LINE_BYTES_MAX;
	if (own->network &&
	    !nm_synthetic(&lane->trace, own->network, (double)own->rate_bps, hop.bottleneck.seed))
		return false;
	return nm_hop_init(&lane->hop, &hop);
}

bool link_init(struct link *link, const struct linkem_conf *conf)
{
	struct prng prng;
	bool ok = true;

	link->conf = conf;
	link->started = false;
	link->started_at_ns = 0;
	for (enum direction d = 0; d < DIRECTIONS; d++)
		ok &= lane_init(&link->lane[d], conf, d);
	prng_init(&prng, conf->seed, STREAM_NAT);
	nat_init(&link->nat, &conf->nat, &prng);
	return ok;
}

static void lane_fini(struct lane *lane)
{
	struct nm_item *item;

	while ((item = nm_hop_drain(&lane->hop)))
		free(item);
	nm_hop_fini(&lane->hop);
	nm_trace_fini(&lane->trace);
	line_fini(&lane->line);
}

void link_fini(struct link *link)
{
	for (enum direction d = 0; d < DIRECTIONS; d++)
		lane_fini(&link->lane[d]);
}

uint64_t link_elapsed_ns(const struct link *link, uint64_t now_ns)
{
	return link->started && now_ns > link->started_at_ns ? now_ns - link->started_at_ns : 0;
}

uint64_t link_queue_delay_ns(struct link *link, enum direction direction, uint64_t now_ns)
{
	return nm_bottleneck_wait_ns(&link->lane[direction].hop.bottleneck, now_ns);
}

/* The delay of one packet: the fixed delay, jitter around it, and sometimes a reordering delay. */
static uint64_t draw_due_at(struct lane *lane, uint64_t departs_at_ns)
{
	const struct direction_conf *conf = lane->conf;
	double jitter_ns = (double)conf->jitter_ns;
	double delay_ns = (double)conf->delay_ns;
	bool detour = prng_chance(&lane->prng, conf->reorder);
	uint64_t due_at_ns;

	if (conf->jitter_pareto)
		delay_ns += jitter_ns * prng_pareto(&lane->prng);
	else
		delay_ns += jitter_ns * (2 * prng_unit(&lane->prng) - 1);
	due_at_ns = departs_at_ns + (delay_ns > 0 ? (uint64_t)delay_ns : 0);
	if (detour) {
		lane->stats.reordered++;
		return due_at_ns + conf->reorder_ns;
	}
	if (conf->jitter_ordered && due_at_ns < lane->last_due_at_ns)
		due_at_ns = lane->last_due_at_ns;
	lane->last_due_at_ns = due_at_ns;
	return due_at_ns;
}

static void put_on_line(struct lane *lane, uint64_t departs_at_ns, struct line_packet *packet)
{
	if (!line_insert(&lane->line, draw_due_at(lane, departs_at_ns), packet))
		lane->stats.drops[DROP_OVERFLOW]++;
}

/* After the hop: the impairments of the medium. */
static void transmit(struct lane *lane, uint64_t departs_at_ns, struct line_packet *packet)
{
	const struct direction_conf *conf = lane->conf;
	struct packet_view view = packet_parse(packet->data, packet->size);
	bool lost = prng_chance(&lane->prng, conf->loss);
	bool lost_in_burst = burst_step(&lane->burst, &conf->burst, &lane->prng);
	bool corrupt = prng_chance(&lane->prng, conf->corrupt);
	bool duplicate = prng_chance(&lane->prng, conf->duplicate);
	struct line_packet *copy = NULL;

	if (lost || lost_in_burst) {
		lane->stats.drops[lost ? DROP_LOSS : DROP_BURST]++;
		free(packet);
		return;
	}
	if (corrupt && packet_corrupt(&view, &lane->prng, conf->corrupt_undetected))
		lane->stats.corrupted++;
	if (duplicate)
		copy = line_packet_new(packet->data, packet->size);
	put_on_line(lane, departs_at_ns, packet);
	lane->stats.duplicated += duplicate;
	if (copy)
		put_on_line(lane, departs_at_ns, copy);
	else if (duplicate)
		lane->stats.drops[DROP_OVERFLOW]++;
}

static void count_delay(struct link *link, struct lane *lane, const struct nm_item *item)
{
	uint64_t elapsed_ns = link_elapsed_ns(link, item->queued_at_ns);
	uint64_t delay_ns = item->sent_at_ns - item->queued_at_ns;

	histogram_add(&lane->stats.queue_delay, delay_ns);
	if (elapsed_ns >= link->conf->settled_from_ns && elapsed_ns < link->conf->settled_to_ns)
		histogram_add(&lane->stats.queue_delay_settled, delay_ns);
}

static enum drop drop_of(enum nm_outcome outcome)
{
	switch (outcome) {
	case NM_DROPPED_AQM:
		return DROP_AQM;
	case NM_DROPPED_POLICER:
		return DROP_POLICER;
	case NM_DROPPED_ACK:
		return DROP_ACK;
	case NM_DROPPED_QUEUE:
	case NM_SENT:
		break;
	}
	return DROP_QUEUE;
}

static void mark(struct lane *lane, struct line_packet *packet)
{
	struct packet_view view = packet_parse(packet->data, packet->size);

	if (packet->item.marked)
		lane->stats.marked += ecn_mark(&view);
}

/* Moves packets that have left the hop to the line. */
static void advance(struct link *link, struct lane *lane, uint64_t now_ns)
{
	struct nm_item *item;

	while ((item = nm_hop_take(&lane->hop, now_ns))) {
		struct line_packet *packet = (struct line_packet *)item;

		if (item->outcome != NM_SENT) {
			lane->stats.drops[drop_of(item->outcome)]++;
			free(packet);
			continue;
		}
		if (nm_rate_is_limited(&lane->hop.bottleneck.conf.rate))
			count_delay(link, lane, item);
		mark(lane, packet);
		transmit(lane, item->left_at_ns, packet);
	}
}

static void note_filling(struct lane *lane, uint64_t now_ns)
{
	uint64_t wait_ns = nm_bottleneck_wait_ns(&lane->hop.bottleneck, now_ns);
	size_t bytes = nm_bottleneck_bytes(&lane->hop.bottleneck);
	size_t packets = nm_bottleneck_packets(&lane->hop.bottleneck);

	if (bytes > lane->stats.queue_bytes_max)
		lane->stats.queue_bytes_max = bytes;
	if (packets > lane->stats.queue_packets_max)
		lane->stats.queue_packets_max = packets;
	if (wait_ns > lane->stats.queue_delay_peak_ns)
		lane->stats.queue_delay_peak_ns = wait_ns;
}

static void enqueue(struct link *link, struct lane *lane, uint64_t now_ns,
		    const struct packet_view *view)
{
	struct line_packet *packet = line_packet_new(view->data, view->size);

	if (!packet) {
		lane->stats.drops[DROP_OVERFLOW]++;
		return;
	}
	packet->item.bytes = view->size;
	packet->item.flow = packet_flow_hash(view);
	packet->item.ecn_capable = packet_is_ecn_capable(view);
	packet->ack = packet_ack_of(view);
	advance(link, lane, now_ns);
	if (!nm_hop_submit(&lane->hop, &packet->item, now_ns)) {
		lane->stats.drops[drop_of(packet->item.outcome)]++;
		free(packet);
		return;
	}
	note_filling(lane, now_ns);
	advance(link, lane, now_ns);
}

static void refuse(struct link *link, enum direction direction, uint64_t now_ns,
		   const struct packet_view *view)
{
	struct lane *back = &link->lane[reverse_of(direction)];
	uint8_t answer[PACKET_REFUSAL_BYTES_MAX];
	size_t size = packet_refusal(view, answer);

	link->lane[direction].stats.drops[DROP_REFUSED]++;
	if (size && !line_put(&back->line, now_ns + back->conf->delay_ns, answer, size))
		back->stats.drops[DROP_OVERFLOW]++;
}

/* Traces and gaps start at the first packet. */
static void lane_start(struct lane *lane, uint64_t now_ns)
{
	struct nm_bottleneck_conf *conf = &lane->hop.bottleneck.conf;

	conf->rate.start_ns = now_ns;
	conf->gap_count = lane->conf->blackouts;
	for (size_t i = 0; i < conf->gap_count; i++) {
		lane->gaps[i] = lane->conf->blackout[i];
		lane->gaps[i].start_ns += now_ns;
	}
}

static bool is_too_big(const struct link *link, const struct direction_conf *conf, uint64_t now_ns,
		       size_t size)
{
	return conf->path_mtu_bytes && size > conf->path_mtu_bytes &&
	       link_elapsed_ns(link, now_ns) >= conf->path_mtu_from_ns;
}

static void start_clock(struct link *link, uint64_t now_ns, const struct packet_view *view)
{
	if (!link->started && (view->protocol == PROTOCOL_TCP || view->protocol == PROTOCOL_UDP)) {
		link->started = true;
		link->started_at_ns = now_ns;
		for (enum direction d = 0; d < DIRECTIONS; d++)
			lane_start(&link->lane[d], now_ns);
	}
	nat_set_epoch(&link->nat,
		      schedule_rebinds(&link->conf->nat, link_elapsed_ns(link, now_ns)));
}

void link_submit(struct link *link, enum direction direction, uint64_t now_ns, uint8_t *data,
		 size_t size)
{
	struct lane *lane = &link->lane[direction];
	const struct direction_conf *conf = lane->conf;
	struct packet_view view = packet_parse(data, size);
	unsigned protocol_bit = 1u << view.protocol;

	start_clock(link, now_ns, &view);
	traffic_add(&lane->stats.sent[view.protocol], &view);
	if (conf->drop_mask & protocol_bit) {
		lane->stats.drops[DROP_FILTER]++;
		return;
	}
	if (conf->refuse_mask & protocol_bit) {
		refuse(link, direction, now_ns, &view);
		return;
	}
	if (direction == DIRECTION_AB && nat_leave(&link->nat, &view) == NAT_TRANSLATED)
		lane->stats.translated++;
	if (link->started && schedule_is_dark(conf, link_elapsed_ns(link, now_ns)))
		lane->stats.drops[DROP_BLACKOUT]++;
	else if (is_too_big(link, conf, now_ns, size))
		lane->stats.drops[DROP_PATH_MTU]++;
	else
		enqueue(link, lane, now_ns, &view);
}

/* The NAT is at A: it sees packets from B when they arrive, not when they are sent. */
static bool passes_nat(struct link *link, struct lane *lane, const struct packet_view *view)
{
	switch (nat_enter(&link->nat, view)) {
	case NAT_UNCHANGED:
		return true;
	case NAT_TRANSLATED:
		lane->stats.translated++;
		return true;
	case NAT_FORGOTTEN:
		break;
	}
	lane->stats.drops[DROP_NAT]++;
	return false;
}

struct line_packet *link_take(struct link *link, enum direction direction, uint64_t now_ns)
{
	struct lane *lane = &link->lane[direction];
	struct line_packet *packet;
	struct packet_view view;

	advance(link, lane, now_ns);
	while ((packet = line_take(&lane->line, now_ns))) {
		view = packet_parse(packet->data, packet->size);
		start_clock(link, now_ns, &view);
		histogram_add(&lane->stats.late, now_ns - packet->due_at_ns);
		if (direction == DIRECTION_AB || passes_nat(link, lane, &view)) {
			traffic_add(&lane->stats.delivered[view.protocol], &view);
			return packet;
		}
		free(packet);
	}
	return NULL;
}

void link_on_refused_by_device(struct link *link, enum direction direction,
			       struct line_packet *packet)
{
	struct direction_stats *stats = &link->lane[direction].stats;
	struct packet_view view = packet_parse(packet->data, packet->size);
	struct traffic *traffic = &stats->delivered[view.protocol];

	traffic->packets--;
	traffic->bytes -= view.size;
	traffic->payload_bytes -= packet_payload_bytes(&view);
	stats->drops[DROP_DEVICE]++;
}

/*
 * A packet that leaves the hop is due after the shortest delay at the earliest, so the hop need not
 * be polled before: one wake-up for each packet.
 */
static uint64_t lane_next_at(const struct lane *lane)
{
	const struct direction_conf *conf = lane->conf;
	uint64_t line_at_ns = line_next_at(&lane->line), hop_at_ns = nm_hop_next_at(&lane->hop);
	uint64_t spread_ns = conf->jitter_pareto ? 0 : conf->jitter_ns;

	if (hop_at_ns != NM_NEVER && conf->delay_ns > spread_ns)
		hop_at_ns += conf->delay_ns - spread_ns;
	return hop_at_ns < line_at_ns ? hop_at_ns : line_at_ns;
}

uint64_t link_next_at(const struct link *link)
{
	uint64_t ab = lane_next_at(&link->lane[DIRECTION_AB]);
	uint64_t ba = lane_next_at(&link->lane[DIRECTION_BA]);

	return ab < ba ? ab : ba;
}

void link_under_way(const struct link *link, enum direction direction, size_t *packets,
		    size_t *bytes)
{
	const struct lane *lane = &link->lane[direction];

	*packets = lane->line.count + nm_bottleneck_packets(&lane->hop.bottleneck) +
		   lane->hop.aggregator.held.packets;
	*bytes = lane->line.bytes + nm_bottleneck_bytes(&lane->hop.bottleneck) +
		 lane->hop.aggregator.held.bytes;
}
