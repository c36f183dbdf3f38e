/* SPDX-License-Identifier: MIT */
#include "conversation/model/operator.h"

#include <stdio.h>
#include <string.h>

#include "conversation/model/audit.h"
#include "conversation/model/bans.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/events.h"
#include "conversation/model/monitor.h"
#include "conversation/model/replies.h"
#include "conversation/model/channel_queries.h"
#include "conversation/model/registration.h"
#include "conversation/model/shared.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/throttle.h"
#include "conversation/model/tickets.h"

static bool may_from_here(const struct apo_operator *operator, const struct apo_client * client)
{
	return !operator->mask || apo_user_host_is_match(operator->mask, client);
}

static const struct apo_operator *operator_named(const struct apo_model *model, const char *name)
{
	size_t i;

	for (i = 0; i < model->config->operator_count; i++)
		if (strcmp(model->config->operators[i].name, name) == 0)
			return model->config->operators + i;
	return NULL;
}

/* The entries that one address can add to the audit log are limited. */
static void note_failure(struct apo_model *model, struct apo_client *client, const char *name,
			 const char *reason)
{
	if (!apo_throttle_is_open(model, client, APO_THROTTLE_REPORTS))
		return;
	apo_throttle_count(model, client, APO_THROTTLE_REPORTS);
	apo_audit_note(model, "oper-failed", "%s as %s address=%s reason=%s", client->nick,
		       apo_nick_is_valid(name, APO_NICK_BYTES_MAX) ? name : "*", client->address,
		       reason);
}

void apo_on_oper(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	const struct apo_operator *operator= operator_named(model, message->params[0]);
	struct apo_ticket *ticket;

	if (client->is_operator)
		return;
	if (!operator) {
		note_failure(model, client, message->params[0], "unknown");
		apo_registration_count_wrong(model, client, "OPER", message->params[0], "unknown");
		apo_reply(model, client, ERR_PASSWDMISMATCH);
		return;
	}
	if (!may_from_here(operator, client)) {
		note_failure(model, client, operator->name, "host");
		apo_event_login_failed(model, client, "OPER", operator->name, "host");
		apo_reply(model, client, ERR_NOOPERHOST);
		return;
	}
	ticket = apo_ticket_open(model, client, APO_TICKET_OPERATOR, operator->name);
	if (ticket)
		apo_ticket_ask(model, ticket, APO_AUTH_PASSWORD, operator->password_hash,
			       message->params[1]);
	else
		apo_standard_reply(model, client, "FAIL", "OPER", "TEMPORARILY_UNAVAILABLE",
				   "The password cannot be checked now; try again later");
}

void apo_operator_on_checked(struct apo_model *model, struct apo_client *client,
			     enum apo_checked result, const char *tried)
{
	if (result != APO_CHECKED_RIGHT) {
		if (result == APO_CHECKED_WRONG) {
			note_failure(model, client, tried, "password");
			apo_registration_count_wrong(model, client, "OPER", tried, "password");
		}
		apo_reply(model, client, ERR_PASSWDMISMATCH);
		return;
	}
	if (apo_shared_propose_operator(model, client, tried))
		return;
	apo_audit_note(model, "oper", "%s as %s", client->nick, tried);
	client->is_operator = true;
	client->wrong_passwords = 0;
	model->figures.operators++;
	if (!apo_is_remote(model, client))
		model->calls->set_operator(model->of, client->peer, true);
	apo_reply(model, client, RPL_YOUREOPER);
	apo_tell_print(model, client, client->nick, "MODE %s :+o", client->nick);
	apo_notices_set(model, client, APO_NOTICE_FIRST);
}

void apo_on_kill(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	struct apo_client *other = apo_client_wanted(model, client, message->params[0]);
	char reason[APO_BODY_BYTES_MAX * 2], text[APO_BODY_BYTES_MAX];
	struct apo_line line;

	if (!other)
		return;
	apo_cut(text, message->param_count > 1 ? message->params[1] : "No reason",
		model->config->kick_len_max);
	apo_audit_note(model, "kill", "%s by %s: %s", other->nick, client->nick, text);
	apo_line_print_from(&line, client, "KILL %s :%s", other->nick, text);
	apo_tell(model, other, &line);
	snprintf(reason, sizeof reason, "Killed (%s (%s))", client->nick, text);
	model->figures.kills++;
	apo_client_end(model, other, reason);
}

void apo_on_rehash(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct apo_ticket *ticket;

	(void)message;
	apo_audit_note(model, "rehash", "by %s", client->nick);
	apo_reply(model, client, RPL_REHASHING, "configuration");
	ticket = apo_ticket_open(model, client, APO_TICKET_REHASH, NULL);
	if (ticket)
		model->calls->rehash(model->of, ticket->id);
	else
		apo_standard_reply(model, client, "FAIL", "REHASH", "TEMPORARILY_UNAVAILABLE",
				   "The configuration cannot be read now; try again later");
}

void apo_operator_on_rehashed(struct apo_model *model, struct apo_client *client, const char *error)
{
	if (error)
		apo_standard_reply(model, client, "FAIL", "REHASH", "CONFIG_BAD",
				   "The configuration stays as it was: %s", error);
	else
		apo_standard_reply(model, client, "NOTE", "REHASH", "CONFIG_READ",
				   "The configuration has been read again");
}

void apo_on_die(struct apo_model *model, struct apo_client *client,
		const struct apo_message *message)
{
	(void)message;
	apo_audit_note(model, "die", "by %s", client->nick);
	model->calls->die(model->of, client->nick);
}

/* ---- CHGHOST ---- */

/* Entries of lists that match the given host still apply (channels.c). */
static bool set_host(struct apo_client *client, const char *host)
{
	char *copy = strdup(host);

	if (!copy)
		return false;
	if (client->given_host)
		free(client->host);
	else
		client->given_host = client->host;
	client->host = copy;
	return true;
}

/* Clients without the capability CHGHOST get no line; the client's next line shows the new host. */
static void say_host(struct apo_model *model, struct apo_client *other, const char *host)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(other, &line);

	apo_line_print_from(&line, other, "CHGHOST %s %s", other->user, host);
	if (!set_host(other, host))
		return;
	if (other->caps & APO_CAP_CHGHOST)
		apo_say_to(model, other, &say);
	apo_say_common(model, other, &say, &(struct apo_audience){.with = APO_CAP_CHGHOST});
	apo_monitor_say(model, other, &say,
			&(struct apo_audience){.with = APO_CAP_EXTENDED_MONITOR | APO_CAP_CHGHOST});
	apo_reply(model, other, RPL_VISIBLEHOST, other->host);
}

void apo_on_chghost(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	struct apo_client *other = apo_client_wanted(model, client, message->params[0]);
	const char *host = message->params[1];

	if (!other)
		return;
	if (!apo_shown_host_is_valid(host)) {
		apo_standard_reply(model, client, "FAIL", "CHGHOST", "INVALID_HOST",
				   "Not a valid host name");
	} else {
		apo_audit_note(model, "chghost", "%s to %s by %s", other->nick, host, client->nick);
		say_host(model, other, host);
	}
}
