/* SPDX-License-Identifier: MIT */
#include "conversation/model/channels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/history.h"
#include "conversation/model/out.h"

#define PLACES_FIRST 2

struct apo_channel *apo_channel_find(const struct apo_model *model, const char *name)
{
	char folded[APO_CHANNEL_BYTES_MAX + 2]; /* one too long is none */
	struct apo_channel *channel;
	size_t len = apo_fold(folded, sizeof folded, name);

	HASH_FIND(by_name, model->channels, folded, len, channel);
	return channel;
}

struct apo_channel *apo_channel_new(struct apo_model *model, const char *name)
{
	bool rudp_table_add_failed = false;
	struct apo_channel *channel = calloc(1, sizeof *channel);
	unsigned kind;
	size_t len;

	if (!channel)
		return NULL;
	strcpy(channel->name, name);
	len = apo_fold(channel->folded, sizeof channel->folded, name);
	HASH_ADD_KEYPTR(by_name, model->channels, channel->folded, len, channel);
	if (rudp_table_add_failed) {
		free(channel);
		return NULL;
	}
	channel->created_at_s = apo_wall_s(model);
	channel->modes = APO_MODE_NO_EXTERNAL | APO_MODE_TOPIC;
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		rudp_list_init(&channel->lists[kind]);
	rudp_list_init(&channel->members);
	rudp_list_init(&channel->invites);
	rudp_list_init(&channel->absences);
	rudp_list_append(&model->channel_order, &channel->of_model.link);
	model->figures.channels++;
	return channel;
}

static void entry_free(struct apo_channel *channel, struct apo_entry *entry)
{
	rudp_list_remove(&entry->link);
	channel->entry_count--;
	free(entry->by);
	free(entry);
}

void apo_channel_free_if_empty(struct apo_model *model, struct apo_channel *channel)
{
	unsigned kind;

	if (channel->count > 0)
		return;
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		while (!rudp_list_is_empty(&channel->lists[kind]))
			entry_free(channel, RUDP_LIST_OWNER(channel->lists[kind].next,
							    struct apo_entry, link));
	while (!rudp_list_is_empty(&channel->invites))
		apo_invite_remove(
			RUDP_LIST_OWNER(channel->invites.next, struct apo_invite, of_channel));
	apo_history_on_door_closed(channel);
	apo_walks_end(&channel->members);
	rudp_list_remove(&channel->of_model.link);
	HASH_DELETE(by_name, model->channels, channel);
	model->figures.channels--;
	free(channel->topic);
	free(channel->topic_by);
	free(channel->places);
	free(channel);
}

/* ---- seats ---- */

struct apo_seat *apo_seat_find(const struct apo_model *model, const struct apo_client *client,
			       const struct apo_channel *channel)
{
	const struct apo_pair pair = {(struct apo_client *)client, (struct apo_channel *)channel};
	struct apo_seat *seat;

	HASH_FIND(by_pair, model->seats, &pair, sizeof pair, seat);
	return seat;
}

static int reserve_place(struct apo_channel *channel)
{
	uint32_t capacity = channel->capacity ? 2 * channel->capacity : PLACES_FIRST;
	struct apo_place *places;

	if (channel->count < channel->capacity)
		return 0;
	places = realloc(channel->places, capacity * sizeof *places);
	if (!places)
		return -ENOMEM;
	channel->places = places;
	channel->capacity = capacity;
	return 0;
}

struct apo_seat *apo_seat_put(struct apo_model *model, struct apo_client *client,
			      struct apo_channel *channel, uint32_t modes)
{
	bool rudp_table_add_failed = false;
	struct apo_seat *seat;

	if (reserve_place(channel) < 0)
		return NULL;
	seat = calloc(1, sizeof *seat);
	if (!seat)
		return NULL;
	seat->pair = (struct apo_pair){client, channel};
	HASH_ADD(by_pair, model->seats, pair, sizeof seat->pair, seat);
	if (rudp_table_add_failed) {
		free(seat);
		return NULL;
	}
	seat->place = channel->count++;
	channel->places[seat->place] = (struct apo_place){client->peer, client->caps, modes, seat};
	rudp_list_append(&client->seats, &seat->of_client);
	rudp_list_append(&channel->members, &seat->of_channel.link);
	client->channel_count++;
	model->figures.memberships++;
	return seat;
}

struct apo_seat *apo_seat_add(struct apo_model *model, struct apo_client *client,
			      struct apo_channel *channel, uint32_t modes)
{
	struct apo_seat *seat = apo_seat_put(model, client, channel, modes);

	if (seat)
		apo_history_on_joined(model, seat);
	return seat;
}

/* The last one takes the place that is free. */
void apo_seat_remove(struct apo_model *model, struct apo_seat *seat)
{
	struct apo_channel *channel = seat->pair.channel;

	apo_history_on_left(model, seat);
	channel->places[seat->place] = channel->places[--channel->count];
	channel->places[seat->place].seat->place = seat->place;
	HASH_DELETE(by_pair, model->seats, seat);
	rudp_list_remove(&seat->of_client);
	rudp_list_remove(&seat->of_channel.link);
	seat->pair.client->channel_count--;
	model->figures.memberships--;
	free(seat);
	apo_channel_free_if_empty(model, channel);
}

struct apo_place *apo_seat_place(const struct apo_seat *seat)
{
	return &seat->pair.channel->places[seat->place];
}

uint32_t apo_seat_modes(const struct apo_model *model, const struct apo_client *client,
			const struct apo_channel *channel)
{
	const struct apo_seat *seat = apo_seat_find(model, client, channel);

	return seat ? apo_seat_place(seat)->modes : 0;
}

bool apo_is_operator_in(const struct apo_model *model, const struct apo_client *client,
			const struct apo_channel *channel)
{
	return apo_seat_modes(model, client, channel) & APO_SEAT_OPERATOR;
}

uint32_t apo_mark_common(struct apo_model *model, struct apo_client *client)
{
	const struct apo_channel *channel;
	const struct rudp_list *link;
	uint32_t i;

	client->mark = ++model->last_mark;
	for (link = client->seats.next; link != &client->seats; link = link->next) {
		channel = RUDP_LIST_OWNER(link, struct apo_seat, of_client)->pair.channel;
		for (i = 0; i < channel->count; i++)
			channel->places[i].seat->pair.client->mark = client->mark;
	}
	return client->mark;
}

bool apo_channel_is_seen(const struct apo_model *model, const struct apo_channel *channel,
			 const struct apo_client *client)
{
	return !(channel->modes & APO_MODE_SECRET) || client->is_operator ||
	       apo_seat_find(model, client, channel);
}

/* ---- masks ---- */

bool apo_channel_lists(const struct apo_channel *channel, enum apo_list_kind kind,
		       const struct apo_client *client)
{
	const struct rudp_list *head = &channel->lists[kind], *link;
	char shown[APO_SOURCE_BYTES_MAX + 1], real[APO_SOURCE_BYTES_MAX + 1];
	const char *mask;

	if (rudp_list_is_empty(head))
		return false;
	apo_client_source(client, shown);
	snprintf(real, sizeof real, "%s!%s@%s", client->nick, client->user, client->address);
	for (link = head->next; link != head; link = link->next) {
		mask = RUDP_LIST_OWNER(link, struct apo_entry, link)->mask;
		if (apo_mask_is_match(mask, shown) || apo_mask_is_match(mask, real))
			return true;
	}
	return false;
}

bool apo_channel_bans(const struct apo_channel *channel, const struct apo_client *client)
{
	return apo_channel_lists(channel, APO_LIST_BAN, client) &&
	       !apo_channel_lists(channel, APO_LIST_EXCEPT, client);
}

static struct apo_entry *entry_find(struct apo_channel *channel, enum apo_list_kind kind,
				    const char *mask)
{
	struct rudp_list *head = &channel->lists[kind], *link;
	struct apo_entry *entry;

	for (link = head->next; link != head; link = link->next) {
		entry = RUDP_LIST_OWNER(link, struct apo_entry, link);
		if (apo_is_same(entry->mask, mask))
			return entry;
	}
	return NULL;
}

int apo_entry_add(struct apo_channel *channel, enum apo_list_kind kind, const char *mask,
		  const char *by, int64_t set_at_s)
{
	size_t size = strlen(mask) + 1;
	struct apo_entry *entry;

	if (entry_find(channel, kind, mask))
		return 0;
	entry = calloc(1, sizeof *entry + size);
	if (!entry || apo_text_set(&entry->by, by) < 0) {
		free(entry);
		return -ENOMEM;
	}
	memcpy(entry->mask, mask, size);
	entry->set_at_s = set_at_s;
	entry->number = ++channel->last_entry;
	rudp_list_append(&channel->lists[kind], &entry->link);
	channel->entry_count++;
	return 1;
}

bool apo_entry_remove(struct apo_channel *channel, enum apo_list_kind kind, const char *mask)
{
	struct apo_entry *entry = entry_find(channel, kind, mask);

	if (entry)
		entry_free(channel, entry);
	return entry != NULL;
}

/* ---- invitations ---- */

struct apo_invite *apo_invite_find(const struct apo_client *client,
				   const struct apo_channel *channel)
{
	const struct rudp_list *link;
	struct apo_invite *invite;

	for (link = client->invites.next; link != &client->invites; link = link->next) {
		invite = RUDP_LIST_OWNER(link, struct apo_invite, of_client);
		if (invite->channel == channel)
			return invite;
	}
	return NULL;
}

void apo_invite_remove(struct apo_invite *invite)
{
	invite->client->invite_count--;
	rudp_list_remove(&invite->of_client);
	rudp_list_remove(&invite->of_channel);
	free(invite);
}

int apo_invite_add(struct apo_client *client, struct apo_channel *channel, unsigned max)
{
	struct apo_invite *invite;

	if (apo_invite_find(client, channel))
		return 0;
	invite = calloc(1, sizeof *invite);
	if (!invite)
		return -ENOMEM;
	if (client->invite_count >= max)
		apo_invite_remove(
			RUDP_LIST_OWNER(client->invites.next, struct apo_invite, of_client));
	invite->client = client;
	invite->channel = channel;
	rudp_list_append(&client->invites, &invite->of_client);
	rudp_list_append(&channel->invites, &invite->of_channel);
	client->invite_count++;
	return 0;
}
