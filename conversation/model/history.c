/* SPDX-License-Identifier: MIT */
#include "conversation/model/history.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/replies.h"
#include "conversation/model/state_private.h"

#define ABSENCE_BYTES_MIN 20

/* An account that is absent, or a client without account, which is known by the key that it has
 * proven. Both 0: none. */
struct absentee {
	uint64_t account_id; /* apo_account_id */
	const char *key;
};

struct absence {
	struct rudp_list of_channel;
	uint64_t account_id; /* 0: that of a key */
	/* The last position before the absence, if it is that of an account. If it is that of a
	 * key, the position at which the membership began: a client without account sees the
	 * messages since then. */
	int64_t since;
	int64_t end_at_ns; /* by absence_now_ns */
	char key[APO_FINGERPRINT_SIZE];
};

bool apo_history_is_on(const struct apo_model *model)
{
	return model->calls->ask_history && model->config->has_history;
}

/* ---- messages ---- */

#define BOT_TAG "bot"

/* The tags that a later reader gets with the message, in to or as they are; NULL: none. */
static const char *kept_tags(const struct apo_client *client, const char *tags,
			     char to[APO_KEPT_TAGS_BYTES_MAX + sizeof BOT_TAG + 1])
{
	if (tags && strlen(tags) > APO_KEPT_TAGS_BYTES_MAX)
		tags = NULL;
	if (!client->is_bot)
		return tags;
	snprintf(to, APO_KEPT_TAGS_BYTES_MAX + sizeof BOT_TAG + 1, BOT_TAG "%s%s", tags ? ";" : "",
		 tags ? tags : "");
	return to;
}

void apo_history_keep(struct apo_model *model, const struct apo_client *client,
		      const struct apo_channel *channel, const struct apo_client *other,
		      const struct apo_said *said)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	char tags[APO_KEPT_TAGS_BYTES_MAX + sizeof BOT_TAG + 1];
	struct apo_said kept = *said;

	if (!apo_history_is_on(model))
		return;
	if (!channel && (!client->account || !other->account))
		return;
	apo_client_source(client, source);
	kept.position = (int64_t)model->last_msgid;
	kept.run = model->run;
	kept.time_ms = apo_wall_ms(model);
	kept.source = source;
	kept.account = client->account;
	kept.tags = kept_tags(client, said->tags, tags);
	if (channel) {
		kept.channel = channel->folded;
	} else {
		kept.between[0] = client->account;
		kept.between[1] = other->account;
	}
	model->calls->keep(model->of, &kept);
}

/* ---- absence ---- */

/* Copies of a model decide alike, so they use the time of the log. */
static int64_t absence_now_ns(const struct apo_model *model)
{
	return model->shared ? apo_wall_ms(model) * RUDP_NS_PER_MS : model->now_at_ns;
}

static void absence_free(struct apo_channel *channel, struct absence *absence)
{
	rudp_list_remove(&absence->of_channel);
	channel->absence_count--;
	free(absence);
}

void apo_history_on_channel_restricted(struct apo_channel *channel)
{
	while (!rudp_list_is_empty(&channel->absences))
		absence_free(channel,
			     RUDP_LIST_OWNER(channel->absences.next, struct absence, of_channel));
}

void apo_history_on_public(struct apo_model *model, struct apo_channel *channel)
{
	channel->public_from =
		channel->modes & APO_MODE_PUBLIC_HISTORY ? (int64_t)model->last_msgid + 1 : 0;
}

static struct absentee absentee_of(const struct apo_model *model, const struct apo_client *client)
{
	const char *key = client->fingerprint;

	if (client->account)
		return (struct absentee){.account_id = apo_account_id(model, client->account)};
	return (struct absentee){.key = key && apo_fingerprint_is_valid(key) ? key : NULL};
}

static bool is_of(const struct absence *absence, struct absentee who)
{
	return who.key ? strcmp(absence->key, who.key) == 0
		       : absence->account_id != 0 && absence->account_id == who.account_id;
}

/* Ends the absences from the channel. Returns the start of the longest one that has not expired; 0:
 * there is none. */
static int64_t take_absences(const struct apo_model *model, struct apo_channel *channel,
			     struct absentee who)
{
	struct rudp_list *link, *next;
	struct absence *absence;
	int64_t since = 0;

	for (link = channel->absences.next; link != &channel->absences; link = next) {
		next = link->next;
		absence = RUDP_LIST_OWNER(link, struct absence, of_channel);
		if (!is_of(absence, who))
			continue;
		if (absence->end_at_ns > absence_now_ns(model) &&
		    (since == 0 || absence->since < since))
			since = absence->since;
		absence_free(channel, absence);
	}
	return since;
}

/* Anybody can make any number of keys, so the absence of a key never displaces that of an account.
 * Returns false if there is no room. */
static bool make_room(struct apo_channel *channel, struct absentee who)
{
	struct absence *oldest;

	if (channel->absence_count < APO_ABSENCES_MAX)
		return true;
	RUDP_LIST_EACH(struct absence, absence, &channel->absences, of_channel) {
		if (absence->account_id == 0) {
			absence_free(channel, absence);
			return true;
		}
	}
	if (who.key)
		return false;
	oldest = RUDP_LIST_OWNER(channel->absences.next, struct absence, of_channel);
	absence_free(channel, oldest);
	return true;
}

/* If memory is short no absence is recorded: the absent client then sees fewer messages. */
static void begin_absence(struct apo_channel *channel, struct absentee who, int64_t since,
			  int64_t end_at_ns)
{
	struct absence *absence = make_room(channel, who) ? calloc(1, sizeof *absence) : NULL;

	if (!absence)
		return;
	*absence = (struct absence){
		.account_id = who.account_id, .since = since, .end_at_ns = end_at_ns};
	snprintf(absence->key, sizeof absence->key, "%s", who.key ? who.key : "");
	rudp_list_append(&channel->absences, &absence->of_channel);
	channel->absence_count++;
}

/* ---- presence ---- */

static void begin_presence(struct apo_model *model, struct apo_membership *membership,
			   int64_t first)
{
	model->calls->keep_change(model->of,
				  &(struct apo_change){.kind = APO_CHANGE_JOINED,
						       .presence = membership->since,
						       .position = first,
						       .account = membership->pair.client->account,
						       .target = membership->pair.channel->folded});
	membership->has_presence = true;
}

static void end_presence(struct apo_model *model, struct apo_membership *membership)
{
	model->calls->keep_change(model->of,
				  &(struct apo_change){.kind = APO_CHANGE_LEFT,
						       .presence = membership->since,
						       .position = (int64_t)model->last_msgid});
	membership->has_presence = false;
}

void apo_history_on_joined(struct apo_model *model, struct apo_membership *membership)
{
	const struct apo_client *client = membership->pair.client;
	int64_t since;

	if (!model->calls->keep_change)
		return;
	membership->since = (int64_t)++model->last_msgid;
	since = take_absences(model, membership->pair.channel, absentee_of(model, client));
	if (client->account)
		begin_presence(model, membership, since ? since : membership->since);
	else if (since)
		membership->since = since;
}

void apo_history_on_left(struct apo_model *model, struct apo_membership *membership)
{
	const struct apo_client *client = membership->pair.client;
	bool is_seen = client->account ? membership->has_presence : membership->since != 0;
	struct absentee who = absentee_of(model, client);

	if (model->is_forgetting)
		return;
	if (membership->has_presence)
		end_presence(model, membership);
	if (!is_seen || (who.account_id == 0 && !who.key))
		return;
	/* The client left, or was removed: then its other connections' absences end, too. */
	if (!client->is_gone)
		(void)take_absences(model, membership->pair.channel, who);
	else if (model->config->absence_ns > 0)
		begin_absence(membership->pair.channel, who,
			      client->account ? (int64_t)model->last_msgid : membership->since,
			      absence_now_ns(model) + model->config->absence_ns);
}

void apo_history_on_account(struct apo_model *model, struct apo_client *client, bool is_first)
{
	if (!model->calls->keep_change)
		return;
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		/* Messages before this id were sent to the client under another account. */
		if (!is_first || !membership->since)
			membership->since = (int64_t)++model->last_msgid;
		begin_presence(model, membership, membership->since);
	}
}

void apo_history_on_account_left(struct apo_model *model, struct apo_client *client)
{
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		if (!membership->has_presence)
			continue;
		end_presence(model, membership);
		/* After the logout the client must not see what was sent to the account. */
		membership->since = (int64_t)++model->last_msgid;
	}
}

/* ---- hand-over to another process ---- */

static void membership_forget(struct apo_membership *membership)
{
	membership->since = 0;
	membership->has_presence = false;
}

void apo_membership_serialize_history(struct apo_state *state, struct apo_membership *membership)
{
	struct apo_serializer *serializer = state->serializer;

	apo_serializer_i64(serializer, &membership->since);
	apo_serializer_flag(serializer, &membership->has_presence);
	apo_serializer_expect(serializer,
			      membership->since >= 0 &&
				      (uint64_t)membership->since <= state->model->last_msgid);
	apo_serializer_expect(serializer,
			      !membership->has_presence ||
				      (membership->since > 0 && membership->pair.client->account));
	if (serializer->is_reading && (!serializer->ok || !state->model->calls->keep_change))
		membership_forget(membership);
}

static int compare_keys(const void *a, const void *b)
{
	const struct apo_account_key *left = a, *right = b;

	return left->id < right->id ? -1 : left->id > right->id;
}

/* The account, or the key. NULL: the account was removed. */
static const char *name_of(const struct apo_state *state, const struct absence *absence)
{
	struct apo_account_key wanted = {.id = absence->account_id};
	const struct apo_account_key *found;

	if (absence->account_id == 0)
		return absence->key;
	found = bsearch(&wanted, state->account_keys, state->account_key_count,
			sizeof *state->account_keys, compare_keys);
	return found ? found->name : NULL;
}

/* Instants differ between processes, and the time of the log does not. */
static void serialize_end(struct apo_state *state, struct absence *absence)
{
	if (state->model->shared)
		apo_serializer_i64(state->serializer, &absence->end_at_ns);
	else
		apo_serializer_instant(state->serializer, &absence->end_at_ns);
}

#define NAME_SIZE APO_FINGERPRINT_SIZE
static_assert(APO_ACCOUNT_BYTES_MAX < NAME_SIZE, "an account or a key");

/* Written with the account's name, since ids are valid in one process only. No nick is as long as a
 * key, so no account has such a name. */
static void write_absence(struct apo_state *state, struct absence *absence)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "%s", name_of(state, absence));
	apo_serializer_string(state->serializer, name, sizeof name);
	apo_serializer_i64(state->serializer, &absence->since);
	serialize_end(state, absence);
}

/* If the account was removed meanwhile, the absence is dropped. */
static void read_absence(struct apo_state *state, struct apo_channel *channel)
{
	struct absence absence = {.since = 0};
	struct absentee who = {0};
	char name[NAME_SIZE];

	apo_serializer_string(state->serializer, name, sizeof name);
	apo_serializer_i64(state->serializer, &absence.since);
	serialize_end(state, &absence);
	apo_serializer_expect(state->serializer,
			      absence.since >= 0 &&
				      (uint64_t)absence.since <= state->model->last_msgid);
	if (!state->serializer->ok || !state->model->calls->keep_change)
		return;
	if (apo_fingerprint_is_valid(name))
		who.key = name;
	else
		who.account_id = apo_account_id(state->model, name);
	if (who.key || who.account_id != 0)
		begin_absence(channel, who, absence.since, absence.end_at_ns);
}

void apo_absences_serialize(struct apo_state *state, struct apo_channel *channel)
{
	struct rudp_list *link;
	struct absence *absence;
	uint32_t count = 0, i;

	for (link = channel->absences.next; link != &channel->absences; link = link->next)
		count += name_of(state, RUDP_LIST_OWNER(link, struct absence, of_channel)) != NULL;
	apo_serializer_count(state->serializer, &count, ABSENCE_BYTES_MIN);
	apo_serializer_expect(state->serializer, count <= APO_ABSENCES_MAX);
	for (i = 0; state->serializer->is_reading && i < count && state->serializer->ok; i++)
		read_absence(state, channel);
	if (state->serializer->is_reading)
		return;
	for (link = channel->absences.next; link != &channel->absences; link = link->next) {
		absence = RUDP_LIST_OWNER(link, struct absence, of_channel);
		if (name_of(state, absence))
			write_absence(state, absence);
	}
}

void apo_state_begin_history(struct apo_model *model)
{
	struct apo_channel *channel, *next;
	uint32_t i;

	HASH_ITER(by_name, model->channels, channel, next) {
		apo_history_on_channel_restricted(channel);
		for (i = 0; i < channel->count; i++) {
			membership_forget(channel->member_slots[i].membership);
			apo_history_on_joined(model, channel->member_slots[i].membership);
		}
	}
}
