/* SPDX-License-Identifier: MIT */
/* Registered channels as the store has kept them: read at the start of the server. */
#include <errno.h>
#include <string.h>

#include "conversation/model/account_secrets.h"
#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/channels.h"
#include "conversation/model/registry.h"

static bool is_entry(const struct apo_registry_record *record)
{
	return record->list && record->name && record->by && apo_is_word(record->name) &&
	       apo_is_word(record->by);
}

/* Returns APO_LIST_KINDS if it is no list of masks. */
static unsigned list_kind(const char *list)
{
	unsigned kind;

	for (kind = 0; kind < APO_LIST_KINDS && strcmp(apo_list_names[kind], list) != 0; kind++)
		;
	return kind;
}

static int read_access(struct apo_model *model, struct apo_channel *channel, uint32_t modes,
		       const struct apo_registry_record *record)
{
	if (strlen(record->name) > APO_ACCOUNT_BYTES_MAX ||
	    strlen(record->by) > APO_ACCOUNT_BYTES_MAX ||
	    channel->registration->access_count >= APO_ACCESS_MAX)
		return -EINVAL;
	return apo_access_set(model, channel, record->name, modes, record->by, record->set_at_s);
}

static int read_entry(struct apo_model *model, struct apo_channel *channel,
		      const struct apo_registry_record *record)
{
	unsigned kind;
	int rc;

	if (!is_entry(record))
		return -EINVAL;
	if (strcmp(record->list, APO_REGISTRY_OPERATORS) == 0)
		return read_access(model, channel, APO_MEMBERSHIP_OPERATOR, record);
	if (strcmp(record->list, APO_REGISTRY_VOICES) == 0)
		return read_access(model, channel, APO_MEMBERSHIP_VOICE, record);
	kind = list_kind(record->list);
	if (kind == APO_LIST_KINDS || strlen(record->name) >= APO_MASK_BYTES_MAX ||
	    strlen(record->by) > APO_SOURCE_BYTES_MAX ||
	    channel->entry_count >= APO_LIST_ENTRIES_MAX)
		return -EINVAL;
	rc = apo_entry_add(channel, (enum apo_list_kind)kind, record->name, record->by,
			   record->set_at_s);
	return rc < 0 ? rc : 0;
}

static int set_topic(struct apo_channel *channel, const struct apo_registry_record *record)
{
	if (!record->topic || !record->topic_by || !apo_is_word(record->topic_by) ||
	    strlen(record->topic) > APO_TOPIC_BYTES_MAX ||
	    strlen(record->topic_by) > APO_SOURCE_BYTES_MAX)
		return 0;
	channel->topic_at_s = record->topic_at_s;
	return apo_text_set(&channel->topic_by, record->topic_by) < 0
		       ? -ENOMEM
		       : apo_text_set(&channel->topic, record->topic);
}

static int read_channel(struct apo_model *model, const struct apo_registry_record *record)
{
	const char *founder = record->by ? record->by : "";
	struct apo_channel *channel;

	if (!record->name || !apo_channel_is_valid(record->name, APO_CHANNEL_BYTES_MAX) ||
	    strlen(founder) > APO_ACCOUNT_BYTES_MAX || apo_channel_find(model, record->name))
		return -EINVAL;
	channel = apo_channel_new(model, record->name);
	if (!channel)
		return -ENOMEM;
	channel->modes = apo_mode_bits(record->modes ? record->modes : "");
	if (record->public_from > 0 && (channel->modes & APO_MODE_PUBLIC_HISTORY))
		channel->public_from = record->public_from;
	else
		channel->modes &= ~APO_MODE_PUBLIC_HISTORY;
	channel->limit = record->limit <= INT32_MAX ? record->limit : 0;
	channel->created_at_s = record->created_at_s;
	if (record->key && apo_is_word(record->key) && strlen(record->key) <= APO_KEY_BYTES_MAX)
		strcpy(channel->key, record->key);
	if (set_topic(channel, record) < 0 || apo_registry_add(model, channel, founder) < 0) {
		apo_channel_free_if_empty(model, channel);
		return -ENOMEM;
	}
	channel->registration->made_at_s = record->set_at_s;
	channel->registration->used_at_s = record->used_at_s;
	return 0;
}

static int read_record(struct apo_model *model, const struct apo_registry_record *record)
{
	struct apo_channel *channel;

	if (record->kind == APO_REGISTRY_BAN)
		return apo_ban_read(model, record);
	if (record->kind == APO_REGISTRY_AUDIT)
		return apo_audit_read(model, record);
	if (record->kind == APO_REGISTRY_ACCOUNT || record->kind == APO_REGISTRY_KEY)
		return apo_account_read(model, record);
	if (record->kind == APO_REGISTRY_CHANNEL)
		return read_channel(model, record);
	channel = record->channel ? apo_channel_find(model, record->channel) : NULL;
	if (record->kind != APO_REGISTRY_ENTRY || !channel || !channel->registration)
		return -EINVAL;
	return read_entry(model, channel, record);
}

/* The record is on disk already, so it is not written again. */
int apo_model_on_record(struct apo_model *model, const struct apo_registry_record *record)
{
	int error;

	model->is_reading_registry = true;
	error = read_record(model, record);
	model->is_reading_registry = false;
	return error;
}

void apo_model_on_records_read(struct apo_model *model)
{
	apo_registry_check_accounts(model);
}
