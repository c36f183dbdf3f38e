/* SPDX-License-Identifier: MIT */
/* Checks that need the whole file. */
#include <string.h>

#include "base/log.h"
#include "conversation/cluster/entry.h"
#include "conversation/irc/frame.h"
#include "conversation/server/config_private.h"
#include "conversation/server/tls.h"
#include "engine/config/settings.h"

static void check_tls(struct apo_config_reading *reading)
{
	struct apo_config *config = reading->config;
	apo_tls_context *context;
	char reason[256];
	unsigned i;

	for (i = 0; i < config->listen_count && !config->listens[i].is_tls; i++)
		;
	if (i == config->listen_count && !config->certificate_file)
		return;
	if (!config->certificate_file || !config->key_file) {
		apo_config_complain(reading, apo_config_line(reading, "listen", "tls"),
				    "listen: tls needs certificate and key");
		return;
	}
	context = apo_tls_context_new(config->certificate_file, config->key_file, reason,
				      sizeof reason);
	if (context)
		apo_tls_context_put(context);
	else
		apo_config_complain(reading, apo_config_line(reading, "listen", "certificate"),
				    "listen: %s", reason);
}

/* Without a key, anybody could connect under any name. */
static void check_peers_key(struct apo_config_reading *reading)
{
	const char *file = reading->config->peers_key_file;
	char text[RUDP_SETTINGS_TEXT_SIZE];
	uint8_t psk[RUDP_PSK_BYTES];

	if (!file)
		apo_config_complain(reading, apo_config_line(reading, "peers", "port"),
				    "peers: key is missing");
	else if (!rudp_key_load_sent(psk, file, text))
		apo_config_complain(reading, apo_config_line(reading, "peers", "key"),
				    "peers: key %s", rudp_key_without_variable(text));
	explicit_bzero(psk, sizeof psk);
}

static void check_peers(struct apo_config_reading *reading)
{
	if (reading->config->peers_port == 0)
		return;
	check_peers_key(reading);
	if (!apo_frame_name_is_valid(reading->config->peers_id))
		apo_config_complain(reading, apo_config_line(reading, "peers", "id"),
				    "peers: id must be of letters, digits, dots and dashes");
}

static void complain_of_cluster(struct apo_config_reading *reading, const char *key,
				const char *wrong)
{
	apo_config_complain(reading, apo_config_line(reading, "cluster", key), "cluster: %s %s",
			    key, wrong);
}

static void check_cluster(struct apo_config_reading *reading)
{
	const struct apo_config *config = reading->config;

	if (!config->cluster_servers)
		return;
	if (!config->cluster_node || !apo_node_name_is_valid(config->cluster_node))
		complain_of_cluster(reading, "node",
				    "must be of letters, digits, - and _, and another one at "
				    "each node");
	if (!apo_node_name_is_valid(config->cluster_name))
		complain_of_cluster(reading, "name", "must be of letters, digits, - and _");
	if (!config->cluster_certificate_file != !config->cluster_key_file)
		complain_of_cluster(reading, "certificate", "needs a key, and a key needs it");
	if (config->is_cloaked && !config->has_cloak_key)
		complain_of_cluster(reading, "servers",
				    "needs a key in [cloak], the same at all nodes");
}

static bool are_operators_whole(struct apo_config_reading *reading)
{
	const struct apo_config *config = reading->config;
	bool are_whole = true;
	size_t i;

	for (i = 0; i < config->model.operator_count; i++)
		if (!config->operators[i].password_hash) {
			are_whole = false;
			apo_config_complain(reading, reading->operator_lines[i],
					    "operator %s: has no password",
					    config->operators[i].name);
		}
	return are_whole;
}

/* Reports an error of the model's check at the line of the key that set the value. */
static void complain_of_member(struct apo_config_reading *reading, const char *member,
			       const char *wrong)
{
	static const char prefix[] = "model.";
	size_t i, skip = sizeof prefix - 1;

	for (i = 0; i < apo_config_row_count; i++)
		if (strncmp(apo_config_rows[i].member, prefix, skip) == 0 &&
		    strcmp(apo_config_rows[i].member + skip, member) == 0) {
			apo_config_complain(reading, reading->lines[i], "%s: %s %s",
					    apo_config_rows[i].section, apo_config_rows[i].key,
					    wrong);
			return;
		}
	apo_config_complain(reading, 0, "%s: %s", member, wrong);
}

static void check_model(struct apo_config_reading *reading)
{
	const char *member = "";
	const char *wrong = apo_model_config_check(&reading->config->model, &member);

	if (wrong)
		complain_of_member(reading, member, wrong);
}

void apo_config_check(struct apo_config_reading *reading)
{
	const struct apo_config *config = reading->config;
	bool are_whole = are_operators_whole(reading);
	enum rudp_log_level level;

	if (config->listen_count == 0)
		apo_config_complain(reading, 0, "listen: no address is configured");
	if (!rudp_log_level_parse(config->log_level, &level))
		apo_config_complain(reading, apo_config_line(reading, "server", "log-level"),
				    "server: log-level must be error, warn, info, debug or off");
	check_tls(reading);
	check_peers(reading);
	check_cluster(reading);
	if (config->model.account_required && !config->accounts_file)
		apo_config_complain(reading, apo_config_line(reading, "accounts", "required"),
				    "accounts: required needs a file of accounts");
	if (config->model.has_history && !config->accounts_file)
		apo_config_complain(reading, apo_config_line(reading, "history", "enabled"),
				    "history: needs the accounts file, and none is configured");
	if (!config->model.server_name)
		apo_config_complain(reading, 0, "server: name is missing");
	else if (are_whole)
		check_model(reading);
}
