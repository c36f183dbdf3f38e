/* SPDX-License-Identifier: MIT */
/* JOIN, PART, KICK, INVITE. */
#include <stdio.h>
#include <string.h>

#include "conversation/irc/utf8.h"
#include "conversation/model/accounts.h"
#include "conversation/model/audit.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/markers.h"
#include "conversation/model/messages.h"
#include "conversation/model/metadata.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/channel_queries.h"

const char *apo_cut(char *to, const char *text, size_t max)
{
	size_t len = apo_utf8_cut(text, strlen(text),
				  max < APO_BODY_BYTES_MAX - 1 ? max : APO_BODY_BYTES_MAX - 1);

	memcpy(to, text, len);
	to[len] = '\0';
	return to;
}

struct apo_membership *apo_membership_wanted(struct apo_model *model, struct apo_client *client,
					     const char *name)
{
	struct apo_channel *channel = apo_channel_find(model, name);
	struct apo_membership *membership =
		channel ? apo_membership_find(model, client, channel) : NULL;

	if (!channel)
		apo_reply(model, client, ERR_NOSUCHCHANNEL, apo_word(name));
	else if (!membership)
		apo_reply(model, client, ERR_NOTONCHANNEL, channel->name);
	return membership;
}

struct apo_client *apo_client_wanted(struct apo_model *model, struct apo_client *client,
				     const char *nick)
{
	struct apo_client *other = apo_client_named(model, nick);

	if (!other)
		apo_reply(model, client, ERR_NOSUCHNICK, apo_word(nick));
	return other;
}

struct apo_membership *apo_member_wanted(struct apo_model *model, struct apo_client *client,
					 const struct apo_channel *channel, const char *nick)
{
	struct apo_client *other = apo_client_wanted(model, client, nick);
	struct apo_membership *member = other ? apo_membership_find(model, other, channel) : NULL;

	if (other && !member)
		apo_reply(model, client, ERR_USERNOTINCHANNEL, other->nick, channel->name);
	return member;
}

/* ---- JOIN ---- */

static void say_join(struct apo_model *model, struct apo_client *client,
		     const struct apo_channel *channel)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);

	apo_line_print_from(&line, client, "JOIN %s", channel->name);
	apo_say_channel(model, channel, &say,
			&(struct apo_audience){.without = APO_CAP_EXTENDED_JOIN});
	apo_line_print_from(&line, client, "JOIN %s %s :%s", channel->name,
			    client->account ? client->account : "*", client->real);
	apo_say_channel(model, channel, &say,
			&(struct apo_audience){.with = APO_CAP_EXTENDED_JOIN});
	if (!client->away)
		return;
	apo_line_print_from(&line, client, "AWAY :%s", client->away);
	apo_say_channel(model, channel, &say,
			&(struct apo_audience){.with = APO_CAP_AWAY_NOTIFY, .except = client});
}

/* The reason to refuse a JOIN; 0: the client may join. */
static enum apo_numeric refusal(const struct apo_client *client, const struct apo_channel *channel,
				const char *key)
{
	const struct apo_invite *invite = apo_invite_find(client, channel);

	/* Its founder and operators cannot be locked out of a registered channel. */
	if (apo_registry_modes(channel, client->account) & APO_MEMBERSHIP_OPERATOR)
		return 0;
	if (channel->key[0] && strcmp(channel->key, key) != 0)
		return ERR_BADCHANNELKEY;
	if (!(invite && invite->lifts_bans) && apo_channel_bans(channel, client))
		return ERR_BANNEDFROMCHAN;
	if ((channel->modes & APO_MODE_INVITE_ONLY) && !invite &&
	    !apo_channel_invites(channel, client))
		return ERR_INVITEONLYCHAN;
	if (channel->limit && channel->count >= channel->limit && !invite)
		return ERR_CHANNELISFULL;
	return 0;
}

static void refuse(struct apo_model *model, struct apo_client *client,
		   const struct apo_channel *channel, enum apo_numeric why)
{
	if (why == ERR_BADCHANNELKEY)
		apo_reply(model, client, ERR_BADCHANNELKEY, channel->name);
	else if (why == ERR_BANNEDFROMCHAN)
		apo_reply(model, client, ERR_BANNEDFROMCHAN, channel->name);
	else if (why == ERR_INVITEONLYCHAN)
		apo_reply(model, client, ERR_INVITEONLYCHAN, channel->name);
	else
		apo_reply(model, client, ERR_CHANNELISFULL, channel->name);
}

static void add_member(struct apo_model *model, struct apo_client *client,
		       struct apo_channel *channel, uint32_t modes)
{
	struct apo_invite *invite = apo_invite_find(client, channel);
	struct apo_membership *membership;

	if (invite)
		apo_invite_remove(invite);
	membership = apo_membership_add(model, client, channel, modes);
	if (!membership) {
		apo_channel_free_if_empty(model, channel);
		apo_client_end(model, client, "Out of memory");
		return;
	}
	say_join(model, client, channel);
	apo_registry_greet(model, membership);
	apo_marker_tell_joined(model, client, channel);
	apo_topic_tell(model, client, channel);
	if (!(client->caps & APO_CAP_NO_IMPLICIT_NAMES))
		apo_names_tell(model, client, channel);
	apo_metadata_on_joined(model, client, channel);
}

static void found_channel(struct apo_model *model, struct apo_client *client, const char *name)
{
	struct apo_channel *channel;

	if (model->figures.channels >= model->config->channels_max) {
		apo_reply(model, client, ERR_UNKNOWNERROR, "JOIN",
			  "There are too many channels on this server");
		return;
	}
	channel = apo_channel_new(model, name);
	if (channel)
		add_member(model, client, channel, APO_MEMBERSHIP_OPERATOR);
	else
		apo_client_end(model, client, "Out of memory");
}

static void join(struct apo_model *model, struct apo_client *client, const char *name,
		 const char *key)
{
	struct apo_channel *channel;
	enum apo_numeric why;

	if (!apo_channel_is_valid(name, model->config->channel_len_max)) {
		apo_reply(model, client, ERR_NOSUCHCHANNEL, apo_word(name));
		return;
	}
	if (apo_account_is_missing(model, client)) {
		apo_reply(model, client, ERR_NEEDREGGEDNICK, name);
		return;
	}
	channel = apo_channel_find(model, name);
	if (channel && apo_membership_find(model, client, channel))
		return;
	if (client->channel_count >= model->config->channels_per_client_max) {
		apo_reply(model, client, ERR_TOOMANYCHANNELS, name);
		return;
	}
	if (!channel) {
		found_channel(model, client, name);
		return;
	}
	why = refusal(client, channel, key);
	if (why)
		refuse(model, client, channel, why);
	else
		add_member(model, client, channel, 0);
}

static void part(struct apo_model *model, struct apo_membership *membership, const char *text)
{
	struct apo_client *client = membership->pair.client;
	char cut[APO_BODY_BYTES_MAX];
	struct apo_line line;
	struct apo_say say;

	apo_line_from(&line, client, "PART");
	apo_line_param(&line, membership->pair.channel->name);
	if (text && *text && apo_may_speak(model, client, membership->pair.channel))
		apo_line_last(&line, apo_cut(cut, text, model->config->kick_len_max));
	apo_line_end(&line);
	say = apo_say_by(client, &line);
	apo_say_channel(model, membership->pair.channel, &say, &(struct apo_audience){0});
	apo_membership_remove(model, membership);
}

static void part_all(struct apo_model *model, struct apo_client *client)
{
	while (!rudp_list_is_empty(&client->memberships))
		part(model,
		     RUDP_LIST_OWNER(client->memberships.next, struct apo_membership, of_client),
		     NULL);
}

void apo_on_join(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char copy[APO_BODY_BYTES_MAX], key_copy[APO_BODY_BYTES_MAX];
	char *names = copy, *keys = key_copy, *name, *key;

	if (strcmp(message->params[0], "0") == 0) {
		part_all(model, client);
		return;
	}
	snprintf(copy, sizeof copy, "%s", message->params[0]);
	snprintf(key_copy, sizeof key_copy, "%s", message->params[1]);
	while ((name = strsep(&names, ","))) {
		key = strsep(&keys, ",");
		if (*name)
			join(model, client, name, key ? key : "");
	}
}

void apo_on_part(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char copy[APO_BODY_BYTES_MAX];
	char *names = copy, *name;
	struct apo_membership *membership;

	snprintf(copy, sizeof copy, "%s", message->params[0]);
	while ((name = strsep(&names, ","))) {
		if (!*name)
			continue;
		membership = apo_membership_wanted(model, client, name);
		if (membership)
			part(model, membership,
			     message->param_count > 1 ? message->params[1] : NULL);
	}
}

/* ---- KICK ---- */

static void kick(struct apo_model *model, struct apo_client *client, const char *name,
		 const char *nick, const char *text)
{
	struct apo_membership *own = apo_membership_wanted(model, client, name), *victim;
	const struct apo_channel *channel;
	struct apo_line line;
	struct apo_say say;

	if (!own)
		return;
	channel = own->pair.channel;
	if (!(apo_membership_slot(own)->modes & APO_MEMBERSHIP_OPERATOR)) {
		apo_reply(model, client, ERR_CHANOPRIVSNEEDED, channel->name);
		return;
	}
	victim = apo_member_wanted(model, client, channel, nick);
	if (!victim)
		return;
	nick = victim->pair.client->nick;
	apo_line_print_from(&line, client, "KICK %s %s :%s", channel->name, nick, text);
	if (client->is_operator)
		apo_audit_note(model, "kick", "%s from %s by %s: %s", nick, channel->name,
			       client->nick, text);
	say = apo_say_by(client, &line);
	apo_say_channel(model, channel, &say, &(struct apo_audience){0});
	apo_membership_remove(model, victim);
}

/* One channel and many nicks, or equally many of both. */
void apo_on_kick(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char copy[APO_BODY_BYTES_MAX], nick_copy[APO_BODY_BYTES_MAX], text[APO_BODY_BYTES_MAX];
	char *names = copy, *nicks = nick_copy, *name = NULL, *next, *nick;
	const char *said = message->params[2];
	unsigned count = 0;

	snprintf(copy, sizeof copy, "%s", message->params[0]);
	snprintf(nick_copy, sizeof nick_copy, "%s", message->params[1]);
	apo_cut(text, *said ? said : client->nick, model->config->kick_len_max);
	while ((nick = strsep(&nicks, ","))) {
		next = strsep(&names, ",");
		name = next ? next : name;
		if (!*nick)
			continue;
		if (++count > model->config->targets_max) {
			apo_reply(model, client, ERR_TOOMANYTARGETS, apo_word(nick));
			return;
		}
		kick(model, client, name, nick, text);
	}
}

/* ---- INVITE ---- */

static void list_invites(struct apo_model *model, struct apo_client *client)
{
	RUDP_LIST_EACH(struct apo_invite, invite, &client->invites, of_client)
		apo_reply(model, client, RPL_INVITELIST_OWN, invite->channel->name);
	apo_reply(model, client, RPL_ENDOFINVITELIST_OWN);
}

static void say_invite(struct apo_model *model, struct apo_client *client, struct apo_client *other,
		       const struct apo_channel *channel)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);

	apo_line_print_from(&line, client, "INVITE %s %s", other->nick, channel->name);
	apo_say_to(model, other, &say);
	apo_say_channel(model, channel, &say,
			&(struct apo_audience){.with = APO_CAP_INVITE_NOTIFY, .except = client});
	apo_reply(model, client, RPL_INVITING, other->nick, channel->name);
	if (other->away)
		apo_reply(model, client, RPL_AWAY, other->nick, other->away);
}

void apo_on_invite(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct apo_client *other;
	struct apo_channel *channel;
	struct apo_membership *membership;
	bool is_operator;

	if (message->param_count == 0) {
		list_invites(model, client);
		return;
	}
	if (message->param_count < 2) {
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "INVITE");
		return;
	}
	other = apo_client_wanted(model, client, message->params[0]);
	membership = other ? apo_membership_wanted(model, client, message->params[1]) : NULL;
	if (!membership)
		return;
	channel = membership->pair.channel;
	is_operator = apo_membership_slot(membership)->modes & APO_MEMBERSHIP_OPERATOR;
	if ((channel->modes & APO_MODE_INVITE_ONLY) && !is_operator)
		apo_reply(model, client, ERR_CHANOPRIVSNEEDED, channel->name);
	else if (apo_membership_find(model, other, channel))
		apo_reply(model, client, ERR_USERONCHANNEL, other->nick, channel->name);
	else if (apo_invite_add(other, channel, is_operator, model->config->invites_max) < 0)
		apo_client_end(model, client, "Out of memory");
	else
		say_invite(model, client, other, channel);
}
