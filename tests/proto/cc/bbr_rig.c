/* SPDX-License-Identifier: MIT */
#include "bbr_rig.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/cc/cc_pace.h"

struct bbr_rig *bbr_rig_new(void)
{
	static struct bbr_rig rig;

	rig = (struct bbr_rig){
		.rtt = {.samples = 1, .latest_ns = RTT_NS, .srtt_ns = RTT_NS, .min_ns = RTT_NS},
		.now_at_ns = RUDP_NS_PER_S,
		.inflight_bytes = ROUND_PACKETS * DATAGRAM,
	};
	rudp_cc_init(&rig.cc, &rudp_cc_bbr, DATAGRAM, rig.now_at_ns);
	rig.b = bbr_of(&rig.cc);
	return &rig;
}

void bbr_rig_ack(struct bbr_rig *rig, uint64_t packets, uint64_t rate)
{
	struct rudp_cc_ack ack = {
		.now_at_ns = rig->now_at_ns,
		.acked_bytes = packets * DATAGRAM,
		.inflight_bytes = rig->inflight_bytes,
		.inflight_before_bytes = rig->inflight_bytes,
		.largest_acked_number = rig->acked + packets - 1,
		.next_number = rig->next,
		.rtt = &rig->rtt,
		.has_rtt = true,
		.rate = {.delivered_bytes = rudp_cc_bytes_in(rate, RTT_NS),
			 .interval_ns = RTT_NS,
			 .lost_bytes = rig->lost_bytes,
			 .inflight_at_send_bytes = rig->inflight_bytes,
			 .app_limited = rig->app_limited},
		.ecn_ce_new = rig->marks,
		.cwnd_limited = rig->cwnd_limited,
	};

	rig->acked += packets;
	ack.delivered_total_bytes = rig->acked * DATAGRAM;
	rig->cc.ops->on_ack(&rig->cc, &ack);
}

void bbr_rig_round(struct bbr_rig *rig, uint64_t rate)
{
	for (unsigned i = 0; i < ROUND_PACKETS; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next + i, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	rig->next += ROUND_PACKETS;
	for (unsigned i = 0; i < 10; i++) {
		rig->now_at_ns += rig->rtt.latest_ns / 10;
		bbr_rig_ack(rig, ROUND_PACKETS / 10, rate);
	}
}

void bbr_rig_piece(struct bbr_rig *rig, uint64_t packets, int64_t rtt_ns)
{
	for (unsigned i = 0; i < PIECE_PACKETS; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	rig->now_at_ns += RTT_NS / 10;
	rig->rtt.latest_ns = rtt_ns;
	bbr_rig_ack(rig, packets, RATE);
}

void bbr_rig_pieces(struct bbr_rig *rig, unsigned count, uint64_t packets, int64_t rtt_ns)
{
	for (unsigned i = 0; i < count; i++)
		bbr_rig_piece(rig, packets, rtt_ns);
}

uint64_t bbr_rig_gain(const struct bbr_rig *rig)
{
	int64_t short_ns = BBR_DELAY_NS_MIN * BBR_DELAY_DIVISOR;
	bool none = rig->b->up_alone && rig->b->min_rtt_ns >= short_ns;
	uint64_t kept = none ? 100 : 100 - BBR_PACING_MARGIN;

	return (rig->cc.pacing_bytes_per_s * 10000 / kept + rig->b->bw / 2) / rig->b->bw;
}

static void lose(struct bbr_rig *rig, uint32_t packets, uint32_t runs)
{
	struct rudp_cc_loss loss = {
		.now_at_ns = rig->now_at_ns,
		.lost_bytes = packets * DATAGRAM,
		.lost_packets = packets,
		.lost_runs = runs,
		.largest_lost_number = rig->acked,
		.next_number = rig->next,
		.inflight_bytes = rig->inflight_bytes,
		.rtt = &rig->rtt,
	};

	rig->cc.ops->on_loss(&rig->cc, &loss);
}

void bbr_rig_lose(struct bbr_rig *rig, uint32_t packets)
{
	lose(rig, packets, packets);
}

void bbr_rig_lose_run(struct bbr_rig *rig, uint32_t packets)
{
	lose(rig, packets, 1);
}

void bbr_rig_until(struct bbr_rig *rig, enum bbr_state state)
{
	for (int i = 0; i < 200 && rig->b->state != state; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, (int)state));
}

struct bbr_rig *bbr_rig_cruising(void)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_until(rig, BBR_CRUISE);
	bbr_rig_until(rig, BBR_UP);
	bbr_rig_until(rig, BBR_CRUISE);
	bbr_rig_round(rig, RATE); /* the last ACK of the round */
	return rig;
}
