/* SPDX-License-Identifier: MIT */
/*
 * config - the configuration file of Apollonion (apollonion.conf(5)).
 *
 * Model    A file becomes one object, which never changes; reading the file again makes another
 *          object. Each user holds a reference. Each wrong line is reported with file, line and
 *          key. A file with a wrong line is not used at all.
 * Threads  any may read, get and put.
 */
#ifndef APO_SERVER_CONFIG_H
#define APO_SERVER_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conversation/irc/network.h"
#include "conversation/model/model.h"
#include "conversation/web/handshake.h"

#define APO_LISTENS_MAX 16
#define APO_TRUSTED_PROXIES_MAX 16
#define APO_OPERATORS_MAX 64
#define APO_MOTD_LINES_MAX 1000
#define APO_CLOAK_KEY_BYTES 32

struct apo_listen {
	struct rudp_addr address;
	bool is_tls, is_web;
};

struct apo_config {
	atomic_uint references;
	struct apo_model_config model;

	struct apo_listen listens[APO_LISTENS_MAX];
	unsigned listen_count;
	const char *certificate_file, *key_file; /* NULL: no TLS */
	struct apo_web_rules web;
	struct apo_network trusted_proxies[APO_TRUSTED_PROXIES_MAX];
	unsigned trusted_proxy_count;

	unsigned workers;     /* 0: one for each processor */
	int64_t drain_ns;     /* how long queued data may take to be written at the end */
	const char *log_file; /* NULL: the standard error */
	const char *log_level;
	const char *metrics_path; /* NULL: no metrics */

	unsigned waiting_max;     /* connections beyond clients_max that may wait */
	int64_t waiting_ns;       /* how long they may wait */
	unsigned per_address_max; /* simultaneous connections of an IPv4 address or IPv6 /64 */
	unsigned connects_max;    /* new connections of one of these within connects_ns */
	int64_t connects_ns;
	size_t receive_queue_bytes; /* unprocessed input of one client */
	size_t send_queue_bytes;
	const char *accounts_file;     /* NULL: no accounts */
	int64_t history_age_ns;        /* older messages are removed */
	unsigned history_messages_max; /* of a channel, or of a pair of accounts */
	size_t history_bytes_max;      /* of the database file */
	uint32_t flood_burst_ms;       /* 0: no flood control */

	/* Clients over the messaging library. */
	uint16_t peers_port; /* 0: off */
	const char *peers_key_file, *peers_id;
	unsigned peers_max;
	int64_t peers_away_ns; /* how long a peer without a link is kept */

	/* One of several nodes of a network, over NATS. */
	const char *cluster_servers; /* URLs, separated by commas; NULL: off */
	const char *cluster_node;    /* the name of this node */
	const char *cluster_name;    /* of the stream, and the first part of subjects */
	const char *cluster_ca_file, *cluster_certificate_file, *cluster_key_file; /* NULL: none */
	const char *cluster_credentials_file;                                      /* NULL: none */
	unsigned cluster_replicas;  /* of the stream */
	int64_t cluster_timeout_ns; /* a node that is silent for this long counts as gone */

	bool is_cloaked;
	uint8_t cloak_key[APO_CLOAK_KEY_BYTES];
	bool has_cloak_key; /* false: the random key of the process is used */

	struct apo_operator operators[APO_OPERATORS_MAX];
	const char *motd_file;
	struct apo_config_string *kept; /* the memory of the strings */
};

/* Receives error messages, each one line without line end. */
typedef void apo_complain(void *of, const char *line);

/* Returns NULL if the file has errors; complain has received them. */
struct apo_config *apo_config_read(const char *file, apo_complain *complain, void *of);

/* ---- config_compare.c ---- */

/* NULL is an empty string. */
bool apo_config_is_other(const char *a, const char *b);
/* The section has texts, numbers and times only. */
bool apo_config_has_other_section(const struct apo_config *a, const struct apo_config *b,
				  const char *section);
/* Returns whether a running server may use next instead of config. All nodes of a cluster must
 * treat the same events alike at any time. complain gets the reason. */
bool apo_config_may_follow(const struct apo_config *config, const struct apo_config *next,
			   apo_complain *complain, void *of);

struct apo_config *apo_config_get(struct apo_config *config);
void apo_config_put(struct apo_config *config);

#endif
