/* SPDX-License-Identifier: MIT */
/* When a node subscribes to the log again (cluster/subscription.h), over servers in virtual
 * time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "base/split_mix.h"
#include "conversation/cluster/subscription.h"

#define MS RUDP_NS_PER_MS
#define ANSWER_NS (30 * MS)

/* Servers that have a leader from a moment on. Of three consumers the leader gives one to a server
 * that has died: the request has no answer. The replica asks for a new subscription while it reads
 * nothing. */
struct bus {
	struct apo_subscription subscription;
	uint64_t random;
	int64_t now_ns, leader_at_ns, ask_at_ns;
	bool is_reading;
	unsigned attempts, losses; /* since there is a leader */
};

static enum apo_reopening ask(struct bus *bus)
{
	if (bus->is_reading || bus->now_ns < bus->ask_at_ns)
		return APO_REOPEN_NOT;
	bus->ask_at_ns = bus->now_ns + APO_SUBSCRIBE_NS;
	return APO_REOPEN_NEXT;
}

static void attempt(struct bus *bus)
{
	bool has_leader = bus->now_ns >= bus->leader_at_ns;
	bool is_open = has_leader && rudp_split_mix(&bus->random) % 3 != 0;

	bus->attempts += has_leader;
	bus->losses += has_leader && !is_open;
	bus->now_ns += is_open ? ANSWER_NS : apo_subscription_wait_ns(&bus->subscription);
	bus->is_reading = is_open;
	apo_subscription_on_result(&bus->subscription, is_open, bus->now_ns);
}

static void step(struct bus *bus)
{
	if (apo_subscription_due(&bus->subscription, ask(bus), bus->now_ns) != APO_REOPEN_NOT)
		bus->is_reading = false;
	if (apo_subscription_try(&bus->subscription, bus->now_ns))
		attempt(bus);
	else
		bus->now_ns += 10 * MS;
}

/* The subscription was lost when the leader died. */
static void run(struct bus *bus, uint64_t seed, int64_t leader_at_ns)
{
	*bus = (struct bus){.random = seed, .now_ns = RUDP_NS_PER_S, .leader_at_ns = leader_at_ns};
	while (!bus->is_reading)
		step(bus);
}

Test(subscription, a_node_reads_soon_after_there_is_a_leader)
{
	struct bus bus;
	int64_t longest_ns;
	uint64_t seed;

	for (seed = 1; seed <= 3000; seed++) {
		run(&bus, seed, (int64_t)(1 + seed % 12) * RUDP_NS_PER_S);
		/* The wait that the leader's election interrupts, then that of each lost
		 * request. */
		longest_ns = (1 + (int64_t)bus.losses) * APO_SUBSCRIPTION_WAIT_MAX_NS +
			     APO_SUBSCRIPTION_PAUSE_NS;
		cr_assert(le(i64, bus.now_ns - bus.leader_at_ns, longest_ns), "seed %lu", seed);
		cr_assert(eq(uint, bus.attempts, bus.losses + 1), "seed %lu", seed);
	}
}

/* The replica has asked for it while the attempt was going on. */
Test(subscription, an_earlier_request_does_not_replace_a_new_subscription)
{
	struct apo_subscription subscription = {.is_open = true, .opened_at_ns = 1};
	int64_t now_ns = 10 * RUDP_NS_PER_S;

	cr_assert(eq(int, (int)apo_subscription_due(&subscription, APO_REOPEN_NEXT, now_ns),
		     APO_REOPEN_NEXT));
	cr_assert(apo_subscription_try(&subscription, now_ns));
	now_ns += 800 * MS;
	apo_subscription_on_result(&subscription, true, now_ns);
	cr_assert(eq(int, (int)apo_subscription_due(&subscription, APO_REOPEN_NEXT, now_ns),
		     APO_REOPEN_NOT));
	now_ns += APO_SUBSCRIBE_NS; /* it is forgotten, not put off */
	cr_assert(eq(int, (int)apo_subscription_due(&subscription, APO_REOPEN_NOT, now_ns),
		     APO_REOPEN_NOT));
	cr_assert(not(apo_subscription_try(&subscription, now_ns)));
	cr_assert(eq(int, (int)apo_subscription_due(&subscription, APO_REOPEN_NEXT, now_ns),
		     APO_REOPEN_NEXT));
}

/* A node that joins again must not continue with a subscription from before. */
Test(subscription, a_request_for_the_end_of_the_log_waits_and_is_not_forgotten)
{
	struct apo_subscription subscription = {.is_open = false};
	int64_t now_ns = 10 * RUDP_NS_PER_S;

	cr_assert(apo_subscription_try(&subscription, now_ns));
	apo_subscription_on_result(&subscription, true, now_ns + ANSWER_NS);
	cr_assert(eq(int,
		     (int)apo_subscription_due(&subscription, APO_REOPEN_CONNECT, now_ns + 50 * MS),
		     APO_REOPEN_NOT));
	now_ns += APO_SUBSCRIPTION_PAUSE_NS;
	cr_assert(eq(int, (int)apo_subscription_due(&subscription, APO_REOPEN_NEXT, now_ns),
		     APO_REOPEN_CONNECT));
}

Test(subscription, waits_grow_up_to_a_limit_and_begin_again)
{
	struct apo_subscription subscription = {.is_open = false};
	int64_t waited_ns = 0, before_ns;
	unsigned i;

	for (i = 0; i < 10; i++) {
		before_ns = waited_ns;
		waited_ns = apo_subscription_wait_ns(&subscription);
		cr_assert(ge(i64, waited_ns, before_ns));
		apo_subscription_on_result(&subscription, false, i);
	}
	cr_assert(eq(i64, waited_ns, APO_SUBSCRIPTION_WAIT_MAX_NS));
	apo_subscription_on_result(&subscription, true, i);
	cr_assert(eq(i64, apo_subscription_wait_ns(&subscription), APO_SUBSCRIPTION_WAIT_MIN_NS));
}
