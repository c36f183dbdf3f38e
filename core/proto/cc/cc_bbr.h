/* SPDX-License-Identifier: MIT */
/*
 * cc_bbr - BBR: a model of the path (bandwidth, round-trip time, safe volume) instead of a reaction
 * to loss. Shared by the cc_bbr*.c files and their tests; nobody else looks in here.
 *
 * Source    draft-ietf-ccwg-bbr-06 (BBRv3), whose names are kept. What differs is listed here.
 *
 * Loss alone is not congestion. The draft lowers its bounds whenever more than 2 % are lost, which
 * on a path with 3 % of random loss ends in a small fraction of the link. Here losses count only
 * together with evidence, any of:
 *
 *   queue      the smallest RTT of the last or the current round is above the round trip without a
 *              queue (rudp_bbr_drained_rtt_ns) by min_rtt / 8 + 4 ms: even the luckiest packet has
 *   waited;
 *   shortfall  in two rounds in a row, neither idle nor limited by the application, bytes delivered
 *              and lost per second were under 80 % of the bytes sent per second in the round before:
 *              more is missing than the losses explain;
 *   heavy      more than 20 % of a round is lost (at least 24 datagrams): no link loses that much
 *              without being overloaded, and a policer shows neither a queue nor a shortfall. Or of
 *              the last rounds together, some 120 to 240 datagrams: a window of four loses no 24 in one;
 *   excess     (while probing) the loss is 10 points above the worst that a round has lost of late
 *              when the path was not probed: a buffer too shallow to show a delay.
 *
 *   With evidence the draft's responses are taken as they stand: the short-term bounds, the bound
 *   inflight_longterm and the end of the probe, the end of STARTUP. Without, a loss changes nothing
 *   but the account of losses. An ECN mark is a loss that carries its own evidence.
 *
 * The first flight is 32 datagrams, not the 10 of RFC 9002 section 7.2, which are for senders that
 * may let them leave at once: these leave in trains of ten at most, over a third of the round trip,
 * and so bring three trains' word of the path at once. It saves a long path a round trip.
 *
 * Startup is told by trains how far it is (cc_bbr_train.c). Packets that leave together, ten at
 * most in any path's first flights, are spread by the bottleneck; where the ACKs of one train say
 * that the path holds more than twice the window, it grows fourfold in the round trip instead of
 * twofold, and once three trains agree (within a quarter of their median) twentyfold, paced over
 * the round trip, to 80 % of what they say; from there on by a quarter. If no queue shows at one
 * and a half times of it the trains were wrong and the window doubles as ever. Trains whose ACKs
 * come in one lump say nothing; then all is as in the draft. Without a queue the median of the
 * trains is the bandwidth of the bottleneck; where others fill it, it is about our share of it.
 *
 * Where earlier connections have measured the path (known_paths.h) the first window is four fifths of a
 * BDP instead, and the trains in it say whether there is more.
 *
 * And where several connections to one host start together (startup_group.h) each takes no more
 * than twice its part of what the trains say, and the first flights are smaller, down to RFC 9002's.
 *
 * Startup ends by delay too: once 8 RTT samples in a row (4 where ACKs are rare) are above min_rtt
 * by an eighth (4 ms to 16 ms), the sender holds for a round trip, in which all ACKs are of packets
 * sent before: no more in flight than the bandwidth measured so far fills, which drains the queue
 * as fast as the link can. If the delay is still there at the end, the pipe is full; if not, it was
 * jitter and STARTUP goes on. It also goes on if the delay falls during the hold, or is still there
 * after DRAIN: docs/bbr.md says how jitter and a queue are told apart.
 *
 * The first probe comes a round trip after STARTUP. A probe (UP) puts no more in flight than a queue
 * takes that will be noticed (1.3 times the bound of the sign above, which in a probe begins at
 * 2 ms), from the third round on twice as much each round trip in which none is; it ends at the
 * sign, against the delay at which it began. The draft adds a quarter of all in flight: 150 ms of
 * queue on a path of 600 ms. What extra_acked allows for clumps of ACKs is no part of it: where no
 * queue stood when the probe began, it starts from what was then in flight, clumps and all.
 * And what it has built there is its own: DOWN sends less by what is in flight beyond a BDP, 50 % to
 * 90 %, and so empties it in about a round trip, as no bandwidth taken a little too high could. Beside
 * others it is the draft's 90 %: who yields more does not get it back. And it is over after four round
 * trips: the draft goes on until less than a BDP is in flight, which beside a flow that keeps a queue
 * never comes, and would be at 90 % of what it is left for most of its time.
 * It forgets inflight_longterm when a probe has got that far and met a queue instead of loss. Where
 * a queue stands already it is another's and a probe is the draft's.
 *
 * Who is alone is in no hurry. Where a probe began without a queue, the next may be 252 rounds off
 * instead of 63, up to the 2 s to 3 s of all: on a path of 10 ms a quarter as many probes, each of
 * which is a queue. What losses have taken comes back every 63 rounds all the same while no queue
 * stands, but no more than 95 % of the measured bandwidth: that is the best of all samples, and clumps
 * of ACKs put it up to 7 % above the link. The draft paces 1 % below the bandwidth, so that queues
 * drain; who is alone has drained his own when DOWN ends, and needs no margin on paths of 32 ms or
 * more, where a stall of a host is little of a round trip. What the excess or such a stall leaves
 * is drained at 90 % once it has stood for four rounds, longer than another's probe.
 *
 * Flows settle. The bandwidths that several flows find by probing add up to more than the link, and
 * the draft lets the excess stand as a queue of one BDP, or be lost. So while a queue stands (not one
 * packet of a round came without it) or more is lost than the path's own, DOWN and CRUISE go no
 * faster than what was delivered; see settle(). While a long one stands (a quarter of min_rtt,
 * 12 ms to 32 ms) CRUISE goes at 95 % of that, each flow alike: it is what makes their shares equal.
 *
 * It does not yield to what does not yield. Where PROBE_RTT, with our part of the queue drained,
 * still finds more than twice the smallest RTT ever seen, a deep queue stands that another fills and
 * would fill with all that we leave. Then that RTT is min_rtt at once, not after ten seconds of
 * starving on a window made for an empty queue; nothing settles; and delay, which is not the probe's
 * doing, does not end a probe: losses and the lack of growth do, as in the draft. It is over when an
 * RTT under one and a half times the smallest is seen; or when four PROBE_RTTs in a row find the
 * same to 1/32, or one that was put off for 30 s by RTTs that were: no sender holds a queue so still,
 * the path has become longer. The smallest ever may be what earlier connections have seen
 * (known_paths.h).
 *
 * Nor does it yield to an unresponsive flow (RFC 2309): one that keeps two BDP in flight whatever is
 * lost, as BBR's first version does. A queue of one BDP is then full but for the moments of PROBE_RTT,
 * and each loss that we answer is its gain. A flow that answers, CUBIC or ours, lets a queue drain
 * within seconds. So a queue of more than half of min_rtt that has stood for 3.5 s, longer than we wait
 * between probes, and went then is a sign of an unresponsive flow; one that went earlier takes a sign
 * back, none for 3 s all of them. With three signs in hand nothing settles, CRUISE keeps no headroom,
 * and losses lower no short-term bounds unless they are more than a tenth of a round; and where no round
 * has lost 2 % of late, delay does not end a probe. Marks are answered as ever, and so is what a probe
 * loses. A foreign queue is no sign: CUBIC's can be so deep
 * that it stands through all its losses. (cc_bbr_unresponsive.c)
 *
 * Several between the same two hosts are a group (flow_group.h) that shares its bandwidth out: the
 * whole model of each goes on in proportion (rudp_bbr_shift). They probe together, and empty the queue
 * together: who is asked to joins in after half of its own time. Reno, with which the time between
 * probes keeps pace, is then one with the windows of all. Beside a flow that is foreign or unresponsive
 * each probes for itself.
 *
 * A fair part cannot be had everywhere. Simulated for 60 s, medians of 10 and 20 (docs/performance.md):
 * beside a CUBIC flow with a queue of one BDP it takes 0.43 to 0.57 of the link; with one of 10 BDP
 * 0.37 to 0.45 when both begin together or it begins 5 s later, but 0.31 where CUBIC has filled the
 * queue before, for the path is then never seen empty and the queue is taken for its length. Beside
 * the kernel's BBR, which is unresponsive, it takes 0.49 to 0.52 of the former and 0.43 to 0.48 of the
 * latter, but 0.36 of the former where it begins later. Two of its own
 * kind, of different hosts, become equal, but slowly where the queue is one BDP: 0.46 for the one that
 * begins up to 0.3 s later, 0.43 for one 5 s later; of ten Jain's index is 0.91.
 *
 * PROBE_RTT is put off while RTTs within 1/32 of the minimum are seen: the queue is then known to
 * be empty, and stopping to find that out would cost a long path 15 % of its bandwidth. At least
 * every 30 s it takes place, so that a flow that never saw the path empty learns its mistake.
 */
#ifndef RUDP_PROTO_CC_BBR_H
#define RUDP_PROTO_CC_BBR_H

#include "proto/cc/cc.h"

#define BBR_INFINITE UINT64_MAX

/* Gains and shares in percent. */
#define BBR_STARTUP_PACING_GAIN 277
#define BBR_HOLD_PACING_GAIN 100
#define BBR_HOLD_CWND_GAIN 100
#define BBR_DRAIN_PACING_GAIN 50
#define BBR_DOWN_PACING_GAIN 90
#define BBR_CRUISE_PACING_GAIN 100
#define BBR_UP_PACING_GAIN 125
#define BBR_CWND_GAIN 200
#define BBR_UP_CWND_GAIN 225
#define BBR_PROBE_RTT_CWND_GAIN 50
#define BBR_PACING_MARGIN 1
#define BBR_INITIAL_WINDOW_GAIN 320 /* 32 datagrams */
#define BBR_HEADROOM 15
#define BBR_BETA 70
#define BBR_LOSS_THRESH 2
#define BBR_FULL_BW_GROWTH 125
#define BBR_UP_BW_GROWTH 110 /* of a probe, which sends a quarter more */
#define BBR_UP_STARTUP_GROWTH 150 /* of a probe that goes on as STARTUP */
#define BBR_HEAVY_LOSS 20
#define BBR_EXCESS_LOSS 10
#define BBR_SHORTFALL 80
#define BBR_SHARED 95
#define BBR_ALONE_LEAST 95

#define BBR_STARTUP_WINDOW_PACING_GAIN 150
#define BBR_TRAIN_PACING_GAIN 110
#define BBR_TRAIN_FAR 25
#define BBR_TRAIN_TARGET_FIRST 50
#define BBR_TRAIN_TARGET 80
#define BBR_TRAIN_LIMIT 150
#define BBR_TRAIN_AGREE 25
#define BBR_FIRST_FLIGHTS 8      /* of those that start together may be whole */
#define BBR_TRAIN_STARTERS_MAX 3 /* who share what they say */
#define BBR_TRAIN_GROWTH_FIRST 3
#define BBR_TRAIN_GROWTH 19
#define BBR_TRAIN_NEAR_DIVISOR 4
#define BBR_TRAIN_COUNT_SURE 3
#define BBR_TRAIN_COUNT_MAX 8
#define BBR_TRAINS_WATCHED 4 /* in flight at once */
#define BBR_TRAIN_ACKS_MIN 3
#define BBR_TRAIN_LATE_GAPS 4
#define BBR_TRAIN_DATAGRAMS_MIN 8
#define BBR_TRAIN_DATAGRAMS_MAX 64

#define BBR_FALL_DIVISOR 3       /* a rate below this part of the bandwidth */
#define BBR_FALL_QUEUE_DIVISOR 2 /* a delay above this part of min_rtt */
#define BBR_FALL_SPANS 3
#define BBR_FALL_SPAN_NS_MIN (20 * RUDP_NS_PER_MS)
#define BBR_VARIES_NS (10 * RUDP_NS_PER_S) /* how long a change of the rate is remembered */
#define BBR_VARIES_ROUNDS_MAX 8            /* between two probes then */
#define BBR_SPARSE_WINDOWS 8 /* initial ones, that no sparse traffic has in flight */
#define BBR_FULL_BW_ROUNDS 3
#define BBR_STARTUP_LOSSES_MIN 6
#define BBR_DRAIN_ROUNDS_MAX 3
#define BBR_DOWN_ROUNDS_MAX 4
#define BBR_CWND_DATAGRAMS_MIN 4
#define BBR_HEAVY_LOSS_DATAGRAMS_MIN 24
#define BBR_TALLY_DATAGRAMS_MAX 240
#define BBR_RENO_ROUNDS_MAX 63
#define BBR_OWN_QUEUE_ROUNDS 4
#define BBR_ALONE_ROUNDS_MAX 252
#define BBR_EXTRA_ACKED_ROUNDS 5 /* half of the filter: two slots hold ten rounds */
#define BBR_PROBE_UP_ROUNDS_MAX 30
#define BBR_DELAY_SAMPLES 8
#define BBR_DELAY_SAMPLES_SPARSE 4 /* enough if they took a quarter of the RTT */

#define BBR_MIN_RTT_WINDOW_NS (10 * RUDP_NS_PER_S)
#define BBR_PROBE_RTT_INTERVAL_NS (5 * RUDP_NS_PER_S)
#define BBR_PROBE_RTT_INTERVAL_NS_MAX (30 * RUDP_NS_PER_S)
#define BBR_PROBE_RTT_NS (200 * RUDP_NS_PER_MS)
#define BBR_PROBE_WAIT_NS (2 * RUDP_NS_PER_S)
#define BBR_PROBE_WAIT_RANDOM_NS (1 * RUDP_NS_PER_S)
#define BBR_DELAY_NS_MIN (4 * RUDP_NS_PER_MS)
#define BBR_PROBE_DELAY_NS_MIN (2 * RUDP_NS_PER_MS)
#define BBR_UP_EXTRA_GAIN 130
#define BBR_DELAY_NS_MAX (16 * RUDP_NS_PER_MS)
#define BBR_LONG_DELAY_NS_MIN (12 * RUDP_NS_PER_MS)
#define BBR_JITTER_PARTS 4 /* of what a drained round is above min_rtt */
#define BBR_DELAY_DIVISOR 8
#define BBR_DELAY_SPAN_DIVISOR 4
#define BBR_QUEUE_DIVISOR 8
#define BBR_QUEUE_NS_MIN (4 * RUDP_NS_PER_MS)
#define BBR_SAME_RTT_DIVISOR 32
#define BBR_FOREIGN_RTTS 2  /* times the base RTT: more of it is a deep queue */
#define BBR_FOREIGN_SAME_MAX 3
#define BBR_STANDING_ROUNDS_MIN 8
#define BBR_FOREIGN_CYCLES_FROM 2
#define BBR_FOREIGN_CYCLES_TO 10
#define BBR_UNRESPONSIVE_QUEUE_DIVISOR 2
#define BBR_UNRESPONSIVE_SIGNS 3
#define BBR_UNRESPONSIVE_SIGNS_MAX 4
#define BBR_UNRESPONSIVE_LOSS 10 /* percent of a round, answered nevertheless */
#define BBR_UNRESPONSIVE_STANDING_NS (7 * RUDP_NS_PER_S / 2)
#define BBR_UNRESPONSIVE_GONE_NS (3 * RUDP_NS_PER_S)

/* state, name for statistics, pacing gain, cwnd gain */
#define BBR_STATES(X)                                                                              \
	X(STARTUP, "startup", BBR_STARTUP_PACING_GAIN, BBR_CWND_GAIN)                              \
	X(DRAIN, "drain", BBR_DRAIN_PACING_GAIN, BBR_CWND_GAIN)                                    \
	X(DOWN, "probe_bw_down", BBR_DOWN_PACING_GAIN, BBR_CWND_GAIN)                              \
	X(CRUISE, "probe_bw_cruise", BBR_CRUISE_PACING_GAIN, BBR_CWND_GAIN)                        \
	X(REFILL, "probe_bw_refill", BBR_CRUISE_PACING_GAIN, BBR_CWND_GAIN)                        \
	X(UP, "probe_bw_up", BBR_UP_PACING_GAIN, BBR_UP_CWND_GAIN)                                 \
	X(PROBE_RTT, "probe_rtt", BBR_CRUISE_PACING_GAIN, BBR_PROBE_RTT_CWND_GAIN)

enum bbr_state {
#define X(state, name, pacing_gain, cwnd_gain) BBR_##state,
	BBR_STATES(X)
#undef X
};

/* What the ACKs now arriving say about the last probe for bandwidth. */
enum bbr_ack_phase {
	BBR_ACKS_INIT,
	BBR_ACKS_REFILLING,
	BBR_ACKS_PROBE_STARTING,
	BBR_ACKS_PROBE_FEEDBACK,
	BBR_ACKS_PROBE_STOPPING,
};

/* The account of one packet-timed round trip, kept for the evidence. */
struct bbr_round {
	int64_t started_at_ns;
	int64_t rtt_min_ns; /* RUDP_NEVER: no sample */
	int64_t delay_max_ns; /* the largest of the minima of 8 samples; 0: none */
	int64_t fall_max_ns; /* the largest fall of the RTT beyond that of a queue */
	uint64_t bw_max;    /* the largest rate sample; 0: none */
	uint64_t ack_rate;  /* delivered_bytes over its time, set at its end; 0: none */
	uint64_t sent_bytes;
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	uint64_t marked_bytes; /* by ECN */
	uint32_t lost_packets;
	uint32_t rtt_samples;
	bool app_limited;
};

/* What a spurious loss gives back. */
struct bbr_undo {
	uint64_t cwnd_bytes;
	uint64_t bw_shortterm;
	uint64_t inflight_shortterm;
	uint64_t inflight_longterm;
	uint64_t from_number;    /* the largest of the first loss: older ones are another's */
	uint64_t lost_bytes;     /* of the episode, less what was found spurious */
	uint64_t inflight_bytes; /* when it began */
	bool is_set;
	bool left_startup;
	bool left_up;
};

/* Packets that left at one instant: how far apart they are acknowledged tells the bandwidth. */
struct bbr_train {
	uint64_t first_number;
	int64_t ack_at_ns;    /* of the first ACK in it, as the next */
	uint64_t ack_bytes;   /* delivered_total_bytes then */
	uint32_t span_ns;     /* from there to the last ACK in it, as the next */
	uint32_t span_bytes;
	uint8_t packets;      /* 0: none */
	uint8_t acks;         /* at different instants */
};

struct bbr {
	enum bbr_state state;
	enum bbr_ack_phase ack_phase;

	/* Rounds. next_number is the number that the next packet gets, as far as known. */
	uint64_t next_number;
	uint64_t round_end_number;
	uint64_t round_count;
	bool round_start;
	struct bbr_round now, last;
	uint64_t ack_rate_before; /* of the round before the last */

	/* Bandwidth, bytes per second. sample_bw 0: this ACK brought none. */
	uint64_t sample_bw;
	uint64_t max_bw, max_bw_slots[2]; /* of this probe cycle, of the one before */
	uint64_t bw_latest, bw_shortterm, bw;

	/* Has the rate of the path fallen? The span, of min_rtt, that is looked at now. */
	int64_t fall_since_at_ns, fall_rtt_min_ns;
	uint64_t fall_bytes; /* delivered_total_bytes when it began */
	uint32_t fall_spans; /* in a row */
	int64_t varied_at_ns; /* when it was last seen to become faster or much slower; 0: never */

	/* Volume, bytes. */
	uint64_t inflight_latest, inflight_shortterm, inflight_longterm;
	uint64_t extra_acked[2], extra_acked_sum;
	uint64_t extra_acked_slot_round;
	int64_t extra_acked_since_at_ns;

	/* Delay. */
	int64_t min_rtt_ns, min_rtt_at_ns;
	int64_t probe_rtt_min_ns, probe_rtt_min_at_ns;
	int64_t probe_rtt_last_at_ns, probe_rtt_done_at_ns; /* done: RUDP_NEVER until drained */
	int64_t delay_bucket_ns, delay_ns; /* smallest of 8 samples: filling, full */
	int64_t delay_since_at_ns;
	int64_t rtt_before_ns, rtt_before_at_ns; /* the last sample; 0: none */
	int64_t drained_rtt_ns; /* the smallest of a round whose queue was drained; 0: none yet */
	int64_t up_base_ns; /* the smallest of the round before the probe */
	int64_t up_spread_ns; /* how much the smallest of 8 samples varied in it; below 0: not seen */
	uint32_t delay_samples;
	int64_t base_rtt_ns;    /* the smallest ever, of this path, that it has seen or been told of */
	int64_t foreign_rtt_ns; /* what PROBE_RTT found, when it last was far above */
	uint32_t foreign_same;  /* times in a row that it found the same */
	bool is_path_longer;    /* than base_rtt_ns was once */
	bool foreign;           /* a deep queue stands, and it is not ours */
	bool probe_rtt_expired, probe_rtt_round_done, idle_restart;
	uint64_t probe_rtt_end_number; /* samples of packets below it are of PROBE_RTT */

	/* Is the pipe full? */
	uint64_t full_bw;
	uint32_t full_bw_count;
	bool full_bw_now, full_bw_reached;
	uint64_t startup_round;     /* STARTUP went on then; losses count from the next round on */
	int64_t startup_base_ns;    /* STARTUP compares delays with it, or with min_rtt */
	bool left_by_delay;         /* a delay ended STARTUP, */
	uint64_t drain_check_round; /* and must be gone in this round after DRAIN; 0: no check is due */
	bool holding; /* STARTUP pauses to check a delay */
	int64_t hold_peak_ns; /* the largest delay since it pauses */
	uint64_t hold_end_number;
	uint64_t leaving_number; /* the first that left at leaving_at_ns */
	int64_t leaving_at_ns;
	struct bbr_train trains[BBR_TRAINS_WATCHED];
	uint32_t train_rates[BBR_TRAIN_COUNT_MAX]; /* in order of size, bytes per second */
	uint32_t train_count;
	uint32_t starters;      /* that share what the trains say; 0: alone, as with 1 */
	bool trains_wrong;
	bool has_jumped;              /* the first window was what earlier connections had measured */
	uint64_t round_cwnd_bytes; /* when the round began, */
	uint64_t round_acked_bytes; /* and what it has brought */
	bool hold_sign; /* as last seen before its end */
	uint64_t drain_start_round;

	/* The probe cycle. */
	int64_t cycle_at_ns, probe_wait_ns;
	uint64_t rounds_since_probe;
	uint64_t probe_up_acked, probe_up_acked_per_inc;
	uint64_t up_inflight_bytes, up_extra_bytes; /* when UP began, and what it may add */
	uint64_t up_bw; /* max_bw when UP began */
	uint32_t up_rounds;
	uint32_t delayed_rounds; /* in a row, each packet of which has waited */
	bool has_probed;
	bool up_alone;                              /* no queue stood when it began */
	bool up_limited;                            /* it did, in this round */
	bool up_at_longterm;                        /* that bound held it back */
	uint32_t probe_up_rounds;
	bool is_bw_probe_sample, prev_probe_too_high, prev_probe_precautionary;

	/* Loss. */
	uint64_t loss_round_end_number;
	bool was_short; /* fewer bytes than sent came out of the last round */
	bool loss_round_start, loss_in_round, mark_in_round, shortfall, evidence_in_round;
	uint32_t tally_bytes, tally_lost_bytes; /* of the last small rounds */
	uint64_t loss_ppm;        /* average of rounds of DOWN and CRUISE */
	uint64_t loss_peak_ppm;   /* the worst of them, slowly forgotten */
	uint64_t base_loss_ppm;   /* of those at a reduced rate: the path's own */
	uint32_t phase_rounds;    /* rounds ended since DOWN began */
	uint32_t standing_cycles; /* in a row, whose queue never went away */
	bool settled;             /* the rate was cut to what is delivered, this cycle */
	bool queue_vanished;      /* at some time in this cycle */
	struct bbr_undo undo;

	uint64_t shifted_until_number; /* what is below left at a rate that it has given away */

	/* Is another flow unresponsive? */
	int64_t queue_changed_at_ns; /* since when a long queue stands, or none */

	uint64_t prior_cwnd_bytes;
	uint64_t random;
	bool has_seen_rtt, app_limited;
	bool queue_stands;
	uint8_t unresponsive_signs;
	uint64_t limited_until_number; /* the window was full while what is below was in flight */
};

static inline struct bbr *bbr_of(struct rudp_cc *cc)
{
	return (struct bbr *)(void *)cc->state;
}

static inline const struct bbr *bbr_of_const(const struct rudp_cc *cc)
{
	return (const struct bbr *)(const void *)cc->state;
}

static inline uint64_t bbr_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t bbr_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* States (cc_bbr_states.c). */
void rudp_bbr_enter(struct rudp_cc *cc, enum bbr_state next);
bool rudp_bbr_is_probe_bw(const struct bbr *b);
bool rudp_bbr_is_probing(const struct bbr *b);
void rudp_bbr_enter_startup(struct rudp_cc *cc);
void rudp_bbr_start_again(struct rudp_cc *cc, int64_t base_ns);
void rudp_bbr_check_startup_done(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_start_drain(struct rudp_cc *cc);
void rudp_bbr_check_drained(struct rudp_cc *cc);
void rudp_bbr_check_drain_done(struct rudp_cc *cc, const struct rudp_cc_ack *ack);

/* A path that becomes slower (cc_bbr_fall.c). */
void rudp_bbr_check_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack);

/* The cycle of PROBE_BW (cc_bbr_cycle.c). */
void rudp_bbr_start_down(struct rudp_cc *cc, int64_t now_at_ns);
void rudp_bbr_start_cruise(struct rudp_cc *cc);
void rudp_bbr_start_refill(struct rudp_cc *cc);
void rudp_bbr_update_cycle(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
uint64_t rudp_bbr_with_headroom(const struct rudp_cc *cc);

/* Rounds, bandwidth, aggregation, full pipe (cc_bbr_model.c). */
void rudp_bbr_start_round(struct bbr *b);
void rudp_bbr_update_round(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_update_max_bw(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_advance_max_bw(struct bbr *b);
void rudp_bbr_update_extra_acked(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
uint64_t rudp_bbr_extra_acked(const struct bbr *b);
void rudp_bbr_reset_full_bw(struct bbr *b);
void rudp_bbr_check_full_bw(struct bbr *b);
void rudp_bbr_bound_bw(struct bbr *b);

/* Trains of packets and the growth that they allow (cc_bbr_train.c). */
void rudp_bbr_note_train_sent(struct bbr *b, uint64_t number, int64_t now_at_ns);
void rudp_bbr_note_train_acked(struct bbr *b, const struct rudp_cc_ack *ack);
bool rudp_bbr_wants_trains(const struct bbr *b);
bool rudp_bbr_may_trains_grow(const struct bbr *b, const struct rudp_cc_ack *ack);
/* What they say, and how much of it start-up believes; there are some. */
uint64_t rudp_bbr_train_rate_bytes_per_s(const struct bbr *b);
uint64_t rudp_bbr_train_target_bytes_per_s(const struct bbr *b);
bool rudp_bbr_are_trains_sure(const struct bbr *b);
bool rudp_bbr_is_far_by_trains(const struct rudp_cc *cc);
uint64_t rudp_bbr_train_growth_bytes(struct rudp_cc *cc, const struct rudp_cc_ack *ack);

/* Delay: min_rtt, PROBE_RTT, the delay signal (cc_bbr_rtt.c). */
void rudp_bbr_note_rtt(struct bbr *b, const struct rudp_cc_ack *ack);
int64_t rudp_bbr_delay_bound_ns(const struct bbr *b, int64_t least_ns);
bool rudp_bbr_has_delay_grown(const struct bbr *b, int64_t base_ns);
int64_t rudp_bbr_drained_rtt_ns(const struct bbr *b);
void rudp_bbr_note_drained(struct bbr *b);
bool rudp_bbr_had_round_delay(const struct bbr *b);
bool rudp_bbr_has_probe_delay(const struct bbr *b);
void rudp_bbr_expect_rtt(struct rudp_cc *cc, int64_t base_rtt_ns);
void rudp_bbr_update_min_rtt(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_check_probe_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_check_probe_rtt_done(struct rudp_cc *cc, int64_t now_at_ns);

/* Loss and its evidence, bounds, undo (cc_bbr_loss.c). */
void rudp_bbr_note_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
void rudp_bbr_update_latest(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_advance_latest(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_adapt_lower_bounds(struct rudp_cc *cc);
void rudp_bbr_reset_congestion_signals(struct bbr *b);
void rudp_bbr_reset_shortterm(struct bbr *b);
void rudp_bbr_close_loss_account(struct rudp_cc *cc);
void rudp_bbr_start_settling(struct bbr *b);
void rudp_bbr_stop_draining(struct bbr *b);
bool rudp_bbr_is_queue_evident(const struct bbr *b);
bool rudp_bbr_has_startup_loss(const struct rudp_cc *cc);
bool rudp_bbr_is_inflight_too_high(const struct rudp_cc *cc, const struct rudp_cc_ack *ack);

/* Who does not answer losses (cc_bbr_unresponsive.c). */
void rudp_bbr_look_for_unresponsive(struct bbr *b);
bool rudp_bbr_is_beside_unresponsive(const struct bbr *b);
bool rudp_bbr_is_loss_answered(const struct bbr *b);

/* Among others between the same hosts (cc_bbr_flow.c). */
bool rudp_bbr_flow(const struct rudp_cc *cc, struct rudp_cc_flow *out);
void rudp_bbr_shift(struct rudp_cc *cc, uint64_t bytes_per_s);

/* Undo of spurious losses (cc_bbr_undo.c). */
void rudp_bbr_save_for_undo(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
void rudp_bbr_take_spurious(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious);

/* Pacing rate, quantum, window (cc_bbr_control.c). */
uint64_t rudp_bbr_cwnd_min_bytes(const struct rudp_cc *cc);
uint64_t rudp_bbr_initial_window_bytes(const struct rudp_cc *cc);
uint64_t rudp_bbr_bdp_bytes(const struct rudp_cc *cc, uint64_t bw, uint32_t gain_percent);
uint64_t rudp_bbr_inflight_bytes(const struct rudp_cc *cc, uint64_t bw, uint32_t gain_percent);
uint64_t rudp_bbr_gain_bytes(const struct rudp_cc *cc);
uint64_t rudp_bbr_target_inflight_bytes(const struct rudp_cc *cc);
uint64_t rudp_bbr_probe_rtt_cwnd_bytes(const struct rudp_cc *cc);
void rudp_bbr_init_pacing(struct rudp_cc *cc, int64_t rtt_ns);
void rudp_bbr_share(struct rudp_cc *cc, uint32_t starters);
void rudp_bbr_jump(struct rudp_cc *cc, uint64_t bytes, int64_t span_ns);
void rudp_bbr_set_pacing_with_gain(struct rudp_cc *cc, uint32_t gain_percent);
void rudp_bbr_set_control(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_save_cwnd(struct rudp_cc *cc);
void rudp_bbr_restore_cwnd(struct rudp_cc *cc);

#endif
