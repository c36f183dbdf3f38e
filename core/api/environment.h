/* SPDX-License-Identifier: MIT */
/*
 * environment - reads the RUDP_* environment variables, from which an engine takes its settings.
 *
 * Programs share an engine if all their settings are equal: a hash of the settings is part of the
 * engine's well-known name. Six variables are not settings. RUDP_DISABLE, RUDP_ENGINE and
 * RUDP_ENGINE_PATH concern only the calling program. RUDP_NONCE, RUDP_TOKEN and RUDP_SETTINGS lead
 * to an engine that already runs. Without RUDP_POLICY_FILE the engine looks for a policy below
 * XDG_CONFIG_HOME or HOME; the variable that is used is then part of the hash. A program with
 * raised privileges (AT_SECURE) has no variables.
 *
 * Some programs clear their environment before they open a socket (a worker of nginx keeps only
 * TZ). They must not lose the key, so the shim copies the variables when it is loaded. A copy is
 * valid as long as the program has no other value for the variable. To remove a variable, the
 * program sets it to the empty string.
 *
 * Threads  as getenv(3). No allocation.
 */
#ifndef RUDP_API_ENVIRONMENT_H
#define RUDP_API_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies the variables that are set now: the first RUDP_ENVIRONMENT_REMEMBERED_MAX that fit into
 * RUDP_ENVIRONMENT_BYTES_MAX. Call it once, before any thread is started.
 */
void rudp_environment_remember(void);
#define RUDP_ENVIRONMENT_REMEMBERED_MAX 32
#define RUDP_ENVIRONMENT_BYTES_MAX 32768

/*
 * Iterates over all RUDP_ variables, XDG_RUNTIME_DIR, XDG_CONFIG_HOME and HOME: first those that
 * the program has, then the copied ones.
 */
struct rudp_environment_walk {
	char **now;
	size_t remembered;
};
void rudp_environment_begin(struct rudp_environment_walk *walk);
const char *rudp_environment_next(struct rudp_environment_walk *walk); /* NULL: no more */

/* Returns NULL if the variable is not set or empty. */
const char *rudp_environment_get(const char *name);

/* Whether "RUDP_x=y" is a setting (see above), and whether it is any RUDP_ variable. */
bool rudp_environment_is_setting(const char *variable);
bool rudp_environment_is_ours(const char *variable);

/*
 * Whether an engine process is started with the variable: settings and directories of log and
 * policy.
 */
bool rudp_environment_is_for_engine(const char *variable);

/*
 * The hash by which programs share an engine. It covers the settings, with file names made
 * absolute, and the place where a policy file is searched. The order of the variables does not
 * matter.
 */
uint64_t rudp_environment_hash(void);
/*
 * The hash of the settings as written. An executed program compares it to see that the engine
 * passed on to it has its own settings. It uses that engine even if HOME has changed, as in a
 * session under sshd.
 */
uint64_t rudp_environment_hash_written(void);

/*
 * Copies one variable with its file names made absolute (RUDP_KEY_FILE,
 * RUDP_POLICY_FILE, RUDP_QLOG, the file part of RUDP_LOG).
 *
 * Returns  its length, or 0 when it does not fit into size with its final 0.
 */
size_t rudp_environment_copy(char *out, size_t size, const char *variable);

#endif
