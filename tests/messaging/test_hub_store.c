/* SPDX-License-Identifier: MIT */
/*
 * Hubs with stores, whose programs are killed at any step and restarted, over streams that break
 * and disks that fail at random, in virtual time. Accepted messages arrive, in order. Messages that
 * the store knows to be done never come again. Acknowledged messages are in the store.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/net_sim.h"

#define SEEDS 3000
#define MESSAGES 60      /* accepted, of each side */
#define IDS_MAX 4000     /* and tried: ids of those that failed are gone */
#define STEPS_ROUGH 5000 /* after so many the net is kind, so that all must end */
#define STEPS_MAX 60000
#define HELD_MAX 8

/* What is known of a message by its id. */
struct entry {
	bool is_pending;   /* sent, and its sender waits for the disk */
	bool is_accepted;  /* the sender was told so */
	bool is_done;      /* some process of the receiver has said so */
	bool is_finished;  /* and the store knew it when that process died */
	unsigned taken_by; /* the last process of the receiver that had it */
};

struct side {
	struct entry entries[IDS_MAX + 1]; /* what it sends */
	uint64_t next_id, accepted;
	uint64_t last; /* of the other's messages, the newest that this process has taken */
	unsigned process;
	enum rudpmsg_ack ack;
	struct memory_store store;
	struct rudpmsg_message held[HELD_MAX];
	int held_count;
};

struct tally {
	uint64_t kills, again, rolled_back, store_failures, revived;
};

struct world {
	struct net_sim net_sim;
	struct side sides[2];
	struct random random;
	struct tally *tally;
	unsigned long seed;
	bool both_dial, is_rough;
	unsigned kill_permille;
};

static const char *const names[2] = {"alpha", "beta"};

static struct rudpmsg_hub *hub_of(const struct world *world, unsigned i)
{
	return world->net_sim.nodes[i].hub;
}

static bool by_chance(struct world *world, unsigned permille)
{
	return world->is_rough && random_below(&world->random, 1000) < permille;
}

/* What i's store says of the other side. */
static struct rudpmsg_peer stored(const struct world *world, unsigned i, uint64_t *number)
{
	struct rudpmsg_peer record;

	if (!memory_store_peer(&world->sides[i].store, names[!i], number, &record))
		record = (struct rudpmsg_peer){.next_id = 1};
	return record;
}

/* ---- what is promised ---- */

/* What waited for the disk is accepted now, or has failed. */
static void look_at_pending(struct world *world, unsigned i)
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

static void hear(struct world *world, unsigned i)
{
	struct rudpmsg_event event;

	look_at_pending(world, i);
	while (rudpmsg_hub_event(hub_of(world, i), &event) == 0)
		if (event.kind == RUDPMSG_EVENT_ACKNOWLEDGED)
			check_acknowledged(world, i, event.id);
}

/* ---- what applications do ---- */

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
	cr_assert(lt(u64, side->last, message.id), "twice or late, seed %lu", world->seed);
	cr_assert(not(other->entries[message.id].is_finished), "done, and comes again: seed %lu",
		  world->seed);
	for (id = side->last + 1; id < message.id; id++)
		cr_assert(other->entries[id].is_finished || !other->entries[id].is_accepted,
			  "left out %lu, seed %lu", (unsigned long)id, world->seed);
	world->tally->again += other->entries[message.id].taken_by > 0;
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

/* ---- life and death ---- */

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

/* The process that sends has died: what it waited for is in the store, or never was. */
static void mourn_sender(struct world *world, unsigned i)
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
			cr_assert(lt(u64, id, next_id), "its id would be used again: seed %lu",
				  world->seed);
	}
}

/* The process that receives has died: what it had and the store does not know to be done comes
 * again. */
static void mourn_receiver(struct world *world, unsigned i)
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
	hear(world, i);
	while (world->sides[i].held_count > 0)
		finish_one(world, i, false);
	net_sim_kill(&world->net_sim, i);
	world->tally->kills++;
	mourn_sender(world, i);
	mourn_receiver(world, i);
}

static void act(struct world *world, unsigned i)
{
	if (!hub_of(world, i)) {
		if (!world->is_rough || by_chance(world, 5))
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
			hear(world, i);
	for (i = 0; i < 2; i++)
		act(world, i);
}

/* ---- the end ---- */

/* Of the stores nothing is left but how far the peer has come. */
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

static void settle_down(struct world *world)
{
	world->is_rough = false;
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
	world->is_rough = true;
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
		if (steps == STEPS_ROUGH)
			settle_down(&world);
		cr_assert(lt(uint, steps, STEPS_MAX), "stuck with seed %lu", world.seed);
		step(&world);
	}
	tally->store_failures += world.net_sim.store_failures;
	net_sim_fini(&world.net_sim);
	for (i = 0; i < 2; i++)
		memory_store_fini(&world.sides[i].store);
}

Test(hub_store, what_was_accepted_arrives_once_more_at_worst_and_in_order, .timeout = 600)
{
	struct tally tally = {0};
	uint64_t seed, first = net_sim_first_seed(SEEDS);

	for (seed = first; seed < first + SEEDS; seed++)
		run(seed, &tally);
	/* Or it was too kind to show anything. */
	cr_assert(lt(u64, 2 * SEEDS, tally.kills));
	cr_assert(lt(u64, SEEDS, tally.store_failures));
	cr_assert(lt(u64, SEEDS, tally.rolled_back));
	cr_assert(lt(u64, SEEDS, tally.again));
	cr_assert(lt(u64, SEEDS / 4, tally.revived));
}
