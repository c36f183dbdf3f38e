/* SPDX-License-Identifier: MIT */
#include "conversation/model/throttle.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "conversation/irc/network.h"
#include "conversation/model/state_private.h"

/* The limit of reports from one address. */
#define REPORTS_MAX 5
#define REPORTS_SPAN_NS (600 * RUDP_NS_PER_S)
#define REGISTRATIONS_SPAN_NS (3600 * RUDP_NS_PER_S)

struct apo_throttle {
	UT_hash_handle by_key;
	struct rudp_list in_order; /* sorted by ends_at_ns */
	int64_t ends_at_ns;
	unsigned count;
	struct apo_network key;
};

/* A network around an address. It may try share times login_tries_max. */
struct level {
	uint8_t prefix_bits;
	uint8_t share;
};

#define LEVELS_MAX 3

static const struct level ipv6_levels[LEVELS_MAX] = {
	{64, 1}, {56, APO_THROTTLE_SHARE_56}, {48, APO_THROTTLE_SHARE_48}};
/* IPv4 addresses are stored as ::ffff:a.b.c.d; these are the /32 and /24. */
static const struct level ipv4_levels[LEVELS_MAX] = {{128, 1}, {120, APO_THROTTLE_SHARE_24}};
/* A client over messaging has a name in place of an address: one level for the name, one for all
 * names. */
static const struct level peer_levels[LEVELS_MAX] = {{128, 1}, {0, APO_THROTTLE_SHARE_PEERS}};

/* The hash and eight zero bytes, which no mapped IPv4 address has. */
static const struct level *levels_of_peer(const char *name, struct apo_network *address)
{
	static const uint8_t key[16]; /* a fixed key: the next process must compute the same hash */
	uint64_t hash = rudp_siphash(key, name, strlen(name));

	memset(address, 0, sizeof *address);
	memcpy(address->address, &hash, sizeof hash);
	return peer_levels;
}

/* Returns LEVELS_MAX levels; a share of 0 ends the list. */
static const struct level *levels_of(const char *text, struct apo_network *address)
{
	if (!apo_network_read_address(address, text))
		return levels_of_peer(text, address);
	return apo_network_is_ipv4(address) ? ipv4_levels : ipv6_levels;
}

uint64_t apo_throttle_network(const struct apo_client *client)
{
	struct apo_network address;
	const struct level *levels = levels_of(client->address, &address);
	/* A /48 is bytes 0 to 5, a /24 is bytes 12 to 14. */
	const uint8_t *bytes = levels == ipv6_levels ? address.address : address.address + 12;
	size_t count = levels == ipv6_levels ? 6 : levels == ipv4_levels ? 3 : 0, i;
	uint64_t number = count; /* the number of a /48 never equals that of a /24 */

	for (i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

struct limit {
	unsigned tries_max;
	int64_t span_ns;
};

static struct limit limit_of(const struct apo_model *model, enum apo_throttle_use use)
{
	switch (use) {
	case APO_THROTTLE_LOGINS:
		return (struct limit){model->config->login_tries_max, model->config->login_span_ns};
	case APO_THROTTLE_REPORTS:
		return (struct limit){REPORTS_MAX, REPORTS_SPAN_NS};
	case APO_THROTTLE_REGISTRATIONS:
		return (struct limit){model->config->registrations_max, REGISTRATIONS_SPAN_NS};
	case APO_THROTTLE_USES:
		break;
	}
	return (struct limit){0};
}

static void drop(struct apo_model *model, enum apo_throttle_use use, struct apo_throttle *throttle)
{
	HASH_DELETE(by_key, model->throttles[use], throttle);
	rudp_list_remove(&throttle->in_order);
	free(throttle);
}

static struct apo_throttle *first(const struct apo_model *model, enum apo_throttle_use use)
{
	return RUDP_LIST_OWNER(model->throttle_order[use].next, struct apo_throttle, in_order);
}

static struct apo_throttle *find(struct apo_model *model, enum apo_throttle_use use,
				 const struct apo_network *key)
{
	return RUDP_TABLE_FIND(by_key, model->throttles[use], key);
}

static void drop_ended(struct apo_model *model, enum apo_throttle_use use)
{
	while (!rudp_list_is_empty(&model->throttle_order[use]) &&
	       first(model, use)->ends_at_ns <= model->now_at_ns)
		drop(model, use, first(model, use));
}

/* After those that end earlier. That is the end of the list, unless a new configuration has
 * shortened the span. */
static void put_in_order(struct apo_model *model, enum apo_throttle_use use,
			 struct apo_throttle *throttle)
{
	struct rudp_list *before = model->throttle_order[use].prev;

	while (before != &model->throttle_order[use] &&
	       RUDP_LIST_OWNER(before, struct apo_throttle, in_order)->ends_at_ns >
		       throttle->ends_at_ns)
		before = before->prev;
	rudp_list_append(before->next, &throttle->in_order);
}

static struct apo_throttle *add(struct apo_model *model, enum apo_throttle_use use,
				const struct apo_network *key, int64_t ends_at_ns)
{
	struct apo_throttle *throttle = calloc(1, sizeof *throttle);

	if (!throttle)
		return NULL;
	if (HASH_CNT(by_key, model->throttles[use]) >= APO_THROTTLES_MAX)
		drop(model, use, first(model, use));
	throttle->key = *key;
	if (!RUDP_TABLE_ADD(by_key, model->throttles[use], key, throttle)) {
		free(throttle);
		return NULL;
	}
	throttle->ends_at_ns = ends_at_ns;
	put_in_order(model, use, throttle);
	return throttle;
}

bool apo_throttle_is_open(struct apo_model *model, const struct apo_client *client,
			  enum apo_throttle_use use)
{
	struct apo_network address;
	const struct level *levels = levels_of(client->address, &address);
	const struct apo_throttle *throttle;
	uint64_t tries_max;
	struct apo_network key;
	unsigned i;

	drop_ended(model, use);
	for (i = 0; i < LEVELS_MAX && levels[i].share > 0; i++) {
		key = apo_network_around(&address, levels[i].prefix_bits);
		throttle = find(model, use, &key);
		tries_max = (uint64_t)limit_of(model, use).tries_max * levels[i].share;
		if (throttle && throttle->count >= tries_max)
			return false;
	}
	return true;
}

static void count_one(struct apo_model *model, enum apo_throttle_use use,
		      const struct apo_network *key)
{
	struct apo_throttle *throttle = find(model, use, key);

	if (!throttle)
		throttle = add(model, use, key, model->now_at_ns + limit_of(model, use).span_ns);
	if (throttle && throttle->count < UINT_MAX)
		throttle->count++;
}

void apo_throttle_count(struct apo_model *model, const struct apo_client *client,
			enum apo_throttle_use use)
{
	struct apo_network address;
	const struct level *levels = levels_of(client->address, &address);
	struct apo_network key;
	unsigned i;

	drop_ended(model, use);
	for (i = 0; i < LEVELS_MAX && levels[i].share > 0; i++) {
		key = apo_network_around(&address, levels[i].prefix_bits);
		count_one(model, use, &key);
	}
}

void apo_throttles_forget(struct apo_model *model)
{
	enum apo_throttle_use use;

	for (use = 0; use < APO_THROTTLE_USES; use++)
		while (!rudp_list_is_empty(&model->throttle_order[use]))
			drop(model, use, first(model, use));
}

/* ---- hand-over ---- */

static void serialize_one(struct apo_state *state, enum apo_throttle_use use,
			  struct apo_throttle *throttle, int64_t *last_ns)
{
	struct apo_network key;
	int64_t ends_at_ns = 0;
	uint32_t count = 0;

	if (throttle) {
		key = throttle->key;
		ends_at_ns = throttle->ends_at_ns;
		count = throttle->count;
	}
	apo_serializer_bytes(state->serializer, &key, sizeof key);
	apo_serializer_instant(state->serializer, &ends_at_ns);
	apo_serializer_u32(state->serializer, &count);
	if (!state->serializer->is_reading)
		return;
	throttle = find(state->model, use, &key);
	apo_serializer_expect(state->serializer, !throttle && ends_at_ns >= *last_ns);
	throttle = state->serializer->ok ? add(state->model, use, &key, ends_at_ns) : NULL;
	apo_serializer_expect(state->serializer, throttle != NULL);
	if (throttle)
		throttle->count = count;
	*last_ns = ends_at_ns;
}

static void serialize_use(struct apo_state *state, enum apo_throttle_use use)
{
	uint32_t count = HASH_CNT(by_key, state->model->throttles[use]), i;
	struct rudp_list *link = state->model->throttle_order[use].next;
	int64_t last_ns = 0;

	apo_serializer_count(state->serializer, &count, sizeof(struct apo_network) + 12);
	apo_serializer_expect(state->serializer, count <= APO_THROTTLES_MAX);
	for (i = 0; i < count && state->serializer->ok; i++) {
		serialize_one(state, use,
			      state->serializer->is_reading
				      ? NULL
				      : RUDP_LIST_OWNER(link, struct apo_throttle, in_order),
			      &last_ns);
		link = state->serializer->is_reading ? link : link->next;
	}
}

void apo_throttles_serialize(struct apo_state *state)
{
	enum apo_throttle_use use;

	for (use = 0; use < APO_THROTTLE_USES; use++)
		serialize_use(state, use);
}
