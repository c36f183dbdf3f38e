/* SPDX-License-Identifier: MIT */
/* Compares a new configuration with the one in use. */
#include <string.h>

#include "conversation/server/config_rows.h"

bool apo_config_is_other(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool has_other(const struct apo_config_row *row, const void *a, const void *b)
{
	if (row->kind == APO_CONFIG_TEXT)
		return apo_config_is_other(*(const char *const *)a, *(const char *const *)b);
	return memcmp(a, b, row->size) != 0;
}

bool apo_config_has_other_section(const struct apo_config *a, const struct apo_config *b,
				  const char *section)
{
	const struct apo_config_row *row;

	for (row = apo_config_rows; row < apo_config_rows + apo_config_row_count; row++)
		if (strcmp(row->section, section) == 0 &&
		    has_other(row, (const char *)a + row->offset, (const char *)b + row->offset))
			return true;
	return false;
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
