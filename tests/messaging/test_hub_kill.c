/* SPDX-License-Identifier: MIT */
/*
 * Hubs whose programs are killed and restarted, disconnect, and give up, over streams that break at
 * random, in virtual time. A table has all accepted messages: their state according to the events,
 * and whether the receiver got them. No message may be delivered twice, out of order or not at all,
 * except as the guarantees of docs/messaging.md allow.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/net_sim.h"

#define SEEDS 500
#define MESSAGES 150
#define STEPS_WITH_FAULTS 6000 /* no faults after that, so that every run must end */
#define STEPS_MAX 60000
#define HELD_MAX 8

/* The state of a message according to the sender's events. */
enum fate { ACCEPTED, ACKNOWLEDGED, FAILED, LOST_WITH_SENDER };

struct record {
	rudpmsg_conn_id conn;
	rudpmsg_message_id id;
	enum fate fate;
	bool is_taken, is_handled;    /* by some process of the receiver */
	unsigned receiver_loss_count; /* the receiver's loss_count when the message was accepted */
};

/* Messages of a side are numbered 1, 2, 3 ... over all its processes. */
struct side {
	struct record records[MESSAGES + 1];
	uint64_t sent;
	uint64_t last; /* the newest message of the other side that this process has received */
	unsigned loss_count; /* how often it lost unhandled messages: killed or disconnected */
	enum rudpmsg_ack ack;
	struct {
		struct rudpmsg_message message;
		uint64_t number;
	} held[HELD_MAX];
	int held_count;
};

/* How often the events that this test is about have occurred. */
struct tally {
	uint64_t kills, disconnects, failed, lost, repeated;
};

struct world {
	struct net_sim net_sim;
	struct side sides[2];
	struct random random;
	struct tally *tally;
	uint64_t seed;
	int64_t give_up_ns;
	bool both_dial, has_faults;
	unsigned kill_permille, disconnect_permille;
	uint64_t receive_interval; /* a receiver takes a message in one of so many steps */
};

static const char *const names[2] = {"alpha", "beta"};

static unsigned below(struct world *world, unsigned limit)
{
	return (unsigned)random_below(&world->random, limit);
}

static bool by_chance(struct world *world, unsigned permille)
{
	return world->has_faults && random_below(&world->random, 1000) < permille;
}

static struct rudpmsg_hub *hub_of(const struct world *world, unsigned i)
{
	return world->net_sim.nodes[i].hub;
}

/* ---- states according to events ---- */

static void set_fate(struct world *world, unsigned i, const struct rudpmsg_event *event,
		     enum fate fate)
{
	struct side *side = world->sides + i;
	struct record *record;

	for (record = side->records + 1; record <= side->records + side->sent; record++) {
		if (record->conn != event->conn || record->id > event->id ||
		    record->fate != ACCEPTED)
			continue;
		record->fate = fate;
		world->tally->failed += fate == FAILED;
		if (fate == ACKNOWLEDGED && side->ack == RUDPMSG_ACK_HANDLED)
			cr_assert(record->is_handled, "acknowledged before it was handled");
	}
}

static void read_events(struct world *world, unsigned i)
{
	struct rudpmsg_event event;

	while (rudpmsg_hub_event(hub_of(world, i), &event) == 0) {
		if (event.kind == RUDPMSG_EVENT_ACKNOWLEDGED)
			set_fate(world, i, &event, ACKNOWLEDGED);
		if (event.kind == RUDPMSG_EVENT_FAILED)
			set_fate(world, i, &event, FAILED);
	}
}

/* ---- actions of the applications ---- */

static void send_one(struct world *world, unsigned i)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub_of(world, i), names[!i]);
	struct side *side = world->sides + i;
	uint64_t number = side->sent + 1;
	struct record *record = side->records + number;
	uint8_t bytes[3000] = {0};
	int rc;

	if (!conn || side->sent == MESSAGES)
		return;
	memcpy(bytes, &number, sizeof number);
	rc = rudpmsg_hub_send(hub_of(world, i), conn, bytes,
			      sizeof number + below(world, below(world, 5) ? 100 : 2900),
			      &record->id, world->net_sim.now_ns);
	cr_assert(rc == 0 || rc == -EAGAIN || rc == -ENOENT);
	if (rc < 0)
		return;
	side->sent = number;
	record->conn = rudpmsg_conn_id_of(conn);
	record->fate = ACCEPTED;
	record->receiver_loss_count = world->sides[!i].loss_count;
}

/* A message must arrive unless it failed, or a process died that had the only copy. */
static bool must_arrive(const struct side *sender, const struct side *receiver,
			const struct record *record)
{
	if (record->fate != ACKNOWLEDGED)
		return false;
	return sender->ack == RUDPMSG_ACK_HANDLED ||
	       record->receiver_loss_count == receiver->loss_count;
}

/* Whether a later message may arrive without this one: it was received before, or may be lost. */
static bool may_be_skipped(const struct side *sender, const struct side *receiver,
			   const struct record *record)
{
	if (record->fate == ACCEPTED)
		return false;
	return record->is_taken || !must_arrive(sender, receiver, record);
}

static void receive_one(struct world *world, unsigned i)
{
	struct side *side = world->sides + i, *other = world->sides + !i;
	struct rudpmsg_message message;
	uint64_t number, k;

	if (side->held_count == HELD_MAX ||
	    rudpmsg_hub_receive(hub_of(world, i), NULL, &message) < 0)
		return;
	memcpy(&number, message.bytes, sizeof number);
	cr_assert(le(u64, number, other->sent));
	cr_assert(lt(u64, side->last, number), "duplicate or out of order, seed %lu",
		  (unsigned long)world->seed);
	for (k = side->last + 1; k < number; k++)
		cr_assert(may_be_skipped(other, side, other->records + k), "missing, seed %lu",
			  (unsigned long)world->seed);
	world->tally->repeated += other->records[number].is_taken;
	other->records[number].is_taken = true;
	side->last = number;
	side->held[side->held_count].message = message;
	side->held[side->held_count++].number = number;
}

static void finish_one(struct world *world, unsigned i, bool is_handled_now)
{
	struct side *side = world->sides + i;
	struct rudpmsg_message *message;
	uint64_t k;

	if (side->held_count == 0)
		return;
	k = random_below(&world->random, (uint64_t)side->held_count);
	message = &side->held[k].message;
	if (is_handled_now) {
		world->sides[!i].records[side->held[k].number].is_handled = true;
		rudpmsg_hub_done(hub_of(world, i), message->conn, message->place);
	}
	rudpmsg_chunk_put(message->reserved);
	side->held[k] = side->held[--side->held_count];
}

static void connect_other(struct world *world, unsigned i)
{
	rudpmsg_conn_id conn;
	uint64_t ticket;

	if ((i != 0 && !world->both_dial) || rudpmsg_hub_find(hub_of(world, i), names[!i]))
		return;
	cr_assert(eq(int,
		     rudpmsg_hub_connect(hub_of(world, i), "host", world->net_sim.nodes[!i].port,
					 names[!i], world->net_sim.now_ns, &ticket, &conn),
		     0));
	rudpmsg_hub_connect_forget(hub_of(world, i), ticket);
}

/* Side i loses its unhandled messages. With HANDLED they are delivered repeated. */
static void on_unhandled_lost(struct world *world, unsigned i)
{
	struct side *side = world->sides + i;
	int k;

	side->loss_count++;
	if (world->sides[!i].ack != RUDPMSG_ACK_HANDLED)
		return;
	for (k = 0; k < side->held_count; k++)
		if (side->held[k].number <= side->last)
			side->last = side->held[k].number - 1;
}

static void disconnect(struct world *world, unsigned i)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub_of(world, i), names[!i]);

	if (!conn)
		return;
	world->tally->disconnects++;
	on_unhandled_lost(world, i);
	rudpmsg_hub_disconnect(hub_of(world, i), conn, ECANCELED, world->net_sim.now_ns);
}

/* ---- start and kill ---- */

static void start(struct world *world, unsigned i)
{
	struct rudpmsg_hub_config config = net_sim_config(
		names[i], random_below(&world->random, UINT64_MAX), world->sides[i].ack);

	config.give_up_ns = world->give_up_ns;
	net_sim_start(&world->net_sim, i, &config);
	connect_other(world, i);
}

static void kill_one(struct world *world, unsigned i)
{
	struct side *side = world->sides + i;
	struct record *record;

	read_events(world, i); /* unread events are lost with the process */
	while (side->held_count > 0)
		finish_one(world, i, false);
	net_sim_kill(&world->net_sim, i);
	world->tally->kills++;
	side->loss_count++;
	side->last = 0; /* the next process has no state */
	for (record = side->records + 1; record <= side->records + side->sent; record++) {
		world->tally->lost += record->fate == ACCEPTED;
		if (record->fate == ACCEPTED)
			record->fate = LOST_WITH_SENDER;
	}
}

static void act(struct world *world, unsigned i)
{
	if (!hub_of(world, i)) {
		if (!world->has_faults || by_chance(world, 5))
			start(world, i);
		return;
	}
	if (random_below(&world->random, 3) == 0)
		send_one(world, i);
	if (random_below(&world->random, world->receive_interval) == 0)
		receive_one(world, i);
	if (random_below(&world->random, 2))
		finish_one(world, i, true);
	if (by_chance(world, world->disconnect_permille))
		disconnect(world, i);
	connect_other(world, i);
	cr_assert(rudpmsg_hub_check(hub_of(world, i)));
	if (by_chance(world, world->kill_permille))
		kill_one(world, i);
}

static void step(struct world *world)
{
	unsigned i;

	net_sim_step(&world->net_sim);
	for (i = 0; i < 2; i++)
		if (hub_of(world, i))
			read_events(world, i);
	for (i = 0; i < 2; i++)
		act(world, i);
}

/* ---- end of a run ---- */

static bool is_over(const struct world *world)
{
	unsigned i;

	for (i = 0; i < 2; i++)
		if (!hub_of(world, i) || world->sides[i].sent < MESSAGES ||
		    world->sides[i].held_count > 0 || rudpmsg_hub_unanswered(hub_of(world, i)) > 0)
			return false;
	return true;
}

static bool is_complete(const struct world *world)
{
	const struct record *record;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct side *side = world->sides + i;

		for (record = side->records + 1; record <= side->records + MESSAGES; record++)
			if (must_arrive(side, world->sides + !i, record) && !record->is_handled)
				return false;
	}
	return true;
}

static void check_fates(const struct world *world, unsigned i)
{
	const struct side *side = world->sides + i;
	const struct record *record;

	for (record = side->records + 1; record <= side->records + MESSAGES; record++)
		cr_assert(ne(int, (int)record->fate, ACCEPTED),
			  "no event for message %lu, seed %lu",
			  (unsigned long)(record - side->records), (unsigned long)world->seed);
}

static void run(uint64_t seed, struct tally *tally)
{
	static struct world world;
	unsigned i, steps;

	memset(&world, 0, sizeof world);
	world.seed = seed;
	world.random.state = seed;
	world.tally = tally;
	world.has_faults = true;
	net_sim_init(&world.net_sim, seed * 7919);
	world.give_up_ns = random_below(&world.random, 2) ? 3 * RUDP_NS_PER_S / 2 : RUDP_NEVER;
	world.both_dial = random_below(&world.random, 2);
	world.receive_interval = 1 + random_below(&world.random, 6);
	world.kill_permille = random_below(&world.random, 3) ? below(&world, 6) : 0;
	world.disconnect_permille = below(&world, 4);
	world.net_sim.break_permille = below(&world, 40);
	world.net_sim.dial_fails_permille = below(&world, 300);
	for (i = 0; i < 2; i++) {
		world.sides[i].ack = (enum rudpmsg_ack)random_below(&world.random, 2);
		world.net_sim.nodes[i].port = (uint16_t)(1000 + i);
	}
	for (i = 0; i < 2; i++)
		start(&world, i);
	for (steps = 0; !is_over(&world) || !is_complete(&world); steps++) {
		if (steps == STEPS_WITH_FAULTS) {
			world.has_faults = false;
			world.net_sim.break_permille = world.net_sim.dial_fails_permille = 0;
		}
		cr_assert(lt(uint, steps, STEPS_MAX), "stuck with seed %lu", (unsigned long)seed);
		step(&world);
	}
	for (i = 0; i < 2; i++) {
		read_events(&world, i);
		check_fates(&world, i);
	}
	net_sim_fini(&world.net_sim);
}

Test(hub_kill, messages_are_lost_or_repeated_only_as_the_guarantees_allow, .timeout = 600)
{
	struct tally tally = {0};
	uint64_t seed, first = net_sim_first_seed(SEEDS);

	for (seed = first; seed < first + SEEDS; seed++)
		run(seed, &tally);
	/* With fewer faults the test would show nothing. */
	cr_assert(lt(u64, SEEDS, tally.kills));
	cr_assert(lt(u64, SEEDS, tally.disconnects));
	cr_assert(lt(u64, SEEDS, tally.failed));
	cr_assert(lt(u64, SEEDS, tally.lost));
	cr_assert(lt(u64, SEEDS / 4, tally.repeated));
}
