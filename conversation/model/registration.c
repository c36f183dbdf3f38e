/* SPDX-License-Identifier: MIT */
#include "conversation/model/registration.h"

#include <stdio.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/bans.h"
#include "conversation/model/caps.h"
#include "conversation/model/channels.h"
#include "conversation/model/chanserv.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/events.h"
#include "conversation/model/metadata.h"
#include "conversation/model/monitor.h"
#include "conversation/model/nickserv.h"
#include "conversation/model/replies.h"
#include "conversation/model/server.h"
#include "conversation/model/shared.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/shared_peers.h"
#include "conversation/model/tickets.h"
#include "conversation/model/user.h"
#include "conversation/model/whowas.h"
#include "conversation/irc/utf8.h"

#define TAKE_OVER_AGE_NS (60 * RUDP_NS_PER_S)

void apo_registration_welcome(struct apo_model *model, struct apo_client *client)
{
	const struct apo_model_config *config = model->config;
	char source[APO_SOURCE_BYTES_MAX + 1], started[APO_STAMP_BYTES];

	apo_client_registered(model, client);
	apo_event_registered(model, client);
	apo_client_source(client, source);
	apo_notices_on_welcome(model, client);
	apo_stamp_write(started, model->started_ms);
	apo_reply(model, client, RPL_WELCOME, config->network, source);
	apo_reply(model, client, RPL_YOURHOST, config->server_name, config->version);
	apo_reply(model, client, RPL_CREATED, started);
	apo_reply(model, client, RPL_MYINFO, config->server_name, config->version, APO_USER_MODES,
		  config->has_history ? "CHIMbeiklmnoqstv" : "CIMbeiklmnoqstv", "Ibekloqv");
	apo_isupport_tell(model, client);
	apo_lusers_tell(model, client);
	apo_motd_tell(model, client);
	if (client->caps & APO_CAP_METADATA)
		apo_metadata_tell_own(model, client);
	apo_monitor_tell(model, client, client->nick, RPL_MONONLINE);
}

void apo_registration_count_wrong(struct apo_model *model, struct apo_client *client,
				  const char *by, const char *name, const char *reason)
{
	apo_event_login_failed(model, client, by, name, reason);
	model->figures.passwords_wrong++;
	if (++client->wrong_passwords >= APO_WRONG_PASSWORDS_MAX)
		apo_client_end(model, client, "Too many wrong passwords");
}

static void check_password(struct apo_model *model, struct apo_client *client)
{
	struct apo_ticket *ticket;

	if (!client->registration->password) {
		apo_reply(model, client, ERR_PASSWDMISMATCH);
		apo_client_end(model, client, "A password is needed");
		return;
	}
	ticket = apo_ticket_open(model, client, APO_TICKET_PASS, NULL);
	if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_PASSWORD, model->config->password_hash,
			       client->registration->password);
	else
		apo_client_end(model, client, "Out of memory");
}

/* Has the client's account - or without one, the key that it has proven - a right to the nick that
 * another client has? */
static bool is_own(const struct apo_client *client, const struct apo_client *other,
		   const char *nick)
{
	if (client->account)
		return apo_is_same(client->account, nick) ||
		       (other->account && apo_is_same(other->account, client->account));
	return !other->account && client->fingerprint && other->fingerprint &&
	       strcmp(client->fingerprint, other->fingerprint) == 0;
}

/* The other client is a session of the same one, or the client may still log in to the account that
 * has a right to the nick. */
static bool may_become_own(const struct apo_model *model, const struct apo_client *client,
			   const struct apo_client *other, const char *nick)
{
	if (client->is_registered)
		return false;
	if (model->shared && apo_shared_is_same_peer(client, other))
		return true;
	if (is_own(client, other, nick))
		return true;
	return !client->account && client->registration->is_choosing_caps &&
	       (apo_caps_offered(model, client) & APO_CAP_SASL) &&
	       (other->account || apo_account_id(model, nick) != 0);
}

static void want_nick(struct apo_model *model, struct apo_client *client, const char *nick)
{
	if (client->nick[0])
		apo_client_drop_nick(model, client);
	strcpy(client->registration->wanted, nick);
	apo_registration_try(model, client);
}

/* Copies of the model must agree, so they use the time that they share. */
static bool has_just_begun(const struct apo_model *model, const struct apo_client *other)
{
	if (model->shared)
		return apo_wall_s(model) - other->signed_on_s < TAKE_OVER_AGE_NS / RUDP_NS_PER_S;
	return model->now_at_ns - other->connected_at_ns < TAKE_OVER_AGE_NS;
}

/* The session is probably stale. One that began a moment ago is kept, so that two programs with one
 * nick do not end each other's sessions in turn. */
bool apo_registration_may_take(struct apo_model *model, struct apo_client *client, const char *nick)
{
	struct apo_client *other = apo_nick_owner(model, nick);
	char reason[APO_BODY_BYTES_MAX];

	if (!other)
		return true;
	if (!is_own(client, other, nick) || has_just_begun(model, other)) {
		apo_reply(model, client, ERR_NICKNAMEINUSE, nick);
		return false;
	}
	snprintf(reason, sizeof reason, "Replaced by another session of %s",
		 client->account ? client->account : client->host);
	model->figures.ghosts++;
	apo_client_end_now(model, other, reason);
	return true;
}

/* Returns false if the nick is refused. */
static bool take_wanted_nick(struct apo_model *model, struct apo_client *client)
{
	char nick[APO_NICK_BYTES_MAX + 1];

	strcpy(nick, client->registration->wanted);
	client->registration->wanted[0] = '\0';
	if (!apo_registration_may_take(model, client, nick))
		return false;
	if (apo_client_set_nick(model, client, nick) == 0)
		return true;
	apo_client_end(model, client, "Out of memory");
	return false;
}

/* If the nick belongs to an account of someone else, the client must choose another one. */
static void welcome_or_refuse(struct apo_model *model, struct apo_client *client)
{
	char nick[APO_NICK_BYTES_MAX + 1];

	if (model->shared) {
		if (!apo_ban_check(model, client))
			apo_shared_propose_client(model, client);
		return;
	}
	if (client->registration->wanted[0] && !take_wanted_nick(model, client))
		return;
	if (apo_ban_check(model, client))
		return;
	if (apo_account_allows_nick(model, client, client->nick)) {
		apo_registration_welcome(model, client);
		return;
	}
	strcpy(nick, client->nick);
	apo_client_drop_nick(model, client);
	apo_account_refuse_nick(model, client, nick);
}

void apo_registration_try(struct apo_model *model, struct apo_client *client)
{
	if (!client->user[0] || (!client->nick[0] && !client->registration->wanted[0]))
		return;
	if (client->registration->is_choosing_caps || client->ticket || client->is_proposing)
		return;
	if (model->config->password_hash && !client->registration->is_password_right)
		check_password(model, client);
	else
		welcome_or_refuse(model, client);
}

void apo_registration_on_password(struct apo_model *model, struct apo_client *client,
				  enum apo_checked result)
{
	if (result == APO_CHECKED_RIGHT) {
		client->registration->is_password_right = true;
		apo_registration_try(model, client);
		return;
	}
	if (result == APO_CHECKED_WRONG)
		apo_registration_count_wrong(model, client, "PASS", NULL, "password");
	apo_reply(model, client, ERR_PASSWDMISMATCH);
	apo_client_end(model, client,
		       result == APO_CHECKED_WRONG ? "Bad password"
						   : "The password could not be checked");
}

void apo_on_pass(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	if (client->is_registered)
		apo_reply(model, client, ERR_ALREADYREGISTERED);
	else if (!*message->params[0])
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "PASS");
	else if (apo_text_set(&client->registration->password, message->params[0]) < 0)
		apo_client_end(model, client, "Out of memory");
}

void apo_on_user(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char real[APO_BODY_BYTES_MAX];
	size_t len;

	if (client->is_registered || client->user[0]) {
		apo_reply(model, client, ERR_ALREADYREGISTERED);
		return;
	}
	if (!*message->params[0] || !*message->params[3]) {
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "USER");
		return;
	}
	len = strlen(message->params[3]);
	len = apo_utf8_cut(message->params[3], len, model->config->real_len_max);
	snprintf(real, sizeof real, "%.*s", (int)len, message->params[3]);
	if (apo_text_set(&client->real, real) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	/* The tilde says that the user name is not verified. */
	client->user[0] = '~';
	if (!apo_user_clean(client->user + 1, model->config->user_len_max - 1, message->params[0]))
		strcpy(client->user + 1, "u");
	apo_registration_try(model, client);
}

/* ---- nicks ---- */

void apo_nick_change(struct apo_model *model, struct apo_client *client, const char *nick)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);
	bool is_other = !apo_is_same(client->nick, nick);
	char before[APO_NICK_BYTES_MAX + 1];

	apo_line_print_from(&line, client, "NICK :%s", nick);
	apo_whowas_add(model, client);
	strcpy(before, client->nick);
	if (apo_client_set_nick(model, client, nick) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	apo_say_to(model, client, &say);
	apo_say_common(model, client, &say, &(struct apo_audience){0});
	if (is_other) {
		apo_monitor_tell(model, client, before, RPL_MONOFFLINE);
		apo_monitor_tell(model, client, nick, RPL_MONONLINE);
	}
}

static void change_nick(struct apo_model *model, struct apo_client *client, const char *nick)
{
	const struct apo_channel *channel = apo_channel_that_mutes(client);

	if (channel)
		apo_reply(model, client, ERR_BANONCHAN, nick, channel->name);
	else
		apo_nick_change(model, client, nick);
}

void apo_on_nick(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	const char *nick = message->params[0];
	struct apo_client *owner;

	if (!*nick) {
		apo_reply(model, client, ERR_NONICKNAMEGIVEN);
		return;
	}
	if (!apo_nick_is_valid(nick, model->config->nick_len_max)) {
		apo_reply(model, client, ERR_ERRONEUSNICKNAME, apo_word(nick));
		return;
	}
	owner = apo_nick_owner(model, nick);
	if (apo_nickserv_is_meant(nick) || apo_chanserv_is_meant(nick)) {
		apo_reply(model, client, ERR_NICKNAMEINUSE, nick);
		return;
	}
	if (model->shared && !client->is_registered && !owner) {
		want_nick(model, client, nick); /* all nodes decide at the welcome */
		return;
	}
	if (owner && owner != client) {
		if (may_become_own(model, client, owner, nick))
			want_nick(model, client, nick);
		else
			apo_reply(model, client, ERR_NICKNAMEINUSE, nick);
		return;
	}
	if (!client->is_registered)
		client->registration->wanted[0] = '\0';
	if (strcmp(client->nick, nick) == 0)
		return;
	/* Before the welcome the client may still log in to the account. */
	if (client->is_registered && owner != client &&
	    !apo_account_allows_nick(model, client, nick)) {
		apo_account_refuse_nick(model, client, nick);
		return;
	}
	if (client->is_registered)
		change_nick(model, client, nick);
	else if (apo_client_set_nick(model, client, nick) < 0)
		apo_client_end(model, client, "Out of memory");
	else
		apo_registration_try(model, client);
}

/* ---- PING, PONG, QUIT ---- */

void apo_on_ping(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	if (message->param_count == 0) {
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "PING");
		return;
	}
	if (!*message->params[0]) {
		apo_reply(model, client, ERR_NOORIGIN);
		return;
	}
	apo_tell_print(model, client, model->config->server_name, "PONG %s :%s",
		       model->config->server_name, message->params[0]);
}

/* PONG only proves that the client is alive. */
void apo_on_pong(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	(void)model;
	(void)message;
	client->is_pinged = false;
}

void apo_on_quit(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char reason[APO_BODY_BYTES_MAX];
	const char *text = message->params[0];
	size_t len = apo_utf8_cut(text, strlen(text), model->config->kick_len_max);

	if (apo_channel_that_mutes(client))
		len = 0; /* all channels hear the same text */
	snprintf(reason, sizeof reason, "Quit: %.*s", (int)len, text);
	apo_client_end(model, client, reason);
}
