/* SPDX-License-Identifier: MIT */
/* Channels: joined in each session, then their history is read and their members are waited for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "conversation/converse/chat_private.h"

/* ---- members ---- */

static unsigned find(const struct cv_members *members, const char *nick)
{
	unsigned i;

	for (i = 0; i < members->count; i++)
		if (apo_is_same(members->names[i], nick))
			break;
	return i;
}

bool cv_members_has(const struct cv_members *members, const char *nick)
{
	return find(members, nick) < members->count;
}

void cv_members_add(struct cv_members *members, const char *nick)
{
	if (cv_members_has(members, nick))
		return;
	if (members->count == CV_MEMBERS_MAX) {
		members->is_partial = true;
		return;
	}
	if (!RUDP_GROW(members->names, members->count, members->capacity, 8))
		abort();
	snprintf(members->names[members->count++], sizeof *members->names, "%s", nick);
}

void cv_members_remove(struct cv_members *members, const char *nick)
{
	unsigned i = find(members, nick);

	if (i < members->count)
		memcpy(members->names[i], members->names[--members->count], sizeof *members->names);
}

static void members_clear(struct cv_members *members)
{
	free(members->names);
	memset(members, 0, sizeof *members);
}

/* ---- the list of channels ---- */

struct cv_channel *cv_channel_of(const struct cv_chat *chat, const char *name)
{
	unsigned i;

	for (i = 0; i < chat->channel_count; i++)
		if (apo_is_same(chat->channels[i]->name, name))
			return chat->channels[i];
	return NULL;
}

struct cv_channel *cv_channel_add(struct cv_chat *chat, const char *name)
{
	struct cv_channel *channel = cv_channel_of(chat, name);

	if (channel || chat->channel_count == CV_CHANNELS_MAX)
		return channel;
	channel = calloc(1, sizeof *channel);
	if (!channel)
		abort();
	snprintf(channel->name, sizeof channel->name, "%s", name);
	rudp_list_init(&channel->deferred);
	chat->channels[chat->channel_count++] = channel;
	return channel;
}

void cv_channel_drop(struct cv_chat *chat, struct cv_channel *channel)
{
	struct rudp_list *link;
	unsigned i;

	for (i = 0; i < CV_BATCHES_MAX; i++)
		if (chat->batches[i].channel == channel)
			chat->batches[i].channel = NULL;
	for (i = 0; chat->channels[i] != channel; i++)
		;
	chat->channels[i] = chat->channels[--chat->channel_count];
	members_clear(&channel->members);
	members_clear(&channel->awaited);
	while ((link = rudp_list_pop(&channel->deferred)))
		free(RUDP_LIST_OWNER(link, struct cv_deferred, link));
	free(channel);
}

/* ---- joining ---- */

static void join(struct cv_chat *chat, struct cv_channel *channel)
{
	if (chat->state != CV_READY || channel->state != CV_WANTED)
		return;
	channel->state = CV_JOINING;
	cv_send_line(chat, "JOIN %s%s%s", channel->name, channel->key[0] ? " " : "", channel->key);
}

void cv_channels_join(struct cv_chat *chat)
{
	unsigned i;

	for (i = 0; i < chat->channel_count; i++)
		join(chat, chat->channels[i]);
}

int cv_chat_join(struct cv_chat *chat, const char *name, const char *key)
{
	struct cv_channel *channel;

	if (!apo_channel_is_valid(name, APO_CHANNEL_BYTES_MAX) || (*key && !apo_is_word(key)))
		return -EINVAL;
	channel = cv_channel_add(chat, name);
	if (!channel)
		return -ENFILE;
	snprintf(channel->key, sizeof channel->key, "%s", key);
	join(chat, channel);
	return 0;
}

void cv_chat_part(struct cv_chat *chat, const char *name, const char *reason)
{
	struct cv_channel *channel = cv_channel_of(chat, name);

	if (!channel)
		return;
	if (chat->state == CV_READY)
		cv_send_line(chat, "PART %s :%s", channel->name, reason);
	cv_channel_drop(chat, channel);
	cv_send_waiting(chat);
}

/* ---- missed messages ---- */

static void ask_history(struct cv_chat *chat, struct cv_channel *channel)
{
	channel->state = CV_CATCHING_UP;
	channel->until_ns = chat->now_at_ns + CV_HISTORY_NS;
	channel->ask_at_ns = RUDP_NEVER;
	channel->page_lines = 0;
	channel->pages++;
	if (channel->last[0])
		cv_send_line(chat, "CHATHISTORY AFTER %s msgid=%s %d", channel->name, channel->last,
			     CV_PAGE_LINES);
	else
		cv_send_line(chat, "CHATHISTORY LATEST %s * %u", channel->name, chat->history);
}

static void end_gathering(struct cv_chat *chat, struct cv_channel *channel)
{
	channel->state = CV_IN;
	members_clear(&channel->awaited);
	cv_send_waiting(chat);
}

static bool is_gathered(const struct cv_chat *chat, const struct cv_channel *channel)
{
	unsigned i;

	for (i = 0; i < channel->awaited.count; i++)
		if (!apo_is_same(channel->awaited.names[i], chat->nick) &&
		    !cv_members_has(&channel->members, channel->awaited.names[i]))
			return false;
	return true;
}

static void gather(struct cv_chat *chat, struct cv_channel *channel)
{
	channel->state = CV_GATHERING;
	channel->until_ns = chat->now_at_ns + CV_GATHER_NS;
	cv_show(chat, (struct cv_shown){.kind = CV_JOINED, .channel = channel->name});
	if (is_gathered(chat, channel))
		end_gathering(chat, channel);
}

void cv_channel_on_joined(struct cv_channel *channel)
{
	members_clear(&channel->members);
	channel->state = CV_JOINING;
}

void cv_channel_on_names(struct cv_chat *chat, struct cv_channel *channel)
{
	bool has_history = chat->caps & 1u << CV_CAP_HISTORY;

	if (channel->state == CV_GATHERING && is_gathered(chat, channel))
		end_gathering(chat, channel);
	if (channel->state != CV_JOINING)
		return;
	channel->pages = channel->retries = 0;
	if (has_history && (channel->last[0] || chat->history > 0))
		ask_history(chat, channel);
	else
		gather(chat, channel);
}

bool cv_channel_defers(struct cv_channel *channel, const char *line, size_t len)
{
	struct cv_deferred *deferred;

	if (channel->state != CV_CATCHING_UP || channel->deferred_count == CV_DEFERRED_MAX)
		return false;
	deferred = malloc(sizeof *deferred + len);
	if (!deferred)
		abort();
	deferred->link = (struct rudp_list){NULL, NULL};
	deferred->len = len;
	memcpy(deferred->line, line, len);
	rudp_list_append(&channel->deferred, &deferred->link);
	channel->deferred_count++;
	return true;
}

void cv_channel_on_history_end(struct cv_chat *chat, struct cv_channel *channel)
{
	struct rudp_list *link;

	if (channel->state != CV_CATCHING_UP)
		return;
	if (channel->page_lines >= CV_PAGE_LINES && channel->pages < CV_PAGES_MAX) {
		ask_history(chat, channel);
		return;
	}
	channel->state = CV_JOINING; /* in this state lines are not deferred */
	channel->deferred_count = 0;
	while ((link = rudp_list_pop(&channel->deferred))) {
		struct cv_deferred *deferred = RUDP_LIST_OWNER(link, struct cv_deferred, link);

		cv_on_line(chat, deferred->line, deferred->len, true);
		free(deferred);
	}
	gather(chat, channel);
}

/* ---- sessions and time ---- */

static void lose(struct cv_channel *channel)
{
	struct rudp_list *link;

	/* If the session is lost again before all are back, we wait for the same members. */
	if (channel->state == CV_IN && !channel->members.is_partial) {
		members_clear(&channel->awaited);
		channel->awaited = channel->members;
		memset(&channel->members, 0, sizeof channel->members);
	}
	members_clear(&channel->members);
	while ((link = rudp_list_pop(&channel->deferred)))
		free(RUDP_LIST_OWNER(link, struct cv_deferred, link));
	channel->deferred_count = 0;
	channel->state = CV_WANTED;
}

void cv_channels_on_session_lost(struct cv_chat *chat)
{
	unsigned i;

	for (i = 0; i < chat->channel_count; i++)
		lose(chat->channels[i]);
}

bool cv_channel_asks_later(struct cv_chat *chat, struct cv_channel *channel)
{
	if (channel->retries == CV_HISTORY_RETRIES)
		return false;
	channel->retries++;
	channel->pages--; /* of this request */
	channel->ask_at_ns = channel->until_ns = chat->now_at_ns + RUDP_NS_PER_S;
	return true;
}

static bool is_waiting(const struct cv_channel *channel)
{
	return channel->state == CV_CATCHING_UP || channel->state == CV_GATHERING;
}

int64_t cv_channels_next_at_ns(const struct cv_chat *chat)
{
	int64_t next_ns = RUDP_NEVER;
	unsigned i;

	for (i = 0; i < chat->channel_count; i++)
		if (is_waiting(chat->channels[i]))
			next_ns = rudp_time_min(next_ns, chat->channels[i]->until_ns);
	return next_ns;
}

void cv_channels_on_time(struct cv_chat *chat)
{
	unsigned i;

	for (i = 0; i < chat->channel_count; i++) {
		struct cv_channel *channel = chat->channels[i];

		if (!is_waiting(channel) || channel->until_ns > chat->now_at_ns)
			continue;
		if (channel->state == CV_CATCHING_UP && channel->ask_at_ns != RUDP_NEVER)
			ask_history(chat, channel);
		else if (channel->state == CV_CATCHING_UP)
			cv_channel_on_history_end(chat, channel);
		else
			end_gathering(chat, channel);
	}
}

void cv_chat_restore_last(struct cv_chat *chat, const char *name, const char *msgid)
{
	struct cv_channel *channel = cv_channel_of(chat, name);

	if (channel)
		snprintf(channel->last, sizeof channel->last, "%s", msgid);
}
