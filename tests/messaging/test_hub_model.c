/* SPDX-License-Identifier: MIT */
/*
 * Hubs over streams that break at random, in virtual time: each accepted message comes once, in
 * order, whenever a stream breaks, and no thread stays blocked. In test_hub_kill.c nodes die.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/net_sim.h"

#define SEEDS 150
#define MESSAGES 150
#define STEPS_WITH_FAULTS 10000 /* no faults after that, so that every run must end */
#define STEPS_MAX 60000
#define HELD_MAX 8

struct side {
	uint64_t sent, got;
	struct rudpmsg_message held[HELD_MAX];
	int held_count;
};

static const char *const names[2] = {"alpha", "beta"};

static void send_one(struct net_sim *net_sim, unsigned i, struct side *side, struct random *random)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(net_sim->nodes[i].hub, names[!i]);
	uint64_t number = side->sent + 1;
	rudpmsg_message_id id;
	uint8_t bytes[4000];
	size_t length;
	int rc;

	if (!conn || side->sent == MESSAGES)
		return;
	length = sizeof number + random_below(random, random_below(random, 10) ? 100 : 3900);
	memset(bytes, (int)length, sizeof bytes);
	memcpy(bytes, &number, sizeof number);
	rc = rudpmsg_hub_send(net_sim->nodes[i].hub, conn, bytes, length, &id, net_sim->now_ns);
	cr_assert(rc == 0 || rc == -EAGAIN);
	side->sent += rc == 0;
}

static void receive_one(struct net_sim *net_sim, unsigned i, struct side *side)
{
	struct rudpmsg_message message;
	const uint8_t *bytes;
	uint64_t number;

	if (side->held_count == HELD_MAX ||
	    rudpmsg_hub_receive(net_sim->nodes[i].hub, NULL, &message) < 0)
		return;
	bytes = message.bytes;
	memcpy(&number, bytes, sizeof number);
	cr_assert(eq(u64, number, side->got + 1));
	if (message.length > sizeof number)
		cr_assert(eq(u8, bytes[message.length - 1], (uint8_t)message.length));
	side->got = number;
	side->held[side->held_count++] = message;
}

static void finish_one(struct net_sim *net_sim, unsigned i, struct side *side,
		       struct random *random)
{
	int k;

	if (side->held_count == 0)
		return;
	k = (int)random_below(random, (uint64_t)side->held_count);
	rudpmsg_hub_done(net_sim->nodes[i].hub, side->held[k].conn, side->held[k].place);
	rudpmsg_chunk_put(side->held[k].reserved);
	side->held[k] = side->held[--side->held_count];
}

static void act(struct net_sim *net_sim, struct side sides[2], struct random *random)
{
	struct rudpmsg_event event;
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (random_below(random, 3) == 0)
			send_one(net_sim, i, sides + i, random);
		if (random_below(random, 2))
			receive_one(net_sim, i, sides + i);
		if (random_below(random, 2))
			finish_one(net_sim, i, sides + i, random);
		if (random_below(random, 2))
			net_sim_write_alone(net_sim, i);
		while (rudpmsg_hub_event(net_sim->nodes[i].hub, &event) == 0)
			;
		cr_assert(rudpmsg_hub_check(net_sim->nodes[i].hub));
	}
}

static bool is_over(const struct net_sim *net_sim, const struct side sides[2])
{
	return sides[0].sent == MESSAGES && sides[1].sent == MESSAGES && sides[0].got == MESSAGES &&
	       sides[1].got == MESSAGES && rudpmsg_hub_unanswered(net_sim->nodes[0].hub) == 0 &&
	       rudpmsg_hub_unanswered(net_sim->nodes[1].hub) == 0;
}

static void connect_to(struct net_sim *net_sim, unsigned i, const char *name)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	cr_assert(eq(int,
		     rudpmsg_hub_connect(net_sim->nodes[i].hub, "host", net_sim->nodes[!i].port,
					 name, net_sim->now_ns, &ticket, &conn),
		     0));
}

static void run(uint64_t seed, uint64_t *breaks, uint64_t *crossed, uint64_t *alone)
{
	struct random random = {seed};
	struct side sides[2] = {0};
	struct rudpmsg_hub_config c;
	struct net_sim net_sim;
	unsigned i, steps;

	net_sim_init(&net_sim, seed * 7919);
	for (i = 0; i < 2; i++) {
		c = net_sim_config(names[i], seed * 2 + i,
				   (enum rudpmsg_ack)random_below(&random, 2));
		net_sim_start(&net_sim, i, &c);
	}
	net_sim.break_permille = (unsigned)random_below(&random, 60);
	net_sim.dial_fails_permille = (unsigned)random_below(&random, 300);
	connect_to(&net_sim, 0, "beta");
	if (random_below(&random, 2))
		connect_to(&net_sim, 1, "alpha"); /* both dial: their links cross */
	for (steps = 0; !is_over(&net_sim, sides); steps++) {
		if (steps == STEPS_WITH_FAULTS)
			net_sim.break_permille = net_sim.dial_fails_permille = 0;
		cr_assert(lt(uint, steps, STEPS_MAX), "stuck with seed %lu", (unsigned long)seed);
		net_sim_step(&net_sim);
		act(&net_sim, sides, &random);
	}
	*breaks += net_sim.breaks;
	*alone += net_sim.written_alone;
	*crossed += rudpmsg_hub_stats(net_sim.nodes[0].hub)->links_crossed;
	for (i = 0; i < 2; i++)
		while (sides[i].held_count > 0)
			rudpmsg_chunk_put(sides[i].held[--sides[i].held_count].reserved);
	net_sim_fini(&net_sim);
}

Test(hub_model, messages_arrive_once_and_in_order_over_breaking_streams)
{
	uint64_t seed, first = net_sim_first_seed(SEEDS), breaks = 0, crossed = 0;
	uint64_t alone = 0;

	for (seed = first; seed < first + SEEDS; seed++)
		run(seed, &breaks, &crossed, &alone);
	cr_assert(lt(u64, SEEDS, breaks)); /* with fewer breaks the test would show nothing */
	cr_assert(lt(u64, SEEDS / 4, crossed));
	cr_assert(lt(u64, SEEDS * 10, alone));
}
