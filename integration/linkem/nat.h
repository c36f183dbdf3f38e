/* SPDX-License-Identifier: MIT */
/*
 * The NAT in front of side A. It changes nothing until its first rebinding. After each rebinding
 * every UDP flow from A gets a new source port (and, if a range is given, another source address).
 * Packets to the current port are translated to the inside port; packets to a forgotten one are
 * dropped, as a real NAT does. TCP, fragments and ICMP pass unchanged.
 */
#ifndef LINKEM_NAT_H
#define LINKEM_NAT_H

#include "conf.h"
#include "packet.h"
#include "prng.h"

enum {
	NAT_FLOWS_MAX = 4096, /* at more the oldest flows are removed */
	NAT_BUCKETS = 1024,
	NAT_PORT_FIRST = 20000,
	NAT_PORTS = 40000,
};

struct nat_endpoint {
	uint8_t address[16]; /* IPv4: the first four bytes */
	uint8_t port[2];     /* in network byte order */
};

struct nat_flow {
	unsigned version;
	struct nat_endpoint inside, outside, remote;
	uint64_t epoch; /* number of rebindings when the mapping was made */
	int next_inside, next_outside;
};

struct nat {
	struct nat_conf conf;
	struct nat_flow flow[NAT_FLOWS_MAX];
	size_t flows, recycle_next;
	int by_inside[NAT_BUCKETS], by_outside[NAT_BUCKETS];
	uint64_t epoch;
	uint32_t next_port;
};

enum nat_verdict { NAT_UNCHANGED, NAT_TRANSLATED, NAT_FORGOTTEN };

void nat_init(struct nat *nat, const struct nat_conf *conf, struct prng *prng);

/* The number of rebindings so far (schedule_rebinds()); it never decreases. */
void nat_set_epoch(struct nat *nat, uint64_t epoch);

/* A packet from A: rewrites its source. */
enum nat_verdict nat_leave(struct nat *nat, const struct packet_view *view);

/* A packet to A: rewrites its destination, or reports that its mapping was forgotten. */
enum nat_verdict nat_enter(struct nat *nat, const struct packet_view *view);

#endif
