/* SPDX-License-Identifier: MIT */
/* WHOIS, USERHOST, ISON: questions about users by their nicks. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/metadata.h"
#include "conversation/model/replies.h"
#include "conversation/model/channel_queries.h"
#include "conversation/model/words.h"

/* A channel that client is not in is hidden if it is secret, or if other is invisible. */
static bool is_channel_shown(const struct apo_model *model, const struct apo_client *client,
			     const struct apo_client *other, const struct apo_channel *channel)
{
	if (client == other || client->is_operator || apo_membership_find(model, client, channel))
		return true;
	return !(channel->modes & APO_MODE_SECRET) && !other->is_invisible;
}

static void tell_channels(struct apo_model *model, struct apo_client *client,
			  const struct apo_client *other)
{
	struct apo_words words = {
		.numeric = RPL_WHOISCHANNELS, .separator = ' ', .before = other->nick};
	char name[2 + APO_CHANNEL_BYTES_MAX + 1];
	size_t len;

	RUDP_LIST_EACH(const struct apo_membership, membership, &other->memberships, of_client) {
		if (!is_channel_shown(model, client, other, membership->pair.channel))
			continue;
		len = apo_prefixes(client, apo_membership_slot(membership)->modes, name);
		strcpy(name + len, membership->pair.channel->name);
		apo_words_add(model, client, &words, name);
	}
	apo_words_end(model, client, &words);
}

/* Sends what only the user itself and operators may see. */
static void tell_private(struct apo_model *model, struct apo_client *client,
			 const struct apo_client *other)
{
	char real[APO_USER_BYTES_MAX + APO_HOST_BYTES_MAX + 2];

	if (client != other && !client->is_operator)
		return;
	if (other->fingerprint)
		apo_reply(model, client, RPL_WHOISCERTFP, other->nick, other->fingerprint);
	snprintf(real, sizeof real, "%s@%s", other->user, other->address);
	apo_reply(model, client, RPL_WHOISACTUALLY, other->nick, real, apo_word(other->address));
}

static void tell_all(struct apo_model *model, struct apo_client *client,
		     const struct apo_client *other)
{
	const struct apo_model_config *config = model->config;

	apo_reply(model, client, RPL_WHOISUSER, other->nick, other->user, other->host, other->real);
	tell_channels(model, client, other);
	apo_reply(model, client, RPL_WHOISSERVER, other->nick, config->server_name,
		  config->description);
	if (other->away)
		apo_reply(model, client, RPL_AWAY, other->nick, other->away);
	if (other->is_operator)
		apo_reply(model, client, RPL_WHOISOPERATOR, other->nick);
	if (other->is_bot)
		apo_reply(model, client, RPL_WHOISBOT, other->nick, config->network);
	if (other->account)
		apo_reply(model, client, RPL_WHOISACCOUNT, other->nick, other->account);
	if (other->is_secure)
		apo_reply(model, client, RPL_WHOISSECURE, other->nick);
	tell_private(model, client, other);
	apo_metadata_tell_whois(model, client, other);
	apo_reply(model, client, RPL_WHOISIDLE, other->nick,
		  (long)((model->now_at_ns - other->spoke_at_ns) / RUDP_NS_PER_S),
		  (long)other->signed_on_s);
}

/* "WHOIS nick", or "WHOIS server nick" if the server is this one or that of a connected nick. */
void apo_on_whois(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	const char *nick =
		message->param_count > 0 ? message->params[message->param_count - 1] : "";
	struct apo_client *other = apo_client_named(model, nick);

	if (!*nick) {
		apo_reply(model, client, ERR_NONICKNAMEGIVEN);
		return;
	}
	if (message->param_count > 1 &&
	    !apo_mask_is_match(message->params[0], model->config->server_name) &&
	    !apo_client_named(model, message->params[0])) {
		apo_reply(model, client, ERR_NOSUCHSERVER, apo_word(message->params[0]));
		return;
	}
	if (other)
		tell_all(model, client, other);
	else
		apo_reply(model, client, ERR_NOSUCHNICK, apo_word(nick));
	apo_reply(model, client, RPL_ENDOFWHOIS, other ? other->nick : apo_word(nick));
}

void apo_on_userhost(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX * 2] = "";
	const struct apo_client *other;
	size_t len = 0;
	unsigned i;

	for (i = 0; i < message->param_count; i++) {
		other = apo_client_named(model, message->params[i]);
		if (!other)
			continue;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s=%c%s@%s",
					len ? " " : "", other->nick, other->is_operator ? "*" : "",
					other->away ? '-' : '+', other->user,
					other == client ? other->address : other->host);
	}
	apo_reply(model, client, RPL_USERHOST, text);
}

/* Each parameter may hold several nicks, separated by spaces. */
void apo_on_ison(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX] = "", copy[APO_BODY_BYTES_MAX];
	const struct apo_client *other;
	char *rest, *nick;
	size_t len = 0;
	unsigned i;

	for (i = 0; i < message->param_count; i++) {
		snprintf(copy, sizeof copy, "%s", message->params[i]);
		rest = copy;
		while ((nick = strsep(&rest, " "))) {
			other = apo_client_named(model, nick);
			if (other)
				len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
							len ? " " : "", other->nick);
		}
	}
	apo_reply(model, client, RPL_ISON, text);
}
