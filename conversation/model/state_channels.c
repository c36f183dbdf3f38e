/* SPDX-License-Identifier: MIT */
/* Channels and who sits in them, as state.h carries them. */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/state_private.h"

#define TEXT_BYTES_MAX 512
#define CHANNEL_BYTES_MIN 64
#define SLOT_BYTES 17
#define ENTRY_BYTES_MIN 17
#define MODES_ALL                                                                                  \
	(APO_MODE_INVITE_ONLY | APO_MODE_MODERATED | APO_MODE_NO_EXTERNAL | APO_MODE_SECRET |      \
	 APO_MODE_TOPIC)

/* ---- lists of masks ---- */

static void carry_entry(struct apo_carry *carry, struct apo_channel *channel,
			enum apo_list_kind kind, const struct apo_entry *entry)
{
	char mask[APO_MASK_BYTES_MAX + 1], by[APO_SOURCE_BYTES_MAX + 1];
	int64_t set_at_s = 0;

	if (entry) {
		strcpy(mask, entry->mask);
		strcpy(by, entry->by);
		set_at_s = entry->set_at_s;
	}
	apo_carry_string(carry, mask, sizeof mask);
	apo_carry_string(carry, by, sizeof by);
	apo_carry_second(carry, &set_at_s);
	if (!carry->is_reading)
		return;
	apo_carry_expect(carry, apo_is_word(mask) && apo_is_word(by));
	if (carry->ok && apo_entry_add(channel, kind, mask, by, set_at_s) != 1)
		carry->ok = false;
}

static uint32_t list_length(const struct rudp_list *list)
{
	const struct rudp_list *link;
	uint32_t count = 0;

	for (link = list->next; link != list; link = link->next)
		count++;
	return count;
}

static void carry_list(struct apo_carry *carry, struct apo_channel *channel,
		       enum apo_list_kind kind)
{
	struct rudp_list *list = &channel->lists[kind], *link = list->next;
	uint32_t count = list_length(list), i;

	apo_carry_count(carry, &count, ENTRY_BYTES_MIN);
	for (i = 0; i < count && carry->ok; i++) {
		carry_entry(carry, channel, kind,
			    carry->is_reading ? NULL
					      : RUDP_LIST_OWNER(link, struct apo_entry, link));
		link = link->next;
	}
}

/* ---- channels ---- */

/* NULL: it cannot be. */
static struct apo_membership *read_membership(struct apo_state *state, struct apo_channel *channel,
					      struct apo_client *client, uint32_t modes)
{
	struct apo_membership *membership = NULL;

	if (state->carry->ok && modes <= (APO_MEMBERSHIP_VOICE | APO_MEMBERSHIP_OPERATOR) &&
	    client->is_registered && !apo_membership_find(state->model, client, channel))
		membership = apo_membership_put(state->model, client, channel, modes);
	apo_carry_expect(state->carry, membership != NULL);
	return membership;
}

static void carry_member_slot(struct apo_state *state, struct apo_channel *channel,
			      const struct apo_member_slot *member_slot)
{
	struct apo_client *client = member_slot ? member_slot->membership->pair.client : NULL;
	struct apo_membership *membership = member_slot ? member_slot->membership : NULL;
	uint32_t modes = member_slot ? member_slot->modes : 0;

	apo_state_client(state, &client);
	apo_carry_u32(state->carry, &modes);
	if (state->carry->is_reading)
		membership = read_membership(state, channel, client, modes);
	if (membership)
		apo_membership_carry_history(state, membership);
}

static void carry_member_slots(struct apo_state *state, struct apo_channel *channel)
{
	uint32_t count = channel->count, i;

	apo_carry_count(state->carry, &count, SLOT_BYTES);
	apo_carry_expect(state->carry, count > 0);
	for (i = 0; i < count && state->carry->ok; i++)
		carry_member_slot(state, channel,
				  state->carry->is_reading ? NULL : channel->member_slots + i);
}

static void carry_members(struct apo_state *state, struct apo_channel *channel)
{
	struct apo_carry *carry = state->carry;
	unsigned kind;

	apo_carry_u32(carry, &channel->modes);
	apo_carry_expect(carry, (channel->modes & ~MODES_ALL) == 0);
	apo_carry_u32(carry, &channel->limit);
	apo_carry_string(carry, channel->key, sizeof channel->key);
	apo_carry_expect(carry, !channel->key[0] || apo_is_word(channel->key));
	apo_carry_second(carry, &channel->created_at_s);
	apo_carry_second(carry, &channel->topic_at_s);
	apo_carry_text(carry, &channel->topic, TEXT_BYTES_MAX);
	apo_carry_text(carry, &channel->topic_by, APO_SOURCE_BYTES_MAX);
	apo_carry_expect(carry,
			 !channel->topic || (channel->topic_by && apo_is_word(channel->topic_by)));
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		carry_list(carry, channel, (enum apo_list_kind)kind);
	carry_member_slots(state, channel);
	apo_absences_carry(state, channel);
}

static void read_channel(struct apo_state *state, uint32_t ordinal)
{
	char name[APO_CHANNEL_BYTES_MAX + 1];
	struct apo_channel *channel = NULL;

	apo_carry_string(state->carry, name, sizeof name);
	if (state->carry->ok && apo_channel_is_valid(name, APO_CHANNEL_BYTES_MAX) &&
	    !apo_channel_find(state->model, name))
		channel = apo_channel_new(state->model, name);
	if (!channel) {
		state->carry->ok = false;
		return;
	}
	state->channels[ordinal] = channel;
	carry_members(state, channel);
	/* Nobody is in it that would take it along. */
	apo_channel_free_if_empty(state->model, channel);
}

static void write_channels(struct apo_state *state)
{
	struct apo_channel *channel, *next;
	uint32_t i = 0;

	HASH_ITER(by_name, state->model->channels, channel, next)
	{
		channel->ordinal = i;
		state->channels[i++] = channel;
		apo_carry_string(state->carry, channel->name, sizeof channel->name);
		carry_members(state, channel);
	}
}

/* ---- what clients have of channels ---- */

static void carry_channel(struct apo_state *state, struct apo_channel **channel)
{
	uint32_t ordinal = state->carry->is_reading ? 0 : (*channel)->ordinal;

	apo_carry_u32(state->carry, &ordinal);
	if (!state->carry->is_reading)
		return;
	apo_carry_expect(state->carry, ordinal < state->channel_count);
	*channel = state->carry->ok ? state->channels[ordinal] : NULL;
}

/* WHOIS tells them in the order in which the client has joined: the memberships are put into it
 * again. */
static void carry_membership(struct apo_state *state, struct apo_client *client)
{
	struct rudp_list *link = client->memberships.next;
	uint32_t count = client->channel_count, i;
	struct apo_channel *channel = NULL;
	struct apo_membership *membership;

	apo_carry_count(state->carry, &count, 4);
	apo_carry_expect(state->carry, count == client->channel_count);
	for (i = 0; i < count && state->carry->ok; i++) {
		if (!state->carry->is_reading) {
			channel = RUDP_LIST_OWNER(link, struct apo_membership, of_client)
					  ->pair.channel;
			link = link->next;
		}
		carry_channel(state, &channel);
		if (!state->carry->is_reading || !state->carry->ok)
			continue;
		membership = apo_membership_find(state->model, client, channel);
		apo_carry_expect(state->carry, membership != NULL);
		if (!membership)
			return;
		rudp_list_remove(&membership->of_client);
		rudp_list_append(&client->memberships, &membership->of_client);
	}
}

static void carry_invites(struct apo_state *state, struct apo_client *client)
{
	struct rudp_list *link = client->invites.next;
	uint32_t count = client->invite_count, i;
	struct apo_channel *channel = NULL;

	apo_carry_count(state->carry, &count, 4);
	apo_carry_expect(state->carry, count <= UINT16_MAX);
	for (i = 0; i < count && state->carry->ok; i++) {
		if (!state->carry->is_reading) {
			channel = RUDP_LIST_OWNER(link, struct apo_invite, of_client)->channel;
			link = link->next;
		}
		carry_channel(state, &channel);
		if (state->carry->is_reading && state->carry->ok)
			apo_carry_expect(state->carry,
					 apo_invite_add(client, channel, UINT16_MAX) == 0);
	}
}

void apo_channels_carry(struct apo_state *state)
{
	uint32_t count = HASH_CNT(by_name, state->model->channels), i;

	apo_carry_count(state->carry, &count, CHANNEL_BYTES_MIN);
	state->channel_count = count;
	state->channels = calloc((size_t)count + 1, sizeof(struct apo_channel *));
	if (!state->channels)
		state->carry->ok = false;
	else if (!state->carry->is_reading)
		write_channels(state);
	else
		for (i = 0; i < count && state->carry->ok; i++)
			read_channel(state, i);
	for (i = 0; i < state->client_count && state->carry->ok; i++) {
		carry_membership(state, state->clients[i]);
		if (state->carry->ok)
			carry_invites(state, state->clients[i]);
	}
}
