/* SPDX-License-Identifier: MIT */
/*
 * environment - the RUDP_* variables of the environment, which an engine runs with.
 *
 * Programs share an engine when all their settings are equal; a hash over them is part of its
 * well-known name. Not settings: RUDP_DISABLE, RUDP_ENGINE, RUDP_ENGINE_PATH (about the caller), and
 * RUDP_NONCE, RUDP_TOKEN, RUDP_SETTINGS (which lead to an engine that runs already). Without
 * RUDP_POLICY_FILE the engine looks for a policy below XDG_CONFIG_HOME or HOME: the one of these that
 * decides is then part of the hash.
 * In a program with raised privileges (AT_SECURE) there are no variables.
 *
 * Programs clean their environment before they open a socket (a worker of nginx keeps TZ): that must not
 * lose the key. So the shim has the variables copied when it is loaded; each holds for as long as the
 * program has no other value for it. To take one back, set it to nothing.
 *
 * Threads  as getenv(3). No allocation.
 */
#ifndef RUDP_API_ENVIRONMENT_H
#define RUDP_API_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Remembers the variables that are set now: the first RUDP_ENVIRONMENT_REMEMBERED_MAX that fit into
 * RUDP_ENVIRONMENT_BYTES_MAX. Once, before any thread.
 */
void rudp_environment_remember(void);
#define RUDP_ENVIRONMENT_REMEMBERED_MAX 32
#define RUDP_ENVIRONMENT_BYTES_MAX 32768

/*
 * All RUDP_ variables, XDG_RUNTIME_DIR, XDG_CONFIG_HOME and HOME: those of the program, then those
 * remembered.
 */
struct rudp_environment_walk {
	char **now;
	size_t remembered;
};
void rudp_environment_begin(struct rudp_environment_walk *walk);
const char *rudp_environment_next(struct rudp_environment_walk *walk); /* NULL: no more */

/* NULL when not set or empty. */
const char *rudp_environment_get(const char *name);

/* "RUDP_x=y" is a setting (see above), or any RUDP_ variable. */
bool rudp_environment_is_setting(const char *variable);
bool rudp_environment_is_ours(const char *variable);

/* What an engine process is started with: the settings, and the directories of its log and policy. */
bool rudp_environment_is_for_engine(const char *variable);

/* Key material is named: without an engine a connection must fail, not fall back to clear text. */
bool rudp_environment_want_key(void);

/*
 * Of the settings, with file names made absolute, and of the place where a policy file would be looked
 * for: programs with equal ones share an engine. The order of the variables does not matter.
 */
uint64_t rudp_environment_hash(void);
/*
 * Of the settings as written, by which an executed program knows that the engine handed on to it is that
 * of its settings. It keeps that engine in another home directory, too, as a session under sshd does.
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
