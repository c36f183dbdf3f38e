/* SPDX-License-Identifier: MIT */
#include "conversation/model/channels.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "conversation/model/extban.h"
#include "conversation/model/history.h"
#include "conversation/model/metadata.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"

#define SLOTS_FIRST 2

const char *const apo_list_names[APO_LIST_KINDS] = {"b", "e", "I", "q"};

struct apo_channel *apo_channel_find(const struct apo_model *model, const char *name)
{
	/* A longer name is cut to this size and matches no channel. */
	char folded[APO_CHANNEL_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, name);

	return RUDP_TABLE_FIND_KEY(by_name, model->channels, folded, len);
}

static int put_into_table(struct apo_model *model, struct apo_channel *channel, const char *name)
{
	size_t len = apo_fold(channel->folded, sizeof channel->folded, name);

	snprintf(channel->name, sizeof channel->name, "%s", name);
	return RUDP_TABLE_ADD_KEY(by_name, model->channels, channel->folded, len, channel)
		       ? 0
		       : -ENOMEM;
}

struct apo_channel *apo_channel_new(struct apo_model *model, const char *name)
{
	struct apo_channel *channel = calloc(1, sizeof *channel);
	unsigned kind;

	if (!channel)
		return NULL;
	if (put_into_table(model, channel, name) < 0) {
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

int apo_channel_set_name(struct apo_model *model, struct apo_channel *channel, const char *name)
{
	/* The table is freed with its last entry. While it has another one, there is room to put
	 * the channel back under its old name. */
	struct apo_channel *other = apo_channel_new(model, "#");
	char former[APO_CHANNEL_BYTES_MAX + 1];
	int error;

	if (!other)
		return -ENOMEM;
	strcpy(former, channel->name);
	HASH_DELETE(by_name, model->channels, channel);
	error = put_into_table(model, channel, name);
	if (error < 0) {
		int back = put_into_table(model, channel, former);

		assert(back == 0);
		(void)back;
	}
	apo_channel_free_if_empty(model, other);
	return error;
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

	if (channel->count > 0 || channel->registration)
		return;
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		while (!rudp_list_is_empty(&channel->lists[kind]))
			entry_free(channel, RUDP_LIST_OWNER(channel->lists[kind].next,
							    struct apo_entry, link));
	while (!rudp_list_is_empty(&channel->invites))
		apo_invite_remove(
			RUDP_LIST_OWNER(channel->invites.next, struct apo_invite, of_channel));
	apo_history_on_channel_restricted(channel);
	apo_safe_iterators_end(&channel->members);
	rudp_list_remove(&channel->of_model.link);
	HASH_DELETE(by_name, model->channels, channel);
	model->figures.channels--;
	apo_metadata_free(channel->metadata);
	free(channel->topic);
	free(channel->topic_by);
	free(channel->member_slots);
	free(channel);
}

void apo_channels_forget(struct apo_model *model)
{
	struct apo_channel *channel, *next;

	HASH_ITER(by_name, model->channels, channel, next) {
		if (channel->registration)
			apo_registry_forget(model, channel);
		apo_channel_free_if_empty(model, channel);
	}
}

/* ---- memberships ---- */

struct apo_membership *apo_membership_find(const struct apo_model *model,
					   const struct apo_client *client,
					   const struct apo_channel *channel)
{
	const struct apo_pair pair = {(struct apo_client *)client, (struct apo_channel *)channel};

	return RUDP_TABLE_FIND(by_pair, model->memberships, &pair);
}

struct apo_membership *apo_membership_put(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes)
{
	struct apo_membership *membership;

	if (!RUDP_GROW(channel->member_slots, channel->count, channel->capacity, SLOTS_FIRST))
		return NULL;
	membership = calloc(1, sizeof *membership);
	if (!membership)
		return NULL;
	membership->pair = (struct apo_pair){client, channel};
	if (!RUDP_TABLE_ADD(by_pair, model->memberships, pair, membership)) {
		free(membership);
		return NULL;
	}
	membership->member_slot = channel->count++;
	channel->member_slots[membership->member_slot] =
		(struct apo_member_slot){client->peer, client->caps, modes, membership};
	rudp_list_append(&client->memberships, &membership->of_client);
	rudp_list_append(&channel->members, &membership->of_channel.link);
	client->channel_count++;
	model->figures.memberships++;
	return membership;
}

struct apo_membership *apo_membership_add(struct apo_model *model, struct apo_client *client,
					  struct apo_channel *channel, uint32_t modes)
{
	struct apo_membership *membership = apo_membership_put(model, client, channel, modes);

	if (membership)
		apo_history_on_joined(model, membership);
	return membership;
}

/* The last slot moves into the slot that becomes free. */
void apo_membership_remove(struct apo_model *model, struct apo_membership *membership)
{
	struct apo_channel *channel = membership->pair.channel;

	apo_history_on_left(model, membership);
	channel->member_slots[membership->member_slot] = channel->member_slots[--channel->count];
	channel->member_slots[membership->member_slot].membership->member_slot =
		membership->member_slot;
	HASH_DELETE(by_pair, model->memberships, membership);
	rudp_list_remove(&membership->of_client);
	rudp_list_remove(&membership->of_channel.link);
	membership->pair.client->channel_count--;
	model->figures.memberships--;
	free(membership);
	apo_channel_free_if_empty(model, channel);
}

struct apo_member_slot *apo_membership_slot(const struct apo_membership *membership)
{
	return &membership->pair.channel->member_slots[membership->member_slot];
}

/* APO_MEMBERSHIP_ bits; 0 for a client that is not in the channel. */
static uint32_t membership_modes(const struct apo_model *model, const struct apo_client *client,
				 const struct apo_channel *channel)
{
	const struct apo_membership *membership = apo_membership_find(model, client, channel);

	return membership ? apo_membership_slot(membership)->modes : 0;
}

bool apo_is_operator_in(const struct apo_model *model, const struct apo_client *client,
			const struct apo_channel *channel)
{
	return membership_modes(model, client, channel) & APO_MEMBERSHIP_OPERATOR;
}

uint32_t apo_mark_common(struct apo_model *model, struct apo_client *client)
{
	const struct apo_channel *channel;
	uint32_t i;

	client->mark = ++model->last_mark;
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		channel = membership->pair.channel;
		for (i = 0; i < channel->count; i++)
			channel->member_slots[i].membership->pair.client->mark = client->mark;
	}
	return client->mark;
}

bool apo_channel_is_seen(const struct apo_model *model, const struct apo_channel *channel,
			 const struct apo_client *client)
{
	return !(channel->modes & APO_MODE_SECRET) || client->is_operator ||
	       apo_membership_find(model, client, channel);
}

/* ---- masks ---- */

static bool is_listed(const struct apo_channel *channel, enum apo_list_kind kind,
		      const struct apo_client *client, bool with_mutes)
{
	const struct rudp_list *head = &channel->lists[kind];
	struct apo_source_forms forms;
	const char *mask;

	if (rudp_list_is_empty(head))
		return false;
	apo_source_forms_write(&forms, client);
	RUDP_LIST_EACH(struct apo_entry, entry, head, link) {
		mask = entry->mask;
		if ((with_mutes || !apo_extban_is_mute(mask)) &&
		    apo_extban_is_match(mask, client, &forms))
			return true;
	}
	return false;
}

bool apo_channel_invites(const struct apo_channel *channel, const struct apo_client *client)
{
	return is_listed(channel, APO_LIST_INVITE, client, false);
}

bool apo_channel_bans(const struct apo_channel *channel, const struct apo_client *client)
{
	return is_listed(channel, APO_LIST_BAN, client, false) &&
	       !is_listed(channel, APO_LIST_EXCEPT, client, false);
}

/* An exception from mutes does not lift a ban. */
bool apo_channel_mutes(const struct apo_channel *channel, const struct apo_client *client)
{
	if (is_listed(channel, APO_LIST_QUIET, client, false) &&
	    !is_listed(channel, APO_LIST_EXCEPT, client, true))
		return true;
	return is_listed(channel, APO_LIST_BAN, client, true) &&
	       (!is_listed(channel, APO_LIST_EXCEPT, client, true) ||
		apo_channel_bans(channel, client));
}

const struct apo_channel *apo_channel_that_mutes(const struct apo_client *client)
{
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		if (!apo_membership_slot(membership)->modes &&
		    apo_channel_mutes(membership->pair.channel, client))
			return membership->pair.channel;
	}
	return NULL;
}

static struct apo_entry *entry_find(struct apo_channel *channel, enum apo_list_kind kind,
				    const char *mask)
{
	struct rudp_list *head = &channel->lists[kind];

	RUDP_LIST_EACH(struct apo_entry, entry, head, link) {
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
	if (kind == APO_LIST_BAN) /* who is banned now was invited before, perhaps by mistake */
		RUDP_LIST_EACH(struct apo_invite, invite, &channel->invites, of_channel)
			invite->lifts_bans = false;
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
	RUDP_LIST_EACH(struct apo_invite, invite, &client->invites, of_client) {
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

int apo_invite_add(struct apo_client *client, struct apo_channel *channel, bool lifts_bans,
		   unsigned max)
{
	struct apo_invite *invite = apo_invite_find(client, channel);

	if (invite) {
		invite->lifts_bans |= lifts_bans;
		return 0;
	}
	invite = calloc(1, sizeof *invite);
	if (!invite)
		return -ENOMEM;
	if (client->invite_count >= max)
		apo_invite_remove(
			RUDP_LIST_OWNER(client->invites.next, struct apo_invite, of_client));
	invite->client = client;
	invite->channel = channel;
	invite->lifts_bans = lifts_bans;
	rudp_list_append(&client->invites, &invite->of_client);
	rudp_list_append(&channel->invites, &invite->of_channel);
	client->invite_count++;
	return 0;
}
