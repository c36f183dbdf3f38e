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

/* Sends a packet of a flow every every_ns until until_ns, and removes the packets that come out. */
void load_run(struct load *load, struct nm_bottleneck *bottleneck, uint64_t from_ns,
	      uint64_t until_ns, uint64_t every_ns, uint32_t flow);

/* Sends one more packet. Returns the bottleneck's result. */
bool load_one(struct load *load, struct nm_bottleneck *bottleneck, uint64_t now_ns, uint32_t flow);

/* Removes all packets from the bottleneck. */
void load_finish(struct nm_bottleneck *bottleneck);

size_t load_count(const struct load *load, enum nm_outcome outcome);

/* How long a packet waited. */
uint64_t load_wait_ns(const struct nm_item *item);

#endif
