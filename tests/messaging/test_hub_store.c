/* SPDX-License-Identifier: MIT */
/*
 * Hubs with stores, whose programs are killed at any step and restarted, over streams that break
 * and disks that fail at random, in virtual time. Accepted messages arrive, in order. Messages that
 * are done according to the store are never delivered repeated. Acknowledged messages are in the
 * store.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/net_sim.h"

#define SEEDS 3000
#define MESSAGES 60            /* accepted, of each side */
#define IDS_MAX 4000           /* tried; a failed message uses up an id */
#define STEPS_WITH_FAULTS 5000 /* no faults after that, so that every run must end */
#define STEPS_MAX 60000
#define HELD_MAX 8

/* The state of a message, by its id. */
struct entry {
	bool is_pending;   /* sent; its sender waits for the disk */
	bool is_accepted;  /* reported to the sender as accepted */
	bool is_done;      /* reported as done by some process of the receiver */
	bool is_finished;  /* done according to the store when that process died */
	unsigned taken_by; /* the last process of the receiver that received it */
};

struct side {
	struct entry entries[IDS_MAX + 1]; /* messages of this side */
	uint64_t next_id, accepted;
	uint64_t last; /* the newest message of the other side that this process has received */
	unsigned process;
	enum rudpmsg_ack ack;
	struct memory_store store;
	struct rudpmsg_message held[HELD_MAX];
	int held_count;
};

struct tally {
	uint64_t kills, repeated, rolled_back, store_failures, revived;
};

struct world {
	struct net_sim net_sim;
	struct side sides[2];
	struct random random;
	struct tally *tally;
	unsigned long seed;
	bool both_dial, has_faults;
	unsigned kill_permille;
};

static const char *const names[2] = {"alpha", "beta"};

static struct rudpmsg_hub *hub_of(const struct world *world, unsigned i)
{
	return world->net_sim.nodes[i].hub;
}

static bool by_chance(struct world *world, unsigned permille)
{
	return world->has_faults && random_below(&world->random, 1000) < permille;
}

/* The record of the other side in the store of i. */
static struct rudpmsg_peer stored(const struct world *world, unsigned i, uint64_t *number)
{
	struct rudpmsg_peer record;

	if (!memory_store_peer(&world->sides[i].store, names[!i], number, &record))
		record = (struct rudpmsg_peer){.next_id = 1};
	return record;
}

/* ---- guarantees ---- */

/* Notes which messages that waited for the disk have been accepted or have failed. */
static void update_pending(struct world *world, unsigned i)
{
	struct side *side = world->sides + i;
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub_of(world, i), names[!i]);
	enum rudpmsg_state state;
	uint64_t id;

	for (id = 1; id < side->next_id; id++) {
		if (!side->entries[id].is_pending)
			continue;
		state = rudpmsg_conn_state(conn, id, NULL);
		if (state == RUDPMSG_STATE_STORING)
			continue;
		side->entries[id].is_pending = false;
		side->entries[id].is_accepted = state != RUDPMSG_STATE_FAILED;
		side->accepted += state != RUDPMSG_STATE_FAILED;
		world->tally->rolled_back += state == RUDPMSG_STATE_FAILED;
		cr_assert(ne(int, (int)state, RUDPMSG_STATE_UNKNOWN));
	}
}

static void check_acknowledged(const struct world *world, unsigned i, uint64_t to)
{
	const struct side *side = world->sides + i;
	uint64_t id, number;

	cr_assert(ge(u64, stored(world, !i, &number).received, to),
		  "acknowledged, and not in the store: seed %lu", world->seed);
	for (id = 1; id <= to && side->ack == RUDPMSG_ACK_HANDLED; id++)
		cr_assert(side->entries[id].is_done || !side->entries[id].is_accepted);
}

static void read_events(struct world *world, unsigned i)
{
	struct rudpmsg_event event;

	update_pending(world, i);
	while (rudpmsg_hub_event(hub_of(world, i), &event) == 0)
		if (event.kind == RUDPMSG_EVENT_ACKNOWLEDGED)
			check_acknowledged(world, i, event.id);
}

/* ---- actions of the applications ---- */

static void send_one(struct world *world, unsigned i)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_find(hub_of(world, i), names[!i]);
	struct side *side = world->sides + i;
	rudpmsg_message_id id;
	uint8_t bytes[2000] = {0};
	int rc;

	if (!conn || side->accepted >= MESSAGES || side->next_id > IDS_MAX)
		return;
	memcpy(bytes, &side->next_id, sizeof side->next_id);
	rc = rudpmsg_hub_send(hub_of(world, i), conn, bytes,
			      sizeof id + random_below(&world->random,
						       random_below(&world->random, 5) ? 50 : 1900),
			      &id, world->net_sim.now_ns);
	cr_assert(rc == 0 || rc == -EAGAIN || rc == -ENOSPC);
	if (rc < 0)
		return;
	cr_assert(eq(u64, id, side->next_id), "seed %lu", world->seed);
	side->entries[id] = (struct entry){.is_pending = true};
	side->next_id++;
}

static void receive_one(struct world *world, unsigned i)
{
	struct side *side = world->sides + i, *other = world->sides + !i;
	struct rudpmsg_message message;
	uint64_t id, said;

	if (side->held_count == HELD_MAX ||
	    rudpmsg_hub_receive(hub_of(world, i), NULL, &message) < 0)
		return;
	memcpy(&said, message.bytes, sizeof said);
	cr_assert(eq(u64, said, message.id));
	cr_assert(lt(u64, side->last, message.id), "duplicate or out of order, seed %lu",
		  world->seed);
	cr_assert(not(other->entries[message.id].is_finished),
		  "delivered repeated although it is done: seed %lu", world->seed);
	for (id = side->last + 1; id < message.id; id++)
		cr_assert(other->entries[id].is_finished || !other->entries[id].is_accepted,
			  "missing %lu, seed %lu", (unsigned long)id, world->seed);
	world->tally->repeated += other->entries[message.id].taken_by > 0;
	other->entries[message.id].taken_by = side->process;
	side->last = message.id;
	side->held[side->held_count++] = message;
}

static void finish_one(struct world *world, unsigned i, bool is_done)
{
	struct side *side = world->sides + i;
	struct rudpmsg_message *message;
	uint64_t k;

	if (side->held_count == 0)
		return;
	k = random_below(&world->random, (uint64_t)side->held_count);
	message = side->held + k;
	if (is_done) {
		world->sides[!i].entries[message->id].is_done = true;
		rudpmsg_hub_done(hub_of(world, i), message->conn, message->place);
	}
	rudpmsg_chunk_put(message->reserved);
	*message = side->held[--side->held_count];
}

/* ---- start and kill ---- */

static void start(struct world *world, unsigned i)
{
	struct side *side = world->sides + i;
	struct rudpmsg_hub_config config =
		net_sim_config(names[i], random_below(&world->random, UINT64_MAX), side->ack);
	rudpmsg_conn_id conn;
	uint64_t ticket, number;

	config.has_store = true;
	config.run = ++side->store.run;
	world->net_sim.nodes[i].store = &side->store;
	net_sim_start(&world->net_sim, i, &config);
	side->process++;
	side->last = 0;
	side->next_id = stored(world, i, &number).next_id;
	if (i != 0 && !world->both_dial)
		return;
	cr_assert(eq(int,
		     rudpmsg_hub_connect(hub_of(world, i), "host", world->net_sim.nodes[!i].port,
					 names[!i], world->net_sim.now_ns, &ticket, &conn),
		     0));
	rudpmsg_hub_connect_forget(hub_of(world, i), ticket);
}

/* The sender was killed. A pending message counts as accepted if it is in the store. Ids of
 * accepted messages must not be used repeated. */
static void check_sent_after_kill(struct world *world, unsigned i)
{
	struct side *side = world->sides + i;
	struct entry *entry;
	uint64_t id, number = 0, next_id = stored(world, i, &number).next_id;

	for (id = 1; id < side->next_id; id++) {
		entry = side->entries + id;
		if (entry->is_pending && memory_store_find(&side->store, MEMORY_SENT, number, id)) {
			entry->is_accepted = true;
			side->accepted++;
			world->tally->revived++;
		}
		entry->is_pending = false;
		if (entry->is_accepted)
			cr_assert(lt(u64, id, next_id), "its id would be used repeated: seed %lu",
				  world->seed);
	}
}

/* The receiver was killed. Each message that it had received is in its store, and is then delivered
 * repeated, or it is done. */
static void check_received_after_kill(struct world *world, unsigned i)
{
	struct side *other = world->sides + !i;
	const struct memory_store *store = &world->sides[i].store;
	uint64_t id, number, received = stored(world, i, &number).received;
	bool is_there;
	size_t k;

	for (id = 1; id <= received; id++) {
		if (!other->entries[id].is_accepted)
			continue;
		for (is_there = false, k = 0; k < store->count; k++)
			is_there |=
				store->rows[k].kind == MEMORY_RECEIVED && store->rows[k].id == id;
		cr_assert(is_there || other->entries[id].is_done, "lost %lu, seed %lu",
			  (unsigned long)id, world->seed);
		other->entries[id].is_finished = !is_there;
	}
}

static void kill_one(struct world *world, unsigned i)
{
	read_events(world, i);
	while (world->sides[i].held_count > 0)
		finish_one(world, i, false);
	net_sim_kill(&world->net_sim, i);
	world->tally->kills++;
	check_sent_after_kill(world, i);
	check_received_after_kill(world, i);
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
	if (random_below(&world->random, 2))
		receive_one(world, i);
	if (random_below(&world->random, 2))
		finish_one(world, i, true);
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

/* All messages are done, and each store has only the record of its peer. */
static bool is_over(const struct world *world)
{
	const struct side *side;
	unsigned i;
	uint64_t id;

	for (i = 0; i < 2; i++) {
		side = world->sides + i;
		if (!hub_of(world, i) || side->accepted < MESSAGES || side->held_count > 0 ||
		    rudpmsg_hub_unanswered(hub_of(world, i)) > 0 ||
		    !rudpmsg_hub_is_saved(hub_of(world, i)) || side->store.count > 1)
			return false;
		for (id = 1; id < side->next_id; id++)
			if (side->entries[id].is_accepted && !side->entries[id].is_done)
				return false;
	}
	return true;
}

static void stop_faults(struct world *world)
{
	world->has_faults = false;
	world->net_sim.break_permille = world->net_sim.dial_fails_permille = 0;
	world->net_sim.store_fails_permille = 0;
}

static void set_up(struct world *world, uint64_t seed, struct tally *tally)
{
	unsigned i;

	memset(world, 0, sizeof *world);
	world->seed = seed;
	world->random.state = seed;
	world->tally = tally;
	world->has_faults = true;
	net_sim_init(&world->net_sim, seed * 7919);
	world->both_dial = random_below(&world->random, 2);
	world->kill_permille = (unsigned)random_below(&world->random, 12);
	world->net_sim.break_permille = (unsigned)random_below(&world->random, 30);
	world->net_sim.dial_fails_permille = (unsigned)random_below(&world->random, 300);
	world->net_sim.store_fails_permille =
		random_below(&world->random, 2) ? (unsigned)random_below(&world->random, 200) : 0;
	for (i = 0; i < 2; i++) {
		world->sides[i].ack = (enum rudpmsg_ack)random_below(&world->random, 3);
		world->net_sim.nodes[i].port = (uint16_t)(1000 + i);
	}
	for (i = 0; i < 2; i++)
		start(world, i);
}

static void run(uint64_t seed, struct tally *tally)
{
	static struct world world;
	unsigned i, steps;

	set_up(&world, seed, tally);
	for (steps = 0; !is_over(&world); steps++) {
		if (steps == STEPS_WITH_FAULTS)
			stop_faults(&world);
		cr_assert(lt(uint, steps, STEPS_MAX), "stuck with seed %lu", world.seed);
		step(&world);
	}
	tally->store_failures += world.net_sim.store_failures;
	net_sim_fini(&world.net_sim);
	for (i = 0; i < 2; i++)
		memory_store_fini(&world.sides[i].store);
}

Test(hub_store, accepted_messages_arrive_in_order_and_done_ones_never_again, .timeout = 600)
{
	struct tally tally = {0};
	uint64_t seed, first = net_sim_first_seed(SEEDS);

	for (seed = first; seed < first + SEEDS; seed++)
		run(seed, &tally);
	/* With fewer faults the test would show nothing. */
	cr_assert(lt(u64, 2 * SEEDS, tally.kills));
	cr_assert(lt(u64, SEEDS, tally.store_failures));
	cr_assert(lt(u64, SEEDS, tally.rolled_back));
	cr_assert(lt(u64, SEEDS, tally.repeated));
	cr_assert(lt(u64, SEEDS / 4, tally.revived));
}
