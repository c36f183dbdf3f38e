/* SPDX-License-Identifier: MIT */
#include "conversation/server/ip_limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct key {
	uint8_t network[8]; /* IPv6: the /64; IPv4: the address */
	uint8_t family;
};

struct apo_ip_entry {
	struct key key;
	unsigned count;           /* connections */
	int64_t paid_until_at_ns; /* for the limit of connections in connects_ns */
	struct rudp_list idle;
	UT_hash_handle hh;
};

static struct key key_of(const struct rudp_addr *address)
{
	struct key key;

	memset(&key, 0, sizeof key);
	key.family = (uint8_t)address->family;
	if (address->family == AF_INET)
		memcpy(key.network, &address->in4.sin_addr, sizeof address->in4.sin_addr);
	else if (address->family == AF_INET6)
		memcpy(key.network, &address->in6.sin6_addr, sizeof key.network);
	return key;
}

void apo_ip_limits_init(struct apo_ip_limits *ip_limits)
{
	ip_limits->table = NULL;
	ip_limits->idle_count = 0;
	rudp_list_init(&ip_limits->idle);
}

static void forget(struct apo_ip_limits *ip_limits, struct apo_ip_entry *ip_entry)
{
	if (rudp_list_is_linked(&ip_entry->idle)) {
		rudp_list_remove(&ip_entry->idle);
		ip_limits->idle_count--;
	}
	HASH_DEL(ip_limits->table, ip_entry);
	free(ip_entry);
}

void apo_ip_limits_fini(struct apo_ip_limits *ip_limits)
{
	struct apo_ip_entry *ip_entry, *next;

	HASH_ITER(hh, ip_limits->table, ip_entry, next)
		forget(ip_limits, ip_entry);
}

static struct apo_ip_entry *ip_entry_new(struct apo_ip_limits *ip_limits, const struct key *key)
{
	struct apo_ip_entry *ip_entry = calloc(1, sizeof *ip_entry);

	if (!ip_entry)
		return NULL;
	ip_entry->key = *key;
	if (!RUDP_TABLE_ADD(hh, ip_limits->table, key, ip_entry)) {
		free(ip_entry);
		return NULL;
	}
	return ip_entry;
}

static struct apo_ip_entry *ip_entry_of(struct apo_ip_limits *ip_limits,
					const struct rudp_addr *address)
{
	struct key key = key_of(address);
	struct apo_ip_entry *ip_entry = RUDP_TABLE_FIND(hh, ip_limits->table, &key);

	if (!ip_entry)
		ip_entry = ip_entry_new(ip_limits, &key);
	if (ip_entry && rudp_list_is_linked(&ip_entry->idle)) {
		rudp_list_remove(&ip_entry->idle);
		ip_limits->idle_count--;
	}
	return ip_entry;
}

/* A token bucket of time: each connection costs a part of connects_ns, and the whole of it may be
 * spent at once. */
static bool may_connect(const struct apo_config *config, struct apo_ip_entry *ip_entry,
			int64_t now_at_ns)
{
	int64_t cost_ns = config->connects_ns / config->connects_max;
	int64_t from_ns = rudp_time_max(ip_entry->paid_until_at_ns, now_at_ns);

	if (from_ns + cost_ns - now_at_ns > config->connects_ns)
		return false;
	ip_entry->paid_until_at_ns = from_ns + cost_ns;
	return true;
}

enum apo_ip_verdict apo_ip_limits_enter(struct apo_ip_limits *ip_limits,
					const struct apo_config *config,
					const struct rudp_addr *address, int64_t now_at_ns,
					struct apo_ip_entry **ip_entry)
{
	*ip_entry = ip_entry_of(ip_limits, address);
	if (!*ip_entry)
		return APO_IP_LIMIT_NO_MEMORY;
	if ((*ip_entry)->count++ >= config->per_address_max)
		return APO_IP_LIMIT_TOO_MANY;
	return may_connect(config, *ip_entry, now_at_ns) ? APO_IP_LIMIT_WELCOME
							 : APO_IP_LIMIT_TOO_OFTEN;
}

void apo_ip_limits_leave(struct apo_ip_limits *ip_limits, struct apo_ip_entry *ip_entry)
{
	assert(ip_entry->count > 0);
	if (--ip_entry->count > 0)
		return;
	rudp_list_append(&ip_limits->idle, &ip_entry->idle);
	if (++ip_limits->idle_count > APO_IP_LIMITS_IDLE_MAX)
		forget(ip_limits, RUDP_LIST_OWNER(ip_limits->idle.next, struct apo_ip_entry, idle));
}

/* ---- hand-over ---- */

struct apo_ip_entry *apo_ip_limits_readmit(struct apo_ip_limits *ip_limits,
					   const struct rudp_addr *address)
{
	struct apo_ip_entry *ip_entry = ip_entry_of(ip_limits, address);

	if (ip_entry)
		ip_entry->count++;
	return ip_entry;
}

static void read_one(struct apo_serializer *serializer, struct apo_ip_limits *ip_limits,
		     const struct key *key, int64_t paid_until_at_ns)
{
	struct apo_ip_entry *ip_entry = RUDP_TABLE_FIND(hh, ip_limits->table, key);

	apo_serializer_expect(serializer, !ip_entry);
	ip_entry = serializer->ok ? ip_entry_new(ip_limits, key) : NULL;
	apo_serializer_expect(serializer, ip_entry != NULL);
	if (!ip_entry)
		return;
	ip_entry->paid_until_at_ns = paid_until_at_ns;
	rudp_list_append(&ip_limits->idle, &ip_entry->idle);
	ip_limits->idle_count++;
}

void apo_ip_limits_serialize(struct apo_serializer *serializer, struct apo_ip_limits *ip_limits)
{
	struct apo_ip_entry *ip_entry = ip_limits->table;
	uint32_t count = HASH_CNT(hh, ip_limits->table), i;
	int64_t paid_until_at_ns = 0;
	struct key key;

	apo_serializer_count(serializer, &count, sizeof key + sizeof paid_until_at_ns);
	for (i = 0; i < count && serializer->ok; i++) {
		if (!serializer->is_reading) {
			key = ip_entry->key;
			paid_until_at_ns = ip_entry->paid_until_at_ns;
			ip_entry = ip_entry->hh.next;
		}
		apo_serializer_bytes(serializer, &key, sizeof key);
		apo_serializer_instant(serializer, &paid_until_at_ns);
		if (serializer->is_reading && serializer->ok)
			read_one(serializer, ip_limits, &key, paid_until_at_ns);
	}
}
