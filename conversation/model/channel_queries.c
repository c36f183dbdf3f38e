/* SPDX-License-Identifier: MIT */
/* TOPIC, NAMES, LIST. */
#include "conversation/model/channel_queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/messages.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/words.h"

#define CONDITIONS_MAX 16

/* ---- NAMES ---- */

size_t apo_prefixes(const struct apo_client *client, uint32_t modes, char to[3])
{
	size_t len = 0;

	if (modes & APO_MEMBERSHIP_OPERATOR)
		to[len++] = '@';
	if ((modes & APO_MEMBERSHIP_VOICE) && (len == 0 || (client->caps & APO_CAP_MULTI_PREFIX)))
		to[len++] = '+';
	to[len] = '\0';
	return len;
}

static void add_name(struct apo_model *model, struct apo_client *client, struct apo_words *words,
		     const struct apo_membership *membership)
{
	const struct apo_client *other = membership->pair.client;
	char name[2 + APO_SOURCE_BYTES_MAX + 1];
	size_t len = apo_prefixes(client, apo_membership_slot(membership)->modes, name);

	if (client->caps & APO_CAP_USERHOST_IN_NAMES)
		apo_client_source(other, name + len);
	else
		strcpy(name + len, other->nick);
	apo_words_add(model, client, words, name);
}

struct names {
	struct apo_answer answer;
	/* Valid while answer.iterator is linked in its list of members. */
	struct apo_channel *channel;
	char *rest;                     /* in copy: the channels after this one; NULL: none */
	char asked[APO_BODY_BYTES_MAX]; /* for the closing numeric */
	char copy[];
};

/* Adds names until all are added (true) or the turn is long enough. */
static bool add_names(struct apo_model *model, struct apo_client *client, struct names *names,
		      struct apo_words *words)
{
	const struct apo_channel *channel = names->channel;
	bool is_in = client->is_operator || apo_membership_find(model, client, channel);
	const struct apo_membership *membership;
	struct apo_safe_link *safe_link;

	while ((safe_link = apo_safe_iterator_next(&names->answer.iterator,
						   &names->channel->members))) {
		membership = APO_SAFE_LINK_OWNER(safe_link, struct apo_membership, of_channel);
		if (is_in || !membership->pair.client->is_invisible)
			add_name(model, client, words, membership);
		apo_turn_count_examined(model, 1);
		if (apo_turn_is_long(model))
			return false;
	}
	return true;
}

/* Returns false if there are more names of the channel for a later turn. */
static bool tell_channel_names(struct apo_model *model, struct apo_client *client,
			       struct names *names)
{
	char before[APO_CHANNEL_BYTES_MAX + 3];
	struct apo_words words = {.numeric = RPL_NAMREPLY, .separator = ' ', .before = before};
	bool is_over;

	if (!rudp_list_is_linked(&names->answer.iterator.link) ||
	    !apo_channel_is_seen(model, names->channel, client))
		return true;
	snprintf(before, sizeof before, "%c %s",
		 names->channel->modes & APO_MODE_SECRET ? '@' : '=', names->channel->name);
	is_over = add_names(model, client, names, &words);
	apo_words_end(model, client, &words);
	return is_over;
}

/* Continues with the next channel of the list. Returns false if there is none. */
static bool next_channel(struct apo_model *model, struct names *names)
{
	const char *name = strsep(&names->rest, ",");

	rudp_list_remove(&names->answer.iterator.link);
	names->channel = name ? apo_channel_find(model, name) : NULL;
	if (names->channel)
		apo_safe_iterator_begin(&names->answer.iterator, &names->channel->members);
	return name != NULL;
}

static bool tell_names(struct apo_model *model, struct apo_client *client,
		       struct apo_answer *answer)
{
	struct names *names = (struct names *)answer;

	do {
		if (answer->is_cut)
			break;
		if (apo_turn_is_long(model) || !tell_channel_names(model, client, names))
			return false;
	} while (next_channel(model, names));
	apo_reply(model, client, RPL_ENDOFNAMES, names->asked);
	return true;
}

void apo_names_tell(struct apo_model *model, struct apo_client *client, struct apo_channel *channel)
{
	struct names *names = apo_answer_new(model, client, sizeof *names, tell_names);

	if (!names)
		return;
	names->channel = channel;
	strcpy(names->asked, channel->name);
	apo_safe_iterator_begin(&names->answer.iterator, &channel->members);
	if (model->turn.client == client)
		apo_answer_begin(model, client, &names->answer);
	else
		apo_answer_queue(model, client, &names->answer);
}

/* Cuts the list after targets_max names. */
static void cut_list(const struct apo_model *model, char *list)
{
	unsigned count = 0;

	for (; *list; list++)
		if (*list == ',' && ++count == model->config->targets_max)
			*list = '\0';
}

/* One closing numeric names the channel, spelled as it is, or the list as it was asked for. */
void apo_on_names(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	struct names *names;

	if (message->param_count == 0) {
		apo_reply(model, client, RPL_ENDOFNAMES, "*");
		return;
	}
	names = apo_answer_new(model, client, sizeof *names + strlen(message->params[0]) + 1,
			       tell_names);
	if (!names)
		return;
	strcpy(names->copy, message->params[0]);
	cut_list(model, names->copy);
	strcpy(names->asked, apo_word(names->copy));
	names->rest = names->copy;
	(void)next_channel(model, names);
	if (names->channel && !names->rest)
		strcpy(names->asked, names->channel->name);
	apo_answer_begin(model, client, &names->answer);
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
	struct apo_say say;

	apo_client_source(client, source);
	apo_cut(cut, text, model->config->topic_len_max);
	if (apo_text_set(&channel->topic_by, source) < 0 ||
	    apo_text_set(&channel->topic, *cut ? cut : NULL) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	channel->topic_at_s = apo_wall_s(model);
	apo_registry_keep(model, channel);
	apo_line_print_from(&line, client, "TOPIC %s :%s", channel->name, cut);
	say = apo_say_by(client, &line);
	apo_say_channel(model, channel, &say, &(struct apo_audience){0});
}

void apo_on_topic(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	struct apo_membership *membership;

	if (message->param_count < 2) {
		see_topic(model, client, message->params[0]);
		return;
	}
	membership = apo_membership_wanted(model, client, message->params[0]);
	if (!membership)
		return;
	if ((membership->pair.channel->modes & APO_MODE_TOPIC) &&
	    !(apo_membership_slot(membership)->modes & APO_MEMBERSHIP_OPERATOR))
		apo_reply(model, client, ERR_CHANOPRIVSNEEDED, membership->pair.channel->name);
	else if (!apo_may_speak(model, client, membership->pair.channel))
		apo_reply(model, client, ERR_CANNOTSENDTOCHAN, membership->pair.channel->name);
	else
		set_topic(model, client, membership->pair.channel, message->params[1]);
}

/* ---- LIST ---- */

/* The conditions of a LIST: bounds (ELIST C, T, U) and masks (M, N). */
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
	if (channel->count == 0 || channel->count <= search->users_above ||
	    channel->count >= search->users_below)
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

struct listing {
	struct apo_answer answer;
	struct search search;
	bool is_search; /* false: only RPL_LISTEND is left to send */
	unsigned left;
	char copies[2]
		   [APO_BODY_BYTES_MAX]; /* the parameters; the masks of search point into them */
};

/* Returns false if no further channel may be sent. */
static bool tell_if_met(struct apo_model *model, struct apo_client *client, struct listing *listing,
			const struct apo_channel *channel)
{
	if (!apo_channel_is_seen(model, channel, client) || !is_met(&listing->search, channel))
		return true;
	if (listing->left-- == 0) {
		apo_standard_reply(model, client, "WARN", "LIST", "TOO_MANY_MATCHES",
				   "There are more channels than LIST tells; try conditions, as "
				   "in LIST >10 or LIST *word*");
		return false;
	}
	tell_channel(model, client, channel);
	return true;
}

/* Names without wildcards were looked up directly (take_word); conditions need a search over all
 * channels. */
static bool tell_listing(struct apo_model *model, struct apo_client *client,
			 struct apo_answer *answer)
{
	struct listing *listing = (struct listing *)answer;
	struct apo_safe_link *safe_link;

	while (listing->is_search && !answer->is_cut &&
	       (safe_link = apo_safe_iterator_next(&answer->iterator, &model->channel_order))) {
		if (!tell_if_met(model, client, listing,
				 APO_SAFE_LINK_OWNER(safe_link, struct apo_channel, of_model)))
			break;
		apo_turn_count_examined(model, 1);
		if (apo_turn_is_long(model))
			return false;
	}
	apo_reply(model, client, RPL_LISTEND);
	return true;
}

static bool is_name(const char *word)
{
	return apo_channel_is_meant(word) && !apo_mask_has_wildcard(word);
}

static void take_word(struct apo_model *model, struct apo_client *client, struct listing *listing,
		      const char *word)
{
	const struct apo_channel *channel;

	if (!is_name(word)) {
		take_condition(&listing->search, word, apo_wall_s(model));
		listing->is_search = true;
		return;
	}
	channel = apo_channel_find(model, word);
	if (channel && channel->count > 0 && apo_channel_is_seen(model, channel, client))
		tell_channel(model, client, channel);
}

void apo_on_list(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	struct listing *listing = apo_answer_new(model, client, sizeof *listing, tell_listing);
	char *rest, *word;
	unsigned i;

	if (!listing)
		return;
	listing->search = (struct search){.users_above = -1,
					  .users_below = INT64_MAX,
					  .created_before_s = INT64_MAX,
					  .topic_before_s = INT64_MAX};
	listing->is_search = message->param_count == 0;
	listing->left = client->is_operator ? UINT32_MAX : model->config->list_replies_max;
	apo_safe_iterator_begin(&listing->answer.iterator, &model->channel_order);
	apo_reply(model, client, RPL_LISTSTART);
	for (i = 0; i < message->param_count; i++) {
		snprintf(listing->copies[i], sizeof listing->copies[i], "%s", message->params[i]);
		rest = listing->copies[i];
		while ((word = strsep(&rest, ",")))
			if (*word)
				take_word(model, client, listing, word);
	}
	apo_answer_begin(model, client, &listing->answer);
}
