/* SPDX-License-Identifier: MIT */
/*
 * scenario - the simulated worlds: a random one for each seed, and named ones, among them those of
 * the QUIC interop runner.
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

/* Draws everything from the seed. */
void scenario_random(uint64_t seed, struct world_config *config);
/* Configures a named one. false: unknown name. */
bool scenario_named(const char *name, uint64_t seed, struct world_config *config);

#endif
