/* SPDX-License-Identifier: MIT */
/* Compares a new configuration with the one in use. */
#include <string.h>

#include "conversation/server/config.h"

bool apo_config_is_other(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

bool apo_config_has_other_peers(const struct apo_config *a, const struct apo_config *b)
{
	return a->peers_port != b->peers_port || a->peers_max != b->peers_max ||
	       a->peers_away_ns != b->peers_away_ns ||
	       apo_config_is_other(a->peers_id, b->peers_id) ||
	       apo_config_is_other(a->peers_key_file, b->peers_key_file);
}

bool apo_config_has_other_cluster(const struct apo_config *a, const struct apo_config *b)
{
	return a->cluster_replicas != b->cluster_replicas ||
	       a->cluster_timeout_ns != b->cluster_timeout_ns ||
	       apo_config_is_other(a->cluster_servers, b->cluster_servers) ||
	       apo_config_is_other(a->cluster_node, b->cluster_node) ||
	       apo_config_is_other(a->cluster_name, b->cluster_name) ||
	       apo_config_is_other(a->cluster_ca_file, b->cluster_ca_file) ||
	       apo_config_is_other(a->cluster_certificate_file, b->cluster_certificate_file) ||
	       apo_config_is_other(a->cluster_key_file, b->cluster_key_file) ||
	       apo_config_is_other(a->cluster_credentials_file, b->cluster_credentials_file);
}

bool apo_config_may_follow(const struct apo_config *config, const struct apo_config *next,
			   apo_complain *complain, void *of)
{
	if (!config->cluster_servers || apo_model_shared_fingerprint(&config->model) ==
						apo_model_shared_fingerprint(&next->model))
		return true;
	complain(of, "the names and limits of a cluster cannot change while nodes run");
	return false;
}
