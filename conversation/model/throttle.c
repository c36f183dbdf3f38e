/* SPDX-License-Identifier: MIT */
#include "conversation/model/throttle.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/state_private.h"

#define ADDRESS_BYTES 16
#define NETWORK_BYTES 8 /* of an IPv6 address: what one customer has */

struct apo_throttle {
	UT_hash_handle by_address;
	struct rudp_list in_order; /* of ends_at_ns */
	int64_t ends_at_ns;
	unsigned count;
	uint8_t address[ADDRESS_BYTES];
};

/* IPv4 addresses as ::ffff:a.b.c.d, whole. What is no address is all zeros: they count together. */
static void key_of(uint8_t key[ADDRESS_BYTES], const char *address)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char text[INET6_ADDRSTRLEN] = "";
	size_t len = strcspn(address, "%"); /* the interface of a link-local one */

	memset(key, 0, ADDRESS_BYTES);
	if (len >= sizeof text)
		return;
	memcpy(text, address, len);
	if (inet_pton(AF_INET, text, key + sizeof mapped) == 1)
		memcpy(key, mapped, sizeof mapped);
	else if (inet_pton(AF_INET6, text, key) == 1 && memcmp(key, mapped, sizeof mapped) != 0)
		memset(key + NETWORK_BYTES, 0, ADDRESS_BYTES - NETWORK_BYTES);
}

static void drop(struct apo_model *model, struct apo_throttle *throttle)
{
	HASH_DELETE(by_address, model->throttles, throttle);
	rudp_list_remove(&throttle->in_order);
	free(throttle);
}

static struct apo_throttle *first(const struct apo_model *model)
{
	return RUDP_LIST_OWNER(model->throttle_order.next, struct apo_throttle, in_order);
}

static struct apo_throttle *find(struct apo_model *model, const struct apo_client *client,
				 uint8_t key[ADDRESS_BYTES])
{
	struct apo_throttle *throttle;

	while (!rudp_list_is_empty(&model->throttle_order) &&
	       first(model)->ends_at_ns <= model->now_at_ns)
		drop(model, first(model));
	key_of(key, client->address);
	HASH_FIND(by_address, model->throttles, key, ADDRESS_BYTES, throttle);
	return throttle;
}

static struct apo_throttle *add(struct apo_model *model, const uint8_t key[ADDRESS_BYTES],
				int64_t ends_at_ns)
{
	bool rudp_table_add_failed = false;
	struct apo_throttle *throttle = calloc(1, sizeof *throttle);

	if (!throttle)
		return NULL;
	if (HASH_CNT(by_address, model->throttles) >= APO_THROTTLES_MAX)
		drop(model, first(model));
	memcpy(throttle->address, key, ADDRESS_BYTES);
	HASH_ADD(by_address, model->throttles, address, ADDRESS_BYTES, throttle);
	if (rudp_table_add_failed) {
		free(throttle);
		return NULL;
	}
	throttle->ends_at_ns = ends_at_ns;
	rudp_list_append(&model->throttle_order, &throttle->in_order);
	return throttle;
}

bool apo_throttle_is_open(struct apo_model *model, const struct apo_client *client)
{
	uint8_t key[ADDRESS_BYTES];
	const struct apo_throttle *throttle = find(model, client, key);

	return !throttle || throttle->count < model->config->login_tries_max;
}

void apo_throttle_count(struct apo_model *model, const struct apo_client *client)
{
	uint8_t key[ADDRESS_BYTES];
	struct apo_throttle *throttle = find(model, client, key);

	if (!throttle)
		throttle = add(model, key, model->now_at_ns + model->config->login_span_ns);
	if (throttle)
		throttle->count++;
}

void apo_throttles_forget(struct apo_model *model)
{
	while (!rudp_list_is_empty(&model->throttle_order))
		drop(model, first(model));
}

/* ---- carried ---- */

static void carry_one(struct apo_state *state, struct apo_throttle *throttle, int64_t *last_ns)
{
	uint8_t address[ADDRESS_BYTES];
	int64_t ends_at_ns = 0;
	uint32_t count = 0;

	if (throttle) {
		memcpy(address, throttle->address, sizeof address);
		ends_at_ns = throttle->ends_at_ns;
		count = throttle->count;
	}
	apo_carry_bytes(state->carry, address, sizeof address);
	apo_carry_instant(state->carry, &ends_at_ns);
	apo_carry_u32(state->carry, &count);
	if (!state->carry->is_reading)
		return;
	HASH_FIND(by_address, state->model->throttles, address, ADDRESS_BYTES, throttle);
	apo_carry_expect(state->carry, !throttle && ends_at_ns >= *last_ns);
	throttle = state->carry->ok ? add(state->model, address, ends_at_ns) : NULL;
	apo_carry_expect(state->carry, throttle != NULL);
	if (throttle)
		throttle->count = count;
	*last_ns = ends_at_ns;
}

void apo_throttles_carry(struct apo_state *state)
{
	uint32_t count = HASH_CNT(by_address, state->model->throttles), i;
	struct rudp_list *link = state->model->throttle_order.next;
	int64_t last_ns = 0;

	apo_carry_count(state->carry, &count, ADDRESS_BYTES + 12);
	apo_carry_expect(state->carry, count <= APO_THROTTLES_MAX);
	for (i = 0; i < count && state->carry->ok; i++) {
		carry_one(state,
			  state->carry->is_reading
				  ? NULL
				  : RUDP_LIST_OWNER(link, struct apo_throttle, in_order),
			  &last_ns);
		link = state->carry->is_reading ? link : link->next;
	}
}
