/* SPDX-License-Identifier: MIT */
/* PRIVMSG, NOTICE, TAGMSG to channels, to some members of a channel, to users; and WALLOPS. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/channels.h"
#include "conversation/model/chanserv.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/messages.h"
#include "conversation/model/multiline.h"
#include "conversation/model/nickserv.h"
#include "conversation/model/replies.h"
#include "conversation/model/receipts.h"

/* One message to one target. */
struct post {
	struct apo_model *model;
	struct apo_client *client;
	const char *command;
	const char *text; /* NULL: TAGMSG */
	const char *tags; /* client-only tags; NULL: none */
	bool is_quiet;    /* NOTICE: no errors are sent */
	char msgid[APO_MSGID_BYTES];
	struct apo_line line;
	struct apo_multiline multiline; /* instead of line, if the text has several ones */
	char source[APO_SOURCE_BYTES_MAX + 1];
};

/* ---- tags ---- */

static bool is_client_only(const char *key)
{
	return key[0] == '+' && key[1] &&
	       key[strspn(key, "+/-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "0123456789")] == '\0';
}

/* Escaping again never makes a value longer than what the parser has unescaped (message-tags). */
const char *apo_relayed_tags(const struct apo_client *client, const struct apo_message *message,
			     char *to, size_t cap)
{
	size_t len = 0, value_len;
	const struct apo_tag *tag;

	if (!(client->caps & APO_CAP_MESSAGE_TAGS))
		return NULL;
	for (tag = message->tags; tag < message->tags + message->tag_count; tag++) {
		if (!is_client_only(tag->key) || len + strlen(tag->key) + 3 > cap)
			continue;
		if (len > 0)
			to[len++] = ';';
		len += (size_t)snprintf(to + len, cap - len, "%s", tag->key);
		if (!*tag->value)
			continue;
		to[len] = '=';
		value_len = apo_tag_escape(to + len + 1, cap - len - 2, tag->value);
		if (value_len != SIZE_MAX)
			len += 1 + value_len;
	}
	to[len] = '\0';
	return len > 0 ? to : NULL;
}

/* ---- sending ---- */

static struct apo_say prepare(struct post *post, const char *target)
{
	struct apo_model *model = post->model;
	struct apo_say say = apo_say_by(post->client, &post->line);

	snprintf(post->msgid, sizeof post->msgid, "%" PRIx64 "-%" PRIx64, model->run,
		 ++model->last_msgid);
	apo_line_from(&post->line, post->client, post->command);
	apo_line_param(&post->line, target);
	if (post->text)
		apo_line_last(&post->line, post->text);
	apo_line_end(&post->line);
	model->figures.messages++;
	say.msgid = post->msgid;
	say.tags = post->tags;
	if (apo_multiline_is(post->text)) {
		apo_client_source(post->client, post->source);
		post->multiline = (struct apo_multiline){post->source, target, post->text};
		say.multiline = &post->multiline;
	}
	return say;
}

/* Sends the message back to its sender if it wants that (echo-message); the echo is the answer to
 * the command. */
static void echo(struct post *post, struct apo_say say)
{
	uint32_t with = APO_CAP_ECHO_MESSAGE | (post->text ? 0 : APO_CAP_MESSAGE_TAGS);

	say.watch = 0;
	if ((post->client->caps & with) == with)
		apo_say_to(post->model, post->client, &say);
}

static uint64_t watch(struct post *post, const char *target, uint32_t recipients)
{
	return post->text ? apo_receipts_open(post->model, post->client, post->msgid, target,
					      recipients)
			  : 0;
}

/* After delivery, since the position in history is that of the msgid. */
static void keep(const struct post *post, const char *target, const struct apo_channel *channel,
		 const struct apo_client *other)
{
	if (post->text)
		apo_history_keep(post->model, post->client, channel, other,
				 &(struct apo_said){.is_notice = post->is_quiet,
						    .target = target,
						    .tags = post->tags,
						    .text = post->text});
}

static void refuse(struct post *post, enum apo_numeric why, const char *target)
{
	if (post->is_quiet)
		return;
	if (why == ERR_CANNOTSENDTOCHAN)
		apo_reply(post->model, post->client, ERR_CANNOTSENDTOCHAN, target);
	else if (why == ERR_NEEDREGGEDNICK)
		apo_reply(post->model, post->client, ERR_NEEDREGGEDNICK, target);
	else if (why == ERR_CANTSENDTOUSER)
		apo_reply(post->model, post->client, ERR_CANTSENDTOUSER, target);
	else if (why == ERR_NOSUCHCHANNEL)
		apo_reply(post->model, post->client, ERR_NOSUCHCHANNEL, apo_word(target));
	else
		apo_reply(post->model, post->client, ERR_NOSUCHNICK, apo_word(target));
}

/* CTCP: a line between bytes 1 (the last one may be missing). ACTION ("/me") is a message. */
static bool is_ctcp_line(const char *line)
{
	static const char action[] = "\001ACTION";
	size_t len = sizeof action - 1;

	return *line == '\001' &&
	       (strncmp(line, action, len) != 0 || !strchr(" \001\n\r", line[len]));
}

/* Clients without draft/multiline get each line of a text as a message of its own. */
static bool is_ctcp(const char *text)
{
	for (; text; text = strpbrk(text, "\n\r")) {
		text += strspn(text, "\n\r");
		if (is_ctcp_line(text))
			return true;
	}
	return false;
}

bool apo_may_speak(const struct apo_model *model, const struct apo_client *client,
		   const struct apo_channel *channel)
{
	const struct apo_membership *membership = apo_membership_find(model, client, channel);

	if (apo_account_is_missing(model, client))
		return false;
	if (membership && apo_membership_slot(membership)->modes)
		return true;
	if (!membership && (channel->modes & APO_MODE_NO_EXTERNAL))
		return false;
	if ((channel->modes & APO_MODE_ACCOUNTS) && !client->account)
		return false;
	return !(channel->modes & APO_MODE_MODERATED) && !apo_channel_mutes(channel, client);
}

/* "@#c" reaches channel operators, "+#c" also members with voice. */
static uint32_t memberships_named(const char **target)
{
	uint32_t modes = 0;

	for (; **target == '@' || **target == '+'; (*target)++)
		modes |= **target == '@' ? APO_MEMBERSHIP_OPERATOR
					 : APO_MEMBERSHIP_OPERATOR | APO_MEMBERSHIP_VOICE;
	return modes;
}

static void post_to_channel(struct post *post, const char *name, uint32_t membership_modes)
{
	struct apo_channel *channel = apo_channel_find(post->model, name);
	char target[APO_CHANNEL_BYTES_MAX + 2];
	struct apo_say say;

	if (!channel) {
		refuse(post, ERR_NOSUCHCHANNEL, name);
		return;
	}
	if (!apo_may_speak(post->model, post->client, channel) ||
	    ((channel->modes & APO_MODE_NO_CTCP) && is_ctcp(post->text))) {
		refuse(post, ERR_CANNOTSENDTOCHAN, channel->name);
		return;
	}
	snprintf(target, sizeof target, "%s%s",
		 !membership_modes                         ? ""
		 : membership_modes & APO_MEMBERSHIP_VOICE ? "+"
							   : "@",
		 channel->name);
	say = prepare(post, target);
	echo(post, say);
	say.watch = watch(post, target, channel->count);
	apo_say_channel(post->model, channel, &say,
			&(struct apo_audience){.with = post->text ? 0 : APO_CAP_MESSAGE_TAGS,
					       .membership_modes = membership_modes,
					       .except = post->client});
	apo_receipts_close(post->model, say.watch);
	if (!membership_modes)
		keep(post, channel->name, channel, NULL);
}

bool apo_targets_have_service(const char *targets)
{
	char name[APO_NICK_BYTES_MAX + 2]; /* a longer one is none, although it is cut */
	size_t len;

	for (; targets; targets = targets[len] ? targets + len + 1 : NULL) {
		targets += strspn(targets, "@+");
		len = strcspn(targets, ",");
		snprintf(name, sizeof name, "%.*s", (int)len, targets);
		if (apo_nickserv_is_meant(name) || apo_chanserv_is_meant(name))
			return true;
	}
	return false;
}

/* Returns false if there is no such service. */
static bool post_to_service(struct post *post, const char *nick)
{
	if (post->is_quiet || !post->text)
		return false;
	if (apo_nickserv_is_meant(nick))
		return apo_nickserv_handle(post->model, post->client, post->text);
	return apo_chanserv_is_meant(nick) &&
	       apo_chanserv_handle(post->model, post->client, post->text);
}

/* The reason to refuse a message; 0: it is sent. */
static enum apo_numeric refusal(const struct post *post, const struct apo_client *other)
{
	const struct apo_client *client = post->client;

	/* Operators of the server can be asked for help. */
	if (apo_account_is_missing(post->model, client) && !other->is_operator)
		return ERR_NEEDREGGEDNICK;
	if (other == client || client->is_operator)
		return 0;
	if (other->refuses_guests && !client->account)
		return ERR_NEEDREGGEDNICK;
	/* A NOTICE is the answer to a CTCP of that user. */
	if (other->refuses_ctcp && !post->is_quiet && is_ctcp(post->text))
		return ERR_CANTSENDTOUSER;
	return 0;
}

static void post_to_client(struct post *post, const char *nick)
{
	struct apo_client *other = apo_client_named(post->model, nick);
	enum apo_numeric why;
	struct apo_say say;

	if (!other) {
		if (!post_to_service(post, nick))
			refuse(post, ERR_NOSUCHNICK, nick);
		return;
	}
	why = refusal(post, other);
	if (why) {
		refuse(post, why, other->nick);
		return;
	}
	say = prepare(post, other->nick);
	echo(post, say);
	say.is_unlabeled = true; /* if the recipient is the sender, the echo is the answer */
	if (other != post->client)
		say.watch = watch(post, other->nick, 1);
	if (post->text || (other->caps & APO_CAP_MESSAGE_TAGS))
		apo_say_to(post->model, other, &say);
	apo_receipts_close(post->model, say.watch);
	keep(post, other->nick, NULL, other);
	if (other->away && !post->is_quiet && post->text)
		apo_reply(post->model, post->client, RPL_AWAY, other->nick, other->away);
}

static void post_to(struct post *post, const char *target)
{
	const char *name = target;
	uint32_t membership_modes = memberships_named(&name);

	if (apo_channel_is_meant(name))
		post_to_channel(post, name, membership_modes);
	else
		post_to_client(post, target);
}

/* A command to a service may have a password in it: no other recipient gets it. */
static bool is_shared_with_service(const struct post *post, const char *targets)
{
	if (!post->text || !strchr(targets, ',') || !apo_targets_have_service(targets))
		return false;
	if (!post->is_quiet)
		apo_standard_reply(post->model, post->client, "FAIL", post->command,
				   "INVALID_TARGET",
				   "Not delivered: a message to a service has no other "
				   "recipients");
	return true;
}

static void post_to_all(struct post *post, const struct apo_message *message)
{
	char copy[APO_BODY_BYTES_MAX], tags[APO_CLIENT_TAGS_BYTES_MAX];
	char *targets = copy, *target;
	unsigned count = 0;

	if (is_shared_with_service(post, message->params[0]))
		return;
	post->client->spoke_at_ns = post->model->now_at_ns;
	post->tags = apo_relayed_tags(post->client, message, tags, sizeof tags);
	snprintf(copy, sizeof copy, "%s", message->params[0]);
	while ((target = strsep(&targets, ","))) {
		if (!*target)
			continue;
		if (++count > post->model->config->targets_max) {
			if (!post->is_quiet)
				apo_reply(post->model, post->client, ERR_TOOMANYTARGETS,
					  apo_word(target));
			return;
		}
		post_to(post, target);
	}
}

void apo_post_multiline(struct apo_model *model, struct apo_client *client, const char *target,
			const char *tags, const char *text)
{
	struct post post = {
		.model = model, .client = client, .command = "PRIVMSG", .text = text, .tags = tags};

	client->spoke_at_ns = model->now_at_ns;
	post_to(&post, target);
}

void apo_on_privmsg(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	struct post post = {.model = model, .client = client, .command = "PRIVMSG"};

	if (message->param_count == 0 || !*message->params[0]) {
		apo_reply(model, client, ERR_NORECIPIENT);
	} else if (message->param_count == 1 || !*message->params[1]) {
		apo_reply(model, client, ERR_NOTEXTTOSEND);
	} else {
		post.text = message->params[1];
		post_to_all(&post, message);
	}
}

void apo_on_notice(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct post post = {
		.model = model, .client = client, .command = "NOTICE", .is_quiet = true};

	if (message->param_count < 2 || !*message->params[1])
		return;
	post.text = message->params[1];
	post_to_all(&post, message);
}

void apo_on_tagmsg(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct post post = {.model = model, .client = client, .command = "TAGMSG"};

	if (!(client->caps & APO_CAP_MESSAGE_TAGS))
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "TAGMSG");
	else if (message->param_count == 0)
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "TAGMSG");
	else
		post_to_all(&post, message);
}

void apo_on_wallops(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	struct apo_client *other, *next;
	struct apo_line line;

	apo_line_print_from(&line, client, "WALLOPS :%s", message->params[0]);
	HASH_ITER(by_nick, model->by_nick, other, next)
		if (other->is_registered && other->hears_wallops)
			apo_tell(model, other, &line);
}
