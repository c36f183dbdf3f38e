/* SPDX-License-Identifier: MIT */
/*
 * cc_bbr - the BBR algorithm. It controls the rate with a model of the path (bandwidth, RTT, volume
 * in flight) instead of reacting to every loss. This header is shared by the cc_bbr*.c files and
 * their tests only.
 *
 * Source    draft-ietf-ccwg-bbr-06 (BBRv3), whose names are kept. The differences from it follow;
 *           docs/bbr.md explains why.
 *
 * Loss needs evidence. The draft lowers its bounds whenever more than 2 % is lost. On a path with 3
 * % random loss that ends at a small fraction of the link. Here losses count only together with
 * evidence of congestion, any of:
 *
 * Queue      the smallest RTT of the last or the current round exceeds the RTT without a queue
 *            (rudp_bbr_drained_rtt_ns) by min_rtt / 8 + 4 ms, so even the fastest packet has
 *            waited. It does not count in STARTUP, whose hold tells a queue from jitter, nor in a
 *            probe of an empty path whose delay varied as much before;
 * Shortfall  in two rounds in a row, neither idle nor application-limited, the bytes delivered and
 *            lost per second were under 80 % of the bytes sent per second in the round before: more
 *            is missing than the losses explain;
 * Heavy      more than 20 % of a round is lost (at least 24 datagrams). No link loses that much
 *            unless it is overloaded, and a policer causes neither a queue nor a shortfall. The
 *            same test applies to the last rounds together, some 120 to 240 datagrams: a window of
 *            four packets cannot lose 24 in one round;
 * Excess     (while probing) the loss is 10 percentage points above the worst recent round without
 *            a probe: the buffer is too shallow to cause a delay.
 *
 * With evidence the draft's responses apply: the short-term bounds, inflight_longterm and the end
 * of the probe, the end of STARTUP. Without evidence a loss is only recorded. An ECN mark during a
 * queue is a loss with evidence of its own, one without a queue is not (cc_bbr_marks.c).
 *
 * Policed probes. A probe ends, too, if its rounds together lose 10 points more than CRUISE (at
 * least ten packets in four places): rounds of a slow path are too small for Heavy and Excess.
 *
 * First flight. It is 32 datagrams. RFC 9002 section 7.2 allows 10, for senders that may send them
 * in one burst. Here they are sent in trains of at most ten, over a third of the RTT, so the first
 * RTT brings three bandwidth estimates. It saves an RTT on a long path.
 *
 * Trains in STARTUP (cc_bbr_train.c). The bottleneck spreads packets that are sent together, so the
 * spacing of their ACKs tells its rate. If one train says that the path holds more than twice the
 * window, the window grows fourfold in the RTT instead of twofold. Once three trains agree (within
 * a quarter of their median) it grows twentyfold, paced over the RTT, up to 80 % of their estimate,
 * and by a quarter in each RTT after that. If the window reaches 1.5 times the estimate and no
 * queue shows, the trains were wrong, and the window doubles again. A STARTUP that continues after
 * a probe begins without trains. A train whose ACKs arrive all at once gives no estimate; then
 * STARTUP is that of the draft. Without a queue the median of the trains is the bandwidth of the
 * bottleneck; if other flows fill it, about our share of it.
 *
 * Known paths (host_cache.h). If earlier connections have measured the path, the first window is
 * four fifths of a BDP, and its trains tell whether the path holds more.
 *
 * Shared start-up (host_cache.h). If several connections to one host start together, each takes
 * at most twice its share of the trains' estimate. The first flights are smaller, down to that of
 * RFC 9002.
 *
 * End of STARTUP by delay. When 8 RTT samples in a row (4 if ACKs are rare) exceed min_rtt by an
 * eighth (4 ms to 16 ms), the sender holds for one RTT, in which all ACKs are of packets sent
 * before. It keeps no more in flight than the bandwidth measured so far fills, which drains the
 * queue as fast as the link can. If the delay is still there at the end, the pipe is full.
 * Otherwise it was jitter, and STARTUP continues. STARTUP also continues if the delay falls during
 * the hold, or is still there after DRAIN: docs/bbr.md tells how jitter and a queue are
 * distinguished.
 *
 * Probes for bandwidth (UP). The first one comes an RTT after STARTUP. A probe adds only as much in
 * flight as makes a queue that is just noticeable: 1.3 times the bound for a queue, which is at
 * least 2 ms in a probe. From the third round on this doubles in each RTT without a noticeable
 * queue. The probe ends when the delay exceeds that at its start by the bound. The draft adds a
 * quarter of everything in flight, which is 150 ms of queue on a path of 600 ms. extra_acked
 * (aggregated ACKs) is not added: if there was no queue at its start, a probe starts from what was
 * in flight, which includes the aggregation. A probe forgets inflight_longterm if it reached that
 * bound and found a queue instead of loss. If a queue exists already at its start, it belongs to
 * other flows, and the probe is that of the draft.
 *
 * DOWN. The queue of a probe is our own. So DOWN reduces the rate by the share in flight beyond a
 * BDP, to 50 % to 90 %, which empties the queue in about one RTT even if the bandwidth is slightly
 * overestimated. Next to other flows it is 90 % as in the draft: they would take whatever we give
 * up. DOWN ends after four RTTs. The draft waits until less than a BDP is in flight; next to a flow
 * that keeps a queue that never happens, and the sender would stay at 90 % most of the time.
 *
 * Alone on the path. If a probe began without a queue, the next may be 252 rounds away instead of
 * 63, up to the limit of 2 s to 3 s for all. On a path of 10 ms that is a quarter of the probes,
 * each of which makes a queue. Bandwidth given up for a queue returns when the queue is gone
 * (docs/bbr.md). Bandwidth lost to losses is restored every 63 rounds while there is no queue, but
 * only to 95 % of the measured bandwidth: that is the largest sample, and ACK aggregation raises it
 * up to 7 % above the link. The draft paces 1 % below the bandwidth, so that queues drain. A flow
 * that is alone has drained its queue when DOWN ends and needs no margin on paths of 32 ms or more,
 * where a stall of a host is a small part of an RTT. A queue left by overestimation or by a stall
 * is drained at 90 % once it has lasted four rounds, longer than the probe of another flow.
 *
 * Settling. The bandwidths that several flows find by probing add up to more than the link. The
 * draft lets the excess stand as a queue of one BDP, or be lost. Here, while there is a queue
 * (every packet of a round has waited) or more is lost than the path's own loss, DOWN and CRUISE
 * send no faster than what is delivered; see settle(). While the queue is long (a quarter of
 * min_rtt, 12 ms to 32 ms) CRUISE sends at 95 % of that. All flows do the same, and this makes
 * their shares equal.
 *
 * Foreign queue. If PROBE_RTT, after our part of the queue has drained, still finds more than twice
 * the smallest RTT ever seen, another flow keeps a deep queue and would fill whatever we leave.
 * Then min_rtt becomes that RTT at once, not after ten seconds with a window made for an empty
 * queue. The flow does not settle. Delay that the probe did not cause does not end a probe; losses
 * and the lack of growth do, as in the draft. This ends when an RTT below 1.5 times the smallest is
 * seen. It also ends when four PROBE_RTTs in a row find the same RTT within 1/32, or one that was
 * put off for 30 s by such RTTs: no sender keeps a queue so constant, so the path has become
 * longer. The smallest RTT may come from earlier connections (host_cache.h).
 *
 * Unresponsive flows (RFC 2309). BBR's first version, for example, keeps two BDP in flight whatever
 * is lost. A queue of one BDP is then full except at the moments of PROBE_RTT, and that flow gains
 * whatever we give up after a loss. A responsive flow, such as CUBIC or this BBR, lets a queue
 * drain within seconds. So it is a sign of an unresponsive flow if a queue of more than half of
 * min_rtt lasts 3.5 s, longer than the time between our probes, and then goes away. A queue that
 * goes away earlier removes a sign, and no queue for 3 s removes all. With three signs the flow
 * does not settle, CRUISE keeps no headroom, and losses lower the short-term bounds only if they
 * exceed a tenth of a round. If no recent round lost 2 %, delay does not end a probe. ECN marks and
 * the losses of a probe count as usual. A foreign queue is no sign: CUBIC's queue can be so deep
 * that it persists through all its losses. (cc_bbr_unresponsive.c)
 *
 * Flow groups (flow_group.h). Connections between the same two hosts share their bandwidth: the
 * whole model of each is scaled (rudp_bbr_shift). They probe together and empty the queue together:
 * a connection that is asked to join does so after half of its own interval. The Reno time between
 * probes is then computed with the sum of their windows. Next to a foreign or unresponsive flow
 * each probes for itself.
 *
 * Fairness has limits. Simulated for 60 s, medians of 10 and 20 runs (docs/performance.md), the
 * share of the link is:
 *
 *    0.43 to 0.57  next to CUBIC, queue of one BDP
 *    0.37 to 0.45  next to CUBIC, queue of 10 BDP, if both start together or CUBIC starts 5 s later
 *    0.31          the same if CUBIC has filled the queue before: the path is never seen empty, and
 *                  the queue counts as part of its RTT
 *    0.49 to 0.52  next to the kernel's BBR, which is unresponsive, queue of one BDP
 *    0.36          the same if the kernel's BBR starts later
 *    0.43 to 0.48  next to the kernel's BBR, queue of 10 BDP
 *
 * Two flows of this BBR between different hosts become equal, but slowly with a queue of one BDP:
 * the one that starts up to 0.3 s later has 0.46, one that starts 5 s later has 0.43. Jain's index
 * of ten flows is 0.91.
 *
 * PROBE_RTT is put off while RTTs within 1/32 of the minimum are seen: the queue is then known to
 * be empty, and stopping to check that would cost a long path 15 % of its bandwidth. It takes place
 * at least every 30 s, so that a flow that never saw the path empty corrects its min_rtt.
 */
#ifndef RUDP_PROTO_CC_BBR_H
#define RUDP_PROTO_CC_BBR_H

#include "base/min_max.h"
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
#define BBR_UP_BW_GROWTH 110      /* in a probe, which sends a quarter more */
#define BBR_UP_STARTUP_GROWTH 150 /* in a probe, which then continues as STARTUP */
#define BBR_HEAVY_LOSS 20
#define BBR_EXCESS_LOSS 10
#define BBR_SHORTFALL 80
#define BBR_SHARED 95
#define BBR_ALONE_LEAST 95
#define BBR_LOWERED_ROUNDS 6 /* rounds at a lowered rate, of which the first two show the old one */
#define BBR_COUNTED_LOSSES_MIN 10 /* fewer tell no rate of losses */

#define BBR_STARTUP_WINDOW_PACING_GAIN 150
#define BBR_TRAIN_PACING_GAIN 110
#define BBR_TRAIN_FAR 25
#define BBR_TRAIN_TARGET_FIRST 50
#define BBR_TRAIN_TARGET 80
#define BBR_TRAIN_LIMIT 150
#define BBR_TRAIN_AGREE 25
#define BBR_FIRST_FLIGHTS 8      /* this many may start together with full first flights */
#define BBR_TRAIN_STARTERS_MAX 3 /* limit of the divisor for a shared estimate */
#define BBR_TRAIN_GROWTH_FIRST 3
#define BBR_TRAIN_GROWTH 19
#define BBR_TRAIN_NEAR_DIVISOR 4
#define BBR_TRAIN_COUNT_SURE 3
#define BBR_TRAIN_COUNT_MAX 8
#define BBR_TRAINS_WATCHED 4 /* in flight at the same time */
#define BBR_TRAIN_ACKS_MIN 3
#define BBR_TRAIN_LATE_GAPS 4
#define BBR_TRAIN_DATAGRAMS_MIN 8
#define BBR_TRAIN_DATAGRAMS_MAX 64

#define BBR_FALL_DIVISOR 3       /* a rate below 1/3 of the bandwidth */
#define BBR_FALL_QUEUE_DIVISOR 2 /* a delay above 1/2 of min_rtt */
#define BBR_FALL_SPANS 3
#define BBR_FALL_SPAN_NS_MIN (20 * RUDP_NS_PER_MS)
#define BBR_VARIES_NS (10 * RUDP_NS_PER_S) /* how long a change of the rate is remembered */
#define BBR_VARIATION 9                    /* percent: the average change of a varying rate */
#define BBR_VARIATION_DATAGRAMS_MIN 10     /* one packet more is no change of the rate */
#define BBR_SPARSE_WINDOWS 8 /* in initial windows: sparse traffic has less in flight */
#define BBR_FULL_BW_ROUNDS 3
#define BBR_LOSS_RUNS_MIN 4 /* in STARTUP the draft has 6, of one round alone */
#define BBR_DRAIN_ROUNDS_MAX 3
#define BBR_DOWN_ROUNDS_MAX 4
#define BBR_CWND_DATAGRAMS_MIN 4
#define BBR_HEAVY_LOSS_DATAGRAMS_MIN 24
#define BBR_TALLY_DATAGRAMS_MAX 240
#define BBR_RENO_ROUNDS_MAX 63
#define BBR_OWN_QUEUE_ROUNDS 4
#define BBR_ALONE_ROUNDS_MAX 252
#define BBR_EXTRA_ACKED_ROUNDS 5 /* half of the filter: its two slots hold ten rounds */
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
#define BBR_JITTER_PARTS                                                                           \
	4 /* a delay is jitter if a quarter of it falls fast, or stays after DRAIN */
#define BBR_DELAY_DIVISOR 8
#define BBR_DELAY_SPAN_DIVISOR 4
#define BBR_QUEUE_DIVISOR 8
#define BBR_QUEUE_NS_MIN (4 * RUDP_NS_PER_MS)
#define BBR_SAME_RTT_DIVISOR 32
#define BBR_FOREIGN_RTTS 2 /* times the base RTT: a deep queue */
#define BBR_FOREIGN_SAME_MAX 3
#define BBR_STANDING_ROUNDS_MIN 8
#define BBR_FOREIGN_CYCLES_FROM 2
#define BBR_FOREIGN_CYCLES_TO 10
#define BBR_UNRESPONSIVE_QUEUE_DIVISOR 2
#define BBR_UNRESPONSIVE_SIGNS 3
#define BBR_UNRESPONSIVE_SIGNS_MAX 4
#define BBR_UNRESPONSIVE_LOSS 10 /* percent of a round; counts nevertheless */
#define BBR_UNRESPONSIVE_STANDING_NS (7 * RUDP_NS_PER_S / 2)
#define BBR_UNRESPONSIVE_GONE_NS (3 * RUDP_NS_PER_S)

/* state, name in statistics, pacing gain, cwnd gain */
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

/* The relation of arriving ACKs to the last bandwidth probe. */
enum bbr_ack_phase {
	BBR_ACKS_INIT,
	BBR_ACKS_REFILLING,
	BBR_ACKS_PROBE_STARTING,
	BBR_ACKS_PROBE_FEEDBACK,
	BBR_ACKS_PROBE_STOPPING,
};

/* Totals of one packet-timed round trip, kept as evidence. */
struct bbr_round {
	int64_t started_at_ns;
	int64_t rtt_min_ns;   /* RUDP_NEVER: no sample */
	int64_t delay_max_ns; /* the largest minimum of 8 samples; 0: none */
	int64_t fall_max_ns; /* the largest fall of the RTT beyond what a draining queue explains */
	uint64_t bw_max;     /* the largest rate sample; 0: none */
	uint64_t ack_rate; /* delivered_bytes over the round's duration, set at its end; 0: none */
	uint64_t sent_bytes;
	uint64_t delivered_bytes;
	uint64_t lost_bytes;
	uint32_t lost_runs;       /* of packets in a row */
	uint32_t marked_packets;  /* CE-marked, with a queue */
	uint32_t shallow_packets; /* CE-marked, without a queue */
	uint32_t rtt_samples;
	bool app_limited;
};

/* State before a loss, restored if the loss turns out to be spurious. */
struct bbr_undo {
	uint64_t cwnd_bytes;
	uint64_t bw_shortterm;
	uint64_t inflight_shortterm;
	uint64_t inflight_longterm;
	/* largest number of the first loss; older packets belong to an earlier episode */
	uint64_t from_number;
	uint64_t lost_bytes;     /* lost in this episode, without spurious losses */
	uint64_t inflight_bytes; /* when the episode began */
	bool is_set;
	bool left_startup;
	bool left_up;
};

/* Packets sent at the same instant: the spacing of their ACKs tells the bandwidth. */
struct bbr_train {
	uint64_t first_number;
	int64_t ack_at_ns;   /* time of the first ACK in the train */
	uint64_t ack_bytes;  /* delivered_total_bytes at that time */
	uint32_t span_ns;    /* from the first to the last ACK in the train */
	uint32_t span_bytes; /* delivered during span_ns */
	uint8_t packets;     /* 0: unused */
	uint8_t acks;        /* number of ACKs at different times */
};

struct bbr {
	enum bbr_state state;
	enum bbr_ack_phase ack_phase;

	/* Rounds. next_number is the number of the next packet, as far as known. */
	uint64_t next_number;
	uint64_t round_end_number;
	uint64_t round_count;
	bool round_start;
	struct bbr_round now, last;
	uint64_t ack_rate_before; /* of the round before the last */

	/* Bandwidth in bytes per second. sample_bw is 0 if this ACK brought no sample. */
	uint64_t sample_bw;
	uint64_t max_bw, max_bw_slots[2]; /* slots: of this probe cycle, of the previous one */
	uint64_t bw_latest, bw_shortterm, bw;

	/* Detects that the path's rate changes. A fall is measured in spans of min_rtt. */
	int64_t fall_since_at_ns, fall_rtt_min_ns;
	uint64_t fall_bytes;  /* delivered_total_bytes at the start of the span */
	uint32_t fall_spans;  /* number of spans with a fall in a row */
	int64_t varied_at_ns; /* the rate last became higher or much lower, or varied; 0: never */
	uint64_t queue_rate;  /* delivered in the last round, if it had a queue; 0: it had none */
	uint64_t settled_queue_rate; /* average of such rounds since settled for a queue; 0: none */
	uint32_t variation_ppm;      /* average change of queue_rate from round to round */

	/* Volume in bytes. */
	uint64_t inflight_latest, inflight_shortterm, inflight_longterm;
	uint64_t extra_acked[2], extra_acked_sum;
	uint64_t extra_acked_slot_round;
	int64_t extra_acked_since_at_ns;

	/* Delay. */
	int64_t min_rtt_ns, min_rtt_at_ns;
	int64_t probe_rtt_min_ns, probe_rtt_min_at_ns;
	int64_t probe_rtt_last_at_ns, probe_rtt_done_at_ns; /* done: RUDP_NEVER until drained */
	int64_t delay_bucket_ns, delay_ns; /* smallest of 8 samples: current set, last full set */
	int64_t delay_since_at_ns;
	int64_t fall_from_ns;   /* the largest sum of time and RTT of a sample */
	int64_t drained_rtt_ns; /* smallest RTT of a round whose queue was drained; 0: none */
	int64_t up_base_ns;     /* smallest RTT of the round before the probe */
	/* variation of the smallest of 8 samples in that round; below 0: unknown */
	int64_t up_spread_ns;
	uint32_t delay_samples;
	int64_t base_rtt_ns;    /* smallest RTT of this path ever, measured or known before */
	int64_t foreign_rtt_ns; /* RTT found by the last PROBE_RTT that was far above base_rtt_ns */
	uint32_t foreign_same;  /* how often in a row it found the same */
	bool is_path_longer;    /* base_rtt_ns was raised: the path has become longer */
	bool foreign;           /* another flow keeps a deep queue */
	bool probe_rtt_expired, probe_rtt_round_done, idle_restart;
	uint64_t probe_rtt_end_number; /* samples of packets below this number are of PROBE_RTT */

	/* Whether the pipe is full. */
	uint64_t full_bw;
	uint32_t full_bw_count;
	bool full_bw_now, full_bw_reached;
	uint64_t startup_round;  /* when STARTUP restarted; losses count from the next round on */
	int64_t startup_base_ns; /* reference for delays in STARTUP, if above min_rtt */
	bool left_by_delay;      /* a delay ended STARTUP; it */
	uint64_t drain_check_round; /* must be gone in this round after DRAIN; 0: no check is due */
	bool holding;               /* STARTUP holds to check a delay */
	int64_t hold_peak_ns;       /* the largest delay since the hold began */
	uint64_t hold_end_number;
	uint64_t leaving_number; /* first packet sent at leaving_at_ns */
	int64_t leaving_at_ns;
	struct bbr_train trains[BBR_TRAINS_WATCHED];
	uint32_t train_rates[BBR_TRAIN_COUNT_MAX]; /* sorted by size, bytes per second */
	uint32_t train_count;
	uint32_t starters; /* connections that share the trains' estimate; 0 and 1: alone */
	bool trains_wrong;
	bool has_jumped;            /* the first window came from earlier connections */
	uint64_t round_cwnd_bytes;  /* when the round began */
	uint64_t round_acked_bytes; /* acknowledged in the round */
	bool hold_sign;             /* queue seen at the end of the hold */
	uint64_t drain_start_round;

	/* The probe cycle. */
	int64_t cycle_at_ns, probe_wait_ns;
	uint64_t rounds_since_probe;
	uint64_t probe_up_acked, probe_up_acked_per_inc;
	uint64_t up_inflight_bytes, up_extra_bytes; /* in flight when UP began; what UP may add */
	uint64_t up_bw;                             /* max_bw when UP began */
	uint32_t up_rounds;
	uint32_t delayed_rounds; /* rounds in a row in which every packet has waited */
	bool has_probed;
	bool up_alone;       /* there was no queue when UP began */
	bool up_limited;     /* up_extra_bytes limited the window in this round */
	bool up_at_longterm; /* inflight_longterm limited the window */
	uint32_t probe_up_rounds;
	bool is_bw_probe_sample, prev_probe_too_high, prev_probe_precautionary;
	bool holds_long_queue; /* the path has held half an RTT, and did not overflow with less */

	/* Loss. */
	uint64_t loss_round_end_number;
	bool was_short; /* the last round delivered fewer bytes than were sent */
	bool loss_round_start, loss_in_round, mark_in_round, shortfall, evidence_in_round;
	bool shallow_in_round;                  /* marks without a queue */
	uint16_t tally_lost_runs;               /* like tally_bytes */
	uint32_t shallow_ppm;                   /* their share, averaged over rounds */
	uint32_t tally_bytes, tally_lost_bytes; /* of the last small rounds together */
	uint64_t loss_ppm;                      /* average over rounds of DOWN and CRUISE */
	uint64_t loss_peak_ppm;                 /* the worst of them; decays slowly */
	uint64_t base_loss_ppm;                 /* at a reduced rate: the path's own loss */
	uint32_t phase_rounds;                  /* rounds completed since DOWN began */
	uint32_t standing_cycles;               /* cycles in a row whose queue never went away */
	bool settled;                /* the rate was lowered to what is delivered, in this cycle */
	bool queue_vanished;         /* at some time in this cycle */
	uint32_t unlowered_loss_ppm; /* loss_ppm before the rate was lowered */
	/* datagrams at a lowered rate, or of a probe; in whole rounds */
	uint32_t counted_sent, counted_lost;
	uint8_t lowered_rounds;
	uint8_t counted_runs; /* of losses in a probe */
	bool policed;         /* the last probe lost what the path does not carry */
	struct bbr_undo undo;

	/* packets below it were sent before we gave bandwidth away */
	uint64_t shifted_until_number;

	/* Detection of unresponsive flows. */
	int64_t queue_changed_at_ns; /* when the long queue last appeared or went away */

	uint64_t prior_cwnd_bytes;
	uint64_t random;
	bool has_seen_rtt, app_limited;
	bool queue_stands;
	uint8_t unresponsive_signs;
	/* packets below it were in flight while the window was full */
	uint64_t limited_until_number;
};

static inline struct bbr *bbr_of(struct rudp_cc *cc)
{
	return (struct bbr *)(void *)cc->state;
}

static inline const struct bbr *bbr_of_const(const struct rudp_cc *cc)
{
	return (const struct bbr *)(const void *)cc->state;
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

/* A path whose rate changes (cc_bbr_fall.c). */
void rudp_bbr_check_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_note_variation(struct rudp_cc *cc);
bool rudp_bbr_was_queue_long(const struct bbr *b);
bool rudp_bbr_is_rate_varying(const struct bbr *b);
bool rudp_bbr_has_rate_changed(const struct bbr *b);

/* The PROBE_BW cycle (cc_bbr_cycle.c). */
void rudp_bbr_start_down(struct rudp_cc *cc, int64_t now_at_ns);
void rudp_bbr_start_cruise(struct rudp_cc *cc);
void rudp_bbr_start_refill(struct rudp_cc *cc);
void rudp_bbr_update_cycle(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
uint64_t rudp_bbr_with_headroom(const struct rudp_cc *cc);

/* Rounds, bandwidth, ACK aggregation, full pipe (cc_bbr_model.c). */
void rudp_bbr_start_round(struct bbr *b);
void rudp_bbr_update_round(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_update_max_bw(struct bbr *b);
void rudp_bbr_advance_max_bw(struct bbr *b);
void rudp_bbr_update_extra_acked(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
uint64_t rudp_bbr_extra_acked(const struct bbr *b);
void rudp_bbr_reset_full_bw(struct bbr *b);
void rudp_bbr_check_full_bw(struct bbr *b);
void rudp_bbr_bound_bw(struct bbr *b);

/* Packet trains and the growth that they allow (cc_bbr_train.c). */
void rudp_bbr_forget_trains(struct bbr *b);
void rudp_bbr_note_train_sent(struct bbr *b, uint64_t number, int64_t now_at_ns);
void rudp_bbr_note_train_acked(struct bbr *b, const struct rudp_cc_ack *ack);
bool rudp_bbr_wants_trains(const struct bbr *b);
bool rudp_bbr_may_trains_grow(const struct bbr *b, const struct rudp_cc_ack *ack);
/* The trains' estimate, and the part of it that STARTUP uses. There must be at least one train. */
uint64_t rudp_bbr_train_rate_bytes_per_s(const struct bbr *b);
uint64_t rudp_bbr_train_target_bytes_per_s(const struct bbr *b);
bool rudp_bbr_are_trains_sure(const struct bbr *b);
bool rudp_bbr_is_far_by_trains(const struct rudp_cc *cc);
uint64_t rudp_bbr_train_growth_bytes(struct rudp_cc *cc, const struct rudp_cc_ack *ack);

/* Delay: min_rtt, PROBE_RTT, detection of a queue (cc_bbr_rtt.c). */
void rudp_bbr_note_rtt(struct bbr *b, const struct rudp_cc_ack *ack);
int64_t rudp_bbr_delay_bound_ns(const struct bbr *b, int64_t least_ns);
int64_t rudp_bbr_probe_bound_ns(const struct bbr *b);
bool rudp_bbr_has_delay_grown(const struct bbr *b, int64_t base_ns);
int64_t rudp_bbr_drained_rtt_ns(const struct bbr *b);
void rudp_bbr_note_drained(struct bbr *b);
void rudp_bbr_correct_drained(struct bbr *b);
bool rudp_bbr_had_round_delay(const struct bbr *b);
bool rudp_bbr_has_probe_delay(const struct bbr *b);
void rudp_bbr_expect_rtt(struct rudp_cc *cc, int64_t base_rtt_ns);
void rudp_bbr_update_min_rtt(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_check_probe_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_check_probe_rtt_done(struct rudp_cc *cc, int64_t now_at_ns);

/* Loss: evidence, bounds (cc_bbr_loss.c). */
void rudp_bbr_note_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
void rudp_bbr_update_latest(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_advance_latest(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_adapt_lower_bounds(struct rudp_cc *cc);
void rudp_bbr_reset_congestion_signals(struct bbr *b);
void rudp_bbr_reset_shortterm(struct bbr *b);
void rudp_bbr_close_loss_account(struct rudp_cc *cc);
void rudp_bbr_start_settling(struct bbr *b);
void rudp_bbr_stop_draining(struct bbr *b);
uint64_t rudp_bbr_with_path_loss(const struct bbr *b, uint64_t rate);
/* The smallest RTT of the last or of the current round, whichever is larger; 0: unknown. */
int64_t rudp_bbr_fastest_rtt_ns(const struct bbr *b);
bool rudp_bbr_is_queue_evident(const struct bbr *b);
bool rudp_bbr_has_startup_loss(const struct rudp_cc *cc);
uint64_t rudp_bbr_alone_least(const struct bbr *b);
/* At least half of the losses are still there at a lowered rate: they are the path's own. */
bool rudp_bbr_have_losses_stayed(const struct bbr *b);
bool rudp_bbr_is_inflight_too_high(const struct rudp_cc *cc, const struct rudp_cc_ack *ack);
void rudp_bbr_start_probe_count(struct bbr *b);
/* A round of a probe has ended. Returns whether the probe is policed. */
bool rudp_bbr_judge_probe(struct rudp_cc *cc);

/* ECN marks (cc_bbr_marks.c). */
void rudp_bbr_note_marks(struct bbr *b, const struct rudp_cc_ack *ack);
void rudp_bbr_average_marks(struct rudp_cc *cc);
bool rudp_bbr_are_marks_many(const struct rudp_cc *cc);
void rudp_bbr_answer_marks(struct rudp_cc *cc);
void rudp_bbr_grow_unmarked(struct rudp_cc *cc);
uint64_t rudp_bbr_quantum_bytes(const struct rudp_cc *cc);

/* Unresponsive flows (cc_bbr_unresponsive.c). */
void rudp_bbr_look_for_unresponsive(struct bbr *b);
bool rudp_bbr_is_beside_unresponsive(const struct bbr *b);
bool rudp_bbr_is_loss_answered(const struct bbr *b);

/* Sharing with connections between the same two hosts (cc_bbr_flow.c). */
bool rudp_bbr_flow(const struct rudp_cc *cc, struct rudp_cc_flow *out);
void rudp_bbr_shift(struct rudp_cc *cc, uint64_t bytes_per_s);

/* Undo of spurious losses (cc_bbr_undo.c). */
void rudp_bbr_save_for_undo(struct rudp_cc *cc, const struct rudp_cc_loss *loss);
void rudp_bbr_take_spurious(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious);

/* Pacing rate, send quantum, window (cc_bbr_control.c). */
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

#endif
