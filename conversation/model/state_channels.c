/* SPDX-License-Identifier: MIT */
/* Serializes channels and their members (state.h). */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/metadata.h"
#include "conversation/model/registry.h"
#include "conversation/model/state_private.h"

#define CHANNEL_BYTES_MIN 64
#define SLOT_BYTES 17
#define ENTRY_BYTES_MIN 17
#define ACCESS_BYTES_MIN 20
#define MODES_ALL                                                                                  \
	(APO_MODE_INVITE_ONLY | APO_MODE_MODERATED | APO_MODE_NO_EXTERNAL | APO_MODE_SECRET |      \
	 APO_MODE_TOPIC | APO_MODE_NO_CTCP | APO_MODE_ACCOUNTS | APO_MODE_PUBLIC_HISTORY)

/* ---- lists of masks ---- */

static void serialize_entry(struct apo_serializer *serializer, struct apo_channel *channel,
			    enum apo_list_kind kind, const struct apo_entry *entry)
{
	char mask[APO_MASK_BYTES_MAX + 1], by[APO_SOURCE_BYTES_MAX + 1];
	int64_t set_at_s = 0;

	if (entry) {
		strcpy(mask, entry->mask);
		strcpy(by, entry->by);
		set_at_s = entry->set_at_s;
	}
	apo_serializer_string(serializer, mask, sizeof mask);
	apo_serializer_string(serializer, by, sizeof by);
	apo_serializer_second(serializer, &set_at_s);
	if (!serializer->is_reading)
		return;
	apo_serializer_expect(serializer, apo_is_word(mask) && apo_is_word(by));
	if (serializer->ok && apo_entry_add(channel, kind, mask, by, set_at_s) != 1)
		serializer->ok = false;
}

static uint32_t list_length(const struct rudp_list *list)
{
	const struct rudp_list *link;
	uint32_t count = 0;

	for (link = list->next; link != list; link = link->next)
		count++;
	return count;
}

static void serialize_list(struct apo_serializer *serializer, struct apo_channel *channel,
			   enum apo_list_kind kind)
{
	struct rudp_list *list = &channel->lists[kind], *link = list->next;
	uint32_t count = list_length(list), i;

	apo_serializer_count(serializer, &count, ENTRY_BYTES_MIN);
	apo_serializer_expect(serializer,
			      !serializer->is_reading ||
				      count <= APO_LIST_ENTRIES_MAX - channel->entry_count);
	for (i = 0; i < count && serializer->ok; i++) {
		serialize_entry(serializer, channel, kind,
				serializer->is_reading
					? NULL
					: RUDP_LIST_OWNER(link, struct apo_entry, link));
		link = link->next;
	}
}

/* ---- channels ---- */

/* NULL: the membership is not possible. */
static struct apo_membership *read_membership(struct apo_state *state, struct apo_channel *channel,
					      struct apo_client *client, uint32_t modes)
{
	struct apo_membership *membership = NULL;

	if (state->serializer->ok && modes <= (APO_MEMBERSHIP_VOICE | APO_MEMBERSHIP_OPERATOR) &&
	    client->is_registered && !apo_membership_find(state->model, client, channel))
		membership = apo_membership_put(state->model, client, channel, modes);
	apo_serializer_expect(state->serializer, membership != NULL);
	return membership;
}

static void serialize_member_slot(struct apo_state *state, struct apo_channel *channel,
				  const struct apo_member_slot *member_slot)
{
	struct apo_client *client = member_slot ? member_slot->membership->pair.client : NULL;
	struct apo_membership *membership = member_slot ? member_slot->membership : NULL;
	uint32_t modes = member_slot ? member_slot->modes : 0;

	apo_state_client(state, &client);
	apo_serializer_u32(state->serializer, &modes);
	if (state->serializer->is_reading)
		membership = read_membership(state, channel, client, modes);
	if (membership)
		apo_membership_serialize_history(state, membership);
}

static void serialize_access(struct apo_state *state, struct apo_channel *channel,
			     const struct apo_access *access)
{
	struct apo_access copy = {.modes = 0};

	if (access)
		copy = *access;
	apo_serializer_u32(state->serializer, &copy.modes);
	apo_serializer_expect(state->serializer, copy.modes == APO_MEMBERSHIP_VOICE ||
							 copy.modes == APO_MEMBERSHIP_OPERATOR);
	apo_serializer_second(state->serializer, &copy.set_at_s);
	apo_serializer_string(state->serializer, copy.account, sizeof copy.account);
	apo_serializer_string(state->serializer, copy.by, sizeof copy.by);
	apo_serializer_expect(state->serializer, apo_is_word(copy.account) && apo_is_word(copy.by));
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(state->serializer,
				      !apo_access_find(channel, copy.account) &&
					      apo_access_set(state->model, channel, copy.account,
							     copy.modes, copy.by,
							     copy.set_at_s) == 0);
}

static void serialize_registration(struct apo_state *state, struct apo_channel *channel)
{
	struct apo_serializer *serializer = state->serializer;
	bool is_registered = channel->registration != NULL;
	char founder[APO_ACCOUNT_BYTES_MAX + 1];
	struct rudp_list *link;
	uint32_t count, i;

	apo_serializer_flag(serializer, &is_registered);
	if (!serializer->ok || !is_registered)
		return;
	if (!serializer->is_reading)
		strcpy(founder, channel->registration->founder);
	apo_serializer_string(serializer, founder, sizeof founder);
	apo_serializer_expect(serializer, apo_is_word(founder));
	if (serializer->is_reading && serializer->ok)
		apo_serializer_expect(serializer,
				      apo_registry_add(state->model, channel, founder) == 0);
	if (!serializer->ok)
		return;
	apo_serializer_second(serializer, &channel->registration->made_at_s);
	apo_serializer_second(serializer, &channel->registration->used_at_s);
	count = channel->registration->access_count;
	apo_serializer_count(serializer, &count, ACCESS_BYTES_MIN);
	apo_serializer_expect(serializer, !serializer->is_reading || count <= APO_ACCESS_MAX);
	link = channel->registration->access.next;
	for (i = 0; i < count && serializer->ok; i++) {
		serialize_access(state, channel,
				 serializer->is_reading
					 ? NULL
					 : RUDP_LIST_OWNER(link, struct apo_access, link));
		link = link->next;
	}
}

static void serialize_member_slots(struct apo_state *state, struct apo_channel *channel)
{
	uint32_t count = channel->count, i;

	apo_serializer_count(state->serializer, &count, SLOT_BYTES);
	apo_serializer_expect(state->serializer, count > 0 || channel->registration);
	for (i = 0; i < count && state->serializer->ok; i++)
		serialize_member_slot(state, channel,
				      state->serializer->is_reading ? NULL
								    : channel->member_slots + i);
}

static void serialize_members(struct apo_state *state, struct apo_channel *channel)
{
	struct apo_serializer *serializer = state->serializer;
	unsigned kind;

	apo_serializer_u32(serializer, &channel->modes);
	apo_serializer_expect(serializer, (channel->modes & ~MODES_ALL) == 0);
	apo_serializer_i64(serializer, &channel->public_from);
	apo_serializer_expect(serializer, channel->modes & APO_MODE_PUBLIC_HISTORY
						  ? channel->public_from > 0
						  : channel->public_from == 0);
	apo_serializer_u32(serializer, &channel->limit);
	apo_serializer_string(serializer, channel->key, sizeof channel->key);
	apo_serializer_expect(serializer, !channel->key[0] || apo_is_word(channel->key));
	apo_serializer_second(serializer, &channel->created_at_s);
	apo_serializer_second(serializer, &channel->topic_at_s);
	apo_serializer_second(serializer, &channel->renamed_at_s);
	apo_serializer_text(serializer, &channel->topic, APO_TOPIC_BYTES_MAX);
	apo_serializer_text(serializer, &channel->topic_by, APO_SOURCE_BYTES_MAX);
	apo_serializer_expect(serializer, !channel->topic || (channel->topic_by &&
							      apo_is_word(channel->topic_by)));
	apo_metadata_serialize(serializer, &channel->metadata);
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		serialize_list(serializer, channel, (enum apo_list_kind)kind);
	serialize_registration(state, channel);
	serialize_member_slots(state, channel);
	apo_absences_serialize(state, channel);
}

static void read_channel(struct apo_state *state, uint32_t ordinal)
{
	char name[APO_CHANNEL_BYTES_MAX + 1];
	struct apo_channel *channel = NULL;

	apo_serializer_string(state->serializer, name, sizeof name);
	if (state->serializer->ok && apo_channel_is_valid(name, APO_CHANNEL_BYTES_MAX) &&
	    !apo_channel_find(state->model, name))
		channel = apo_channel_new(state->model, name);
	if (!channel) {
		state->serializer->ok = false;
		return;
	}
	state->channels[ordinal] = channel;
	serialize_members(state, channel);
	/* Without members nothing else would free the channel. */
	apo_channel_free_if_empty(state->model, channel);
}

static void write_channels(struct apo_state *state)
{
	struct apo_channel *channel, *next;
	uint32_t i = 0;

	HASH_ITER(by_name, state->model->channels, channel, next) {
		channel->ordinal = i;
		state->channels[i++] = channel;
		apo_serializer_string(state->serializer, channel->name, sizeof channel->name);
		serialize_members(state, channel);
	}
}

/* ---- memberships and invitations of each client ---- */

static void serialize_channel(struct apo_state *state, struct apo_channel **channel)
{
	uint32_t ordinal = state->serializer->is_reading ? 0 : (*channel)->ordinal;

	apo_serializer_u32(state->serializer, &ordinal);
	if (!state->serializer->is_reading)
		return;
	apo_serializer_expect(state->serializer, ordinal < state->channel_count);
	*channel = state->serializer->ok ? state->channels[ordinal] : NULL;
}

/* WHOIS lists channels in the order of joining, so the client's list is put back into that
 * order. */
static void serialize_membership(struct apo_state *state, struct apo_client *client)
{
	struct rudp_list *link = client->memberships.next;
	uint32_t count = client->channel_count, i;
	struct apo_channel *channel = NULL;
	struct apo_membership *membership;

	apo_serializer_count(state->serializer, &count, 4);
	apo_serializer_expect(state->serializer, count == client->channel_count);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (!state->serializer->is_reading) {
			channel = RUDP_LIST_OWNER(link, struct apo_membership, of_client)
					  ->pair.channel;
			link = link->next;
		}
		serialize_channel(state, &channel);
		if (!state->serializer->is_reading || !state->serializer->ok)
			continue;
		membership = apo_membership_find(state->model, client, channel);
		apo_serializer_expect(state->serializer, membership != NULL);
		if (!membership)
			return;
		rudp_list_remove(&membership->of_client);
		rudp_list_append(&client->memberships, &membership->of_client);
	}
}

static void serialize_invites(struct apo_state *state, struct apo_client *client)
{
	struct rudp_list *link = client->invites.next;
	uint32_t count = client->invite_count, i;
	struct apo_channel *channel = NULL;
	struct apo_invite *invite;
	bool lifts_bans = false;

	apo_serializer_count(state->serializer, &count, 5);
	apo_serializer_expect(state->serializer, count <= APO_INVITES_MAX);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (!state->serializer->is_reading) {
			invite = RUDP_LIST_OWNER(link, struct apo_invite, of_client);
			channel = invite->channel;
			lifts_bans = invite->lifts_bans;
			link = link->next;
		}
		serialize_channel(state, &channel);
		apo_serializer_flag(state->serializer, &lifts_bans);
		if (state->serializer->is_reading && state->serializer->ok)
			apo_serializer_expect(
				state->serializer,
				apo_invite_add(client, channel, lifts_bans, APO_INVITES_MAX) == 0);
	}
}

void apo_channels_serialize(struct apo_state *state)
{
	uint32_t count = HASH_CNT(by_name, state->model->channels), i;

	apo_serializer_count(state->serializer, &count, CHANNEL_BYTES_MIN);
	state->channel_count = count;
	state->channels = calloc((size_t)count + 1, sizeof(struct apo_channel *));
	if (!state->channels)
		state->serializer->ok = false;
	else if (!state->serializer->is_reading)
		write_channels(state);
	else
		for (i = 0; i < count && state->serializer->ok; i++)
			read_channel(state, i);
	for (i = 0; i < state->client_count && state->serializer->ok; i++) {
		serialize_membership(state, state->clients[i]);
		if (state->serializer->ok)
			serialize_invites(state, state->clients[i]);
	}
}
