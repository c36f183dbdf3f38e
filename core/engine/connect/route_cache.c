/* SPDX-License-Identifier: MIT */
#include "engine/connect/route_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct rudp_route_cache_entry {
	struct rudp_addr_key key;
	struct rudp_addr from;
	bool tcp;
	int64_t rtt_ns;
	int64_t since_ns;
	struct rudp_list age_link;
	UT_hash_handle hh;
};

static struct rudp_route_cache_entry *find(const struct rudp_route_cache *route_cache,
					   const struct rudp_addr_key *key)
{
	return RUDP_TABLE_FIND(hh, route_cache->table, key);
}

static void drop_entry(struct rudp_route_cache *route_cache, struct rudp_route_cache_entry *entry)
{
	/* The table has entry. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	HASH_DELETE(hh, route_cache->table, entry);
	rudp_list_remove(&entry->age_link);
	route_cache->count--;
	free(entry);
}

void rudp_route_cache_init(struct rudp_route_cache *route_cache)
{
	*route_cache = (struct rudp_route_cache){0};
	rudp_list_init(&route_cache->by_age);
}

static struct rudp_route_cache_entry *oldest(const struct rudp_route_cache *route_cache)
{
	return RUDP_LIST_OWNER(route_cache->by_age.next, struct rudp_route_cache_entry, age_link);
}

void rudp_route_cache_fini(struct rudp_route_cache *route_cache)
{
	while (route_cache->count > 0)
		drop_entry(route_cache, oldest(route_cache));
}

static struct rudp_route_cache_entry *add(struct rudp_route_cache *route_cache,
					  const struct rudp_addr_key *key)
{
	struct rudp_route_cache_entry *entry;

	if (route_cache->count >= RUDP_ROUTE_CACHE_MAX)
		drop_entry(route_cache, oldest(route_cache));
	entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	entry->key = *key;
	if (!RUDP_TABLE_ADD(hh, route_cache->table, key, entry)) {
		free(entry);
		return NULL;
	}
	route_cache->count++;
	return entry;
}

void rudp_route_cache_put(struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			  const struct rudp_addr *from, bool tcp, int64_t rtt_ns, int64_t now_at_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	struct rudp_route_cache_entry *entry = find(route_cache, &key);

	if (!entry)
		entry = add(route_cache, &key);
	if (!entry)
		return;
	entry->from = *from;
	entry->tcp = tcp;
	entry->rtt_ns = rtt_ns;
	entry->since_ns = now_at_ns;
	rudp_list_remove(&entry->age_link);
	rudp_list_append(&route_cache->by_age, &entry->age_link);
}

void rudp_route_cache_forget(struct rudp_route_cache *route_cache, const struct rudp_addr *to)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	struct rudp_route_cache_entry *entry = find(route_cache, &key);

	if (entry)
		drop_entry(route_cache, entry);
}

void rudp_route_cache_forget_unless(struct rudp_route_cache *route_cache,
				    bool (*keep)(void *context, const struct rudp_addr *from),
				    void *context)
{
	RUDP_LIST_EACH_SAFE(struct rudp_route_cache_entry, entry, &route_cache->by_age, age_link) {
		if (!keep(context, &entry->from))
			drop_entry(route_cache, entry);
	}
}

unsigned rudp_route_cache_forget_host(struct rudp_route_cache *route_cache,
				      const struct rudp_addr *host)
{
	struct rudp_addr_key wanted =
		host ? rudp_addr_key_of_host(host) : (struct rudp_addr_key){0};
	unsigned before = route_cache->count;

	RUDP_LIST_EACH_SAFE(struct rudp_route_cache_entry, entry, &route_cache->by_age, age_link) {
		struct rudp_addr_key key = entry->key;

		key.port = 0;
		if (!host || memcmp(&key, &wanted, sizeof key) == 0)
			drop_entry(route_cache, entry);
	}
	return before - route_cache->count;
}

bool rudp_route_cache_find(const struct rudp_route_cache *route_cache, const struct rudp_addr *to,
			   int64_t age_max_ns, int64_t now_at_ns, bool *tcp, int64_t *rtt_ns)
{
	struct rudp_addr_key key = rudp_addr_key_of(to);
	const struct rudp_route_cache_entry *entry = find(route_cache, &key);

	if (!entry || now_at_ns - entry->since_ns > age_max_ns)
		return false;
	*tcp = entry->tcp;
	*rtt_ns = entry->rtt_ns;
	return true;
}

unsigned rudp_route_cache_tcp_count(const struct rudp_route_cache *route_cache, int64_t age_max_ns,
				    int64_t now_at_ns)
{
	unsigned count = 0;

	RUDP_LIST_EACH(const struct rudp_route_cache_entry, entry, &route_cache->by_age, age_link) {
		count += entry->tcp && now_at_ns - entry->since_ns <= age_max_ns;
	}
	return count;
}
