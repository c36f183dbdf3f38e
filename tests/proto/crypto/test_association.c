/* SPDX-License-Identifier: MIT */
#include "proto/crypto/association.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "base/fault.h"
#include "base/random.h"

#define START_NS (5 * RUDP_NS_PER_S)

static struct rudp_associations all;

static void init(void)
{
	rudp_associations_init(&all);
}

static void fini(void)
{
	cr_assert(rudp_associations_check(&all));
	rudp_associations_clear(&all);
	cr_assert(rudp_associations_check(&all));
	cr_assert(zero(uint, all.given_count + all.taken_count));
}

TestSuite(association, .init = init, .fini = fini);

static const struct rudp_credentials psk[2] = {{.psk_id = 0}, {.psk_id = 1}};

static struct rudp_resume_secrets secrets_of(uint64_t id)
{
	struct rudp_resume_secrets secrets;

	memset(secrets.fresh, (int)(id & 0x7f), sizeof secrets.fresh);
	memset(secrets.lasting, (int)(id & 0x7f) | 0x80, sizeof secrets.lasting);
	return secrets;
}

static void give(uint64_t id, int64_t now_ns)
{
	struct rudp_resume_secrets secrets = secrets_of(id);

	cr_assert(eq(int, rudp_association_give(&all, id, &secrets, &psk[id % 2], now_ns), 0));
}

static struct rudp_addr peer(unsigned n)
{
	struct rudp_addr addr;

	rudp_addr_parse(&addr, "10.0.0.1:443");
	addr.in4.sin_addr.s_addr = htonl(0x0a000000u + n);
	return addr;
}

static void take(unsigned n, uint64_t id, int64_t now_ns)
{
	struct rudp_resume_secrets secrets = secrets_of(id);
	struct rudp_addr addr = peer(n);

	cr_assert(
		eq(int, rudp_association_take(&all, &addr, id, &secrets, &psk[id % 2], now_ns), 0));
}

static bool use(unsigned n, int64_t now_ns, struct rudp_ticket *ticket)
{
	struct rudp_addr addr = peer(n);

	return rudp_association_use(&all, &addr, now_ns, ticket);
}

/* Counters received out of order have allocated memory for the replay window. */
Test(association, a_removed_association_frees_its_replay_window)
{
	size_t before = mallinfo2().uordblks;

	for (unsigned round = 0; round < 100; round++) {
		for (uint64_t id = 1; id <= 10; id++) {
			give(id, START_NS);
			rudp_association_on_taken(
				&all, rudp_association_find_given(&all, id, START_NS), 5);
		}
		rudp_associations_clear(&all);
	}
	cr_assert(le(sz, mallinfo2().uordblks, before + 10000));
}

Test(association, each_ticket_has_a_counter_of_its_own)
{
	struct rudp_ticket ticket;

	take(1, 77, START_NS);
	for (uint64_t i = 0; i < 1000; i++) {
		cr_assert(use(1, START_NS, &ticket));
		cr_assert(all(eq(u64, ticket.association_id, 77), eq(u64, ticket.counter, i)));
	}
}

/* Early data needs both: docs/protocol.md section 6.8. */
Test(association, a_ticket_proves_only_its_own_use)
{
	struct rudp_addr addr = peer(1);
	struct rudp_ticket ticket;
	struct rudp_given *given;

	give(7, START_NS);
	take(1, 7, START_NS);
	cr_assert(rudp_association_use(&all, &addr, START_NS, &ticket));
	given = rudp_association_find_given(&all, 7, START_NS);
	cr_assert(rudp_given_proves_spent(given, &ticket.spent));
	ticket.spent.counter++;
	cr_assert(not(rudp_given_proves_spent(given, &ticket.spent)));
	ticket.spent.counter--;
	ticket.spent.proof[RUDP_SPENT_PROOF_BYTES - 1] ^= 1;
	cr_assert(not(rudp_given_proves_spent(given, &ticket.spent)));
}

Test(association, a_ticket_says_whether_the_listener_is_known_to_have_it)
{
	struct rudp_addr addr = peer(1);
	struct rudp_ticket ticket;

	take(1, 7, START_NS);
	rudp_association_on_known(&all, &addr, 8); /* a different association at that address */
	cr_assert(rudp_association_use(&all, &addr, START_NS, &ticket));
	cr_assert(not(ticket.is_known));
	rudp_association_on_known(&all, &addr, 7);
	cr_assert(rudp_association_use(&all, &addr, START_NS, &ticket));
	cr_assert(ticket.is_known);
	take(1, 9, START_NS); /* the listener has not stored the new one yet */
	cr_assert(rudp_association_use(&all, &addr, START_NS, &ticket));
	cr_assert(not(ticket.is_known));
}

Test(association, belongs_to_an_address_and_port)
{
	struct rudp_ticket ticket;
	struct rudp_addr other = peer(1);

	take(1, 77, START_NS);
	cr_assert(not(use(2, START_NS, &ticket)));
	rudp_addr_set_port(&other, 444);
	cr_assert(not(rudp_association_use(&all, &other, START_NS, &ticket)));
	cr_assert(use(1, START_NS, &ticket));
}

Test(association, works_without_dh_for_two_minutes_and_with_dh_for_a_day)
{
	struct rudp_resume_secrets secrets = secrets_of(77);
	struct rudp_ticket ticket;

	take(1, 77, START_NS);
	cr_assert(use(1, START_NS + RUDP_ASSOCIATION_FRESH_NS - 1, &ticket));
	cr_assert(not(ticket.with_dh));
	cr_assert(eq(int, memcmp(ticket.secret, secrets.fresh, sizeof ticket.secret), 0));
	cr_assert(use(1, START_NS + RUDP_ASSOCIATION_FRESH_NS, &ticket));
	cr_assert(ticket.with_dh);
	cr_assert(eq(int, memcmp(ticket.secret, secrets.lasting, sizeof ticket.secret), 0));
	cr_assert(use(1, START_NS + RUDP_ASSOCIATION_LIFE_NS - 1, &ticket));
	cr_assert(not(use(1, START_NS + RUDP_ASSOCIATION_LIFE_NS, &ticket)));
	cr_assert(zero(uint, all.taken_count));
}

Test(association, the_listener_keeps_the_fresh_secret_a_little_longer)
{
	int64_t end = START_NS + RUDP_ASSOCIATION_FRESH_NS + RUDP_ASSOCIATION_SLACK_NS;
	struct rudp_given *given;

	give(77, START_NS);
	given = rudp_association_find_given(&all, 77, end - 1);
	cr_assert(ne(ptr, (void *)rudp_given_secret(given, false), NULL));
	given = rudp_association_find_given(&all, 77, end);
	cr_assert(eq(ptr, (void *)rudp_given_secret(given, false), NULL));
	cr_assert(ne(ptr, (void *)rudp_given_secret(given, true), NULL));
	cr_assert(eq(ptr,
		     rudp_association_find_given(&all, 77, START_NS + RUDP_ASSOCIATION_LIFE_NS),
		     NULL));
}

Test(association, secrets_are_wiped_in_time_without_any_call)
{
	int64_t now_ns = START_NS;
	unsigned wakes = 0;

	give(1, START_NS);
	give(2, START_NS - RUDP_NS_PER_S); /* its handshake took longer */
	take(3, 3, START_NS);
	cr_assert(
		eq(i64, rudp_associations_deadline_ns(&all), START_NS + RUDP_ASSOCIATION_FRESH_NS));
	while (rudp_associations_deadline_ns(&all) != RUDP_NEVER) {
		cr_assert(lt(i64, now_ns, rudp_associations_deadline_ns(&all)));
		now_ns = rudp_associations_deadline_ns(&all);
		rudp_associations_on_time(&all, now_ns);
		cr_assert(rudp_associations_check(&all));
		wakes++;
	}
	cr_assert(all(eq(uint, wakes, 5), zero(uint, all.given_count + all.taken_count)));
}

Test(association, a_replaced_association_accepts_syns_in_flight)
{
	give(77, START_NS);
	rudp_association_on_replaced(&all, 77, START_NS);
	/* this does not extend its life */
	rudp_association_on_replaced(&all, 77, START_NS + RUDP_NS_PER_S);
	rudp_association_on_replaced(&all, 78, START_NS);
	cr_assert(
		ne(ptr,
		   rudp_association_find_given(&all, 77, START_NS + RUDP_ASSOCIATION_LINGER_NS - 1),
		   NULL));
	cr_assert(eq(ptr,
		     rudp_association_find_given(&all, 77, START_NS + RUDP_ASSOCIATION_LINGER_NS),
		     NULL));
}

Test(association, a_new_association_replaces_the_old_one)
{
	struct rudp_addr addr = peer(1);
	struct rudp_ticket ticket;

	take(1, 77, START_NS);
	take(1, 78, START_NS);
	cr_assert(eq(uint, all.taken_count, 1));
	rudp_association_forget(&all, &addr, 77); /* a late refusal of the old one */
	cr_assert(use(1, START_NS, &ticket));
	cr_assert(all(eq(u64, ticket.association_id, 78), zero(u64, ticket.counter)));
	rudp_association_forget(&all, &addr, 78);
	cr_assert(not(use(1, START_NS, &ticket)));
}

Test(association, an_id_is_given_once)
{
	struct rudp_resume_secrets secrets = secrets_of(1);

	give(77, START_NS);
	cr_assert(eq(int, rudp_association_give(&all, 77, &secrets, &psk[0], START_NS), -EEXIST));
}

Test(association, a_full_table_evicts_the_least_recently_used)
{
	struct rudp_given *given;

	for (uint64_t id = 1; id <= RUDP_ASSOCIATIONS_GIVEN_MAX; id++)
		give(id, START_NS);
	given = rudp_association_find_given(&all, 1, START_NS);
	rudp_association_on_taken(&all, given, 0);
	give(RUDP_ASSOCIATIONS_GIVEN_MAX + 1, START_NS);
	cr_assert(eq(uint, all.given_count, RUDP_ASSOCIATIONS_GIVEN_MAX));
	cr_assert(ne(ptr, rudp_association_find_given(&all, 1, START_NS), NULL));
	cr_assert(eq(ptr, rudp_association_find_given(&all, 2, START_NS), NULL));
}

Test(association, a_full_table_of_taken_associations_evicts_the_least_recently_used)
{
	struct rudp_ticket ticket;

	for (unsigned n = 1; n <= RUDP_ASSOCIATIONS_TAKEN_MAX; n++)
		take(n, n, START_NS);
	cr_assert(use(1, START_NS, &ticket));
	take(RUDP_ASSOCIATIONS_TAKEN_MAX + 1, 1, START_NS);
	cr_assert(eq(uint, all.taken_count, RUDP_ASSOCIATIONS_TAKEN_MAX));
	cr_assert(use(1, START_NS, &ticket));
	cr_assert(not(use(2, START_NS, &ticket)));
}

/* Model: an array of used counters. Below the window every counter counts as used. */
Test(association, no_counter_is_taken_twice_in_whatever_order)
{
	enum { COUNTERS = 30000 };
	static bool taken[COUNTERS];
	struct random random = {11};
	uint64_t largest = 0;
	struct rudp_given *given;

	give(77, START_NS);
	given = rudp_association_find_given(&all, 77, START_NS);
	for (int i = 0; i < 200000; i++) {
		uint64_t low = largest > 6000 ? largest - 6000 : 0;
		uint64_t counter = low + random_below(&random, largest - low + 20);
		bool fresh = rudp_given_is_fresh(given, counter);

		if (counter >= COUNTERS)
			break;
		cr_assert(not(fresh && taken[counter]));
		if (!taken[counter] && counter + RUDP_REPLAY_WINDOW > largest)
			cr_assert(fresh);
		if (!fresh)
			continue;
		rudp_association_on_taken(&all, given, counter);
		taken[counter] = true;
		largest = counter > largest ? counter : largest;
	}
}

/* Allocations of uthash and of the entries fail: tables stay consistent and old entries stay. */
Test(association, every_allocation_may_fail)
{
	struct rudp_resume_secrets secrets = secrets_of(1);
	struct rudp_addr addr = peer(1);
	struct rudp_ticket ticket;
	int rc[2] = {-1, -1};

	for (unsigned nth = 1; rc[0] < 0 || rc[1] < 0; nth++) {
		cr_assert(lt(uint, nth, 20));
		rudp_associations_clear(&all);
		fault_arm(nth);
		rc[0] = rudp_association_give(&all, 77, &secrets, &psk[0], START_NS);
		rc[1] = rudp_association_take(&all, &addr, 77, &secrets, &psk[0], START_NS);
		fault_arm(0);
		cr_assert(rudp_associations_check(&all));
		cr_assert(eq(int, rudp_association_find_given(&all, 77, START_NS) != NULL,
			     rc[0] == 0));
		cr_assert(eq(int, use(1, START_NS, &ticket), rc[1] == 0));
		cr_assert(rc[0] == 0 || rc[0] == -ENOMEM);
		cr_assert(rc[1] == 0 || rc[1] == -ENOMEM);
	}
}

static bool trusts(uint64_t id, const char *from, int64_t now_ns)
{
	struct rudp_addr addr;

	rudp_addr_parse(&addr, from);
	return rudp_association_trusts(&all, id, &addr, now_ns);
}

static void prove(uint64_t id, const char *from)
{
	struct rudp_addr addr;

	rudp_addr_parse(&addr, from);
	rudp_association_on_proven(&all, id, &addr);
}

Test(association, trusts_the_last_validated_host)
{
	prove(1, "10.0.0.1:1"); /* an unknown association */
	give(1, START_NS);
	cr_assert(not(trusts(1, "10.0.0.1:1", START_NS)));
	prove(1, "10.0.0.1:1");
	cr_assert(all(trusts(1, "10.0.0.1:2", START_NS), not(trusts(1, "10.0.0.2:1", START_NS)),
		      not(trusts(2, "10.0.0.1:1", START_NS))));
	prove(1, "10.0.0.2:1");
	cr_assert(all(trusts(1, "10.0.0.2:9", START_NS), not(trusts(1, "10.0.0.1:1", START_NS))));
}

Test(association, trusts_an_address_while_it_is_fresh)
{
	int64_t end_ns = START_NS + RUDP_ASSOCIATION_FRESH_NS + RUDP_ASSOCIATION_SLACK_NS;

	give(1, START_NS);
	prove(1, "10.0.0.1:1");
	cr_assert(all(trusts(1, "10.0.0.1:1", end_ns - 1), not(trusts(1, "10.0.0.1:1", end_ns))));
	prove(1, "10.0.0.1:1");
	cr_assert(not(trusts(1, "10.0.0.1:1", end_ns)));
}

Test(association, trusts_no_address_after_it_is_replaced)
{
	give(1, START_NS);
	prove(1, "10.0.0.1:1");
	rudp_association_on_replaced(&all, 1, START_NS);
	cr_assert(not(trusts(1, "10.0.0.1:1", START_NS)));
}

Test(association, trusts_an_address_a_limited_number_of_times_until_it_is_heard_again)
{
	give(1, START_NS);
	for (int round = 0; round < 2; round++) {
		prove(1, "10.0.0.1:1");
		for (int i = 0; i < RUDP_ASSOCIATION_TRUSTS; i++)
			cr_assert(trusts(1, "10.0.0.1:1", START_NS));
		cr_assert(not(trusts(1, "10.0.0.1:1", START_NS)));
	}
}

Test(association, a_host_is_forgotten_in_both_roles_and_no_other)
{
	struct rudp_addr host = peer(1), other = peer(2), second_port = peer(1);
	struct rudp_resume_secrets secrets = secrets_of(3);
	struct rudp_ticket ticket;

	take(1, 1, START_NS);
	take(2, 2, START_NS);
	rudp_addr_set_port(&second_port, 444);
	cr_assert(zero(int,
		       rudp_association_take(&all, &second_port, 3, &secrets, &psk[0], START_NS)));
	give(11, START_NS);
	give(12, START_NS);
	give(13, START_NS); /* its initiator's address is not validated */
	rudp_association_on_proven(&all, 11, &host);
	rudp_association_on_proven(&all, 12, &other);
	cr_assert(eq(uint, rudp_associations_forget_host(&all, &host), 3));
	cr_assert(rudp_associations_check(&all));
	cr_assert(not(use(1, START_NS, &ticket)));
	cr_assert(use(2, START_NS, &ticket));
	cr_assert(zero(ptr, (void *)rudp_association_find_given(&all, 11, START_NS)));
	cr_assert(not(zero(ptr, (void *)rudp_association_find_given(&all, 12, START_NS))));
	cr_assert(not(zero(ptr, (void *)rudp_association_find_given(&all, 13, START_NS))));
	cr_assert(zero(uint, rudp_associations_forget_host(&all, &host)));
}
