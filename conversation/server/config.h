/* SPDX-License-Identifier: MIT */
/*
 * config - the configuration file of Apollonion (apollonion.conf(5)).
 *
 * Model    a file becomes one object that is never changed; another file, another object. What
 *          reads it holds a reference. Wrong lines are told one by one, with file, line and key; a
 *          file with one is not used at all.
 * Threads  any may read, get and put.
 */
#ifndef APO_SERVER_CONFIG_H
#define APO_SERVER_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conversation/model/model.h"

#define APO_LISTENS_MAX 16
#define APO_OPERATORS_MAX 64
#define APO_MOTD_LINES_MAX 1000
#define APO_CLOAK_KEY_BYTES 32

struct apo_listen {
	struct rudp_addr address;
	bool is_tls;
};

struct apo_config {
	atomic_uint references;
	struct apo_model_config model;

	struct apo_listen listens[APO_LISTENS_MAX];
	unsigned listen_count;
	const char *certificate_file, *key_file; /* NULL: no TLS */

	unsigned workers;     /* 0: one for each processor */
	int64_t drain_ns;     /* how long what is queued may take to be written at the end */
	const char *log_file; /* NULL: the standard error */
	const char *log_level;
	const char *metrics_path; /* NULL: none */

	unsigned waiting_max;     /* connections beyond clients_max that wait for their turn */
	int64_t waiting_ns;       /* and for how long */
	unsigned per_address_max; /* connections at once of a /32 or /64 */
	unsigned connects_max;    /* of one of these in connects_ns */
	int64_t connects_ns;
	size_t receive_queue_bytes; /* of a client: what may wait for its turn */
	size_t send_queue_bytes;
	const char *accounts_file;     /* NULL: there are none */
	int64_t history_age_ns;        /* what is older goes */
	unsigned history_messages_max; /* of a channel, or of two accounts */
	size_t history_bytes_max;      /* of the file */
	uint32_t flood_burst_ms;       /* 0: no flood control */

	/* Clients over the messaging library. */
	uint16_t peers_port; /* 0: there are none */
	const char *peers_key_file, *peers_id;
	unsigned peers_max;
	int64_t peers_away_ns; /* so long a peer may be without a link and is still there */

	bool is_cloaked;
	uint8_t cloak_key[APO_CLOAK_KEY_BYTES];
	bool has_cloak_key; /* else one of this process is used */

	struct apo_operator operators[APO_OPERATORS_MAX];
	const char *motd_file;
	struct apo_kept *kept; /* the strings */
};

/* Where complaints go: one line each, without its end. */
typedef void apo_complain(void *of, const char *line);

/* Returns NULL when something is wrong with it: complain has been told what. */
struct apo_config *apo_config_read(const char *file, apo_complain *complain, void *of);

struct apo_config *apo_config_get(struct apo_config *config);
void apo_config_put(struct apo_config *config);

#endif
