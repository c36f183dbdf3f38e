/* SPDX-License-Identifier: MIT */
#include "mtu_scenarios.h"

#include "base/time.h"

#define S RUDP_NS_PER_S
#define MS RUDP_NS_PER_MS

/* A path of 100 Mbit/s behind an Ethernet interface. */
static void mtu_path(struct world_config *c, size_t path_bytes)
{
	c->up = c->down = (struct link_config){.delay_ns = 25 * MS,
					       .rate_bits_per_s = 100e6,
					       .queue_bytes = 625000,
					       .datagram_max = path_bytes};
	c->interface_bytes = 1472;
	c->down_bytes = 10 << 20;
	c->datagram_most = (uint32_t)path_bytes;
	c->finish_by_ns = 2000 * MS;
}

/* The first probe has the right size, so no probe is lost. */
void scenario_mtu_ethernet(struct world_config *c)
{
	mtu_path(c, 1472);
	c->datagram_least = 1472;
}

void scenario_mtu_tunnel(struct world_config *c)
{
	mtu_path(c, 1392);
	c->datagram_least = 1392;
	c->size_drops_max = 6;
}

/* No datagram above the base size passes: only probes are lost. */
void scenario_mtu_base(struct world_config *c)
{
	mtu_path(c, 1200);
	c->size_drops_max = 24;
}

void scenario_mtu_jumbo(struct world_config *c)
{
	mtu_path(c, 8972);
	c->interface_bytes = c->datagram_least = 8972;
}

/* Jumbo frames do not pass the switch. */
void scenario_mtu_jumbo_ends(struct world_config *c)
{
	mtu_path(c, 1472);
	c->interface_bytes = 8972;
	c->datagram_least = 1472;
	c->size_drops_max = 24;
}

void scenario_mtu_loopback(struct world_config *c)
{
	c->up = c->down = (struct link_config){.delay_ns = 100 * RUDP_NS_PER_US,
					       .rate_bits_per_s = 10e9,
					       .queue_bytes = 4 << 20,
					       .datagram_max = 65507};
	c->interface_bytes = c->datagram_least = 65507;
	c->down_bytes = 50 << 20;
	c->data_by_ns = 100 * MS;
	c->finish_by_ns = 700 * MS; /* half a second of it is TIME_WAIT */
}

void scenario_mtu_lossy(struct world_config *c)
{
	mtu_path(c, 1392);
	c->up.loss = c->down.loss = 0.03;
	c->datagram_least = 1275;
	c->finish_by_ns = 5 * S;
}

/* The path's MTU shrinks during the transfer. It is found without a long time-out. */
void scenario_mtu_shrinks(struct world_config *c)
{
	mtu_path(c, 1472);
	c->down_bytes = 15 << 20; /* enough to find the size during the transfer */
	c->up.datagram_max_later = c->down.datagram_max_later = 1392;
	c->up.change_at_ns = c->down.change_at_ns = 500 * MS;
	c->datagram_most = c->datagram_least = 1392;
	c->finish_by_ns = 3 * S;
}

/* The MTU shrinks in one direction only, and there is random loss. */
void scenario_mtu_shrinks_lossy(struct world_config *c)
{
	scenario_mtu_shrinks(c);
	c->up.loss = c->down.loss = 0.03;
	c->up.change_at_ns = 0;
	c->datagram_least = 1200;
	c->finish_by_ns = 6 * S;
}

/* Ten minutes after the first search a larger MTU is found: 75 MB at 1 Mbit/s. */
void scenario_mtu_grows(struct world_config *c)
{
	c->up = c->down = (struct link_config){.delay_ns = 25 * MS,
					       .rate_bits_per_s = 1e6,
					       .queue_bytes = 12500,
					       .datagram_max = 1300,
					       .datagram_max_later = 1472,
					       .change_at_ns = 60 * S};
	c->interface_bytes = c->datagram_least = 1472;
	c->down_bytes = 85000000;
	c->finish_by_ns = 1000 * S;
}

/* Short connections send no probes, so they lose none. */
void scenario_mtu_short(struct world_config *c)
{
	mtu_path(c, 1200);
	c->conns = WORLD_CONNS_MAX;
	c->start_spread_ns = 2 * S;
	c->down_bytes = 10000;
	c->finish_by_ns = 5 * S;
	c->datagram_most = 1200;
}
