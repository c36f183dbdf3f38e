/* SPDX-License-Identifier: MIT */
/* WHO and WHOX: one line for each client that matches. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"
#include "conversation/model/channel_queries.h"

#define TOKEN_BYTES_MAX 3
#define FIELDS "tcuihsnfdlaor" /* in the order of the answer */

struct who {
	struct apo_answer answer;
	struct apo_model *model;
	struct apo_client *client;
	struct apo_channel
		*channel;      /* valid while answer.iterator is linked in its list of members */
	uint32_t worker, slot; /* the next client to compare with the mask */
	bool is_operators_only, is_extended;
	char fields[sizeof FIELDS];
	char token[TOKEN_BYTES_MAX + 1];
	unsigned left; /* lines that may still be sent */
	char mask[APO_BODY_BYTES_MAX];
};

/* Searches the channels of the client that is in fewer. */
static bool is_common(struct apo_model *model, const struct apo_client *one,
		      const struct apo_client *other)
{
	const struct apo_client *in_fewer = one->channel_count < other->channel_count ? one : other;
	const struct apo_client *in_more = in_fewer == one ? other : one;

	apo_turn_count_examined(model, in_fewer->channel_count);
	RUDP_LIST_EACH(struct apo_membership, membership, &in_fewer->memberships, of_client)
		if (apo_membership_find(model, in_more, membership->pair.channel))
			return true;
	return false;
}

static bool is_visible(const struct who *who, const struct apo_client *other)
{
	return !other->is_invisible || who->client->is_operator || who->client == other ||
	       is_common(who->model, who->client, other);
}

/* "H", or "G" for away; "*" for an operator; "B" for a bot; then the prefixes in the channel. */
static void write_flags(const struct who *who, const struct apo_client *other, uint32_t modes,
			char to[8])
{
	size_t len = 0;

	to[len++] = other->away ? 'G' : 'H';
	if (other->is_operator)
		to[len++] = '*';
	if (other->is_bot)
		to[len++] = 'B';
	apo_prefixes(who->client, modes, to + len);
}

static const char *address_for(const struct who *who, const struct apo_client *other)
{
	if (who->client != other && !who->client->is_operator)
		return "255.255.255.255";
	return apo_word(other->address);
}

/* The value of a field, but the real name. idle has the text of the idle time. */
static const char *field_of(const struct who *who, const struct apo_client *other,
			    const char *channel, const char *flags, char field, const char *idle)
{
	switch (field) {
	case 't':
		return who->token[0] ? who->token : "0";
	case 'c':
		return channel;
	case 'u':
		return other->user;
	case 'i':
		return address_for(who, other);
	case 'h':
		return other->host;
	case 's':
		return who->model->config->server_name;
	case 'n':
		return other->nick;
	case 'f':
		return flags;
	case 'd':
		return "0";
	case 'l':
		return idle;
	case 'a':
		return other->account ? other->account : "0";
	default:
		return "n/a";
	}
}

static void tell_extended(struct who *who, const struct apo_client *other, const char *channel,
			  const char *flags)
{
	char idle[24];
	struct apo_line line;
	const char *field;

	snprintf(idle, sizeof idle, "%ld",
		 (long)((who->model->now_at_ns - other->spoke_at_ns) / RUDP_NS_PER_S));
	apo_numeric_begin(who->model, who->client, &line, RPL_WHOSPCRPL);
	for (field = FIELDS; *field; field++) {
		if (!strchr(who->fields, *field))
			continue;
		if (*field == 'r')
			apo_line_last(&line, other->real);
		else
			apo_line_param(&line, field_of(who, other, channel, flags, *field, idle));
	}
	apo_line_end(&line);
	apo_tell(who->model, who->client, &line);
}

/* Returns false if the client is not among those asked for. */
static bool tell(struct who *who, const struct apo_client *other, const char *channel,
		 uint32_t modes)
{
	char flags[8];

	if (who->is_operators_only && !other->is_operator)
		return false;
	write_flags(who, other, modes, flags);
	if (who->is_extended)
		tell_extended(who, other, channel, flags);
	else
		apo_reply(who->model, who->client, RPL_WHOREPLY, channel, other->user, other->host,
			  who->model->config->server_name, other->nick, flags, other->real);
	return true;
}

static bool is_over(const struct who *who)
{
	return who->answer.is_cut || !rudp_list_is_linked(&who->answer.iterator.link) ||
	       !apo_channel_is_seen(who->model, who->channel, who->client);
}

static bool tell_members(struct apo_model *model, struct apo_client *client,
			 struct apo_answer *answer)
{
	struct who *who = (struct who *)answer;
	bool is_in = !is_over(who) &&
		     (client->is_operator || apo_membership_find(model, client, who->channel));
	const struct apo_membership *membership;
	struct apo_safe_link *safe_link;

	while (!is_over(who) &&
	       (safe_link = apo_safe_iterator_next(&answer->iterator, &who->channel->members))) {
		membership = APO_SAFE_LINK_OWNER(safe_link, struct apo_membership, of_channel);
		if (is_in || !membership->pair.client->is_invisible)
			tell(who, membership->pair.client, who->channel->name,
			     apo_membership_slot(membership)->modes);
		apo_turn_count_examined(model, 1);
		if (apo_turn_is_long(model))
			return false;
	}
	apo_reply(model, client, RPL_ENDOFWHO, apo_word(who->mask));
	return true;
}

static bool fits(const struct who *who, const struct apo_client *other)
{
	const char *mask = strcmp(who->mask, "0") == 0 ? "*" : who->mask;

	return apo_mask_is_match(mask, other->nick) || apo_mask_is_match(mask, other->user) ||
	       apo_mask_is_match(mask, other->host) || apo_mask_is_match(mask, other->real) ||
	       (other->account && apo_mask_is_match(mask, other->account)) ||
	       (who->client->is_operator && apo_mask_is_match(mask, other->address));
}

static bool tell_if_meant(struct who *who, const struct apo_client *other)
{
	return other && other->is_registered && fits(who, other) && is_visible(who, other) &&
	       tell(who, other, "*", 0);
}

/* The next worker; after the last one the number that stands for other nodes (shared.h). */
static unsigned after(const struct apo_model *model, unsigned worker)
{
	if (worker == APO_REMOTE_WORKER)
		return APO_WORKERS_MAX;
	return worker + 1 < model->workers ? worker + 1 : APO_REMOTE_WORKER;
}

/* Visits all clients by their slots. A slot changes only when a client connects or leaves. */
static bool tell_fitting(struct apo_model *model, struct apo_client *client,
			 struct apo_answer *answer)
{
	struct who *who = (struct who *)answer;
	const struct apo_slots *slots;

	for (; who->worker < APO_WORKERS_MAX;
	     who->worker = after(model, who->worker), who->slot = 0) {
		slots = &model->slots[who->worker];
		while (who->slot < slots->count && who->left > 0 && !answer->is_cut) {
			who->left -= tell_if_meant(who, slots->clients[who->slot++]);
			apo_turn_count_examined(model, 1);
			if (apo_turn_is_long(model))
				return false;
		}
	}
	apo_reply(model, client, RPL_ENDOFWHO, apo_word(who->mask));
	return true;
}

static bool tell_one(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct who *who = (struct who *)answer;
	const struct apo_client *other = apo_client_named(model, who->mask);

	if (other)
		tell(who, other, "*", 0);
	apo_reply(model, client, RPL_ENDOFWHO, apo_word(who->mask));
	return true;
}

/* "o", "%fields" and "%fields,token", all in one parameter. */
static void take_options(struct who *who, const char *options)
{
	const char *percent = strchr(options, '%');
	const char *comma;
	size_t len;

	who->is_operators_only = strcspn(options, "%o") < strcspn(options, "%");
	if (!percent)
		return;
	comma = strchr(percent, ',');
	len = comma ? (size_t)(comma - percent - 1) : strlen(percent + 1);
	snprintf(who->fields, sizeof who->fields, "%.*s", (int)len, percent + 1);
	who->is_extended = true;
	if (comma && strlen(comma + 1) <= TOKEN_BYTES_MAX && apo_is_word(comma + 1))
		strcpy(who->token, comma + 1);
}

static void choose(struct who *who, const char *mask)
{
	who->answer.go_on = tell_one;
	if (apo_channel_is_meant(mask)) {
		who->answer.go_on = tell_members;
		who->channel = apo_channel_find(who->model, mask);
		if (who->channel)
			apo_safe_iterator_begin(&who->answer.iterator, &who->channel->members);
	} else if (*mask && !apo_client_named(who->model, mask)) {
		who->answer.go_on = tell_fitting;
	}
}

void apo_on_who(struct apo_model *model, struct apo_client *client,
		const struct apo_message *message)
{
	const char *mask = message->param_count > 0 ? message->params[0] : "*";
	struct who *who = apo_answer_new(model, client, sizeof *who, NULL);

	if (!who)
		return;
	who->model = model;
	who->client = client;
	who->left = client->is_operator ? UINT32_MAX : model->config->who_replies_max;
	snprintf(who->mask, sizeof who->mask, "%s", mask);
	if (message->param_count > 1)
		take_options(who, message->params[1]);
	choose(who, mask);
	apo_answer_begin(model, client, &who->answer);
}
