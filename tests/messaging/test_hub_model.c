/* SPDX-License-Identifier: MIT */
/*
 * Hubs over streams that break at random, in virtual time: each message accepted comes once, in
 * order, whatever the moment of the break; nobody is stuck. test_hub_kill.c has nodes that die.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/net_sim.h"

#define SEEDS 150
#define MESSAGES 150
#define STEPS_ROUGH 10000 /* after so many the fabric is kind, so that all must end */
#define STEPS_MAX 60000
#define HELD_MAX 8

struct side {
	uint64_t sent, got;
	struct rudpmsg_message held[HELD_MAX];
	int held_count;
};

static const char *const names[2] = {"alpha", "beta"};

static void send_one(struct fabric *fabric, unsigned i, struct side *side, struct random *random)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(fabric->nodes[i].hub, names[!i]);
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
	rc = rudpmsg_hub_send(fabric->nodes[i].hub, conn, bytes, length, &id, fabric->now_ns);
	cr_assert(rc == 0 || rc == -EAGAIN);
	side->sent += rc == 0;
}

static void receive_one(struct fabric *fabric, unsigned i, struct side *side)
{
	struct rudpmsg_message message;
	const uint8_t *bytes;
	uint64_t number;

	if (side->held_count == HELD_MAX ||
	    rudpmsg_hub_receive(fabric->nodes[i].hub, NULL, &message) < 0)
		return;
	bytes = message.bytes;
	memcpy(&number, bytes, sizeof number);
	cr_assert(eq(u64, number, side->got + 1));
	if (message.length > sizeof number)
		cr_assert(eq(u8, bytes[message.length - 1], (uint8_t)message.length));
	side->got = number;
	side->held[side->held_count++] = message;
}

static void finish_one(struct fabric *fabric, unsigned i, struct side *side, struct random *random)
{
	int k;

	if (side->held_count == 0)
		return;
	k = (int)random_below(random, (uint64_t)side->held_count);
	rudpmsg_hub_done(fabric->nodes[i].hub, side->held[k].conn, side->held[k].place);
	rudpmsg_chunk_put(side->held[k].reserved);
	side->held[k] = side->held[--side->held_count];
}

static void act(struct fabric *fabric, struct side sides[2], struct random *random)
{
	struct rudpmsg_event event;
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (random_below(random, 3) == 0)
			send_one(fabric, i, sides + i, random);
		if (random_below(random, 2))
			receive_one(fabric, i, sides + i);
		if (random_below(random, 2))
			finish_one(fabric, i, sides + i, random);
		if (random_below(random, 2))
			fabric_write_alone(fabric, i);
		while (rudpmsg_hub_event(fabric->nodes[i].hub, &event) == 0)
			;
		cr_assert(rudpmsg_hub_check(fabric->nodes[i].hub));
	}
}

static bool is_over(const struct fabric *fabric, const struct side sides[2])
{
	return sides[0].sent == MESSAGES && sides[1].sent == MESSAGES && sides[0].got == MESSAGES &&
	       sides[1].got == MESSAGES && rudpmsg_hub_unanswered(fabric->nodes[0].hub) == 0 &&
	       rudpmsg_hub_unanswered(fabric->nodes[1].hub) == 0;
}

static void connect_to(struct fabric *fabric, unsigned i, const char *name)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	cr_assert(eq(int,
		     rudpmsg_hub_connect(fabric->nodes[i].hub, "host", fabric->nodes[!i].port, name,
					 fabric->now_ns, &ticket, &conn),
		     0));
}

static void run(uint64_t seed, uint64_t *breaks, uint64_t *crossed, uint64_t *alone)
{
	struct random random = {seed};
	struct side sides[2] = {0};
	struct rudpmsg_hub_config c;
	struct fabric fabric;
	unsigned i, steps;

	fabric_init(&fabric, seed * 7919);
	for (i = 0; i < 2; i++) {
		c = fabric_config(names[i], seed * 2 + i,
				  (enum rudpmsg_ack)random_below(&random, 2));
		fabric_start(&fabric, i, &c);
	}
	fabric.break_permille = (unsigned)random_below(&random, 60);
	fabric.dial_fails_permille = (unsigned)random_below(&random, 300);
	connect_to(&fabric, 0, "beta");
	if (random_below(&random, 2))
		connect_to(&fabric, 1, "alpha"); /* both dial: their links cross */
	for (steps = 0; !is_over(&fabric, sides); steps++) {
		if (steps == STEPS_ROUGH)
			fabric.break_permille = fabric.dial_fails_permille = 0;
		cr_assert(lt(uint, steps, STEPS_MAX), "stuck with seed %lu", (unsigned long)seed);
		fabric_step(&fabric);
		act(&fabric, sides, &random);
	}
	*breaks += fabric.breaks;
	*alone += fabric.written_alone;
	*crossed += rudpmsg_hub_stats(fabric.nodes[0].hub)->links_crossed;
	for (i = 0; i < 2; i++)
		while (sides[i].held_count > 0)
			rudpmsg_chunk_put(sides[i].held[--sides[i].held_count].reserved);
	fabric_fini(&fabric);
}

Test(hub_model, each_message_comes_once_and_in_order_over_streams_that_break)
{
	uint64_t seed, first = fabric_first_seed(SEEDS), breaks = 0, crossed = 0;
	uint64_t alone = 0;

	for (seed = first; seed < first + SEEDS; seed++)
		run(seed, &breaks, &crossed, &alone);
	cr_assert(lt(u64, SEEDS, breaks)); /* or it was too kind to show anything */
	cr_assert(lt(u64, SEEDS / 4, crossed));
	cr_assert(lt(u64, SEEDS * 10, alone));
}
