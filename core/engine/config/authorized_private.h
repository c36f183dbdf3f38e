/* SPDX-License-Identifier: MIT */
/* authorized_private - one line of a file of authorized keys, and its parser. */
#ifndef RUDP_ENGINE_AUTHORIZED_PRIVATE_H
#define RUDP_ENGINE_AUTHORIZED_PRIVATE_H

#include "engine/config/authorized_keys.h"
#include "engine/config/policy_private.h"

struct rudp_authorized_key {
	uint8_t public_key[RUDP_IDENTITY_BYTES];
	unsigned line;
	bool is_revoked;
	char name[RUDP_AUTHORIZED_NAME_SIZE];
	int64_t expires_s; /* INT64_MAX: never */
	/* No ports, no networks: any. */
	unsigned port_count, network_count, group_count;
	struct {
		uint16_t min, max;
	} ports[RUDP_AUTHORIZED_VALUES_MAX];
	struct rudp_policy_network networks[RUDP_AUTHORIZED_VALUES_MAX];
	char groups[RUDP_AUTHORIZED_VALUES_MAX][RUDP_AUTHORIZED_NAME_SIZE];
};

/* Reads one line of the file at path. false: text says what is wrong. */
bool rudp_authorized_key_read(struct rudp_authorized_key *key, struct rudp_key_line *line,
			      const char *path, char text[RUDP_KEY_TEXT_SIZE]);

#endif
