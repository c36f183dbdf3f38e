/* SPDX-License-Identifier: MIT */
/*
 * scenario - which worlds are simulated: one drawn at random from each seed, and the named ones, among
 * them the field's shared bars (the matrix of the QUIC interop runner).
 */
#ifndef RUDP_SIM_SCENARIO_H
#define RUDP_SIM_SCENARIO_H

#include "world.h"

struct scenario {
	const char *name;
	const char *what;
	int runs; /* with consecutive seeds, as part of make check */
	void (*configure)(struct world_config *config);
};

extern const struct scenario scenarios[];
extern const int scenario_count;

/* Everything drawn from the seed. */
void scenario_random(uint64_t seed, struct world_config *config);
/* A named one; false: no such name. */
bool scenario_named(const char *name, uint64_t seed, struct world_config *config);

#endif
