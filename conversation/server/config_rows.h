/* SPDX-License-Identifier: MIT */
/*
 * config_rows - the keys that a configuration may have: what each is, and where its value goes.
 *
 * Returns  of apo_config_set: NULL, or what is wrong with the value, to be read behind the key.
 */
#ifndef APO_SERVER_CONFIG_ROWS_H
#define APO_SERVER_CONFIG_ROWS_H

#include "conversation/server/config.h"

#define APO_CONFIG_ROWS_MAX 80

enum apo_config_kind {
	APO_CONFIG_TEXT,
	APO_CONFIG_HASH, /* of a password */
	APO_CONFIG_COUNT,
	APO_CONFIG_BYTES,
	APO_CONFIG_SPAN,
	APO_CONFIG_BOOLEAN,
	APO_CONFIG_LISTEN,
	APO_CONFIG_LISTEN_TLS,
	APO_CONFIG_CLOAK_KEY,
	APO_CONFIG_BURST,
	APO_CONFIG_PORT,
	APO_CONFIG_SECONDS
};

struct apo_config_row {
	const char *section, *key;
	enum apo_config_kind kind;
	bool is_repeated;
	const char *member; /* as apo_model_config_check calls it, behind "model." */
	size_t offset;
	uint64_t min, max; /* of numbers; of spans in nanoseconds */
};

extern const struct apo_config_row apo_config_rows[];
extern const size_t apo_config_row_count;

/* NULL: there is none. */
const struct apo_config_row *apo_config_row_of(const char *section, const char *key);
bool apo_config_is_section(const char *section);

const char *apo_config_set(struct apo_config *config, const struct apo_config_row *row,
			   const char *text);

/* A copy that lives as long as the configuration. NULL without memory. (config.c) */
const char *apo_config_keep(struct apo_config *config, const char *text);

#endif
