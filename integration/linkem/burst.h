/* SPDX-License-Identifier: MIT */
/* Losses in bursts: the two-state model of Gilbert and Elliott. */
#ifndef LINKEM_BURST_H
#define LINKEM_BURST_H

#include "conf.h"
#include "prng.h"

#include <stdbool.h>

struct burst {
	bool bad;
};

/* One step of the chain; returns whether this packet is lost. */
bool burst_step(struct burst *burst, const struct burst_conf *conf, struct prng *prng);

/* The chain with this mean loss whose bursts have this mean length in packets (>= 1). */
struct burst_conf burst_from_mean(double mean_loss, double mean_length);

#endif
