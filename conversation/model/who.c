/* SPDX-License-Identifier: MIT */
/* WHO and WHOX: one line for each who fits. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/out.h"
#include "conversation/model/room.h"

#define TOKEN_BYTES_MAX 3
#define FIELDS "tcuihsnfdlaor" /* in the order in which they are told */

struct who {
	struct apo_model *model;
	struct apo_client *client;
	bool is_operators_only, is_extended;
	char fields[sizeof FIELDS];
	char token[TOKEN_BYTES_MAX + 1];
	unsigned left; /* that may still be told */
	uint32_t mark; /* of who shares a channel with the client */
};

static bool is_visible(const struct who *who, const struct apo_client *other)
{
	return !other->is_invisible || who->client->is_operator || other->mark == who->mark;
}

/* "H", "G" when away, "*" for an operator, then what it is in the channel. */
static void write_flags(const struct who *who, const struct apo_client *other, uint32_t modes,
			char to[8])
{
	size_t len = 0;

	to[len++] = other->away ? 'G' : 'H';
	if (other->is_operator)
		to[len++] = '*';
	apo_prefixes(who->client, modes, to + len);
}

static const char *address_for(const struct who *who, const struct apo_client *other)
{
	if (who->client != other && !who->client->is_operator)
		return "255.255.255.255";
	return apo_word(other->address);
}

static void write_field(const struct who *who, const struct apo_client *other, const char *channel,
			const char *flags, char field, char *to, size_t size)
{
	const struct apo_model *model = who->model;
	long idle_s = (long)((model->now_at_ns - other->spoke_at_ns) / RUDP_NS_PER_S);

	switch (field) {
	case 't':
		snprintf(to, size, "%s", who->token[0] ? who->token : "0");
		break;
	case 'c':
		snprintf(to, size, "%s", channel);
		break;
	case 'u':
		snprintf(to, size, "%s", other->user);
		break;
	case 'i':
		snprintf(to, size, "%s", address_for(who, other));
		break;
	case 'h':
		snprintf(to, size, "%s", other->host);
		break;
	case 's':
		snprintf(to, size, "%s", model->config->server_name);
		break;
	case 'n':
		snprintf(to, size, "%s", other->nick);
		break;
	case 'f':
		snprintf(to, size, "%s", flags);
		break;
	case 'd':
		snprintf(to, size, "0");
		break;
	case 'l':
		snprintf(to, size, "%ld", idle_s);
		break;
	case 'a':
		snprintf(to, size, "%s", other->account ? other->account : "0");
		break;
	case 'o':
		snprintf(to, size, "n/a");
		break;
	default:
		snprintf(to, size, ":%s", other->real);
	}
}

static void tell_extended(struct who *who, const struct apo_client *other, const char *channel,
			  const char *flags)
{
	char value[APO_BODY_BYTES_MAX];
	struct apo_line line;
	const char *field;

	apo_numeric_begin(who->model, who->client, &line, RPL_WHOSPCRPL);
	for (field = FIELDS; *field; field++) {
		if (!strchr(who->fields, *field))
			continue;
		write_field(who, other, channel, flags, *field, value, sizeof value);
		apo_line_param(&line, value);
	}
	apo_line_end(&line);
	apo_tell(who->model, who->client, &line);
}

/* false: it is none of those who are asked for. */
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

static void who_channel(struct who *who, const struct apo_channel *channel)
{
	const struct apo_place *place;
	bool is_in;

	if (!channel || !apo_channel_is_seen(who->model, channel, who->client))
		return;
	is_in = apo_seat_find(who->model, who->client, channel) || who->client->is_operator;
	for (place = channel->places; place < channel->places + channel->count; place++)
		if (is_in || !place->seat->pair.client->is_invisible)
			tell(who, place->seat->pair.client, channel->name, place->modes);
}

static bool fits(const struct who *who, const struct apo_client *other, const char *mask)
{
	return apo_mask_is_match(mask, other->nick) || apo_mask_is_match(mask, other->user) ||
	       apo_mask_is_match(mask, other->host) || apo_mask_is_match(mask, other->real) ||
	       (other->account && apo_mask_is_match(mask, other->account)) ||
	       (who->client->is_operator && apo_mask_is_match(mask, other->address));
}

/* Looks at everybody; only here and in LIST. */
static void who_mask(struct who *who, const char *mask)
{
	struct apo_client *other, *next;

	who->mark = apo_mark_common(who->model, who->client);
	HASH_ITER(by_nick, who->model->by_nick, other, next)
	{
		if (!other->is_registered || !fits(who, other, mask) || !is_visible(who, other))
			continue;
		if (who->left == 0)
			return;
		who->left -= tell(who, other, "*", 0);
	}
}

/* "o", "%fields", "%fields,token", in one. */
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

void apo_on_who(struct apo_model *model, struct apo_client *client,
		const struct apo_message *message)
{
	const char *mask = message->param_count > 0 ? message->params[0] : "*";
	struct who who = {.model = model,
			  .client = client,
			  .left = client->is_operator ? UINT32_MAX
						      : model->config->who_replies_max};
	struct apo_client *other;

	if (message->param_count > 1)
		take_options(&who, message->params[1]);
	if (apo_channel_is_meant(mask)) {
		who_channel(&who, apo_channel_find(model, mask));
	} else if ((other = apo_client_named(model, mask))) {
		tell(&who, other, "*", 0);
	} else if (*mask) {
		who_mask(&who, strcmp(mask, "0") == 0 ? "*" : mask);
	}
	apo_reply(model, client, RPL_ENDOFWHO, apo_word(mask));
}
