/* SPDX-License-Identifier: MIT */
#include "conversation/model/metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/answers.h"
#include "conversation/model/audit.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/monitor.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"

/* ---- whose metadata ---- */

struct target {
	struct apo_model *model;
	struct apo_client *client; /* that gave the command */
	struct apo_client *user;   /* NULL: a channel */
	struct apo_channel *channel;
	const char *name;
	struct apo_metadata **list;
};

static void fail(const struct target *target, const char *code, const char *key, const char *text)
{
	char about[2 * APO_BODY_BYTES_MAX];

	snprintf(about, sizeof about, "%s %s", target->name, apo_word(key));
	apo_fail_about(target->model, target->client, "METADATA", code, about, text);
}

static bool find_target(struct target *target, const char *name)
{
	struct apo_channel *channel = apo_channel_find(target->model, name);

	target->user =
		strcmp(name, "*") == 0 ? target->client : apo_client_named(target->model, name);
	if (target->user) {
		target->name = target->user->nick;
		target->list = &target->user->metadata;
	} else if (channel && apo_channel_is_seen(target->model, channel, target->client)) {
		target->channel = channel;
		target->name = channel->name;
		target->list = &channel->metadata;
	} else {
		apo_fail_about(target->model, target->client, "METADATA", "INVALID_TARGET",
			       apo_word(name), "There is no such user or channel");
		return false;
	}
	return true;
}

static bool may_change(const struct target *target)
{
	if (target->client->is_operator || target->user == target->client)
		return true;
	return target->channel &&
	       apo_is_operator_in(target->model, target->client, target->channel);
}

/* ---- telling ---- */

/* value NULL: the key is not set any more. */
static void begin_line(struct apo_line *line, const char *source, const char *name, const char *key,
		       const char *value)
{
	apo_line_print(line, source, "METADATA %s %s *%s%s", name, key, value ? " :" : "",
		       value ? value : "");
}

static void tell_change(const struct target *target, const char *key, const char *value)
{
	const struct apo_audience audience = {
		.with = APO_CAP_METADATA, .except = target->client, .subscribed = key};
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_line line;
	struct apo_say say = apo_say_by(target->client, &line);

	apo_client_source(target->client, source);
	begin_line(&line, source, target->name, key, value);
	if (target->channel) {
		apo_say_channel(target->model, target->channel, &say, &audience);
		return;
	}
	apo_say_common(target->model, target->user, &say, &audience);
	apo_monitor_say(target->model, target->user, &say, &audience);
	if (target->user != target->client && (target->user->caps & APO_CAP_METADATA) &&
	    apo_metadata_find(target->user->subscriptions, key))
		apo_say_to(target->model, target->user, &say);
}

/* Sends the client all keys of the list, or those to which it subscribes. */
static void tell_list(struct apo_model *model, struct apo_client *client, const char *name,
		      const struct apo_metadata *list, bool is_all)
{
	struct apo_line line;

	for (; list; list = list->next) {
		if (!is_all && !apo_metadata_find(client->subscriptions, list->key))
			continue;
		begin_line(&line, model->config->server_name, name, list->key, list->value);
		apo_tell(model, client, &line);
	}
}

/* A session begins without metadata, so the batch that the specification asks for is empty. A
 * client that switches the capability on later asks for its keys itself, by LIST. */
void apo_metadata_tell_own(struct apo_model *model, struct apo_client *client)
{
	uint64_t batch;

	if (!(client->caps & APO_CAP_BATCH))
		return;
	batch = ++model->last_batch;
	apo_tell_batch(model, client, '+', batch, "metadata", client->nick);
	apo_tell_batch(model, client, '-', batch, NULL, NULL);
}

/* ---- of a channel and its members ---- */

struct sync {
	struct apo_answer answer;
	struct apo_channel *channel; /* valid while answer.iterator is linked in its members */
};

static bool tell_members(struct apo_model *model, struct apo_client *client,
			 struct apo_answer *answer)
{
	struct sync *sync = (struct sync *)answer;
	struct apo_safe_link *safe_link;
	const struct apo_client *member;

	if (!rudp_list_is_linked(&answer->iterator.link))
		return true;
	while (!answer->is_cut &&
	       (safe_link = apo_safe_iterator_next(&answer->iterator, &sync->channel->members))) {
		member = APO_SAFE_LINK_OWNER(safe_link, struct apo_membership, of_channel)
				 ->pair.client;
		if (member != client)
			tell_list(model, client, member->nick, member->metadata, false);
		apo_turn_count_examined(model, 1);
		if (apo_turn_is_long(model))
			return false;
	}
	return true;
}

static void tell_channel(struct apo_model *model, struct apo_client *client,
			 struct apo_channel *channel)
{
	struct sync *sync;

	if (!client->subscriptions)
		return;
	tell_list(model, client, channel->name, channel->metadata, false);
	sync = apo_answer_new(model, client, sizeof *sync, tell_members);
	if (!sync)
		return;
	sync->channel = channel;
	apo_safe_iterator_begin(&sync->answer.iterator, &channel->members);
	apo_answer_begin(model, client, &sync->answer);
}

void apo_metadata_on_joined(struct apo_model *model, struct apo_client *client,
			    struct apo_channel *channel)
{
	const struct apo_metadata *item;
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);
	char source[APO_SOURCE_BYTES_MAX + 1];

	apo_client_source(client, source);
	for (item = client->metadata; item; item = item->next) {
		begin_line(&line, source, client->nick, item->key, item->value);
		apo_say_channel(model, channel, &say,
				&(struct apo_audience){.with = APO_CAP_METADATA,
						       .except = client,
						       .subscribed = item->key});
	}
	if (client->caps & APO_CAP_METADATA)
		tell_channel(model, client, channel);
}

void apo_metadata_tell_whois(struct apo_model *model, struct apo_client *client,
			     const struct apo_client *other)
{
	static const char *const keys[] = {"display-name", "homepage", "pronouns", "status"};
	const struct apo_metadata *item;
	unsigned i;

	if (!(client->caps & APO_CAP_METADATA))
		return;
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		item = apo_metadata_find(other->metadata, keys[i]);
		if (item)
			apo_reply(model, client, RPL_WHOISKEYVALUE, other->nick, item->key,
				  item->value);
	}
}

/* ---- subcommands: values ---- */

static void begin_batch(const struct target *target, const char *type, const char *about)
{
	if ((target->client->caps & APO_CAP_BATCH) && !apo_is_remote(target->model, target->client))
		apo_turn_batch(target->model, type, about);
}

static bool is_valid_key(const struct target *target, const char *key)
{
	bool is_valid = apo_metadata_key_is_valid(key);

	if (!is_valid)
		apo_fail_about(target->model, target->client, "METADATA", "KEY_INVALID",
			       apo_word(key), "This is no valid key");
	return is_valid;
}

static void get(const struct target *target, const struct apo_message *message)
{
	const struct apo_metadata *item;
	const char *key;
	unsigned i;

	begin_batch(target, "metadata", target->name);
	for (i = 2; i < message->param_count; i++) {
		key = message->params[i];
		if (!is_valid_key(target, key))
			continue;
		item = apo_metadata_find(*target->list, key);
		if (item)
			apo_reply(target->model, target->client, RPL_KEYVALUE, target->name, key,
				  item->value);
		else
			apo_reply(target->model, target->client, RPL_KEYNOTSET, target->name, key);
	}
}

static void list(const struct target *target, const struct apo_message *message)
{
	const struct apo_metadata *item;

	(void)message;
	begin_batch(target, "metadata", target->name);
	for (item = *target->list; item; item = item->next)
		apo_reply(target->model, target->client, RPL_KEYVALUE, target->name, item->key,
			  item->value);
}

static void note_operator(const struct target *target, const char *what)
{
	if (target->client->is_operator && target->user != target->client)
		apo_audit_note(target->model, "metadata", "%s of %s by %s", what, target->name,
			       target->client->nick);
}

static void unset(const struct target *target, const char *key)
{
	if (!apo_metadata_find(*target->list, key)) {
		fail(target, "KEY_NOT_SET", key, "The key is not set");
		return;
	}
	apo_metadata_remove(target->list, key);
	note_operator(target, key);
	apo_reply(target->model, target->client, RPL_KEYNOTSET, target->name, key);
	tell_change(target, key, NULL);
}

/* An empty value is a value, too. */
static void set_value(const struct target *target, const char *key, const char *value)
{
	const struct apo_metadata *before = apo_metadata_find(*target->list, key);
	bool is_change = !before || strcmp(before->value, value) != 0;

	if (strlen(value) > APO_METADATA_VALUE_BYTES_MAX) {
		apo_fail(target->model, target->client, "METADATA", "VALUE_INVALID",
			 "The value is too long");
	} else if (!before && apo_metadata_count(*target->list) >= APO_METADATA_KEYS_MAX) {
		apo_fail_about(target->model, target->client, "METADATA", "LIMIT_REACHED",
			       target->name, "There are too many keys");
	} else if (is_change && apo_metadata_set(target->list, key, value) < 0) {
		apo_client_end(target->model, target->client, "Out of memory");
	} else {
		apo_reply(target->model, target->client, RPL_KEYVALUE, target->name, key, value);
		if (!is_change)
			return;
		note_operator(target, key);
		tell_change(target, key, value);
	}
}

static void set(const struct target *target, const struct apo_message *message)
{
	const char *key = message->params[2];

	if (message->param_count < 3) {
		apo_reply(target->model, target->client, ERR_NEEDMOREPARAMS, "METADATA");
		return;
	}
	if (!is_valid_key(target, key))
		return;
	if (!may_change(target))
		fail(target, "KEY_NO_PERMISSION", key, "You may not change this");
	else if (message->param_count < 4)
		unset(target, key);
	else
		set_value(target, key, message->params[3]);
}

static void clear(const struct target *target, const struct apo_message *message)
{
	struct apo_metadata *item;

	(void)message;
	if (!may_change(target)) {
		fail(target, "KEY_NO_PERMISSION", "*", "You may not change this");
		return;
	}
	begin_batch(target, "metadata", target->name);
	note_operator(target, "all");
	while ((item = *target->list)) {
		*target->list = item->next;
		apo_reply(target->model, target->client, RPL_KEYNOTSET, target->name, item->key);
		tell_change(target, item->key, NULL);
		item->next = NULL;
		apo_metadata_free(item);
	}
}

static void sync_all(const struct target *target, const struct apo_message *message)
{
	(void)message;
	begin_batch(target, "metadata", target->name);
	if (!target->channel)
		tell_list(target->model, target->client, target->name, *target->list, false);
	else if (apo_membership_find(target->model, target->client, target->channel))
		tell_channel(target->model, target->client, target->channel);
	else
		tell_list(target->model, target->client, target->name, *target->list, false);
}

/* ---- subcommands: subscriptions ---- */

#define KEYS_PER_LINE 8

/* Keys that are collected for a line with a numeric, one parameter each. */
struct keys {
	const struct target *target;
	enum apo_numeric numeric;
	unsigned count;
	char text[KEYS_PER_LINE * (APO_METADATA_KEY_BYTES_MAX + 1)];
};

static void tell_keys(struct keys *keys)
{
	struct apo_line line;

	if (keys->count == 0)
		return;
	apo_numeric_begin(keys->target->model, keys->target->client, &line, keys->numeric);
	apo_line_format(&line, "%s", keys->text);
	apo_line_end(&line);
	apo_tell(keys->target->model, keys->target->client, &line);
	keys->count = 0;
	keys->text[0] = '\0';
}

static void add_key(struct keys *keys, const char *key)
{
	size_t len = keys->count ? strlen(keys->text) : 0;

	snprintf(keys->text + len, sizeof keys->text - len, "%s%s", keys->count ? " " : "", key);
	if (++keys->count == KEYS_PER_LINE)
		tell_keys(keys);
}

/* A channel with more members is not searched for values. */
#define SEARCHED_MEMBERS_MAX 100

static bool has_subscribed(const struct apo_client *client, const struct apo_metadata *list)
{
	while (list && !apo_metadata_find(client->subscriptions, list->key))
		list = list->next;
	return list != NULL;
}

static bool may_have_values(const struct target *target, const struct apo_channel *channel)
{
	const struct apo_client *member;
	uint32_t i;

	if (channel->count > SEARCHED_MEMBERS_MAX ||
	    has_subscribed(target->client, channel->metadata))
		return true;
	apo_turn_count_examined(target->model, channel->count);
	for (i = 0; i < channel->count; i++) {
		member = channel->member_slots[i].membership->pair.client;
		if (member != target->client && has_subscribed(target->client, member->metadata))
			return true;
	}
	return false;
}

/* The current values can be asked for, channel by channel, by SYNC. */
static void offer_sync(const struct target *target)
{
	const struct rudp_list *head = &target->client->memberships;

	if (apo_is_remote(target->model, target->client))
		return;
	RUDP_LIST_EACH(struct apo_membership, membership, head, of_client)
		if (may_have_values(target, membership->pair.channel))
			apo_reply(target->model, target->client, RPL_METADATASYNCLATER,
				  membership->pair.channel->name);
}

/* Returns false if no further key can be subscribed to. */
static bool subscribe(const struct target *target, struct keys *keys, const char *key)
{
	struct apo_metadata **list = &target->client->subscriptions;

	if (!apo_metadata_find(*list, key)) {
		if (apo_metadata_count(*list) >= APO_METADATA_SUBS_MAX) {
			apo_fail_about(target->model, target->client, "METADATA", "TOO_MANY_SUBS",
				       key, "There are too many subscriptions");
			return false;
		}
		if (apo_metadata_set(list, key, NULL) < 0) {
			apo_client_end(target->model, target->client, "Out of memory");
			return false;
		}
	}
	add_key(keys, key);
	return true;
}

static void change_subscriptions(const struct target *target, const struct apo_message *message,
				 bool is_adding)
{
	struct keys keys = {.target = target,
			    .numeric = is_adding ? RPL_METADATASUBOK : RPL_METADATAUNSUBOK};
	unsigned i;

	for (i = 2; i < message->param_count; i++) {
		if (!is_valid_key(target, message->params[i]))
			continue;
		if (!is_adding) {
			apo_metadata_remove(&target->client->subscriptions, message->params[i]);
			add_key(&keys, message->params[i]);
		} else if (!subscribe(target, &keys, message->params[i])) {
			break;
		}
	}
	tell_keys(&keys);
	if (is_adding)
		offer_sync(target);
}

static void sub(const struct target *target, const struct apo_message *message)
{
	change_subscriptions(target, message, true);
}

static void unsub(const struct target *target, const struct apo_message *message)
{
	change_subscriptions(target, message, false);
}

static void subs(const struct target *target, const struct apo_message *message)
{
	struct keys keys = {.target = target, .numeric = RPL_METADATASUBS};
	const struct apo_metadata *item;

	(void)message;
	begin_batch(target, "metadata-subs", NULL);
	for (item = target->client->subscriptions; item; item = item->next)
		add_key(&keys, item->key);
	tell_keys(&keys);
}

/* ---- the command ---- */

static const struct {
	const char *name;
	void (*handle)(const struct target *target, const struct apo_message *message);
} subcommands[] = {
	{"GET", get}, {"LIST", list},   {"SET", set},   {"CLEAR", clear},
	{"SUB", sub}, {"UNSUB", unsub}, {"SUBS", subs}, {"SYNC", sync_all},
};

void apo_on_metadata(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	struct target target = {.model = model, .client = client};
	unsigned i;

	if (!(client->caps & APO_CAP_METADATA)) {
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "METADATA");
		return;
	}
	for (i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
		if (strcasecmp(message->params[1], subcommands[i].name) == 0) {
			if (find_target(&target, message->params[0]))
				subcommands[i].handle(&target, message);
			return;
		}
	apo_fail_about(model, client, "METADATA", "SUBCOMMAND_INVALID",
		       apo_word(message->params[1]), "There is no such subcommand");
}
