/* SPDX-License-Identifier: MIT */
#include "link.h"
#include "ecn.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

/* Streams of the seed: one per direction, one for the NAT. */
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

static void lane_init(struct lane *lane, const struct linkem_conf *conf, enum direction direction)
{
	size_t bytes_max, packets_max;

	memset(lane, 0, sizeof *lane);
	lane->conf = &conf->direction[direction];
	prng_init(&lane->prng, conf->seed, direction);
	line_init(&lane->line);
	link_queue_limits(conf, direction, &bytes_max, &packets_max);
	queue_init(&lane->queue, lane->conf->rate_bps, bytes_max, packets_max);
	lane->mark_bytes = lane->mark_packets = SIZE_MAX;
	if (lane->conf->rate_bps && lane->conf->mark.amount > 0)
		limits_from(&lane->conf->mark, bdp_bytes(conf, direction), 1, &lane->mark_bytes,
			    &lane->mark_packets);
	lane->stats.queue_bytes_limit = bytes_max;
	lane->stats.queue_packets_limit = packets_max;
}

void link_init(struct link *link, const struct linkem_conf *conf)
{
	struct prng prng;

	link->conf = conf;
	link->started = false;
	link->started_at_ns = 0;
	for (enum direction d = 0; d < DIRECTIONS; d++)
		lane_init(&link->lane[d], conf, d);
	prng_init(&prng, conf->seed, STREAM_NAT);
	nat_init(&link->nat, &conf->nat, &prng);
}

void link_fini(struct link *link)
{
	for (enum direction d = 0; d < DIRECTIONS; d++) {
		queue_fini(&link->lane[d].queue);
		line_fini(&link->lane[d].line);
	}
}

uint64_t link_elapsed_ns(const struct link *link, uint64_t now_ns)
{
	return link->started && now_ns > link->started_at_ns ? now_ns - link->started_at_ns : 0;
}

uint64_t link_queue_delay_ns(const struct link *link, enum direction direction, uint64_t now_ns)
{
	uint64_t free_at_ns = link->lane[direction].queue.free_at_ns;

	return free_at_ns > now_ns ? free_at_ns - now_ns : 0;
}

/* The delay of one packet: the fixed one, jitter around it, and now and then a detour. */
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

static void put_on_line(struct lane *lane, uint64_t departs_at_ns, const struct packet_view *view)
{
	if (!line_put(&lane->line, draw_due_at(lane, departs_at_ns), view->data, view->size))
		lane->stats.drops[DROP_OVERFLOW]++;
}

/* Behind the bottleneck: what the medium does to the packet. */
static void transmit(struct lane *lane, uint64_t departs_at_ns, const struct packet_view *view)
{
	const struct direction_conf *conf = lane->conf;
	bool lost = prng_chance(&lane->prng, conf->loss);
	bool lost_in_burst = burst_step(&lane->burst, &conf->burst, &lane->prng);
	bool corrupt = prng_chance(&lane->prng, conf->corrupt);
	bool duplicate = prng_chance(&lane->prng, conf->duplicate);

	if (lost || lost_in_burst) {
		lane->stats.drops[lost ? DROP_LOSS : DROP_BURST]++;
		return;
	}
	if (corrupt && packet_corrupt(view, &lane->prng, conf->corrupt_undetected))
		lane->stats.corrupted++;
	put_on_line(lane, departs_at_ns, view);
	if (duplicate) {
		lane->stats.duplicated++;
		put_on_line(lane, departs_at_ns, view);
	}
}

static void count_delay(struct link *link, struct lane *lane, uint64_t now_ns, uint64_t delay_ns)
{
	uint64_t elapsed_ns = link_elapsed_ns(link, now_ns);

	histogram_add(&lane->stats.queue_delay, delay_ns);
	if (elapsed_ns >= link->conf->settled_from_ns && elapsed_ns < link->conf->settled_to_ns)
		histogram_add(&lane->stats.queue_delay_settled, delay_ns);
	if (delay_ns > lane->stats.queue_delay_peak_ns)
		lane->stats.queue_delay_peak_ns = delay_ns;
}

/* The packet is in the queue already; what was there before it decides. */
static void mark(struct lane *lane, const struct packet_view *view)
{
	const struct queue *queue = &lane->queue;

	if (queue->bytes - view->size > lane->mark_bytes || queue->packets - 1 > lane->mark_packets)
		lane->stats.marked += ecn_mark(view);
}

static void enqueue(struct link *link, struct lane *lane, uint64_t now_ns,
		    const struct packet_view *view)
{
	struct direction_stats *stats = &lane->stats;
	uint64_t departs_at_ns;

	if (!queue_admit(&lane->queue, now_ns, view->size, &departs_at_ns)) {
		stats->drops[DROP_QUEUE]++;
		return;
	}
	if (lane->queue.rate_bps) {
		count_delay(link, lane, now_ns, departs_at_ns - now_ns);
		mark(lane, view);
	}
	if (lane->queue.bytes > stats->queue_bytes_max)
		stats->queue_bytes_max = lane->queue.bytes;
	if (lane->queue.packets > stats->queue_packets_max)
		stats->queue_packets_max = lane->queue.packets;
	transmit(lane, departs_at_ns, view);
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

static void start_clock(struct link *link, uint64_t now_ns, const struct packet_view *view)
{
	if (!link->started && (view->protocol == PROTOCOL_TCP || view->protocol == PROTOCOL_UDP)) {
		link->started = true;
		link->started_at_ns = now_ns;
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
	else if (conf->path_mtu_bytes && size > conf->path_mtu_bytes)
		lane->stats.drops[DROP_PATH_MTU]++;
	else
		enqueue(link, lane, now_ns, &view);
}

/* The NAT is A's: it sees what comes from B when that arrives, not when it was sent. */
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

uint64_t link_next_at(const struct link *link)
{
	uint64_t ab = line_next_at(&link->lane[DIRECTION_AB].line);
	uint64_t ba = line_next_at(&link->lane[DIRECTION_BA].line);

	return ab < ba ? ab : ba;
}
