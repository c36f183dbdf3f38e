/* SPDX-License-Identifier: MIT */
/*
 * settings - the configuration of an engine, from the RUDP_* variables of its environment.
 *
 *	RUDP_KEY_FILE         file with the pre-shared key: 64 hex digits or 44 characters of base64
 *	RUDP_IDENTITY, RUDP_KNOWN_HOSTS, RUDP_AUTHORIZED_KEYS
 *	                      files of identities (identity_files.h)
 *	RUDP_CC               congestion control: a name that rudp_cc_find knows
 *	RUDP_AEAD             auto, libcrypto or ipsec-mb: the library that encrypts
 *	RUDP_TAIL             on or off: protection of sparse traffic
 *	RUDP_LOG              LEVEL or LEVEL:FILE
 *	RUDP_QLOG             directory for traces of connections (qlog.h)
 *	RUDP_CONNECT_TIMEOUT  seconds that a connection attempt may take
 *	RUDP_BUSY_POLL        microseconds that the engine polls before it sleeps (default:
 *	                      adaptive, busy_poll.h)
 *	RUDP_MEMORY           limit for all buffers together (proto/stream/budget.h), in bytes or
 *	                      as 512M
 *	RUDP_POLICY           rules, see engine/config/policy.h
 *	RUDP_POLICY_FILE      a file with more rules
 *
 * An empty variable counts as not set. RUDP_CC and RUDP_CONNECT_TIMEOUT are defaults: a socket
 * option of the program takes precedence.
 */
#ifndef RUDP_ENGINE_SETTINGS_H
#define RUDP_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "engine/config/identity_files.h"
#include "engine/config/key_ring.h"
#include "proto/cc/cc.h"
#include "proto/crypto/aead.h"

struct rudp_policy;

#define RUDP_SETTINGS_TEXT_SIZE RUDP_KEY_TEXT_SIZE
#define RUDP_SETTINGS_PATH_SIZE 1024
#define RUDP_CONNECT_TIMEOUT_MAX_S 86400
#define RUDP_BUSY_POLL_MAX_US 10000
#define RUDP_MEMORY_MIN_BYTES (1ull << 20)
#define RUDP_MEMORY_MAX_BYTES (1ull << 50)

struct rudp_settings {
	bool has_psk;
	uint8_t psk[RUDP_PSK_BYTES];           /* the key to send, as of the load */
	struct rudp_key_ring keys;             /* all keys */
	struct rudp_identity_files identities; /* owned, as the policy is */
	const struct rudp_cc_ops *cc;          /* NULL: the protocol's default */
	enum rudp_aead_kind aead;              /* NONE: the faster one */
	bool has_tail;                         /* RUDP_TAIL decides, not the policy */
	bool tail_off;                         /* no second copies of sparse traffic */
	bool confine_off; /* the engine's process keeps its rights (confine.h) */
	enum rudp_log_level log_level;
	char log_path[RUDP_SETTINGS_PATH_SIZE];  /* empty: no log */
	char qlog_path[RUDP_SETTINGS_PATH_SIZE]; /* empty: no traces */
	int64_t connect_timeout_ns;              /* 0: the protocol's default */
	bool has_busy_poll;                      /* else adaptive (busy_poll.h) */
	int64_t busy_poll_ns;                    /* 0: sleeps at once */
	uint64_t memory_max_bytes;  /* 0: a share of the host's memory (memory_limit.h) */
	struct rudp_policy *policy; /* owned; NULL before a load and after a failed one */
};

enum rudp_settings_fault {
	RUDP_SETTINGS_OK,
	RUDP_SETTINGS_BAD_KEY, /* no usable key; no connection may be opened without it */
	RUDP_SETTINGS_BAD_VALUE,
};

/*
 * Reads the variables with get (getenv, or a test's function), the key files and the policy.
 *
 * Returns  OK, or the kind of error; text names the variable, its value and the allowed values.
 */
enum rudp_settings_fault rudp_settings_load(struct rudp_settings *settings,
					    char *(*get)(const char *name), uint32_t uid,
					    char text[RUDP_SETTINGS_TEXT_SIZE]);

/* The variables that an engine or a program reads, from index 0 on. NULL: no more. */
const char *rudp_settings_name(size_t index);

/*
 * Searches the environment, from *at on, for a RUDP_ variable that is set but unknown: with a
 * misspelled RUDP_KEY_FILE connections would not be encrypted with the key.
 *
 * Returns  true: text names the variable and a likely correction; *at is advanced past it.
 */
bool rudp_settings_unknown(char *const environment[], size_t *at,
			   char text[RUDP_SETTINGS_TEXT_SIZE]);

/*
 * Reads the policy's file again if it has changed, and lets the files of identities follow what it
 * sets. An error is logged once for each change, and what was in force stays so. Returns true if
 * the rules are new.
 */
bool rudp_settings_refresh(struct rudp_settings *settings, int64_t now_at_ns);

/* Frees the policy and wipes the key. Copies of the struct must not be used afterwards. */
void rudp_settings_fini(struct rudp_settings *settings);

/* Logs an error of the settings, if they have got as far as naming a log. */
void rudp_settings_complain(const struct rudp_settings *settings, const char *text);

/* Sends log lines to the file, each with time and pid. Returns 0 or -errno. Level OFF: no log. */
int rudp_log_file_open(const struct rudp_settings *settings);
/* Tests whether the log file could be opened, without creating it. Returns 0 or -errno. */
int rudp_log_file_check(const struct rudp_settings *settings);
void rudp_log_file_close(void);

#endif
