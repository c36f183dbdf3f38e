/* SPDX-License-Identifier: MIT */
/*
 * config_rows - the keys of the configuration file: the type of each value, and the member that
 * gets it.
 *
 * Returns  apo_config_set returns NULL, or a description of the error to follow the key's name.
 */
#ifndef APO_SERVER_CONFIG_ROWS_H
#define APO_SERVER_CONFIG_ROWS_H

#include "conversation/server/config.h"

#define APO_CONFIG_ROWS_MAX 112

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
	APO_CONFIG_SECONDS,
	APO_CONFIG_LISTEN_WEB,
	APO_CONFIG_LISTEN_WEB_TLS,
	APO_CONFIG_WEB_HOST,
	APO_CONFIG_WEB_ORIGIN,
	APO_CONFIG_TRUSTED_PROXY,
};

struct apo_config_row {
	const char *section, *key;
	enum apo_config_kind kind;
	bool is_repeated;
	const char *member;  /* the name in apo_model_config_check, after "model." */
	size_t offset, size; /* of the member of struct apo_config */
	uint64_t min, max;   /* of numbers; spans are in nanoseconds */
};

extern const struct apo_config_row apo_config_rows[];
extern const size_t apo_config_row_count;

/* NULL if there is no such key. */
const struct apo_config_row *apo_config_row_of(const char *section, const char *key);
bool apo_config_is_section(const char *section);

const char *apo_config_set(struct apo_config *config, const struct apo_config_row *row,
			   const char *text);

/* Copies text; the copy is freed with the configuration. NULL if memory is short. (In config.c.) */
const char *apo_config_keep(struct apo_config *config, const char *text);

#endif
