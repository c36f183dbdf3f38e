/* SPDX-License-Identifier: MIT */
/* VERSION, TIME, INFO, MOTD, LUSERS, ADMIN, LINKS, STATS. */
#include "conversation/model/server.h"

#include <stdio.h>
#include <string.h>

#include "conversation/model/ban_commands.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/replies.h"

/* Returns whether the parameter names this server, or one of its clients. If not, the client is
 * told. */
static bool is_here(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message, unsigned i)
{
	const char *target = message->params[i];

	if (!*target || apo_mask_is_match(target, model->config->server_name) ||
	    apo_client_named(model, target))
		return true;
	apo_reply(model, client, ERR_NOSUCHSERVER, apo_word(target));
	return false;
}

void apo_on_version(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	if (!is_here(model, client, message, 0))
		return;
	apo_reply(model, client, RPL_VERSION, model->config->version, model->config->server_name,
		  "Apollonion");
	apo_isupport_tell(model, client);
}

void apo_on_time(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char stamp[APO_STAMP_BYTES];

	if (!is_here(model, client, message, 0))
		return;
	apo_stamp_write(stamp, apo_wall_ms(model));
	apo_reply(model, client, RPL_TIME, model->config->server_name, stamp);
}

void apo_on_info(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	char line[128], started[APO_STAMP_BYTES];

	if (!is_here(model, client, message, 0))
		return;
	apo_stamp_write(started, model->started_ms);
	snprintf(line, sizeof line, "This is %s, a conversation server.", model->config->version);
	apo_reply(model, client, RPL_INFO, line);
	apo_reply(model, client, RPL_INFO,
		  "It speaks IRC over TCP, TLS and rudp, and is part of rudp (MIT licence).");
	snprintf(line, sizeof line, "It was started %s.", started);
	apo_reply(model, client, RPL_INFO, line);
	apo_reply(model, client, RPL_ENDOFINFO);
}

void apo_motd_tell(struct apo_model *model, struct apo_client *client)
{
	const struct apo_model_config *config = model->config;
	size_t i;

	if (config->motd_count == 0) {
		apo_reply(model, client, ERR_NOMOTD);
		return;
	}
	apo_reply(model, client, RPL_MOTDSTART, config->server_name);
	for (i = 0; i < config->motd_count; i++)
		apo_reply(model, client, RPL_MOTD, config->motd[i]);
	apo_reply(model, client, RPL_ENDOFMOTD);
}

void apo_on_motd(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	if (is_here(model, client, message, 0))
		apo_motd_tell(model, client);
}

void apo_lusers_tell(struct apo_model *model, struct apo_client *client)
{
	const struct apo_model_figures *figures = &model->figures;
	unsigned long clients = figures->clients, peak = figures->clients_peak;

	apo_reply(model, client, RPL_LUSERCLIENT, clients - (unsigned long)figures->invisible,
		  (unsigned long)figures->invisible);
	apo_reply(model, client, RPL_LUSEROP, (unsigned long)figures->operators);
	apo_reply(model, client, RPL_LUSERUNKNOWN, (unsigned long)figures->unregistered);
	apo_reply(model, client, RPL_LUSERCHANNELS, (unsigned long)figures->channels);
	apo_reply(model, client, RPL_LUSERME, clients);
	apo_reply(model, client, RPL_LOCALUSERS, clients, peak, clients, peak);
	apo_reply(model, client, RPL_GLOBALUSERS, clients, peak, clients, peak);
}

void apo_on_lusers(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	if (is_here(model, client, message, 1))
		apo_lusers_tell(model, client);
}

void apo_on_admin(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	const struct apo_model_config *config = model->config;

	if (!is_here(model, client, message, 0))
		return;
	if (!config->admin_location && !config->admin_organisation && !config->admin_email) {
		apo_reply(model, client, ERR_NOADMININFO, config->server_name);
		return;
	}
	apo_reply(model, client, RPL_ADMINME, config->server_name);
	if (config->admin_location)
		apo_reply(model, client, RPL_ADMINLOC1, config->admin_location);
	if (config->admin_organisation)
		apo_reply(model, client, RPL_ADMINLOC2, config->admin_organisation);
	if (config->admin_email)
		apo_reply(model, client, RPL_ADMINEMAIL, config->admin_email);
}

void apo_on_links(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	const struct apo_model_config *config = model->config;
	const char *mask =
		message->param_count > 0 ? message->params[message->param_count - 1] : "*";

	if (apo_mask_is_match(mask, config->server_name))
		apo_reply(model, client, RPL_LINKS, config->server_name, config->server_name,
			  config->description);
	apo_reply(model, client, RPL_ENDOFLINKS, apo_word(mask));
}

/* ---- STATS ---- */

static void tell_commands(struct apo_model *model, struct apo_client *client)
{
	unsigned i;

	for (i = 0; i < apo_command_count; i++)
		if (model->command_counts[i])
			apo_reply(model, client, RPL_STATSCOMMANDS, apo_commands[i].name,
				  model->command_counts[i]);
}

static void tell_operators(struct apo_model *model, struct apo_client *client)
{
	const struct apo_model_config *config = model->config;
	size_t i;

	for (i = 0; i < config->operator_count; i++)
		apo_reply(model, client, RPL_STATSOLINE,
			  config->operators[i].mask ? config->operators[i].mask : "*@*",
			  config->operators[i].name);
}

static void tell_uptime(struct apo_model *model, struct apo_client *client)
{
	unsigned long s =
		(unsigned long)((model->now_at_ns - model->started_at_ns) / RUDP_NS_PER_S);

	apo_reply(model, client, RPL_STATSUPTIME, s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

static void tell_figures(struct apo_model *model, struct apo_client *client)
{
#define TELL(name, help)                                                                           \
	apo_reply(model, client, RPL_STATSDEBUG, help, (unsigned long)model->figures.name);
	APO_MODEL_FIGURES(TELL)
#undef TELL
}

void apo_on_stats(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	char query[2] = {message->params[0][0], '\0'};
	bool is_private = query[0] && strchr("dkmoxz", query[0]);

	if (!is_here(model, client, message, 1))
		return;
	if (is_private && !client->is_operator) {
		apo_reply(model, client, ERR_NOPRIVILEGES);
	} else if (query[0] == 'd') {
		apo_ban_list(model, client, APO_BAN_ADDRESS, NULL);
	} else if (query[0] == 'k') {
		apo_ban_list(model, client, APO_BAN_HOST, NULL);
	} else if (query[0] == 'x') {
		apo_ban_list(model, client, APO_BAN_REAL, NULL);
	} else if (query[0] == 'm') {
		tell_commands(model, client);
	} else if (query[0] == 'o') {
		tell_operators(model, client);
	} else if (query[0] == 'u') {
		tell_uptime(model, client);
	} else if (query[0] == 'z') {
		tell_figures(model, client);
	}
	apo_reply(model, client, RPL_ENDOFSTATS, apo_word(query));
}
