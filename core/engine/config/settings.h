/* SPDX-License-Identifier: MIT */
/*
 * settings - what an engine runs with, from the RUDP_* variables of its environment.
 *
 *	RUDP_KEY_FILE         file with the pre-shared key: 64 hex digits or 44 characters of base64
 *	RUDP_CC               congestion control: a name that rudp_cc_find knows
 *	RUDP_AEAD             auto, libcrypto or ipsec-mb: the library that encrypts
 *	RUDP_TAIL             on or off: protection of sparse traffic
 *	RUDP_LOG              LEVEL or LEVEL:FILE
 *	RUDP_QLOG             directory for traces of connections (qlog.h)
 *	RUDP_CONNECT_TIMEOUT  seconds that a connection attempt may take
 *	RUDP_BUSY_POLL        microseconds that the engine looks before it sleeps (without it:
 *	                      busy_poll.h)
 *	RUDP_MEMORY           bytes that all buffers may hold together, also as 512M
 *	                      (proto/stream/budget.h)
 *	RUDP_POLICY           rules, see engine/config/policy.h; RUDP_POLICY_FILE: a file with more of
 *	                      them
 *
 * An empty variable is one that is not set. RUDP_CC and RUDP_CONNECT_TIMEOUT are defaults; what a
 * program asks for by a socket option goes first.
 */
#ifndef RUDP_ENGINE_SETTINGS_H
#define RUDP_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
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
	uint8_t psk[RUDP_PSK_BYTES];     /* the one that was to be sent when they were read */
	struct rudp_key_ring keys;       /* all of them */
	const struct rudp_cc_ops *cc;    /* NULL: the protocol's default */
	enum rudp_aead_kind aead;        /* NONE: the faster one */
	bool has_tail;                   /* the variable says it, and not the policy */
	bool tail_off;                   /* no second copies of sparse traffic */
	bool confine_off;                /* the engine's process keeps its rights (confine.h) */
	enum rudp_log_level log_level;
	char log_path[RUDP_SETTINGS_PATH_SIZE]; /* empty: no log */
	char qlog_path[RUDP_SETTINGS_PATH_SIZE]; /* empty: no traces */
	int64_t connect_timeout_ns;      /* 0: the protocol's default */
	bool has_busy_poll;              /* else the engine finds out (busy_poll.h) */
	int64_t busy_poll_ns;            /* 0: it sleeps at once */
	uint64_t memory_max_bytes;       /* 0: a share of the host's (memory_limit.h) */
	struct rudp_policy *policy;      /* owned; NULL only before a load, and after a failed one */
};

enum rudp_settings_fault {
	RUDP_SETTINGS_OK,
	RUDP_SETTINGS_BAD_KEY,           /* no key; no connection may go out without it */
	RUDP_SETTINGS_BAD_VALUE,
};

/*
 * Reads the variables with get (getenv, or a test's own), the key files and the policy.
 *
 * Returns  OK, or what is wrong, with text saying which variable, what and what is allowed.
 */
enum rudp_settings_fault rudp_settings_load(struct rudp_settings *settings,
					    char *(*get)(const char *name), uint32_t uid,
					    char text[RUDP_SETTINGS_TEXT_SIZE]);

/* The variables that an engine or a program knows, from index 0 on. NULL: no more. */
const char *rudp_settings_name(size_t index);

/*
 * Looks in the environment, from *at on, for a RUDP_ variable that is set and that nothing reads: a
 * misspelled RUDP_KEY_FILE leaves its user without the key.
 *
 * Returns  true: text says which, and what it may be meant to be; *at is behind it.
 */
bool rudp_settings_unknown(char *const environment[], size_t *at,
			   char text[RUDP_SETTINGS_TEXT_SIZE]);

/* Frees the policy and wipes the key. A struct that was copied from another owns nothing more then. */
void rudp_settings_fini(struct rudp_settings *settings);

/* Says what is wrong with the settings in the log that they name, if they got that far. */
void rudp_settings_complain(const struct rudp_settings *settings, const char *text);

/* Sends log lines to the file, each with time and pid. 0 or -errno. Level OFF: silent. */
int rudp_log_file_open(const struct rudp_settings *settings);
/* Whether that would do, without making the file. 0 or -errno. */
int rudp_log_file_check(const struct rudp_settings *settings);
void rudp_log_file_close(void);

#endif
