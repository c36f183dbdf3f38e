/* SPDX-License-Identifier: MIT */
#include "conversation/model/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/channels.h"
#include "conversation/model/chanserv.h"
#include "conversation/model/audit.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"

/* The least time between two writes of the last use. */
#define USE_SPAN_S 86400
/* The search for unused registrations goes over all of them, some at a time. */
#define SEARCH_SPAN_NS (60 * RUDP_NS_PER_S)
#define SEARCH_COUNT 200

bool apo_registry_is_on(const struct apo_model *model)
{
	return model->calls->keep_record != NULL;
}

/* ---- what is written ---- */

void apo_registry_keep_record(struct apo_model *model, const struct apo_registry_record *record)
{
	if (apo_registry_is_on(model) && !model->is_reading_registry)
		model->calls->keep_record(model->of, record);
}

void apo_registry_keep(struct apo_model *model, const struct apo_channel *channel)
{
	const struct apo_channel_registration *registration = channel->registration;
	char modes[APO_MODE_LETTERS_SIZE];

	if (!registration)
		return;
	apo_mode_letters(channel->modes, modes);
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){
					 .kind = APO_REGISTRY_CHANNEL,
					 .channel = channel->folded,
					 .name = channel->name,
					 .by = registration->founder,
					 .modes = modes,
					 .key = channel->key[0] ? channel->key : NULL,
					 .topic = channel->topic,
					 .topic_by = channel->topic ? channel->topic_by : NULL,
					 .limit = channel->limit,
					 .set_at_s = registration->made_at_s,
					 .created_at_s = channel->created_at_s,
					 .used_at_s = registration->used_at_s,
					 .topic_at_s = channel->topic_at_s,
					 .public_from = channel->public_from,
				 });
}

static void keep_entry(struct apo_model *model, const struct apo_channel *channel, const char *list,
		       const char *name, const char *by, int64_t set_at_s)
{
	if (!channel->registration)
		return;
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){.kind = by ? APO_REGISTRY_ENTRY
									  : APO_REGISTRY_ENTRY_GONE,
							       .channel = channel->folded,
							       .list = list,
							       .name = name,
							       .by = by,
							       .set_at_s = set_at_s});
}

void apo_registry_keep_mask(struct apo_model *model, const struct apo_channel *channel,
			    const char *list, const char *mask, const char *by, bool is_there)
{
	keep_entry(model, channel, list, mask, is_there ? by : NULL, apo_wall_s(model));
}

static const char *list_of(uint32_t modes)
{
	return modes & APO_MEMBERSHIP_OPERATOR ? APO_REGISTRY_OPERATORS : APO_REGISTRY_VOICES;
}

/* The channel, and its lists of masks. */
static void keep_masks(struct apo_model *model, const struct apo_channel *channel)
{
	unsigned kind;

	apo_registry_keep(model, channel);
	for (kind = 0; kind < APO_LIST_KINDS; kind++)
		RUDP_LIST_EACH(const struct apo_entry, entry, &channel->lists[kind], link) {
			keep_entry(model, channel, apo_list_names[kind], entry->mask, entry->by,
				   entry->set_at_s);
		}
}

/* ---- registrations ---- */

int apo_registry_add(struct apo_model *model, struct apo_channel *channel, const char *founder)
{
	struct apo_channel_registration *registration = calloc(1, sizeof *registration);

	if (!registration || strlen(founder) > APO_ACCOUNT_BYTES_MAX) {
		free(registration);
		return -ENOMEM;
	}
	strcpy(registration->founder, founder);
	registration->channel = channel;
	registration->made_at_s = registration->used_at_s = apo_wall_s(model);
	rudp_list_init(&registration->access);
	rudp_list_append(&model->registrations, &registration->of_model);
	channel->registration = registration;
	model->figures.channels_registered++;
	keep_masks(model, channel);
	return 0;
}

void apo_registry_forget(struct apo_model *model, struct apo_channel *channel)
{
	struct apo_channel_registration *registration = channel->registration;
	struct rudp_list *link;

	while ((link = rudp_list_pop(&registration->access)))
		free(RUDP_LIST_OWNER(link, struct apo_access, link));
	rudp_list_remove(&registration->of_model);
	channel->registration = NULL;
	model->figures.channels_registered--;
	free(registration);
}

void apo_registry_remove(struct apo_model *model, struct apo_channel *channel)
{
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){.kind = APO_REGISTRY_CHANNEL_GONE,
							       .channel = channel->folded});
	apo_registry_forget(model, channel);
	apo_channel_free_if_empty(model, channel);
}

void apo_registry_keep_all(struct apo_model *model, const struct apo_channel *channel)
{
	keep_masks(model, channel);
	RUDP_LIST_EACH(const struct apo_access, access, &channel->registration->access, link) {
		keep_entry(model, channel, list_of(access->modes), access->account, access->by,
			   access->set_at_s);
	}
}

/* The new records are written first: if the server dies between the two, both are there. */
void apo_registry_on_renamed(struct apo_model *model, const struct apo_channel *channel,
			     const char *former)
{
	if (!channel->registration)
		return;
	if (strcmp(channel->folded, former) == 0) {
		keep_masks(model, channel);
		return;
	}
	apo_registry_keep_all(model, channel);
	apo_registry_keep_record(model,
				 &(struct apo_registry_record){.kind = APO_REGISTRY_CHANNEL_GONE,
							       .channel = former});
}

unsigned apo_registry_count_of(const struct apo_model *model, const char *account)
{
	unsigned count = 0;

	RUDP_LIST_EACH(struct apo_channel_registration, registration, &model->registrations,
		       of_model)
		count += apo_is_same(registration->founder, account);
	return count;
}

/* ---- accounts ---- */

bool apo_registry_is_founder(const struct apo_channel *channel, const char *account)
{
	return channel->registration && account &&
	       apo_is_same(channel->registration->founder, account);
}

struct apo_access *apo_access_find(const struct apo_channel *channel, const char *account)
{
	const struct rudp_list *head = &channel->registration->access;

	RUDP_LIST_EACH(struct apo_access, access, head, link) {
		if (apo_is_same(access->account, account))
			return access;
	}
	return NULL;
}

uint32_t apo_registry_modes(const struct apo_channel *channel, const char *account)
{
	const struct apo_access *access;

	if (!channel->registration || !account)
		return 0;
	if (apo_registry_is_founder(channel, account))
		return APO_MEMBERSHIP_OPERATOR;
	access = apo_access_find(channel, account);
	return access ? access->modes : 0;
}

int apo_access_set(struct apo_model *model, struct apo_channel *channel, const char *account,
		   uint32_t modes, const char *by, int64_t set_at_s)
{
	struct apo_access *access = apo_access_find(channel, account);

	if (strlen(account) > APO_ACCOUNT_BYTES_MAX || strlen(by) > APO_ACCOUNT_BYTES_MAX)
		return -ENOMEM;
	if (access) {
		keep_entry(model, channel, list_of(access->modes), access->account, NULL, 0);
	} else {
		access = calloc(1, sizeof *access);
		if (!access)
			return -ENOMEM;
		strcpy(access->account, account);
		rudp_list_append(&channel->registration->access, &access->link);
		channel->registration->access_count++;
	}
	access->modes = modes;
	access->set_at_s = set_at_s;
	strcpy(access->by, by);
	keep_entry(model, channel, list_of(modes), account, by, set_at_s);
	return 0;
}

void apo_access_remove(struct apo_model *model, struct apo_channel *channel,
		       struct apo_access *access)
{
	keep_entry(model, channel, list_of(access->modes), access->account, NULL, 0);
	rudp_list_remove(&access->link);
	channel->registration->access_count--;
	free(access);
}

void apo_registry_set_founder(struct apo_model *model, struct apo_channel *channel,
			      const char *account)
{
	struct apo_access *access = apo_access_find(channel, account);

	if (access)
		apo_access_remove(model, channel, access);
	/* The caller has checked the length: it is the name of an account. */
	memcpy(channel->registration->founder, account, strlen(account) + 1);
	apo_registry_keep(model, channel);
}

/*
 * A founder whose account has gone is followed by the account that has been operator for the
 * longest time. The order of the list does not tell: it is another one after a restart.
 */
static void replace_founder(struct apo_model *model, struct apo_channel *channel)
{
	const struct rudp_list *head = &channel->registration->access;
	char account[APO_ACCOUNT_BYTES_MAX + 1] = "";
	const struct apo_access *oldest = NULL;

	RUDP_LIST_EACH(const struct apo_access, access, head, link) {
		if ((access->modes & APO_MEMBERSHIP_OPERATOR) &&
		    (!oldest || access->set_at_s < oldest->set_at_s))
			oldest = access;
	}
	if (oldest)
		strcpy(account, oldest->account);
	apo_audit_note(model, "channel-founder-gone", "%s next=%s", channel->name,
		       account[0] ? account : "(none)");
	if (account[0])
		apo_registry_set_founder(model, channel, account);
	else
		apo_registry_remove(model, channel);
}

static void check_accounts(struct apo_model *model, struct apo_channel *channel)
{
	struct rudp_list *head = &channel->registration->access;

	RUDP_LIST_EACH_SAFE(struct apo_access, access, head, link) {
		if (!apo_account_id(model, access->account))
			apo_access_remove(model, channel, access);
	}
	if (!apo_account_id(model, channel->registration->founder))
		replace_founder(model, channel);
}

/* In the order of the table, which all copies of the model have: each change adds to the audit
 * log. */
void apo_registry_check_accounts(struct apo_model *model)
{
	struct apo_channel *channel, *next;

	HASH_ITER(by_name, model->channels, channel, next)
		if (channel->registration)
			check_accounts(model, channel);
}

/* ---- members ---- */

bool apo_registry_change_member(struct apo_model *model, struct apo_membership *membership,
				uint32_t bit, bool is_adding)
{
	struct apo_member_slot *slot = apo_membership_slot(membership);
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_line line;

	if (!(slot->modes & bit) == !is_adding)
		return false;
	slot->modes ^= bit;
	apo_chanserv_source(model, source);
	apo_line_print(&line, source, "MODE %s %c%s %s", membership->pair.channel->name,
		       is_adding ? '+' : '-', list_of(bit), membership->pair.client->nick);
	apo_say_channel(model, membership->pair.channel,
			&(struct apo_say){.line = &line, .is_unlabeled = true},
			&(struct apo_audience){0});
	return true;
}

static void note_use(struct apo_model *model, struct apo_channel *channel)
{
	int64_t now_s = apo_wall_s(model);

	if (now_s - channel->registration->used_at_s < USE_SPAN_S)
		return;
	channel->registration->used_at_s = now_s;
	apo_registry_keep(model, channel);
}

void apo_registry_greet(struct apo_model *model, struct apo_membership *membership)
{
	uint32_t modes =
		apo_registry_modes(membership->pair.channel, membership->pair.client->account);

	if (!modes)
		return;
	(void)apo_registry_change_member(model, membership, modes, true);
	if (modes & APO_MEMBERSHIP_OPERATOR)
		note_use(model, membership->pair.channel);
}

void apo_registry_on_login(struct apo_model *model, struct apo_client *client)
{
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client)
		apo_registry_greet(model, membership);
}

/* ---- expiry ---- */

/* Returns whether the founder or an operator on the access list is in the channel. */
static bool is_in_use(const struct apo_channel *channel)
{
	const struct apo_client *client;
	uint32_t i;

	for (i = 0; i < channel->count; i++) {
		client = channel->member_slots[i].membership->pair.client;
		if (apo_registry_modes(channel, client->account) & APO_MEMBERSHIP_OPERATOR)
			return true;
	}
	return false;
}

static void expire(struct apo_model *model, struct apo_channel *channel, int64_t unused_since_s)
{
	if (apo_wall_s(model) - channel->registration->used_at_s < USE_SPAN_S)
		return;
	if (is_in_use(channel)) {
		note_use(model, channel);
		return;
	}
	if (channel->registration->used_at_s > unused_since_s)
		return;
	apo_audit_note(model, "channel-expired", "%s founder=%s", channel->name,
		       channel->registration->founder);
	model->figures.channels_expired++;
	apo_registry_remove(model, channel);
}

int64_t apo_registry_next_at_ns(const struct apo_model *model)
{
	bool is_idle =
		rudp_list_is_empty(&model->registrations) || model->config->channel_expiry_ns == 0;

	return is_idle ? RUDP_NEVER : model->expiry_at_ns;
}

void apo_registry_on_time(struct apo_model *model)
{
	int64_t unused_since_s =
		apo_wall_s(model) - model->config->channel_expiry_ns / RUDP_NS_PER_S;
	struct rudp_list *link;
	unsigned left = SEARCH_COUNT;

	if (apo_registry_next_at_ns(model) > model->now_at_ns)
		return;
	model->expiry_at_ns = model->now_at_ns + SEARCH_SPAN_NS;
	/* An examined registration goes to the end of the list. */
	while (left-- > 0 && (link = rudp_list_pop(&model->registrations))) {
		rudp_list_append(&model->registrations, link);
		expire(model,
		       RUDP_LIST_OWNER(link, struct apo_channel_registration, of_model)->channel,
		       unused_since_s);
	}
}

void apo_registry_on_shared_time(struct apo_model *model)
{
	int64_t expiry_s = model->config->channel_expiry_ns / RUDP_NS_PER_S;
	int64_t minute = model->shared->wall_ms / 60000;
	struct apo_channel *channel, *next;

	if (expiry_s == 0 || minute == model->shared->expiry_minute)
		return;
	model->shared->expiry_minute = minute;
	HASH_ITER(by_name, model->channels, channel, next)
		if (channel->registration)
			expire(model, channel, apo_wall_s(model) - expiry_s);
}
