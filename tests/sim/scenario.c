/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <string.h>

#include "base/time.h"
#include "mtu_scenarios.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S

static void both(struct world_config *c, struct link_config link)
{
	c->up = c->down = link;
}

/* The link of the QUIC interop runner: 10 Mbit/s, 15 ms each way, a queue of 25 packets. */
static const struct link_config interop = {
	.delay_ns = 15 * MS, .rate_bits_per_s = 10e6, .queue_bytes = 25 * 1252};

static void clean(struct world_config *c)
{
	both(c, interop);
	c->down_bytes = 1 << 20;
	c->finish_by_ns = 4 * S;
}

static void handshake_loss(struct world_config *c)
{
	both(c, interop);
	c->up.burst_loss = c->down.burst_loss = 0.3;
	c->up.burst_len = c->down.burst_len = 3;
	c->conns = 20;
	c->up_bytes = c->down_bytes = 1000;
	c->start_spread_ns = 2 * S;
	c->finish_by_ns = 120 * S;
}

static void transfer_loss(struct world_config *c)
{
	handshake_loss(c);
	c->conns = 1;
	c->up_bytes = 100;
	c->down_bytes = 1 << 20;
}

static void handshake_corruption(struct world_config *c)
{
	both(c, interop);
	c->up.corrupt = c->down.corrupt = 0.3;
	c->conns = 20;
	c->up_bytes = c->down_bytes = 1000;
	c->start_spread_ns = 2 * S;
	c->finish_by_ns = 120 * S;
}

static void transfer_corruption(struct world_config *c)
{
	handshake_corruption(c);
	c->conns = 1;
	c->up_bytes = 100;
	c->down_bytes = 1 << 20;
}

static void transfer_two_percent(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.02;
	c->down_bytes = 2 << 20;
	c->finish_by_ns = 20 * S;
}

static void blackhole(struct world_config *c)
{
	both(c, interop);
	c->up.blackout_every_ns = c->down.blackout_every_ns = 7 * S;
	c->up.blackout_ns = c->down.blackout_ns = 2 * S;
	c->down_bytes = 10 << 20;
	c->finish_by_ns = 60 * S;
}

static void long_rtt(struct world_config *c)
{
	both(c, interop);
	c->up.delay_ns = c->down.delay_ns = 750 * MS;
	c->up.queue_bytes = c->down.queue_bytes = 2000000;
	c->down_bytes = 1 << 20;
	c->finish_by_ns = 40 * S;
}

static void rebinding(struct world_config *c)
{
	both(c, interop);
	c->rebind_every_ns = 1 * S;
	c->up_bytes = 2 << 20;
	c->down_bytes = 2 << 20;
	c->finish_by_ns = 60 * S;
}

static void roaming(struct world_config *c)
{
	rebinding(c);
	c->up_bytes = c->down_bytes = 4 << 20;
	c->rebind_host = true;
	c->up.loss = c->down.loss = 0.01;
	c->finish_by_ns = 90 * S;
}

static void many(struct world_config *c)
{
	both(c, interop);
	c->up.rate_bits_per_s = c->down.rate_bits_per_s = 50e6;
	c->conns = 64;
	c->up_bytes = c->down_bytes = 50000;
	c->start_spread_ns = 200 * MS;
	c->finish_by_ns = 60 * S;
}

static void slow_reader(struct world_config *c)
{
	both(c, interop);
	c->read_every_ns = 20 * MS;
	c->read_bytes = 10000;
	c->down_bytes = 2 << 20;
	c->buffer_max_bytes = 1 << 20;
	c->finish_by_ns = 60 * S;
}

/* Slow readers, on hosts with less memory than the windows that they have advertised. */
static void scarce(struct world_config *c)
{
	many(c);
	c->conns /= 2;
	c->read_every_ns = 200 * MS;
	c->read_bytes = 10000;
	c->up_bytes = c->down_bytes = 300000;
	c->memory_max_bytes = 8 << 20;
	c->finish_by_ns = 60 * S;
}

static void exhausted(struct world_config *c)
{
	scarce(c);
	c->up.loss = c->down.loss = 0.02;
	c->memory_max_bytes = 1 << 20;
	c->refused_min = 100;
}

static void fat_pipe(struct world_config *c)
{
	both(c, (struct link_config){.delay_ns = 25 * MS,
				     .rate_bits_per_s = 100e6,
				     .queue_bytes = 625000,
				     .loss = 0.01});
	c->down_bytes = 20u << 20;
	c->finish_by_ns = 3356 * MS; /* twice 20 MiB at 100 Mbit/s */
}

static void fat_pipe_cubic(struct world_config *c)
{
	fat_pipe(c);
	c->up.loss = c->down.loss = 0;
	c->cc = "cubic";
	c->finish_by_ns = 3000 * MS;
}

static void reordering(struct world_config *c)
{
	both(c, (struct link_config){.delay_ns = 15 * MS,
				     .jitter_ns = 5 * MS,
				     .rate_bits_per_s = 50e6,
				     .queue_bytes = 190000});
	c->down_bytes = 4 << 20;
	c->finish_by_ns = 2500 * MS;
}

static void resets(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.1;
	c->conns = 10;
	c->end = END_RESET;
	c->up_bytes = 30000;
	c->finish_by_ns = 60 * S;
}

static void unread(struct world_config *c)
{
	resets(c);
	c->end = END_CLOSE_UNREAD;
}

static void lost_acks(struct world_config *c)
{
	both(c, interop);
	c->up.loss = 0.3;
	c->down_bytes = 2 << 20;
	c->finish_by_ns = 10 * S;
}

/* The client ends at once; the server sends for a long time. */
static void half_close(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.02;
	c->down_bytes = 8 << 20;
	c->finish_by_ns = 40 * S;
}

static void both_close(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.3;
	c->conns = 40;
	c->start_spread_ns = 1 * S;
	c->finish_by_ns = 120 * S;
}

static void in_a_row(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.05;
	c->conns = WORLD_CONNS_MAX;
	c->start_spread_ns = 10 * S;
	c->up_bytes = 300;
	c->down_bytes = 5000;
	c->finish_by_ns = 60 * S;
}

static void rekeying(struct world_config *c)
{
	both(c, interop);
	c->up.loss = c->down.loss = 0.05;
	c->up.jitter_ns = c->down.jitter_ns = 5 * MS;
	c->rekey_every_ns = 20 * MS;
	c->exchanges_min = 1;
	c->up_bytes = c->down_bytes = 2 << 20;
	c->finish_by_ns = 60 * S;
}

/* One after another, so that all but the first few resume an association. */
static void resumed(struct world_config *c)
{
	in_a_row(c);
	c->resumed_min = 2 * 50;
}

static void resumed_rough(struct world_config *c)
{
	in_a_row(c);
	c->up.loss = c->down.loss = 0.15;
	c->up.jitter_ns = c->down.jitter_ns = 20 * MS;
	c->up.duplicate = c->down.duplicate = 0.3;
	c->up.reorder = c->down.reorder = 0.1;
	c->up.reorder_ns = c->down.reorder_ns = 400 * MS;
	c->up.corrupt = c->down.corrupt = 0.05;
	c->attacker.replay_syn = 0.5;
	c->resumed_min = 2 * 40;
	c->finish_by_ns = 200 * S;
}

static void resumed_forged(struct world_config *c)
{
	resumed_rough(c);
	c->attacker.forge_refusal = 0.5;
	c->up.corrupt = c->down.corrupt = 0; /* REFUSE has no checksum, so its reason may change */
	c->resumed_min = 1;
}

static void resumed_restarts(struct world_config *c)
{
	in_a_row(c);
	c->start_spread_ns = 60 * S;
	c->restart_every_ns = 5 * S;
	c->attacker.replay_syn = 0.2;
	c->resumed_min = 2 * 20;
	c->finish_by_ns = 200 * S;
}

/* The first bytes are early data in the SYN: a server's program gets them once at most. */
static void early(struct world_config *c)
{
	resumed(c);
	c->early = true;
	c->early_min = 2 * 50;
}

static void early_rough(struct world_config *c)
{
	resumed_rough(c);
	c->early = true;
	c->early_min = 2 * 40;
}

static void early_forged(struct world_config *c)
{
	resumed_forged(c);
	c->early = true;
	c->may_be_reset = true;
	c->early_min = 1;
}

static void early_restarts(struct world_config *c)
{
	resumed_restarts(c);
	c->early = true;
	c->early_min = 2 * 20;
}

/* Spread over an hour: most of them are too late to resume without DH. */
static void resumed_slowly(struct world_config *c)
{
	in_a_row(c);
	c->start_spread_ns = 3600 * S;
	c->resumed_min = 2 * 60;
	c->finish_by_ns = 4000 * S;
}

/* clang-format off */
const struct scenario scenarios[] = {
	{"clean", "1 MiB over 10 Mbit/s, 30 ms", 3, clean},
	{"handshake_loss", "20 handshakes, 30 % loss in bursts of 3", 40, handshake_loss},
	{"transfer_loss", "1 MiB, 30 % loss in bursts of 3", 25, transfer_loss},
	{"handshake_corruption", "20 handshakes, 30 % corruption", 40, handshake_corruption},
	{"transfer_corruption", "1 MiB, 30 % corruption", 25, transfer_corruption},
	{"transfer_two_percent", "2 MiB, 2 % loss", 10, transfer_two_percent},
	{"blackhole", "10 MiB, 5 s on, 2 s off", 3, blackhole},
	{"long_rtt", "1 MiB, round trip 1.5 s", 5, long_rtt},
	{"rebinding", "source port changes every second", 5, rebinding},
	{"roaming", "address and port change every second, by a NAT or a move, 1 % loss", 10,
	 roaming},
	{"many", "64 connections at once", 3, many},
	{"slow_reader", "the reader takes 500 kB/s", 3, slow_reader},
	{"scarce", "32 slow readers with 8 MiB for all of them", 2, scarce},
	{"exhausted", "the same with 1 MiB and 2 % loss: too much was promised", 3, exhausted},
	{"fat_pipe", "20 MiB, 100 Mbit/s, 50 ms, 1 % loss: twice the ideal time", 2, fat_pipe},
	{"fat_pipe_cubic", "20 MiB, 100 Mbit/s, 50 ms, no loss, cubic", 1, fat_pipe_cubic},
	{"reordering", "jitter of 5 ms that reorders, 50 Mbit/s", 3, reordering},
	{"resets", "a reset is never read as end of file, 10 % loss", 20, resets},
	{"lost_acks", "2 MiB, 30 % loss of the acknowledgements alone", 5, lost_acks},
	{"half_close", "one side is done at once, the other sends 8 MiB, 2 % loss", 3, half_close},
	{"both_close", "both sides close at once, 30 % loss", 20, both_close},
	{"in_a_row", "64 short connections one after another, 5 % loss", 5, in_a_row},
	{"resumed", "64 resumed connections one after another, 5 % loss", 10, resumed},
	{"resumed_rough", "the same with loss, copies, disorder, damage, replayed SYNs", 20,
	 resumed_rough},
	{"resumed_forged", "the same, half of the SYNs refused by an attacker on the path", 20,
	 resumed_forged},
	{"resumed_restarts", "the server forgets every five seconds", 10, resumed_restarts},
	{"early", "64 connections one after another with early data, 5 % loss", 10, early},
	{"early_rough", "the same with loss, copies, disorder, damage, replayed SYNs", 20,
	 early_rough},
	{"early_forged", "the same, half of the SYNs refused on the path", 20, early_forged},
	{"early_restarts", "early data, the server forgets every five seconds", 10, early_restarts},
	{"resumed_slowly", "64 connections in an hour, most with a new DH", 5, resumed_slowly},
	{"rekeying", "both sides change keys all the time, 5 % loss, reordering", 10, rekeying},
	{"mtu_ethernet", "1472 bytes pass, and are found at once", 3, scenario_mtu_ethernet},
	{"mtu_tunnel", "1392 bytes pass behind an Ethernet interface", 3, scenario_mtu_tunnel},
	{"mtu_base", "1200 bytes pass and no more", 3, scenario_mtu_base},
	{"mtu_jumbo", "8972 bytes pass", 3, scenario_mtu_jumbo},
	{"mtu_jumbo_ends", "1472 bytes pass behind an interface with jumbo frames", 3,
	 scenario_mtu_jumbo_ends},
	{"mtu_loopback", "65507 bytes pass", 3, scenario_mtu_loopback},
	{"mtu_lossy", "1392 bytes pass, 3 % loss", 10, scenario_mtu_lossy},
	{"mtu_shrinks", "1392 bytes pass after half a second", 5, scenario_mtu_shrinks},
	{"mtu_shrinks_lossy", "one way 1392 bytes pass after half a second, 3 % loss", 10,
	 scenario_mtu_shrinks_lossy},
	{"mtu_grows", "more passes after a minute, found after ten", 1, scenario_mtu_grows},
	{"mtu_short", "64 short connections do not look for more than 1200 bytes", 3,
	 scenario_mtu_short},
	{"unread", "close with unread bytes is a reset, 10 % loss", 20, unread},
};
/* clang-format on */

const int scenario_count = sizeof scenarios / sizeof scenarios[0];

static void defaults(uint64_t seed, struct world_config *c)
{
	*c = (struct world_config){
		.seed = seed,
		.conns = 1,
		.cc = "bbr",
		.keyed = seed % 2,
		.suite = (uint8_t)(1 + seed % 2),
		.buffer_max_bytes = 8 << 20,
		.connect_timeout_ns = 120 * S,
	};
}

bool scenario_named(const char *name, uint64_t seed, struct world_config *config)
{
	for (int i = 0; i < scenario_count; i++) {
		if (strcmp(scenarios[i].name, name) != 0)
			continue;
		defaults(seed, config);
		scenarios[i].configure(config);
		return true;
	}
	return false;
}

static void random_link(struct prng *p, struct link_config *l)
{
	static const double rates[] = {0, 1e6, 5e6, 20e6, 100e6};

	l->delay_ns = prng_between(p, 0, prng_chance(p, 0.2) ? 400 * MS : 50 * MS);
	l->rate_bits_per_s = rates[prng_between(p, 0, 4)];
	l->queue_bytes = (size_t)prng_between(p, 15000, 300000);
	if (prng_chance(p, 0.5))
		l->loss = prng_unit(p) * 0.1;
	if (prng_chance(p, 0.2)) {
		l->burst_loss = prng_unit(p) * 0.15 + 0.001;
		l->burst_len = 1 + prng_unit(p) * 6;
	}
	if (prng_chance(p, 0.3))
		l->jitter_ns = prng_between(p, 0, 20 * MS);
	if (prng_chance(p, 0.3)) {
		l->reorder = prng_unit(p) * 0.1;
		l->reorder_ns = prng_between(p, 1 * MS, 50 * MS);
	}
	if (prng_chance(p, 0.3))
		l->duplicate = prng_unit(p) * 0.1;
	if (prng_chance(p, 0.3))
		l->corrupt = prng_unit(p) * 0.05;
	if (prng_chance(p, 0.1)) {
		l->blackout_every_ns = prng_between(p, 2 * S, 8 * S);
		l->blackout_ns = prng_between(p, 100 * MS, 900 * MS);
	}
}

static void random_sizes(struct prng *p, struct world_config *c)
{
	static const uint32_t interfaces[] = {1252, 1472, 8972, 65507};

	c->interface_bytes = interfaces[prng_between(p, 0, 3)];
	c->up.datagram_max = (size_t)prng_between(p, 1200, c->interface_bytes);
	c->down.datagram_max = (size_t)prng_between(p, 1200, c->interface_bytes);
	if (prng_chance(p, 0.5)) {
		c->up.datagram_max_later = (size_t)prng_between(p, 1200, c->interface_bytes);
		c->down.datagram_max_later = (size_t)prng_between(p, 1200, c->interface_bytes);
		c->up.change_at_ns = prng_between(p, 100 * MS, 5 * S);
		c->down.change_at_ns = prng_between(p, 100 * MS, 5 * S);
	}
}

static double dead_share(const struct link_config *l)
{
	return l->blackout_every_ns ? (double)l->blackout_ns / (double)l->blackout_every_ns : 0;
}

/*
 * A generous bound: all bytes at a fifth of the slowest possible rate, and a round trip for each
 * packet of a connection, which is about CUBIC's minimum window under heavy loss. Blackouts make it
 * longer.
 */
static int64_t bound_ns(const struct world_config *c)
{
	double bits = (double)(c->up_bytes + c->down_bytes) * 8 * c->conns;
	double packets = 60 + (double)(c->up_bytes + c->down_bytes) / 1100;
	double rtt = (double)(c->up.delay_ns + c->down.delay_ns + c->up.jitter_ns +
			      c->down.jitter_ns + c->up.reorder_ns + c->down.reorder_ns);
	double alive = (1 - dead_share(&c->up)) * (1 - dead_share(&c->down));

	return 120 * S + (int64_t)((bits / 1e6 * 5e9 + 3 * packets * rtt) / alive);
}

void scenario_random(uint64_t seed, struct world_config *c)
{
	struct prng p = {seed * 977 + 13};
	uint64_t bytes;

	defaults(seed, c);
	random_link(&p, &c->up);
	if (prng_chance(&p, 0.7))
		c->down = c->up;
	else
		random_link(&p, &c->down);
	c->cc = prng_chance(&p, 0.5) ? "bbr" : "cubic";
	c->conns = prng_chance(&p, 0.3) ? (int)prng_between(&p, 2, 12) : 1;
	bytes = (uint64_t)prng_between(&p, 0, prng_chance(&p, 0.2) ? 1500000 : 100000);
	c->up_bytes = prng_chance(&p, 0.7) ? bytes / (uint64_t)c->conns : 0;
	c->down_bytes = prng_chance(&p, 0.7) ? bytes / (uint64_t)c->conns : 0;
	c->start_spread_ns = prng_chance(&p, 0.5) ? prng_between(&p, 0, 2 * S) : 0;
	if (prng_chance(&p, 0.2)) {
		c->read_every_ns = prng_between(&p, 1 * MS, 50 * MS);
		c->read_bytes = (size_t)prng_between(&p, 1000, 100000);
	}
	if (prng_chance(&p, 0.15) && c->conns == 1) {
		/* Path validation takes a round trip, so the path must not change faster. */
		c->rebind_every_ns =
			prng_between(&p, 300 * MS, 5 * S) + 6 * (c->up.delay_ns + c->down.delay_ns);
		c->rebind_host = prng_chance(&p, 0.5);
	}
	if (prng_chance(&p, 0.15)) {
		c->end = prng_chance(&p, 0.5) ? END_RESET : END_CLOSE_UNREAD;
		c->up_bytes += 3000;
	}
	c->buffer_max_bytes = prng_chance(&p, 0.3) ? 128 << 10 : 8 << 20;
	if (prng_chance(&p, 0.1))
		c->rekey_every_ns = prng_between(&p, 10 * MS, 500 * MS);
	if (prng_chance(&p, 0.4))
		random_sizes(&p, c);
	c->finish_by_ns = bound_ns(c);
}
