/* SPDX-License-Identifier: MIT */
/* Implements docs/protocol.md section 6.7. */
#include "proto/crypto/association.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "proto/crypto/cookie.h"
#include "proto/crypto/noise.h"

/* The members that both kinds of associations share. */
struct association {
	uint64_t id;
	struct rudp_credentials credentials;
	int64_t made_at_ns;
	int64_t leaves_at_ns; /* when it leaves its age list */
	bool is_fresh;
	struct rudp_resume_secrets secrets;
	struct rudp_list use_link, age_link;
};

struct rudp_given {
	struct association a;
	bool is_ending;
	unsigned trusts_left; /* 0 at first: no address is validated */
	struct rudp_addr_key validated_host;
	struct rudp_replay counters;
	UT_hash_handle hh;
};

struct rudp_taken {
	struct association a;
	struct rudp_addr_key key;
	uint64_t counter; /* for the next SYN */
	bool is_known;
	UT_hash_handle hh;
};

/* The listener keeps the fresh secret a little longer, for SYNs that are in flight. */
#define GIVEN_FRESH_NS (RUDP_ASSOCIATION_FRESH_NS + RUDP_ASSOCIATION_SLACK_NS)

#define GIVEN_OF(link, member) RUDP_LIST_OWNER(link, struct rudp_given, a.member)
#define TAKEN_OF(link, member) RUDP_LIST_OWNER(link, struct rudp_taken, a.member)

static void ages_init(struct rudp_association_ages *ages)
{
	rudp_list_init(&ages->fresh);
	rudp_list_init(&ages->lasting);
	rudp_list_init(&ages->ending);
}

void rudp_associations_init(struct rudp_associations *all)
{
	*all = (struct rudp_associations){0};
	rudp_list_init(&all->given_by_use);
	rudp_list_init(&all->taken_by_use);
	ages_init(&all->given_by_age);
	ages_init(&all->taken_by_age);
}

static void association_fini(struct association *a)
{
	rudp_list_remove(&a->use_link);
	rudp_list_remove(&a->age_link);
	rudp_wipe(&a->secrets, sizeof a->secrets);
}

static void drop_given(struct rudp_associations *all, struct rudp_given *given)
{
	HASH_DELETE(hh, all->given, given);
	all->given_count--;
	association_fini(&given->a);
	rudp_replay_fini(&given->counters);
	free(given);
}

static void drop_taken(struct rudp_associations *all, struct rudp_taken *taken)
{
	HASH_DELETE(hh, all->taken, taken);
	all->taken_count--;
	association_fini(&taken->a);
	free(taken);
}

void rudp_associations_clear(struct rudp_associations *all)
{
	while (!rudp_list_is_empty(&all->given_by_use))
		drop_given(all, GIVEN_OF(all->given_by_use.next, use_link));
	while (!rudp_list_is_empty(&all->taken_by_use))
		drop_taken(all, TAKEN_OF(all->taken_by_use.next, use_link));
}

unsigned rudp_associations_keep(struct rudp_associations *all,
				bool (*is_good)(const void *context,
						const struct rudp_credentials *credentials),
				const void *context)
{
	unsigned before = all->given_count + all->taken_count;
	struct rudp_given *given, *next_given;
	struct rudp_taken *taken, *next_taken;

	HASH_ITER(hh, all->given, given, next_given)
		if (!is_good(context, &given->a.credentials))
			drop_given(all, given);
	HASH_ITER(hh, all->taken, taken, next_taken)
		if (!is_good(context, &taken->a.credentials))
			drop_taken(all, taken);
	return before - all->given_count - all->taken_count;
}

static bool is_host(const struct rudp_addr_key *key, const struct rudp_addr_key *host)
{
	struct rudp_addr_key without_port = *key;

	without_port.port = 0;
	return memcmp(&without_port, host, sizeof *host) == 0;
}

unsigned rudp_associations_forget_host(struct rudp_associations *all, const struct rudp_addr *host)
{
	struct rudp_addr_key key = rudp_addr_key_of_host(host);
	unsigned before = all->given_count + all->taken_count;
	struct rudp_given *given, *next_given;
	struct rudp_taken *taken, *next_taken;

	HASH_ITER(hh, all->given, given, next_given)
		if (is_host(&given->validated_host, &key))
			drop_given(all, given);
	HASH_ITER(hh, all->taken, taken, next_taken)
		if (is_host(&taken->key, &key))
			drop_taken(all, taken);
	return before - all->given_count - all->taken_count;
}

static struct association *of_age_link(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct association, age_link);
}

/*
 * Keeps the list sorted by leaves_at_ns. Usually the place is at the end. A peer that delays its
 * handshake while others fill the table can make this loop visit all entries: 83 us for 16384,
 * about the cost of the handshake itself.
 */
static void move_to_age(struct association *a, struct rudp_list *age, int64_t leaves_at_ns)
{
	struct rudp_list *before = age;

	while (before->prev != age && of_age_link(before->prev)->leaves_at_ns > leaves_at_ns)
		before = before->prev;
	rudp_list_remove(&a->age_link);
	a->leaves_at_ns = leaves_at_ns;
	rudp_list_append(before, &a->age_link);
}

static void start(struct association *a, const struct rudp_resume_secrets *secrets,
		  int64_t made_at_ns, int64_t fresh_ns, struct rudp_list *by_use,
		  struct rudp_association_ages *ages)
{
	a->made_at_ns = made_at_ns;
	a->is_fresh = true;
	a->secrets = *secrets;
	rudp_list_append(by_use, &a->use_link);
	move_to_age(a, &ages->fresh, made_at_ns + fresh_ns);
}

static void end_freshness(struct association *a)
{
	rudp_wipe(a->secrets.fresh, sizeof a->secrets.fresh);
	a->is_fresh = false;
}

static void note_use(struct association *a, struct rudp_list *by_use)
{
	rudp_list_remove(&a->use_link);
	rudp_list_append(by_use, &a->use_link);
}

static struct rudp_given *find_given(const struct rudp_associations *all, uint64_t id)
{
	return RUDP_TABLE_FIND(hh, all->given, &id);
}

int rudp_association_give(struct rudp_associations *all, uint64_t id,
			  const struct rudp_resume_secrets *secrets,
			  const struct rudp_credentials *credentials, int64_t made_at_ns)
{
	struct rudp_given *given;

	if (find_given(all, id))
		return -EEXIST;
	if (all->given_count == RUDP_ASSOCIATIONS_GIVEN_MAX)
		drop_given(all, GIVEN_OF(all->given_by_use.next, use_link));
	given = calloc(1, sizeof *given);
	if (!given)
		return -ENOMEM;
	given->a.id = id;
	given->a.credentials = *credentials;
	if (!RUDP_TABLE_ADD(hh, all->given, a.id, given)) {
		free(given);
		return -ENOMEM;
	}
	all->given_count++;
	rudp_replay_init(&given->counters);
	start(&given->a, secrets, made_at_ns, GIVEN_FRESH_NS, &all->given_by_use,
	      &all->given_by_age);
	return 0;
}

struct rudp_given *rudp_association_find_given(struct rudp_associations *all, uint64_t id,
					       int64_t now_at_ns)
{
	rudp_associations_on_time(all, now_at_ns);
	return find_given(all, id);
}

const struct rudp_credentials *rudp_given_credentials(const struct rudp_given *given)
{
	return &given->a.credentials;
}

static const uint8_t *secret_of(const struct association *a, bool with_dh)
{
	if (with_dh)
		return a->secrets.lasting;
	return a->is_fresh ? a->secrets.fresh : NULL;
}

const uint8_t *rudp_given_secret(const struct rudp_given *given, bool with_dh)
{
	return secret_of(&given->a, with_dh);
}

bool rudp_given_is_fresh(const struct rudp_given *given, uint64_t counter)
{
	return rudp_replay_is_fresh(&given->counters, counter);
}

bool rudp_given_proves_spent(const struct rudp_given *given, const struct rudp_spent *spent)
{
	struct rudp_spent expected = *spent;

	rudp_resume_prove_spent(given->a.secrets.lasting, &expected);
	return rudp_bytes_equal(expected.proof, spent->proof, sizeof expected.proof);
}

void rudp_association_on_taken(struct rudp_associations *all, struct rudp_given *given,
			       uint64_t counter)
{
	rudp_replay_mark(&given->counters, counter);
	note_use(&given->a, &all->given_by_use);
}

void rudp_association_on_proven(struct rudp_associations *all, uint64_t id,
				const struct rudp_addr *remote)
{
	struct rudp_given *given = find_given(all, id);

	if (!given)
		return;
	given->validated_host = rudp_addr_key_of_host(remote);
	given->trusts_left = RUDP_ASSOCIATION_TRUSTS;
}

bool rudp_association_trusts(struct rudp_associations *all, uint64_t id,
			     const struct rudp_addr *remote, int64_t now_at_ns)
{
	struct rudp_given *given = rudp_association_find_given(all, id, now_at_ns);
	struct rudp_addr_key host = rudp_addr_key_of_host(remote);

	if (!given || !given->a.is_fresh || given->trusts_left == 0 ||
	    memcmp(&given->validated_host, &host, sizeof host) != 0)
		return false;
	given->trusts_left--;
	return true;
}

void rudp_association_on_replaced(struct rudp_associations *all, uint64_t id, int64_t now_at_ns)
{
	struct rudp_given *given = find_given(all, id);

	if (!given || given->a.made_at_ns + RUDP_ASSOCIATION_LIFE_NS <=
			      now_at_ns + RUDP_ASSOCIATION_LINGER_NS)
		return;
	if (given->is_ending)
		return; /* another connection made at the same time replaced it */
	given->is_ending = true;
	end_freshness(&given->a);
	move_to_age(&given->a, &all->given_by_age.ending, now_at_ns + RUDP_ASSOCIATION_LINGER_NS);
}

static struct rudp_taken *find_taken(const struct rudp_associations *all,
				     const struct rudp_addr *remote)
{
	struct rudp_addr_key key = rudp_addr_key_of(remote);

	return RUDP_TABLE_FIND(hh, all->taken, &key);
}

int rudp_association_take(struct rudp_associations *all, const struct rudp_addr *remote,
			  uint64_t id, const struct rudp_resume_secrets *secrets,
			  const struct rudp_credentials *credentials, int64_t made_at_ns)
{
	struct rudp_taken *taken = find_taken(all, remote);

	if (taken)
		drop_taken(all, taken);
	else if (all->taken_count == RUDP_ASSOCIATIONS_TAKEN_MAX)
		drop_taken(all, TAKEN_OF(all->taken_by_use.next, use_link));
	taken = calloc(1, sizeof *taken);
	if (!taken)
		return -ENOMEM;
	taken->key = rudp_addr_key_of(remote);
	if (!RUDP_TABLE_ADD(hh, all->taken, key, taken)) {
		free(taken);
		return -ENOMEM;
	}
	all->taken_count++;
	taken->a.id = id;
	taken->a.credentials = *credentials;
	start(&taken->a, secrets, made_at_ns, RUDP_ASSOCIATION_FRESH_NS, &all->taken_by_use,
	      &all->taken_by_age);
	return 0;
}

const struct rudp_credentials *rudp_association_credentials(struct rudp_associations *all,
							    const struct rudp_addr *remote,
							    int64_t now_at_ns)
{
	const struct rudp_taken *taken;

	rudp_associations_on_time(all, now_at_ns);
	taken = find_taken(all, remote);
	return taken ? &taken->a.credentials : NULL;
}

bool rudp_association_use(struct rudp_associations *all, const struct rudp_addr *remote,
			  int64_t now_at_ns, struct rudp_ticket *ticket)
{
	struct rudp_taken *taken;
	const uint8_t *secret;

	rudp_associations_on_time(all, now_at_ns);
	taken = find_taken(all, remote);
	if (!taken)
		return false;
	secret = secret_of(&taken->a, false);
	ticket->with_dh = !secret;
	ticket->association_id = taken->a.id;
	ticket->counter = taken->counter++;
	memcpy(ticket->secret, secret ? secret : secret_of(&taken->a, true), sizeof ticket->secret);
	ticket->is_known = taken->is_known;
	ticket->spent = (struct rudp_spent){.association_id = ticket->association_id,
					    .counter = ticket->counter};
	rudp_resume_prove_spent(taken->a.secrets.lasting, &ticket->spent);
	note_use(&taken->a, &all->taken_by_use);
	return true;
}

void rudp_association_on_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       uint64_t id)
{
	struct rudp_taken *taken = find_taken(all, remote);

	if (taken && taken->a.id == id)
		taken->is_known = true;
}

bool rudp_association_is_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       int64_t now_at_ns)
{
	const struct rudp_taken *taken;

	rudp_associations_on_time(all, now_at_ns);
	taken = find_taken(all, remote);
	return taken && taken->is_known;
}

void rudp_association_forget(struct rudp_associations *all, const struct rudp_addr *remote,
			     uint64_t id)
{
	struct rudp_taken *taken = find_taken(all, remote);

	if (taken && taken->a.id == id)
		drop_taken(all, taken);
}

static int64_t first_leaves_at_ns(const struct rudp_list *age)
{
	return rudp_list_is_empty(age) ? RUDP_NEVER : of_age_link(age->next)->leaves_at_ns;
}

static int64_t ages_deadline_ns(const struct rudp_association_ages *ages)
{
	return rudp_time_min(first_leaves_at_ns(&ages->fresh),
			     rudp_time_min(first_leaves_at_ns(&ages->lasting),
					   first_leaves_at_ns(&ages->ending)));
}

int64_t rudp_associations_deadline_ns(const struct rudp_associations *all)
{
	return rudp_time_min(ages_deadline_ns(&all->given_by_age),
			     ages_deadline_ns(&all->taken_by_age));
}

static void end_freshness_on_time(struct rudp_association_ages *ages, int64_t now_at_ns)
{
	while (first_leaves_at_ns(&ages->fresh) <= now_at_ns) {
		struct association *a = of_age_link(ages->fresh.next);

		end_freshness(a);
		move_to_age(a, &ages->lasting, a->made_at_ns + RUDP_ASSOCIATION_LIFE_NS);
	}
}

static struct association *first_expired(struct rudp_association_ages *ages, int64_t now_at_ns)
{
	if (first_leaves_at_ns(&ages->lasting) <= now_at_ns)
		return of_age_link(ages->lasting.next);
	if (first_leaves_at_ns(&ages->ending) <= now_at_ns)
		return of_age_link(ages->ending.next);
	return NULL;
}

void rudp_associations_on_time(struct rudp_associations *all, int64_t now_at_ns)
{
	struct association *a;

	end_freshness_on_time(&all->given_by_age, now_at_ns);
	end_freshness_on_time(&all->taken_by_age, now_at_ns);
	while ((a = first_expired(&all->given_by_age, now_at_ns)))
		drop_given(all, RUDP_LIST_OWNER(a, struct rudp_given, a));
	while ((a = first_expired(&all->taken_by_age, now_at_ns)))
		drop_taken(all, RUDP_LIST_OWNER(a, struct rudp_taken, a));
}

static unsigned length(const struct rudp_list *head)
{
	unsigned count = 0;

	for (const struct rudp_list *link = head->next; link != head; link = link->next)
		count++;
	return count;
}

static unsigned ages_length(const struct rudp_association_ages *ages)
{
	return length(&ages->fresh) + length(&ages->lasting) + length(&ages->ending);
}

bool rudp_associations_check(const struct rudp_associations *all)
{
	return all->given_count <= RUDP_ASSOCIATIONS_GIVEN_MAX &&
	       all->taken_count <= RUDP_ASSOCIATIONS_TAKEN_MAX &&
	       HASH_COUNT(all->given) == all->given_count &&
	       HASH_COUNT(all->taken) == all->taken_count &&
	       length(&all->given_by_use) == all->given_count &&
	       length(&all->taken_by_use) == all->taken_count &&
	       ages_length(&all->given_by_age) == all->given_count &&
	       ages_length(&all->taken_by_age) == all->taken_count;
}
