/* SPDX-License-Identifier: MIT */
/* AWAY, SETNAME, and MODE of the own nick. */
#include "conversation/model/user.h"

#include <string.h>

#include "conversation/model/bans.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/monitor.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/channel_queries.h"

void apo_on_away(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	const char *text = message->params[0];
	char cut[APO_BODY_BYTES_MAX];
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);
	bool is_change;

	if (!client->is_registered && !(client->caps & APO_CAP_PRE_AWAY)) {
		apo_reply(model, client, ERR_NOTREGISTERED);
		return;
	}
	apo_cut(cut, text, model->config->away_len_max);
	is_change = *cut ? !client->away || strcmp(client->away, cut) != 0 : client->away != NULL;
	if (apo_text_set(&client->away, *cut ? cut : NULL) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	if (client->away)
		apo_reply(model, client, RPL_NOWAWAY);
	else
		apo_reply(model, client, RPL_UNAWAY);
	if (!is_change || !client->is_registered)
		return;
	apo_line_from(&line, client, "AWAY");
	if (client->away)
		apo_line_last(&line, client->away);
	apo_line_end(&line);
	apo_say_common(model, client, &say, &(struct apo_audience){.with = APO_CAP_AWAY_NOTIFY});
	apo_monitor_say(
		model, client, &say,
		&(struct apo_audience){.with = APO_CAP_EXTENDED_MONITOR | APO_CAP_AWAY_NOTIFY});
}

void apo_on_setname(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	const char *real = message->params[0];
	struct apo_line line;
	struct apo_say say = apo_say_by(client, &line);

	if (!*real || strlen(real) > model->config->real_len_max) {
		apo_fail(model, client, "SETNAME", "INVALID_REALNAME",
			 "The name is empty or too long");
		return;
	}
	if (!apo_shared_is_applying(model) && apo_ban_of_real(model, real)) {
		apo_fail(model, client, "SETNAME", "CANNOT_CHANGE_REALNAME",
			 "That name is banned from this server");
		return;
	}
	if (apo_channel_that_mutes(client)) {
		apo_fail(model, client, "SETNAME", "CANNOT_CHANGE_REALNAME",
			 "You are banned or muted in one of your channels");
		return;
	}
	if (apo_text_set(&client->real, real) < 0) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	apo_line_print_from(&line, client, "SETNAME :%s", real);
	if (client->caps & APO_CAP_SETNAME)
		apo_say_to(model, client, &say);
	apo_say_common(model, client, &say, &(struct apo_audience){.with = APO_CAP_SETNAME});
	apo_monitor_say(model, client, &say,
			&(struct apo_audience){.with = APO_CAP_EXTENDED_MONITOR | APO_CAP_SETNAME});
}

/* ---- MODE ---- */

static void tell_own_modes(struct apo_model *model, struct apo_client *client)
{
	char modes[sizeof APO_USER_MODES + 1] = "+";
	size_t len = 1;

	if (client->is_bot)
		modes[len++] = 'B';
	if (client->refuses_guests)
		modes[len++] = 'R';
	if (client->refuses_ctcp)
		modes[len++] = 'T';
	if (client->is_invisible)
		modes[len++] = 'i';
	if (client->is_operator)
		modes[len++] = 'o';
	if (client->notices)
		modes[len++] = 's';
	if (client->hears_wallops)
		modes[len++] = 'w';
	modes[len] = '\0';
	apo_reply(model, client, RPL_UMODEIS, modes);
}

/* Server notices are for operators. letters NULL: none are given. */
static bool change_notices(struct apo_model *model, struct apo_client *client, bool is_adding,
			   const char *letters)
{
	bool had_any = client->notices != 0;

	if (is_adding && client->is_operator)
		apo_notices_change(model, client, letters);
	else if (!is_adding)
		apo_notices_set(model, client, 0);
	return (client->notices != 0) != had_any;
}

/* Returns true if the mode has changed. +o is ignored: only OPER makes an operator. */
static bool change_own(struct apo_model *model, struct apo_client *client, char letter,
		       bool is_adding)
{
	if (letter == 'i' && client->is_invisible != is_adding) {
		client->is_invisible = is_adding;
		model->figures.invisible += is_adding ? 1 : UINT64_MAX;
		return true;
	}
	if (letter == 'B' && client->is_bot != is_adding) {
		client->is_bot = is_adding;
		return true;
	}
	if (letter == 'R' && client->refuses_guests != is_adding) {
		client->refuses_guests = is_adding;
		return true;
	}
	if (letter == 'T' && client->refuses_ctcp != is_adding) {
		client->refuses_ctcp = is_adding;
		return true;
	}
	if (letter == 'w' && client->hears_wallops != is_adding) {
		client->hears_wallops = is_adding;
		return true;
	}
	if (letter == 'o' && !is_adding && client->is_operator) {
		client->is_operator = false;
		apo_notices_set(model, client, 0);
		model->figures.operators--;
		if (!apo_is_remote(model, client))
			model->calls->set_operator(model->of, client->peer, false);
		return true;
	}
	return false;
}

static void change_self(struct apo_model *model, struct apo_client *client, const char *modes,
			const char *parameter)
{
	char said[2 * APO_BODY_BYTES_MAX], said_sign = '\0', sign = '+';
	bool is_unknown = false;
	size_t len = 0;

	for (; *modes; modes++) {
		if (*modes == '+' || *modes == '-') {
			sign = *modes;
		} else if (!strchr(APO_USER_MODES, *modes)) {
			is_unknown = true;
		} else if (*modes == 's' ? change_notices(model, client, sign == '+', parameter)
					 : change_own(model, client, *modes, sign == '+')) {
			if (sign != said_sign)
				said[len++] = said_sign = sign;
			said[len++] = *modes;
		}
	}
	said[len] = '\0';
	if (len > 0) {
		apo_tell_print(model, client, client->nick, "MODE %s :%s", client->nick, said);
	}
	if (is_unknown)
		apo_reply(model, client, ERR_UMODEUNKNOWNFLAG);
}

void apo_own_modes(struct apo_model *model, struct apo_client *client, const char *modes,
		   const char *parameter)
{
	if (modes)
		change_self(model, client, modes, parameter);
	else
		tell_own_modes(model, client);
}
