/* SPDX-License-Identifier: MIT */
#include "engine/route_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct rudp_remembered_entry {
	struct rudp_addr_key key;
	struct rudp_addr from;
	bool tcp;
	int64_t rtt_ns;
	int64_t since_ns;
	struct rudp_list age_link;
	UT_hash_handle hh;
};

static struct rudp_remembered_entry *find(const struct rudp_remembered *remembered,
					  const struct rudp_addr_key *key)
{
	struct rudp_remembered_entry *entry;

	HASH_FIND(hh, remembered->table, key, sizeof *key, entry);
	return entry;
}

static void drop(struct rudp_remembered *remembered, struct rudp_remembered_entry *entry)
{
	HASH_DELETE(hh, remembered->table, entry);
	rudp_list_remove(&entry->age_link);
	remembered->count--;
	free(entry);
}

void rudp_remembered_init(struct rudp_remembered *remembered)
{
	*remembered = (struct rudp_remembered){0};
	rudp_list_init(&remembered->by_age);
}

static struct rudp_remembered_entry *oldest(const struct rudp_remembered *remembered)
{
	return RUDP_LIST_OWNER(remembered->by_age.next, struct rudp_remembered_entry, age_link);
}

void rudp_remembered_fini(struct rudp_remembered *remembered)
{
	while (remembered->count > 0)
		drop(remembered, oldest(remembered));
}

static struct rudp_remembered_entry *add(struct rudp_remembered *remembered,
					 const struct rudp_addr_key *key)
{
	struct rudp_remembered_entry *entry;
	bool rudp_table_add_failed = false;

	if (remembered->count >= RUDP_REMEMBERED_MAX)
		drop(remembered, oldest(remembered));
	entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	entry->key = *key;
	HASH_ADD(hh, remembered->table, key, sizeof entry->key, entry);
	if (rudp_table_add_failed) {
		free(entry);
		return NULL;
	}
	remembered->count++;
	return entry;
}

void rudp_remembered_put(struct rudp_remembered *remembered, const struct rudp_addr *to,
			 const struct rudp_addr *from, bool tcp, int64_t rtt_ns, int64_t now_at_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	struct rudp_remembered_entry *entry = find(remembered, &key);

	if (!entry)
		entry = add(remembered, &key);
	if (!entry)
		return;
	entry->from = *from;
	entry->tcp = tcp;
	entry->rtt_ns = rtt_ns;
	entry->since_ns = now_at_ns;
	rudp_list_remove(&entry->age_link);
	rudp_list_append(&remembered->by_age, &entry->age_link);
}

void rudp_remembered_forget(struct rudp_remembered *remembered, const struct rudp_addr *to)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	struct rudp_remembered_entry *entry = find(remembered, &key);

	if (entry)
		drop(remembered, entry);
}

void rudp_remembered_forget_unless(struct rudp_remembered *remembered,
				   bool (*keeps)(void *context, const struct rudp_addr *from),
				   void *context)
{
	struct rudp_list *link, *next;

	for (link = remembered->by_age.next; link != &remembered->by_age; link = next) {
		struct rudp_remembered_entry *entry =
			RUDP_LIST_OWNER(link, struct rudp_remembered_entry, age_link);

		next = link->next;
		if (!keeps(context, &entry->from))
			drop(remembered, entry);
	}
}

unsigned rudp_remembered_forget_host(struct rudp_remembered *remembered, const struct rudp_addr *host)
{
	struct rudp_addr_key wanted = host ? rudp_addr_key_of_host(host) : (struct rudp_addr_key){0};
	unsigned before = remembered->count;
	struct rudp_list *link, *next;

	for (link = remembered->by_age.next; link != &remembered->by_age; link = next) {
		struct rudp_remembered_entry *entry =
			RUDP_LIST_OWNER(link, struct rudp_remembered_entry, age_link);
		struct rudp_addr_key key = entry->key;

		next = link->next;
		key.port = 0;
		if (!host || memcmp(&key, &wanted, sizeof key) == 0)
			drop(remembered, entry);
	}
	return before - remembered->count;
}

bool rudp_remembered_find(const struct rudp_remembered *remembered, const struct rudp_addr *to,
			  int64_t age_max_ns, int64_t now_at_ns, bool *tcp, int64_t *rtt_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	const struct rudp_remembered_entry *entry = find(remembered, &key);

	if (!entry || now_at_ns - entry->since_ns > age_max_ns)
		return false;
	*tcp = entry->tcp;
	*rtt_ns = entry->rtt_ns;
	return true;
}

unsigned rudp_remembered_tcp_count(const struct rudp_remembered *remembered, int64_t age_max_ns,
				   int64_t now_at_ns)
{
	unsigned count = 0;

	for (struct rudp_list *link = remembered->by_age.next; link != &remembered->by_age;
	     link = link->next) {
		const struct rudp_remembered_entry *entry =
			RUDP_LIST_OWNER(link, struct rudp_remembered_entry, age_link);

		count += entry->tcp && now_at_ns - entry->since_ns <= age_max_ns;
	}
	return count;
}
