/* SPDX-License-Identifier: MIT */
/* BBR's outputs: pacing rate, send quantum and window (draft section 5.6). */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

/*
 * The lowest rate is the smallest window per second. At a lower rate one burst would block the
 * pacer for longer than the path may need to recover.
 */
#define PACING_WINDOW_NS_MAX (1 * RUDP_NS_PER_S)

static const struct {
	uint32_t pacing, cwnd;
} gains[] = {
#define X(state, name, pacing_gain, cwnd_gain) [BBR_##state] = {pacing_gain, cwnd_gain},
	BBR_STATES(X)
#undef X
};

uint64_t rudp_bbr_cwnd_min_bytes(const struct rudp_cc *cc)
{
	return BBR_CWND_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes;
}

uint64_t rudp_bbr_initial_window_bytes(const struct rudp_cc *cc)
{
	return rudp_cc_mul_div(rudp_cc_initial_window_bytes(cc->datagram_bytes),
			       BBR_INITIAL_WINDOW_GAIN, 100);
}

uint64_t rudp_bbr_bdp_bytes(const struct rudp_cc *cc, uint64_t bw, uint32_t gain_percent)
{
	const struct bbr *b = bbr_of_const(cc);

	if (b->min_rtt_ns == RUDP_NEVER)
		return rudp_bbr_initial_window_bytes(cc);
	return rudp_cc_mul_div(rudp_cc_bytes_in(bw, b->min_rtt_ns), gain_percent, 100);
}

/*
 * Adds room for packets in the hosts (offload, batching), and two datagrams so that a probe has an
 * effect.
 */
static uint64_t quantized(const struct rudp_cc *cc, uint64_t inflight)
{
	inflight = rudp_max(inflight, cc->send_quantum_bytes);
	inflight = rudp_max(inflight, rudp_bbr_cwnd_min_bytes(cc));
	if (bbr_of_const(cc)->state == BBR_UP)
		inflight += 2 * (uint64_t)cc->datagram_bytes;
	return inflight;
}

uint64_t rudp_bbr_inflight_bytes(const struct rudp_cc *cc, uint64_t bw, uint32_t gain_percent)
{
	return quantized(cc, rudp_bbr_bdp_bytes(cc, bw, gain_percent));
}

uint64_t rudp_bbr_target_inflight_bytes(const struct rudp_cc *cc)
{
	return rudp_min(rudp_bbr_bdp_bytes(cc, bbr_of_const(cc)->bw, 100), cc->cwnd_bytes);
}

uint64_t rudp_bbr_probe_rtt_cwnd_bytes(const struct rudp_cc *cc)
{
	return rudp_max(rudp_bbr_bdp_bytes(cc, bbr_of_const(cc)->bw, BBR_PROBE_RTT_CWND_GAIN),
			rudp_bbr_cwnd_min_bytes(cc));
}

static void set_rate(struct rudp_cc *cc, uint64_t rate)
{
	cc->pacing_bytes_per_s =
		rudp_max(rate, rudp_cc_rate(rudp_bbr_cwnd_min_bytes(cc), PACING_WINDOW_NS_MAX));
	cc->send_quantum_bytes = rudp_bbr_quantum_bytes(cc);
	if (rudp_bbr_wants_trains(bbr_of_const(cc)))
		cc->send_quantum_bytes = rudp_max(cc->send_quantum_bytes,
						  rudp_cc_initial_window_bytes(cc->datagram_bytes));
}

/* The bandwidth is unknown: uses the window per RTT. */
void rudp_bbr_init_pacing(struct rudp_cc *cc, int64_t rtt_ns)
{
	uint64_t window = rudp_bbr_initial_window_bytes(cc);

	set_rate(cc, rudp_cc_mul_div(rudp_cc_rate(window, rudp_time_max(rtt_ns, 1)),
				     BBR_STARTUP_PACING_GAIN, 100));
}

/*
 * Several connections start at the same time, so the trains' estimate is for all of them. If they
 * are many, the first flight is smaller, but not below that of RFC 9002. If they are few it is not
 * reduced: the connection that started first would keep the bandwidth that the others did not use.
 */
void rudp_bbr_share(struct rudp_cc *cc, uint32_t starters)
{
	struct bbr *b = bbr_of(cc);
	uint64_t least = rudp_cc_initial_window_bytes(cc->datagram_bytes);
	uint64_t first = rudp_bbr_initial_window_bytes(cc);
	uint32_t part = (BBR_FIRST_FLIGHTS - 1 + starters) / BBR_FIRST_FLIGHTS;

	b->starters = starters;
	/* Only the handshake is acknowledged, and no earlier connection has measured the path. */
	if (starters > 1 && b->round_count <= 1 && !b->has_jumped)
		cc->cwnd_bytes = rudp_min(cc->cwnd_bytes, rudp_max(first / part, least));
}

/*
 * Sets the window to what the path held before (host_cache.h), paced over a round trip. If it is
 * too much, the first round shows it, as in any start-up. Trains tell whether the path holds more.
 */
void rudp_bbr_jump(struct rudp_cc *cc, uint64_t bytes, int64_t span_ns)
{
	struct bbr *b = bbr_of(cc);
	uint64_t rate = rudp_cc_mul_div(rudp_cc_rate(bytes, rudp_time_max(span_ns, 1)),
					BBR_TRAIN_PACING_GAIN, 100);

	if (b->state != BBR_STARTUP || b->holding || bytes <= cc->cwnd_bytes)
		return;
	cc->cwnd_bytes = b->round_cwnd_bytes = bytes;
	b->has_jumped = true;
	if (rate > cc->pacing_bytes_per_s)
		set_rate(cc, rate);
}

/* At least the rate at which the whole window is sent within this RTT. */
static uint64_t startup_rate(const struct rudp_cc *cc, uint64_t rate)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t window_rate = rudp_cc_rate(cc->cwnd_bytes, b->min_rtt_ns);

	if (rudp_bbr_are_trains_sure(b))
		return rudp_max(rudp_cc_mul_div(window_rate, BBR_TRAIN_PACING_GAIN, 100), b->bw);
	return rudp_max(rate, rudp_cc_mul_div(window_rate,
					      rudp_bbr_is_far_by_trains(cc)
						      ? BBR_STARTUP_PACING_GAIN
						      : BBR_STARTUP_WINDOW_PACING_GAIN,
					      100));
}

/*
 * Whether to pace below the bandwidth. That drains queues that other flows leave, and those of a
 * stalled host if the stall is a large part of an RTT. Otherwise DOWN has drained the queue that
 * the probe made.
 */
static bool is_margin_needed(const struct bbr *b)
{
	return !b->up_alone || b->min_rtt_ns / BBR_DELAY_DIVISOR < BBR_DELAY_NS_MIN;
}

/*
 * While the pipe is not full the rate only rises: samples limited by the application say nothing.
 */
void rudp_bbr_set_pacing_with_gain(struct rudp_cc *cc, uint32_t gain_percent)
{
	const struct bbr *b = bbr_of_const(cc);
	uint32_t margin = is_margin_needed(b) ? BBR_PACING_MARGIN : 0;
	uint64_t rate = rudp_cc_mul_div(b->bw, gain_percent * (100 - margin), 100 * 100);

	if (b->bw == 0)
		return;
	if (b->state == BBR_STARTUP && !b->holding && b->min_rtt_ns != RUDP_NEVER)
		rate = startup_rate(cc, rate);
	if (b->full_bw_reached || b->holding || rudp_bbr_are_trains_sure(b) ||
	    rate > cc->pacing_bytes_per_s)
		set_rate(cc, rate);
}

void rudp_bbr_save_cwnd(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	if (!b->loss_in_round && b->state != BBR_PROBE_RTT)
		b->prior_cwnd_bytes = cc->cwnd_bytes;
	else
		b->prior_cwnd_bytes = rudp_max(b->prior_cwnd_bytes, cc->cwnd_bytes);
}

static void bound_cwnd(struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t cap = BBR_INFINITE;

	if (b->state == BBR_PROBE_RTT)
		cc->cwnd_bytes = rudp_min(cc->cwnd_bytes, rudp_bbr_probe_rtt_cwnd_bytes(cc));
	if ((b->state == BBR_CRUISE && !rudp_bbr_is_beside_unresponsive(b)) ||
	    b->state == BBR_PROBE_RTT)
		cap = rudp_bbr_with_headroom(cc);
	else if (rudp_bbr_is_probe_bw(b) || b->state == BBR_DRAIN)
		cap = b->inflight_longterm;
	cap = rudp_min(cap, b->inflight_shortterm);
	cc->cwnd_bytes = rudp_min(cc->cwnd_bytes, rudp_max(cap, rudp_bbr_cwnd_min_bytes(cc)));
	cc->ssthresh_bytes = rudp_max(b->inflight_longterm, rudp_bbr_cwnd_min_bytes(cc));
}

static void grow_in_startup(struct rudp_cc *cc, const struct rudp_cc_ack *ack, uint64_t most)
{
	bool known = rudp_bbr_may_trains_grow(bbr_of_const(cc), ack);

	if (known || cc->cwnd_bytes < most ||
	    ack->delivered_total_bytes < rudp_bbr_initial_window_bytes(cc))
		cc->cwnd_bytes += rudp_bbr_train_growth_bytes(cc, ack);
}

/* The window that the state's gain allows. */
uint64_t rudp_bbr_gain_bytes(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return rudp_bbr_bdp_bytes(cc, b->bw, gains[b->state].cwnd) + rudp_bbr_extra_acked(b);
}

/* The limit of bytes in flight in this state. */
static uint64_t limit_bytes(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t most = rudp_bbr_gain_bytes(cc);
	uint64_t held = rudp_bbr_bdp_bytes(cc, b->bw, 100);

	/*
	 * up_inflight_bytes includes the current ACK aggregation. Adding the worst of ten rounds
	 * would add to the queue of every probe: hosts that stalled for 4 ms made it 7 ms instead
	 * of 3 ms.
	 */
	if (!b->up_alone)
		held += rudp_bbr_extra_acked(b);
	if (b->state == BBR_UP && b->up_extra_bytes < BBR_INFINITE)
		most = rudp_min(most, rudp_max(held, b->up_inflight_bytes) + b->up_extra_bytes);
	return quantized(cc, most);
}

static void set_cwnd(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t most = limit_bytes(cc);

	if (b->full_bw_reached)
		cc->cwnd_bytes = rudp_min(cc->cwnd_bytes + ack->acked_bytes, most);
	else if (b->holding)
		cc->cwnd_bytes = rudp_bbr_inflight_bytes(cc, b->bw, BBR_HOLD_CWND_GAIN);
	else
		grow_in_startup(cc, ack, most);
	cc->cwnd_bytes = rudp_max(cc->cwnd_bytes, rudp_bbr_cwnd_min_bytes(cc));
	bound_cwnd(cc);
}

/*
 * If a probe found no foreign queue, the queue is its own. It should drain within an RTT: at 90 % a
 * queue of 7 ms lasted for 60 ms. If other flows are in the queue too, the rate is the draft's 90
 * %: they would take whatever we give up beyond that.
 */
static uint32_t down_gain(const struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t bdp = rudp_bbr_bdp_bytes(cc, b->bw, 100), excess;

	if (!b->up_alone || bdp == 0 || ack->inflight_bytes <= bdp)
		return BBR_DOWN_PACING_GAIN;
	excess = rudp_cc_mul_div(ack->inflight_bytes - bdp, 100, bdp);
	excess = rudp_max(excess, 100 - BBR_DOWN_PACING_GAIN);
	return (uint32_t)(100 - rudp_min(excess, 100 - BBR_DRAIN_PACING_GAIN));
}

static uint32_t pacing_gain(const struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	const struct bbr *b = bbr_of_const(cc);

	if (b->holding)
		return BBR_HOLD_PACING_GAIN;
	if (b->state == BBR_DOWN)
		return down_gain(cc, ack);
	/* A queue without other flows: a host has stalled, or the bandwidth is overestimated. */
	if (b->state == BBR_CRUISE && b->up_alone && b->delayed_rounds >= BBR_OWN_QUEUE_ROUNDS)
		return BBR_DOWN_PACING_GAIN;
	return gains[b->state].pacing;
}

void rudp_bbr_set_control(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	/* The window comes first: in STARTUP the rate depends on it. */
	set_cwnd(cc, ack);
	rudp_bbr_set_pacing_with_gain(cc, pacing_gain(cc, ack));
}
