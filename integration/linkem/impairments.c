/* SPDX-License-Identifier: MIT */
#include "impairments.h"
#include "burst.h"
#include "packet.h"
#include "text.h"
#include "units.h"

#include <string.h>

const struct direction_conf impairments_none = {
	.queue = {.unit = QUEUE_UNIT_BDP, .amount = 1},
	.burst = {.to_good = 1},
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
	return units_rate(text, &d->rate_bps) ? NULL : "not a rate";
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

static const char *set_mark(struct direction_conf *d, const char *text)
{
	return take_queue(&d->mark, text) ? NULL : "a queue is '100p', '64k', '1MiB' or '0.2bdp'";
}

static const char *set_loss(struct direction_conf *d, const char *text)
{
	return units_probability(text, &d->loss) ? NULL : "not a probability";
}

/* "MEAN,LENGTHp" is told from "P,R" by the p, which counts packets as in --queue. */
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
	struct blackout_conf blackout = {0};
	struct text_parts parts;

	if (d->blackouts == BLACKOUTS_MAX)
		return "too many blackouts";
	if (!text_split(&parts, text) || parts.count < 2 || parts.count > 3 ||
	    !units_duration(parts.part[0], &blackout.start_ns) ||
	    !units_duration(parts.part[1], &blackout.duration_ns) ||
	    (parts.count == 3 && !units_duration(parts.part[2], &blackout.period_ns)))
		return "start, duration and, where it repeats, period, please";
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
	uint64_t bytes;

	if (!units_integer(text, MTU_MAX, &bytes))
		return "not a size in bytes";
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
	{"queue", "SIZE",
	 "drop-tail queue before the bottleneck: 100p, 64k, 1MiB or 1.5bdp of both directions' "
	 "fixed delays; 1bdp by default, and 10 packets at least where given in bdp",
	 set_queue},
	{"mark", "SIZE",
	 "ECN: a packet that allows it and finds more than SIZE queued is marked (CE) instead of "
	 "nothing; sizes as for --queue",
	 set_mark},
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
	{"blackout", "START,DURATION[,PERIOD]",
	 "nothing passes, counted from the first TCP or UDP packet; may be given again",
	 set_blackout},
	{"drop", "PROTOCOL[,PROTOCOL]", "swallow all tcp, udp, icmp or other", set_drop},
	{"refuse", "PROTOCOL[,PROTOCOL]", "answer with ICMP port unreachable", set_refuse},
	{"path-mtu", "BYTES", "bigger packets vanish without a word", set_path_mtu},
};

const size_t impairments_count = sizeof impairments / sizeof *impairments;
