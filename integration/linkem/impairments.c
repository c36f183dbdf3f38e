/* SPDX-License-Identifier: MIT */
#include "impairments.h"
#include "burst.h"
#include "packet.h"
#include "text.h"
#include "trace_text.h"
#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct direction_conf impairments_none = {
	.queue = {.unit = QUEUE_UNIT_BDP, .amount = 1},
	.burst = {.to_good = 1},
	.codel = {NM_CODEL_TARGET_NS, NM_CODEL_INTERVAL_NS},
	.pie = {.target_ns = NM_PIE_TARGET_NS},
	.mark_delay = {.from_ns = NM_NEVER, .to_ns = NM_NEVER, .chance_max = 1, .weight = 1},
};

static const char *set_delay(struct direction_conf *d, const char *text)
{
	return units_duration(text, &d->delay_ns) ? NULL : "not a time";
}

static const char *set_jitter(struct direction_conf *d, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text) || !units_duration(parts.part[0], &d->jitter_ns))
		return "not a time";
	d->jitter_pareto = d->jitter_ordered = false;
	for (unsigned i = 1; i < parts.count; i++) {
		if (strcmp(parts.part[i], "pareto") == 0)
			d->jitter_pareto = true;
		else if (strcmp(parts.part[i], "ordered") == 0)
			d->jitter_ordered = true;
		else if (strcmp(parts.part[i], "uniform") != 0)
			return "after the time come 'uniform', 'pareto' or 'ordered'";
	}
	return NULL;
}

static const char *set_rate(struct direction_conf *d, const char *text)
{
	d->trace = NULL;
	d->network = NM_NO_NETWORK;
	return units_rate(text, &d->rate_bps) ? NULL : "not a rate";
}

static const char *set_network(struct direction_conf *d, const char *name, const char *rate)
{
	d->network = nm_network_find(name);
	if (!units_rate(rate, &d->rate_bps) || d->rate_bps == 0)
		return "after the network comes its mean rate: lte,30M";
	return NULL;
}

/* A trace is never freed. */
static const char *set_trace(struct direction_conf *d, const char *text)
{
	static char wrong[128];
	struct nm_trace *trace;
	struct text_parts parts;
	const char *complaint;
	unsigned line;

	d->trace = NULL;
	if (text_split(&parts, text) && parts.count == 2 && nm_network_find(parts.part[0]))
		return set_network(d, parts.part[0], parts.part[1]);
	trace = malloc(sizeof *trace);
	if (!trace)
		return "no memory";
	complaint = trace_read(trace, text, &line);
	if (complaint) {
		free(trace);
		snprintf(wrong, sizeof wrong, "line %u: %s", line, complaint);
		return line ? wrong : complaint;
	}
	d->trace = trace;
	d->network = NM_NO_NETWORK;
	d->rate_bps = (uint64_t)trace_mean_bps(trace);
	return d->rate_bps ? NULL : "the rate is 0";
}

static const char *set_aqm(struct direction_conf *d, const char *text)
{
	static const struct {
		const char *name;
		enum nm_discipline discipline;
		unsigned times;
	} rows[] = {{"droptail", NM_DROP_TAIL, 0},
		    {"codel", NM_CODEL, 2},
		    {"fq_codel", NM_FQ_CODEL, 2},
		    {"pie", NM_PIE, 1}};
	struct text_parts parts;
	uint64_t target_ns;

	if (!text_split(&parts, text))
		return "too long";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(parts.part[0], rows[i].name) != 0)
			continue;
		d->discipline = rows[i].discipline;
		if (parts.count == 1)
			return NULL;
		if (parts.count - 1 > rows[i].times || !units_duration(parts.part[1], &target_ns) ||
		    (parts.count == 3 && !units_duration(parts.part[2], &d->codel.interval_ns)))
			return "codel and fq_codel take a target and an interval, pie a target";
		d->codel.target_ns = d->pie.target_ns = target_ns;
		return NULL;
	}
	return "droptail, codel, fq_codel or pie";
}

static const char *set_mark_delay(struct direction_conf *d, const char *text)
{
	struct nm_marker_conf marker = {.chance_max = 1, .weight = 1};
	struct text_parts parts;

	if (!text_split(&parts, text))
		return "too long";
	if (parts.count > 1 && strcmp(parts.part[parts.count - 1], "average") == 0) {
		marker.weight = NM_RED_WEIGHT;
		parts.count--;
	}
	if (parts.count > 3 || !units_duration(parts.part[0], &marker.from_ns))
		return "a time, perhaps a later one and a probability, please";
	marker.to_ns = marker.from_ns;
	if (parts.count > 1 &&
	    (!units_duration(parts.part[1], &marker.to_ns) || marker.to_ns < marker.from_ns))
		return "after the time comes a later one";
	if (parts.count > 2 && !units_probability(parts.part[2], &marker.chance_max))
		return "not a probability";
	d->mark_delay = marker;
	return NULL;
}

static bool take_queue(struct queue_conf *queue, const char *text)
{
	static const struct {
		const char *suffix;
		enum queue_unit unit;
		double factor;
	} units[] = {
		{"bdp", QUEUE_UNIT_BDP, 1},      {"p", QUEUE_UNIT_PACKETS, 1},
		{"", QUEUE_UNIT_BYTES, 1},       {"B", QUEUE_UNIT_BYTES, 1},
		{"k", QUEUE_UNIT_BYTES, 1e3},    {"kB", QUEUE_UNIT_BYTES, 1e3},
		{"M", QUEUE_UNIT_BYTES, 1e6},    {"MB", QUEUE_UNIT_BYTES, 1e6},
		{"KiB", QUEUE_UNIT_BYTES, 1024}, {"MiB", QUEUE_UNIT_BYTES, 1024 * 1024},
	};
	double amount;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (units_number(text, units[i].suffix, &amount) && amount > 0) {
			queue->unit = units[i].unit;
			queue->amount = amount * units[i].factor;
			return true;
		}
	return false;
}

static const char *set_queue(struct direction_conf *d, const char *text)
{
	return take_queue(&d->queue, text) ? NULL : "a queue is '100p', '64k', '1MiB' or '1.5bdp'";
}

static const char *set_police(struct direction_conf *d, const char *text)
{
	struct queue_conf burst;
	struct text_parts parts;

	if (!text_split(&parts, text) || parts.count != 2 ||
	    !units_rate(parts.part[0], &d->police_bps) || !take_queue(&burst, parts.part[1]) ||
	    burst.unit != QUEUE_UNIT_BYTES)
		return "a rate and a burst in bytes, please: 20M,125k";
	d->police_burst_bytes = (size_t)burst.amount;
	return NULL;
}

static const char *set_aggregate(struct direction_conf *d, const char *text)
{
	struct text_parts parts;
	double packets = 0;

	if (!text_split(&parts, text) || parts.count > 2 ||
	    !units_duration(parts.part[0], &d->aggregate_ns) ||
	    (parts.count == 2 && (!units_number(parts.part[1], "p", &packets) || packets < 1)))
		return "a time and perhaps a number of packets, please: 5ms,32p";
	d->aggregate_packets = (size_t)packets;
	return NULL;
}

static const char *set_acks(struct direction_conf *d, const char *text)
{
	d->newest_ack_only = strcmp(text, "newest") == 0;
	return d->newest_ack_only || strcmp(text, "all") == 0 ? NULL : "'all' or 'newest'";
}

static const char *set_mark(struct direction_conf *d, const char *text)
{
	return take_queue(&d->mark, text) ? NULL : "a queue is '100p', '64k', '1MiB' or '0.2bdp'";
}

static const char *set_loss(struct direction_conf *d, const char *text)
{
	return units_probability(text, &d->loss) ? NULL : "not a probability";
}

/* The p distinguishes "MEAN,LENGTHp" from "P,R"; as in --queue it means packets. */
static const char *set_burst_loss(struct direction_conf *d, const char *text)
{
	struct burst_conf burst = {.loss_bad = 1};
	struct text_parts parts;
	double length;

	if (!text_split(&parts, text) || parts.count < 2 || parts.count > 4)
		return "two to four numbers, please";
	if (parts.count == 2 && units_number(parts.part[1], "p", &length)) {
		if (!units_probability(parts.part[0], &burst.to_bad) || burst.to_bad >= 1 ||
		    length < 1)
			return "MEAN is a probability below 1, LENGTH at least 1p";
		d->burst = burst_from_mean(burst.to_bad, length);
		return d->burst.to_bad <= 1 ? NULL : "no such bursts: too much loss for the length";
	}
	if (!units_probability(parts.part[0], &burst.to_bad) ||
	    !units_probability(parts.part[1], &burst.to_good) ||
	    (parts.count > 2 && !units_probability(parts.part[2], &burst.loss_bad)) ||
	    (parts.count > 3 && !units_probability(parts.part[3], &burst.loss_good)))
		return "not probabilities";
	d->burst = burst;
	return NULL;
}

static const char *set_reorder(struct direction_conf *d, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text) || parts.count != 2 ||
	    !units_probability(parts.part[0], &d->reorder) ||
	    !units_duration(parts.part[1], &d->reorder_ns))
		return "a probability and a time, please";
	return NULL;
}

static const char *set_duplicate(struct direction_conf *d, const char *text)
{
	return units_probability(text, &d->duplicate) ? NULL : "not a probability";
}

static const char *set_corrupt(struct direction_conf *d, const char *text)
{
	struct text_parts parts;

	if (!text_split(&parts, text) || parts.count > 2 ||
	    !units_probability(parts.part[0], &d->corrupt))
		return "not a probability";
	d->corrupt_undetected = parts.count == 2;
	if (parts.count == 2 && strcmp(parts.part[1], "undetected") != 0)
		return "after the probability comes 'undetected' or nothing";
	return NULL;
}

static const char *set_blackout(struct direction_conf *d, const char *text)
{
	struct nm_gap blackout = {0};
	struct text_parts parts;

	if (d->blackouts == BLACKOUTS_MAX)
		return "too many blackouts";
	if (!text_split(&parts, text))
		return "too long";
	if (strcmp(parts.part[parts.count - 1], "hold") == 0) {
		blackout.holds = true;
		parts.count--;
	}
	if (parts.count < 2 || parts.count > 3 ||
	    !units_duration(parts.part[0], &blackout.start_ns) ||
	    !units_duration(parts.part[1], &blackout.duration_ns) ||
	    (parts.count == 3 && !units_duration(parts.part[2], &blackout.period_ns)))
		return "start, duration and, where it repeats, period, please";
	if (blackout.period_ns && blackout.period_ns <= blackout.duration_ns && blackout.holds)
		return "such gaps hold packets back for ever";
	d->blackout[d->blackouts++] = blackout;
	return NULL;
}

static const char *protocols(unsigned *mask, const char *text)
{
	struct text_parts parts;
	size_t p;

	if (!text_split(&parts, text))
		return "too long";
	for (unsigned i = 0; i < parts.count; i++) {
		for (p = 0; p < PROTOCOLS_COUNT; p++)
			if (strcmp(parts.part[i], protocol_names[p]) == 0)
				break;
		if (p == PROTOCOLS_COUNT)
			return "protocols are tcp, udp, icmp and other";
		*mask |= 1u << p;
	}
	return NULL;
}

static const char *set_drop(struct direction_conf *d, const char *text)
{
	return protocols(&d->drop_mask, text);
}

static const char *set_refuse(struct direction_conf *d, const char *text)
{
	return protocols(&d->refuse_mask, text);
}

static const char *set_path_mtu(struct direction_conf *d, const char *text)
{
	struct text_parts parts;
	uint64_t bytes;

	if (!text_split(&parts, text) || parts.count > 2 ||
	    !units_integer(parts.part[0], MTU_MAX, &bytes))
		return "not a size in bytes";
	d->path_mtu_from_ns = 0;
	if (parts.count == 2 && !units_duration(parts.part[1], &d->path_mtu_from_ns))
		return "not a time";
	d->path_mtu_bytes = (size_t)bytes;
	return NULL;
}

const struct impairment impairments[] = {
	{"delay", "TIME", "fixed one-way delay: 20ms", set_delay},
	{"jitter", "TIME[,pareto][,ordered]",
	 "varying delay, uniform within plus and minus TIME, or with a heavy tail of mean TIME/2 "
	 "on "
	 "top; may reorder packets unless ordered",
	 set_jitter},
	{"rate", "RATE", "bottleneck in bit/s of IP bytes: 50M", set_rate},
	{"trace", "FILE|NETWORK,RATE",
	 "bottleneck whose rate changes in time, from the first TCP or UDP packet on: a file of "
	 "'TIME RATE [DELAY]' lines or of mahimahi, or a synthetic network (lte, wifi, starlink) "
	 "with this mean rate, by the seed",
	 set_trace},
	{"queue", "SIZE",
	 "queue before the bottleneck: 100p, 64k, 1MiB or 1.5bdp of both directions' "
	 "fixed delays; 1bdp by default, and 10 packets at least where given in bdp",
	 set_queue},
	{"aqm", "NAME[,TARGET[,INTERVAL]]",
	 "what manages the queue: droptail, codel (RFC 8289), fq_codel (RFC 8290) or pie (RFC "
	 "8033); "
	 "packets that allow it are marked instead of dropped",
	 set_aqm},
	{"police", "RATE,BURST",
	 "policer behind the bottleneck: a token bucket without a queue drops what is beyond: "
	 "20M,125k",
	 set_police},
	{"aggregate", "TIME[,Np]",
	 "packets are held back up to TIME, or until there are N, and leave together",
	 set_aggregate},
	{"acks", "all|newest",
	 "newest: a pure TCP acknowledgement that is queued takes the place of an older one, as in "
	 "cable modems",
	 set_acks},
	{"mark", "SIZE",
	 "ECN: a packet that allows it and finds more than SIZE queued is marked (CE) instead of "
	 "nothing; sizes as for --queue",
	 set_mark},
	{"mark-delay", "FROM[,TO[,P]][,average]",
	 "ECN by time: a packet that has waited longer than FROM is marked; with TO the chance "
	 "rises "
	 "from 0 there to P (1) at TO; average: the average wait counts, as with RED",
	 set_mark_delay},
	{"loss", "P", "independent loss: 2% or 0.02", set_loss},
	{"burst-loss", "MEAN,LENGTHp | P,R[,BAD[,GOOD]]",
	 "loss in bursts: mean loss and mean burst length (2%,5p), or the probabilities of "
	 "entering "
	 "and leaving the bad state and of loss in the bad (1) and the good state (0)",
	 set_burst_loss},
	{"reorder", "P,TIME", "this share of packets takes TIME longer: 1%,5ms", set_reorder},
	{"duplicate", "P", "this share of packets arrives twice", set_duplicate},
	{"corrupt", "P[,undetected]",
	 "one bit of the TCP or UDP payload flips; undetected: with a checksum made right again, "
	 "so "
	 "that the damage reaches the program",
	 set_corrupt},
	{"blackout", "START,DURATION[,PERIOD][,hold]",
	 "nothing passes, counted from the first TCP or UDP packet; hold: what is sent meanwhile "
	 "waits "
	 "in the queue instead of being lost, as at a handover; may be given again",
	 set_blackout},
	{"drop", "PROTOCOL[,PROTOCOL]", "swallow all tcp, udp, icmp or other", set_drop},
	{"refuse", "PROTOCOL[,PROTOCOL]", "answer with ICMP port unreachable", set_refuse},
	{"path-mtu", "BYTES[,TIME]", "bigger packets vanish without a word, from TIME on",
	 set_path_mtu},
};

const size_t impairments_count = sizeof impairments / sizeof *impairments;
