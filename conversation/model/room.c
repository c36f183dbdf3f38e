/* SPDX-License-Identifier: MIT */
/* TOPIC, NAMES, LIST: what there is to see of channels. */
#include "conversation/model/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/out.h"
#include "conversation/model/words.h"

#define CONDITIONS_MAX 16
/* Half the send queue as it is by default: whoever sets topics must not end who says LIST. */
#define LIST_BYTES_MAX (512u << 10)

/* ---- NAMES ---- */

size_t apo_prefixes(const struct apo_client *client, uint32_t modes, char to[3])
{
	size_t len = 0;

	if (modes & APO_SEAT_OPERATOR)
		to[len++] = '@';
	if ((modes & APO_SEAT_VOICE) && (len == 0 || (client->caps & APO_CAP_MULTI_PREFIX)))
		to[len++] = '+';
	to[len] = '\0';
	return len;
}

static void add_name(struct apo_model *model, struct apo_client *client, struct apo_words *words,
		     const struct apo_place *place)
{
	const struct apo_client *other = place->seat->pair.client;
	char name[2 + APO_SOURCE_BYTES_MAX + 1];
	size_t len = apo_prefixes(client, place->modes, name);

	if (client->caps & APO_CAP_USERHOST_IN_NAMES)
		apo_client_source(other, name + len);
	else
		strcpy(name + len, other->nick);
	apo_words_add(model, client, words, name);
}

void apo_names_tell(struct apo_model *model, struct apo_client *client,
		    const struct apo_channel *channel, const char *name)
{
	char before[APO_CHANNEL_BYTES_MAX + 3];
	struct apo_words words = {.numeric = RPL_NAMREPLY, .separator = ' ', .before = before};
	const struct apo_place *place;
	bool is_in;

	if (channel && apo_channel_is_seen(model, channel, client)) {
		is_in = apo_seat_find(model, client, channel) || client->is_operator;
		snprintf(before, sizeof before, "%c %s",
			 channel->modes & APO_MODE_SECRET ? '@' : '=', channel->name);
		for (place = channel->places; place < channel->places + channel->count; place++)
			if (is_in || !place->seat->pair.client->is_invisible)
				add_name(model, client, &words, place);
		apo_words_end(model, client, &words);
	}
	apo_reply(model, client, RPL_ENDOFNAMES, channel ? channel->name : apo_word(name));
}

void apo_on_names(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	char copy[APO_BODY_BYTES_MAX];
	char *names = copy, *name;
	unsigned count = 0;

	if (message->param_count == 0) {
		apo_reply(model, client, RPL_ENDOFNAMES, "*");
		return;
	}
	snprintf(copy, sizeof copy, "%s", message->params[0]);
	while ((name = strsep(&names, ",")) && count++ < model->config->targets_max)
		apo_names_tell(model, client, apo_channel_find(model, name), name);
}

/* ---- TOPIC ---- */

void apo_topic_tell(struct apo_model *model, struct apo_client *client,
		    const struct apo_channel *channel)
{
	if (!channel->topic)
		return;
	apo_reply(model, client, RPL_TOPIC, channel->name, channel->topic);
	apo_reply(model, client, RPL_TOPICWHOTIME, channel->name, channel->topic_by,
		  (long)channel->topic_at_s);
}

static void see_topic(struct apo_model *model, struct apo_client *client, const char *name)
{
	const struct apo_channel *channel = apo_channel_find(model, name);

	if (!channel)
		apo_reply(model, client, ERR_NOSUCHCHANNEL, apo_word(name));
	else if (!apo_channel_is_seen(model, channel, client))
		apo_reply(model, client, ERR_NOTONCHANNEL, channel->name);
	else if (!channel->topic)
		apo_reply(model, client, RPL_NOTOPIC, channel->name);
	else
		apo_topic_tell(model, client, channel);
}

static void set_topic(struct apo_model *model, struct apo_client *client,
		      struct apo_channel *channel, const char *text)
{
	char cut[APO_BODY_BYTES_MAX], source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_line line;

	apo_client_source(client, source);
	apo_cut(cut, text, model->config->topic_len_max);
	if (apo_text_set(&channel->topic_by, source) < 0 ||
	    apo_text_set(&channel->topic, *cut ? cut : NULL) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	channel->topic_at_s = apo_wall_s(model);
	apo_line_from(&line, client, "TOPIC");
	apo_line_param(&line, channel->name);
	apo_line_last(&line, cut);
	apo_line_end(&line);
	apo_say_channel(model, channel,
			&(struct apo_say){.line = &line, .account = client->account},
			&(struct apo_audience){0});
}

void apo_on_topic(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	struct apo_seat *seat;

	if (message->param_count < 2) {
		see_topic(model, client, message->params[0]);
		return;
	}
	seat = apo_seat_wanted(model, client, message->params[0]);
	if (!seat)
		return;
	if ((seat->pair.channel->modes & APO_MODE_TOPIC) &&
	    !(apo_seat_place(seat)->modes & APO_SEAT_OPERATOR))
		apo_reply(model, client, ERR_CHANOPRIVSNEEDED, seat->pair.channel->name);
	else
		set_topic(model, client, seat->pair.channel, message->params[1]);
}

/* ---- LIST ---- */

/* What is asked for: bounds (ELIST C, T, U) and masks (M, N). */
struct search {
	int64_t users_above, users_below;
	int64_t created_after_s, created_before_s, topic_after_s, topic_before_s;
	const char *masks[CONDITIONS_MAX];
	unsigned mask_count;
	bool is_topic_asked, has_positive;
};

/* "C<10": created less than ten minutes ago. */
static void take_condition(struct search *search, const char *word, int64_t now_s)
{
	bool is_time = strchr("CTct", *word) && (word[1] == '<' || word[1] == '>');
	bool is_topic = is_time && (*word == 'T' || *word == 't');
	const char *bound = word + is_time;
	long value = strtol(bound + 1, NULL, 10);
	int64_t then_s = now_s - 60 * (int64_t)(value > 0 && value < 1 << 26 ? value : 0);

	search->is_topic_asked |= is_topic;
	if (is_time && *bound == '<')
		*(is_topic ? &search->topic_after_s : &search->created_after_s) = then_s;
	else if (is_time)
		*(is_topic ? &search->topic_before_s : &search->created_before_s) = then_s;
	else if (*bound == '<')
		search->users_below = value;
	else if (*bound == '>')
		search->users_above = value;
	else if (search->mask_count < CONDITIONS_MAX) {
		search->masks[search->mask_count++] = word;
		search->has_positive |= *word != '!';
	}
}

static bool is_mask_met(const struct search *search, const char *name)
{
	bool is_met = !search->has_positive;
	unsigned i;

	for (i = 0; i < search->mask_count; i++) {
		if (*search->masks[i] != '!')
			is_met |= apo_mask_is_match(search->masks[i], name);
		else if (apo_mask_is_match(search->masks[i] + 1, name))
			return false;
	}
	return is_met;
}

static bool is_met(const struct search *search, const struct apo_channel *channel)
{
	if (channel->count <= search->users_above || channel->count >= search->users_below)
		return false;
	if (channel->created_at_s < search->created_after_s ||
	    channel->created_at_s > search->created_before_s)
		return false;
	if (search->is_topic_asked &&
	    (!channel->topic || channel->topic_at_s < search->topic_after_s ||
	     channel->topic_at_s > search->topic_before_s))
		return false;
	return is_mask_met(search, channel->name);
}

static void tell_channel(struct apo_model *model, struct apo_client *client,
			 const struct apo_channel *channel)
{
	apo_reply(model, client, RPL_LIST, channel->name, channel->count,
		  channel->topic ? channel->topic : "");
}

static size_t line_bytes(const struct apo_model *model, const struct apo_client *client,
			 const struct apo_channel *channel)
{
	return strlen(model->config->server_name) + strlen(client->nick) + strlen(channel->name) +
	       (channel->topic ? strlen(channel->topic) : 0) + 20;
}

/*
 * Names without wildcards are looked up; else all channels are looked at, here alone. So many that
 * a client's send queue could not take them are not told: who wants them has conditions.
 */
static void search_all(struct apo_model *model, struct apo_client *client,
		       const struct search *search)
{
	unsigned left = client->is_operator ? UINT32_MAX : model->config->list_replies_max;
	size_t room = client->is_operator ? SIZE_MAX : LIST_BYTES_MAX, bytes;
	struct apo_channel *channel, *next;

	HASH_ITER(by_name, model->channels, channel, next)
	{
		if (!apo_channel_is_seen(model, channel, client) || !is_met(search, channel))
			continue;
		bytes = line_bytes(model, client, channel);
		if (left-- == 0 || bytes > room) {
			apo_notice(model, client,
				   "There are more channels than LIST tells; try conditions, as in "
				   "LIST >10 or LIST *word*");
			return;
		}
		room -= bytes;
		tell_channel(model, client, channel);
	}
}

static bool is_name(const char *word)
{
	return apo_channel_is_meant(word) && !apo_mask_has_wildcard(word);
}

void apo_on_list(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	struct search search = {.users_above = -1,
				.users_below = INT64_MAX,
				.created_before_s = INT64_MAX,
				.topic_before_s = INT64_MAX};
	char copies[2][APO_BODY_BYTES_MAX];
	const struct apo_channel *channel;
	bool is_search = message->param_count == 0;
	char *rest, *word;
	unsigned i;

	apo_reply(model, client, RPL_LISTSTART);
	for (i = 0; i < message->param_count; i++) {
		snprintf(copies[i], sizeof copies[i], "%s", message->params[i]);
		rest = copies[i];
		while ((word = strsep(&rest, ","))) {
			if (!*word)
				continue;
			if (!is_name(word)) {
				take_condition(&search, word, apo_wall_s(model));
				is_search = true;
				continue;
			}
			channel = apo_channel_find(model, word);
			if (channel && apo_channel_is_seen(model, channel, client))
				tell_channel(model, client, channel);
		}
	}
	if (is_search)
		search_all(model, client, &search);
	apo_reply(model, client, RPL_LISTEND);
}
