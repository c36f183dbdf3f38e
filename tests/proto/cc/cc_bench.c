/* SPDX-License-Identifier: MIT */
#include "cc_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/split_mix.h"
#include "proto/cc/pacer.h"

#define DATAGRAM_BYTES 1200
#define REORDER_PACKETS 3
#define PACKETS_MAX (1u << 17) /* in flight for one flow, a power of two */
#define QUEUE_STEP_NS (100 * RUDP_NS_PER_US)
#define QUEUE_STEPS 100000
#define PPM 1000000

enum packet_state {
	PACKET_SENT,
	PACKET_ACKED,
	PACKET_LOST,
};

struct packet {
	enum packet_state state;
	int64_t sent_at_ns, ack_at_ns; /* ack: RUDP_NEVER if dropped */
	int64_t first_sent_at_ns, delivered_at_ns;
	uint64_t delivered_bytes, lost_bytes, inflight_bytes;
	bool app_limited;
};

struct flow {
	const struct bench_flow_spec *spec;
	struct rudp_cc cc;
	struct rudp_pacer pacer;
	struct rudp_rtt rtt;
	struct packet *packets;
	uint64_t next;     /* number of the next packet */
	uint64_t oldest;   /* packets below it are acknowledged or lost */
	uint64_t arriving; /* the next packet whose ACK is awaited */
	uint64_t inflight_bytes, delivered_bytes, lost_bytes, sent_bytes, app_limited_until_bytes;
	int64_t first_sent_at_ns, delivered_at_ns, last_sent_at_ns;
	bool cwnd_limited;
	const char *first_state;
	struct bench_flow_result result;
};

struct bench {
	const struct bench_spec *spec;
	struct flow flows[BENCH_FLOWS_MAX];
	int64_t now_at_ns;
	int64_t link_free_at_ns;
	uint64_t random;
	uint64_t *queue_counts;
	uint64_t queue_samples;
	double queue_sum_ms, queue_max_ever_ms;
	uint64_t dropped_packets;
};

static struct packet *packet_of(struct flow *flow, uint64_t number)
{
	return &flow->packets[number & (PACKETS_MAX - 1)];
}

static uint64_t link_bits_per_s(const struct bench *bench)
{
	const struct bench_spec *spec = bench->spec;

	if (spec->link2_bits_per_s != 0 && bench->now_at_ns >= spec->change_at_ns)
		return spec->link2_bits_per_s;
	return spec->link_bits_per_s;
}

static void note_queue(struct bench *bench, int64_t wait_ns)
{
	double ms = (double)wait_ns / 1e6;
	int64_t step = wait_ns / QUEUE_STEP_NS;

	if (ms > bench->queue_max_ever_ms)
		bench->queue_max_ever_ms = ms;
	if (bench->now_at_ns < bench->spec->measure_from_at_ns)
		return;
	bench->queue_counts[step < QUEUE_STEPS ? step : QUEUE_STEPS - 1]++;
	bench->queue_samples++;
	bench->queue_sum_ms += ms;
}

/* When the ACK of a packet sent now arrives; RUDP_NEVER if the packet is lost. */
static int64_t pass_link(struct bench *bench, const struct flow *flow)
{
	uint64_t rate = link_bits_per_s(bench);
	int64_t now = bench->now_at_ns;
	int64_t wait_ns = rudp_time_max(bench->link_free_at_ns - now, 0);
	int64_t ack_at_ns;

	if (bench->spec->outage && now >= bench->spec->change_at_ns &&
	    now < bench->spec->change_at_ns + RUDP_NS_PER_S)
		return RUDP_NEVER;
	if (rudp_split_mix(&bench->random) % PPM < bench->spec->loss_ppm)
		return RUDP_NEVER;
	if ((double)wait_ns * (double)rate / 8e9 > (double)bench->spec->queue_bytes) {
		bench->dropped_packets++;
		return RUDP_NEVER;
	}
	note_queue(bench, wait_ns);
	bench->link_free_at_ns = now + wait_ns + (int64_t)(DATAGRAM_BYTES * 8e9 / (double)rate);
	ack_at_ns = bench->link_free_at_ns + flow->spec->rtt_ns;
	if (flow->spec->ack_slot_ns > 0)
		ack_at_ns += flow->spec->ack_slot_ns - ack_at_ns % flow->spec->ack_slot_ns;
	return ack_at_ns;
}

static void send_packet(struct bench *bench, struct flow *flow)
{
	int64_t now = bench->now_at_ns;
	struct packet *packet = packet_of(flow, flow->next);

	if (flow->inflight_bytes == 0) {
		flow->first_sent_at_ns = flow->delivered_at_ns = now;
		if (flow->next > 0)
			flow->cc.ops->on_idle_restart(&flow->cc, now);
	}
	flow->inflight_bytes += DATAGRAM_BYTES;
	flow->sent_bytes += DATAGRAM_BYTES;
	flow->last_sent_at_ns = now;
	*packet = (struct packet){
		.sent_at_ns = now,
		.ack_at_ns = pass_link(bench, flow),
		.first_sent_at_ns = flow->first_sent_at_ns,
		.delivered_at_ns = flow->delivered_at_ns,
		.delivered_bytes = flow->delivered_bytes,
		.lost_bytes = flow->lost_bytes,
		.inflight_bytes = flow->inflight_bytes,
		.app_limited = flow->app_limited_until_bytes > flow->delivered_bytes,
	};
	flow->cc.ops->on_sent(&flow->cc, flow->next, DATAGRAM_BYTES, flow->inflight_bytes, now);
	flow->next++;
	rudp_pacer_on_sent(&flow->pacer, flow->cc.pacing_bytes_per_s, flow->cc.send_quantum_bytes,
			   DATAGRAM_BYTES, now);
}

static bool has_data(const struct bench *bench, const struct flow *flow)
{
	int64_t open_ns = bench->now_at_ns - flow->spec->start_at_ns;

	if (flow->spec->app_bytes_per_s == 0)
		return true;
	return (double)flow->sent_bytes <=
	       (double)flow->spec->app_bytes_per_s * (double)open_ns / 1e9;
}

static bool window_allows(const struct flow *flow)
{
	return flow->inflight_bytes + DATAGRAM_BYTES <= flow->cc.cwnd_bytes;
}

static void send_allowed(struct bench *bench, struct flow *flow)
{
	uint64_t budget = rudp_pacer_budget_bytes(&flow->pacer, flow->cc.pacing_bytes_per_s,
						  flow->cc.send_quantum_bytes, bench->now_at_ns);

	while (budget > 0 && window_allows(flow) && has_data(bench, flow) &&
	       flow->next - flow->oldest < PACKETS_MAX) {
		send_packet(bench, flow);
		budget -= budget < DATAGRAM_BYTES ? budget : DATAGRAM_BYTES;
	}
	if (!has_data(bench, flow))
		flow->app_limited_until_bytes = flow->delivered_bytes + flow->inflight_bytes;
	else if (!window_allows(flow))
		flow->cwnd_limited = true;
}

/* A short form of RFC 9002 section 5.3; the bench does not depend on the product's code. */
static void take_rtt(struct flow *flow, int64_t rtt_ns)
{
	struct rudp_rtt *rtt = &flow->rtt;
	int64_t error_ns = rtt_ns - rtt->srtt_ns;

	rtt->latest_ns = rtt_ns;
	rtt->min_ns = rudp_time_min(rtt->min_ns, rtt_ns);
	if (rtt->samples++ == 0) {
		rtt->srtt_ns = rtt_ns;
		rtt->var_ns = rtt_ns / 2;
		return;
	}
	rtt->var_ns += ((error_ns < 0 ? -error_ns : error_ns) - rtt->var_ns) / 4;
	rtt->srtt_ns += error_ns / 8;
}

static struct rudp_rate_sample take_rate(struct flow *flow, const struct packet *packet)
{
	int64_t send_ns = packet->sent_at_ns - packet->first_sent_at_ns;
	int64_t ack_ns = flow->delivered_at_ns - packet->delivered_at_ns;
	struct rudp_rate_sample rate = {
		.interval_ns = rudp_time_max(send_ns, ack_ns),
		.lost_bytes = flow->lost_bytes - packet->lost_bytes,
		.inflight_at_send_bytes = packet->inflight_bytes,
		.app_limited = packet->app_limited,
	};

	flow->first_sent_at_ns = packet->sent_at_ns;
	if (rate.interval_ns >= flow->rtt.min_ns)
		rate.delivered_bytes = flow->delivered_bytes - packet->delivered_bytes;
	return rate;
}

static void lose_below(struct bench *bench, struct flow *flow, uint64_t end)
{
	struct rudp_cc_loss loss = {.now_at_ns = bench->now_at_ns, .rtt = &flow->rtt};

	for (; flow->oldest < end; flow->oldest++) {
		struct packet *packet = packet_of(flow, flow->oldest);

		if (packet->state != PACKET_SENT)
			continue;
		packet->state = PACKET_LOST;
		flow->inflight_bytes -= DATAGRAM_BYTES;
		flow->lost_bytes += DATAGRAM_BYTES;
		loss.lost_bytes += DATAGRAM_BYTES;
		loss.lost_packets++;
		loss.lost_runs++;
		loss.largest_lost_number = flow->oldest;
	}
	loss.next_number = flow->next;
	loss.inflight_bytes = flow->inflight_bytes;
	if (loss.lost_packets > 0)
		flow->cc.ops->on_loss(&flow->cc, &loss);
}

/* Processes all ACKs of the flow that have arrived by now, as one. */
static void take_acks(struct bench *bench, struct flow *flow)
{
	struct rudp_cc_ack ack = {
		.now_at_ns = bench->now_at_ns,
		.inflight_before_bytes = flow->inflight_bytes,
		.rtt = &flow->rtt,
		.has_rtt = true,
	};
	const struct packet *newest = NULL;

	for (; flow->arriving < flow->next; flow->arriving++) {
		struct packet *packet = packet_of(flow, flow->arriving);

		if (packet->ack_at_ns == RUDP_NEVER)
			continue;
		if (packet->ack_at_ns > bench->now_at_ns)
			break;
		packet->state = PACKET_ACKED;
		newest = packet;
		ack.acked_bytes += DATAGRAM_BYTES;
		ack.largest_acked_number = flow->arriving;
	}
	if (newest == NULL)
		return;
	flow->inflight_bytes -= ack.acked_bytes;
	flow->delivered_bytes += ack.acked_bytes;
	flow->delivered_at_ns = bench->now_at_ns;
	if (bench->now_at_ns >= bench->spec->measure_from_at_ns)
		flow->result.delivered_bytes += ack.acked_bytes;
	take_rtt(flow, bench->now_at_ns - newest->sent_at_ns);
	if (ack.largest_acked_number >= REORDER_PACKETS)
		lose_below(bench, flow, ack.largest_acked_number - REORDER_PACKETS + 1);
	ack.inflight_bytes = flow->inflight_bytes;
	ack.delivered_total_bytes = flow->delivered_bytes;
	ack.next_number = flow->next;
	ack.rate = take_rate(flow, newest);
	ack.cwnd_limited = flow->cwnd_limited;
	flow->cwnd_limited = false;
	flow->cc.ops->on_ack(&flow->cc, &ack);
}

static int64_t next_ack_at_ns(struct flow *flow)
{
	while (flow->arriving < flow->next &&
	       packet_of(flow, flow->arriving)->ack_at_ns == RUDP_NEVER)
		flow->arriving++;
	if (flow->arriving == flow->next)
		return RUDP_NEVER;
	return packet_of(flow, flow->arriving)->ack_at_ns;
}

/* No more ACKs will arrive: everything in flight is declared lost. */
static int64_t probe_at_ns(struct flow *flow)
{
	if (flow->inflight_bytes == 0 || next_ack_at_ns(flow) != RUDP_NEVER)
		return RUDP_NEVER;
	return flow->last_sent_at_ns + flow->rtt.srtt_ns +
	       rudp_time_max(4 * flow->rtt.var_ns, RUDP_NS_PER_MS);
}

static int64_t data_at_ns(const struct bench *bench, const struct flow *flow)
{
	int64_t at_ns = flow->spec->start_at_ns;

	if (flow->spec->app_bytes_per_s == 0)
		return bench->now_at_ns;
	return at_ns + 1 +
	       (int64_t)((double)flow->sent_bytes * 1e9 / (double)flow->spec->app_bytes_per_s);
}

static int64_t send_at_ns(const struct bench *bench, const struct flow *flow)
{
	if (!window_allows(flow))
		return RUDP_NEVER;
	return rudp_time_max(
		rudp_time_max(rudp_pacer_release_at_ns(&flow->pacer), data_at_ns(bench, flow)),
		flow->spec->start_at_ns);
}

static int64_t flow_next_at_ns(const struct bench *bench, struct flow *flow)
{
	int64_t at_ns = rudp_time_min(send_at_ns(bench, flow), next_ack_at_ns(flow));

	return rudp_time_min(at_ns, probe_at_ns(flow));
}

static void flow_step(struct bench *bench, struct flow *flow)
{
	if (next_ack_at_ns(flow) <= bench->now_at_ns)
		take_acks(bench, flow);
	if (probe_at_ns(flow) <= bench->now_at_ns)
		lose_below(bench, flow, flow->next);
	if (bench->now_at_ns >= flow->spec->start_at_ns)
		send_allowed(bench, flow);
	if (flow->result.startup_done_at_ns == RUDP_NEVER &&
	    strcmp(flow->cc.state_name, flow->first_state) != 0)
		flow->result.startup_done_at_ns = bench->now_at_ns;
}

static void flow_init(struct flow *flow, const struct bench_flow_spec *spec)
{
	flow->spec = spec;
	flow->packets = calloc(PACKETS_MAX, sizeof(*flow->packets));
	if (flow->packets == NULL)
		abort();
	rudp_cc_init(&flow->cc, spec->ops, DATAGRAM_BYTES, spec->start_at_ns);
	rudp_pacer_init(&flow->pacer, spec->start_at_ns);
	flow->rtt = (struct rudp_rtt){.srtt_ns = RUDP_RTT_INITIAL_NS, .min_ns = RUDP_NEVER};
	flow->first_state = flow->cc.state_name;
	flow->result.startup_done_at_ns = RUDP_NEVER;
}

static double queue_percentile_ms(const struct bench *bench, double part)
{
	uint64_t count = 0;

	for (int step = 0; step < QUEUE_STEPS; step++) {
		count += bench->queue_counts[step];
		if ((double)count >= part * (double)bench->queue_samples)
			return (double)(step + 1) * QUEUE_STEP_NS / 1e6;
	}
	return 0;
}

static struct bench_result finish(struct bench *bench)
{
	const struct bench_spec *spec = bench->spec;
	double span_s = (double)(spec->end_at_ns - spec->measure_from_at_ns) / 1e9;
	struct bench_result result = {
		.queue_mean_ms = bench->queue_sum_ms / (double)bench->queue_samples,
		.queue_p99_ms = queue_percentile_ms(bench, 0.99),
		.queue_max_ms = queue_percentile_ms(bench, 1.0),
		.queue_max_ever_ms = bench->queue_max_ever_ms,
		.dropped_packets = bench->dropped_packets,
	};
	uint64_t delivered = 0;

	for (uint32_t i = 0; i < spec->flow_count; i++) {
		struct flow *flow = &bench->flows[i];

		flow->result.sent_bytes = flow->sent_bytes;
		flow->result.lost_bytes = flow->lost_bytes;
		flow->result.cwnd_bytes = flow->cc.cwnd_bytes;
		flow->result.state_name = flow->cc.state_name;
		result.flows[i] = flow->result;
		delivered += flow->result.delivered_bytes;
		free(flow->packets);
	}
	free(bench->queue_counts);
	result.utilisation = (double)delivered * 8 / ((double)link_bits_per_s(bench) * span_s);
	return result;
}

struct bench_result bench_run(const struct bench_spec *spec)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bench_result result;

	if (bench == NULL)
		abort();
	bench->spec = spec;
	bench->random = spec->seed;
	bench->queue_counts = calloc(QUEUE_STEPS, sizeof(*bench->queue_counts));
	if (bench->queue_counts == NULL)
		abort();
	for (uint32_t i = 0; i < spec->flow_count; i++)
		flow_init(&bench->flows[i], &spec->flows[i]);
	for (;;) {
		int64_t at_ns = RUDP_NEVER;

		for (uint32_t i = 0; i < spec->flow_count; i++)
			at_ns = rudp_time_min(at_ns, flow_next_at_ns(bench, &bench->flows[i]));
		if (at_ns > spec->end_at_ns)
			break;
		bench->now_at_ns = rudp_time_max(bench->now_at_ns, at_ns);
		for (uint32_t i = 0; i < spec->flow_count; i++)
			flow_step(bench, &bench->flows[i]);
	}
	result = finish(bench);
	free(bench);
	return result;
}
