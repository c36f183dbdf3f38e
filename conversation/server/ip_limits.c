/* SPDX-License-Identifier: MIT */
#include "conversation/server/ip_limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct key {
	uint8_t network[8]; /* v6: the /64; v4: the address */
	uint8_t family;
};

struct apo_visitor {
	struct key key;
	unsigned count;           /* connections */
	int64_t paid_until_at_ns; /* of the pace at which it may connect */
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

void apo_visitors_init(struct apo_visitors *visitors)
{
	visitors->table = NULL;
	visitors->idle_count = 0;
	rudp_list_init(&visitors->idle);
}

static void forget(struct apo_visitors *visitors, struct apo_visitor *visitor)
{
	if (rudp_list_is_linked(&visitor->idle)) {
		rudp_list_remove(&visitor->idle);
		visitors->idle_count--;
	}
	HASH_DEL(visitors->table, visitor);
	free(visitor);
}

void apo_visitors_fini(struct apo_visitors *visitors)
{
	struct apo_visitor *visitor, *next;

	HASH_ITER(hh, visitors->table, visitor, next)
	forget(visitors, visitor);
}

static struct apo_visitor *visitor_new(struct apo_visitors *visitors, const struct key *key)
{
	struct apo_visitor *visitor = calloc(1, sizeof *visitor);
	bool rudp_table_add_failed = false;

	if (!visitor)
		return NULL;
	visitor->key = *key;
	HASH_ADD(hh, visitors->table, key, sizeof visitor->key, visitor);
	if (rudp_table_add_failed) {
		free(visitor);
		return NULL;
	}
	return visitor;
}

static struct apo_visitor *visitor_of(struct apo_visitors *visitors,
				      const struct rudp_addr *address)
{
	struct key key = key_of(address);
	struct apo_visitor *visitor;

	HASH_FIND(hh, visitors->table, &key, sizeof key, visitor);
	if (!visitor)
		visitor = visitor_new(visitors, &key);
	if (visitor && rudp_list_is_linked(&visitor->idle)) {
		rudp_list_remove(&visitor->idle);
		visitors->idle_count--;
	}
	return visitor;
}

/* The pace: each connection costs a part of the span, and the whole span may be spent at once. */
static bool may_connect(const struct apo_config *config, struct apo_visitor *visitor,
			int64_t now_at_ns)
{
	int64_t cost_ns = config->connects_ns / config->connects_max;
	int64_t from_ns = rudp_time_max(visitor->paid_until_at_ns, now_at_ns);

	if (from_ns + cost_ns - now_at_ns > config->connects_ns)
		return false;
	visitor->paid_until_at_ns = from_ns + cost_ns;
	return true;
}

enum apo_visit apo_visitors_enter(struct apo_visitors *visitors, const struct apo_config *config,
				  const struct rudp_addr *address, int64_t now_at_ns,
				  struct apo_visitor **visitor)
{
	*visitor = visitor_of(visitors, address);
	if (!*visitor)
		return APO_VISIT_NO_MEMORY;
	if ((*visitor)->count++ >= config->per_address_max)
		return APO_VISIT_TOO_MANY;
	return may_connect(config, *visitor, now_at_ns) ? APO_VISIT_WELCOME : APO_VISIT_TOO_OFTEN;
}

void apo_visitors_leave(struct apo_visitors *visitors, struct apo_visitor *visitor)
{
	assert(visitor->count > 0);
	if (--visitor->count > 0)
		return;
	rudp_list_append(&visitors->idle, &visitor->idle);
	if (++visitors->idle_count > APO_VISITORS_IDLE_MAX)
		forget(visitors, RUDP_LIST_OWNER(visitors->idle.next, struct apo_visitor, idle));
}

/* ---- from another process ---- */

struct apo_visitor *apo_visitors_readmit(struct apo_visitors *visitors,
					 const struct rudp_addr *address)
{
	struct apo_visitor *visitor = visitor_of(visitors, address);

	if (visitor)
		visitor->count++;
	return visitor;
}

static void read_one(struct apo_carry *carry, struct apo_visitors *visitors, const struct key *key,
		     int64_t paid_until_at_ns)
{
	struct apo_visitor *visitor;

	HASH_FIND(hh, visitors->table, key, sizeof *key, visitor);
	apo_carry_expect(carry, !visitor);
	visitor = carry->ok ? visitor_new(visitors, key) : NULL;
	apo_carry_expect(carry, visitor != NULL);
	if (!visitor)
		return;
	visitor->paid_until_at_ns = paid_until_at_ns;
	rudp_list_append(&visitors->idle, &visitor->idle);
	visitors->idle_count++;
}

void apo_visitors_carry(struct apo_carry *carry, struct apo_visitors *visitors)
{
	struct apo_visitor *visitor = visitors->table;
	uint32_t count = HASH_CNT(hh, visitors->table), i;
	int64_t paid_until_at_ns = 0;
	struct key key;

	apo_carry_count(carry, &count, sizeof key + sizeof paid_until_at_ns);
	for (i = 0; i < count && carry->ok; i++) {
		if (!carry->is_reading) {
			key = visitor->key;
			paid_until_at_ns = visitor->paid_until_at_ns;
			visitor = visitor->hh.next;
		}
		apo_carry_bytes(carry, &key, sizeof key);
		apo_carry_instant(carry, &paid_until_at_ns);
		if (carry->is_reading && carry->ok)
			read_one(carry, visitors, &key, paid_until_at_ns);
	}
}
