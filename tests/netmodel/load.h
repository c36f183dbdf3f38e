/* SPDX-License-Identifier: MIT */
/* Packets for the tests of the network models, and a bottleneck under a steady load. */
#ifndef NETMODEL_LOAD_H
#define NETMODEL_LOAD_H

#include "../../integration/netmodel/hop.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

enum { LOAD_PACKETS_MAX = 200000, LOAD_BYTES = 1500 };

struct load {
	struct nm_item items[LOAD_PACKETS_MAX];
	size_t count;
};

/* A bottleneck of this rate without limits, marks or gaps. */
struct nm_bottleneck_conf load_conf(enum nm_discipline discipline, double bits_per_s);

/* Packets of a flow come every so often until an instant, and those that come out are taken. */
void load_run(struct load *load, struct nm_bottleneck *bottleneck, uint64_t from_ns,
	      uint64_t until_ns, uint64_t every_ns, uint32_t flow);

/* One more packet at this instant, from the load's. Returns what the bottleneck says. */
bool load_one(struct load *load, struct nm_bottleneck *bottleneck, uint64_t now_ns, uint32_t flow);

/* Takes all out that is inside. */
void load_finish(struct nm_bottleneck *bottleneck);

size_t load_count(const struct load *load, enum nm_outcome outcome);

/* What a packet waited. */
uint64_t load_wait_ns(const struct nm_item *item);

#endif
