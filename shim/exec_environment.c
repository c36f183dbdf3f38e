/* SPDX-License-Identifier: MIT */
#include "exec_environment.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/engine_start.h"
#include "api/environment.h"
#include "api/self_path.h"
#include "api/raw_syscall.h"
#include "filtered.h"
#include "policy.h"

#define PRELOAD "LD_PRELOAD="
/*
 * LD_PRELOAD, nonce, token, settings, the final NULL, and variables that the program has removed.
 */
#define ADDED_MAX (5 + RUDP_ENVIRONMENT_REMEMBERED_MAX)
#define EXPORT "export "
#define SHELL_NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define NONCE_VARIABLES_BYTES 128
#define SETTINGS_HASH_SIZE 17 /* 16 hex digits and the 0 */

static const char *const engine_variables[] = {"RUDP_NONCE=", "RUDP_TOKEN=", "RUDP_SETTINGS="};

static const char key_variable[] = "RUDP_KEY_FILE=";
static long user_at_start;

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static long current_user(void)
{
	return rudp_raw_syscall(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

void rudp_exec_environment_begin(void)
{
	user_at_start = current_user();
}

/*
 * Whether the user has changed since the engine was found. Under a filter it makes no call: false.
 */
static bool has_other_user(void)
{
	struct rudp_engine_ref engine;

	if (rudp_is_filtered())
		return false;
	return current_user() != (rudp_engine_known(&engine) ? (long)engine.uid : user_at_start);
}

static bool leads_to_engine(const char *variable)
{
	for (size_t i = 0; i < sizeof engine_variables / sizeof engine_variables[0]; i++)
		if (starts_with(variable, engine_variables[i]))
			return true;
	return false;
}

static size_t count_of(char *const list[])
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static const char *preload_of(char *const environment[])
{
	for (size_t i = 0; environment && environment[i]; i++)
		if (starts_with(environment[i], PRELOAD))
			return environment[i] + strlen(PRELOAD);
	return NULL;
}

size_t rudp_exec_environment_size(char *const environment[])
{
	const char *own = rudp_self_path();
	const char *preload = preload_of(environment);
	size_t bytes;

	if (!own || rudp_policy_disabled())
		return 0;
	bytes = (count_of(environment) + count_of(environ) + ADDED_MAX) * sizeof(char *) +
		NONCE_VARIABLES_BYTES + sizeof PRELOAD + strlen(own) + 1 +
		(preload ? strlen(preload) : 0) + 1;
	return bytes <= RUDP_EXEC_ENVIRONMENT_BYTES_MAX ? bytes : 0;
}

static size_t entry_length(const char *list)
{
	return strcspn(list, ": ");
}

static const char *base_of(const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);

	return slash ? slash + 1 : path;
}

static bool is_shim(const char *entry, size_t len)
{
	const char *own = base_of(rudp_self_path(), strlen(rudp_self_path()));
	const char *base = base_of(entry, len);
	size_t base_len = (size_t)(entry + len - base);

	return strlen(own) == base_len && memcmp(own, base, base_len) == 0;
}

/*
 * Whether list has the shim's full path, in any position: a sanitizer's runtime may have to be
 * first.
 */
static bool has_full_path(const char *list)
{
	const char *own = rudp_self_path();
	size_t own_len = strlen(own);

	while (list && *list) {
		size_t len = entry_length(list);

		if (len == own_len && memcmp(list, own, len) == 0)
			return true;
		list += len;
		list += *list != 0;
	}
	return false;
}

/*
 * Puts the shim first, by its full path. A relative path, or a second copy, may not be found from
 * the new working directory, and the loader prints an error then. The text is written to the space
 * after the pointers.
 */
static char *add_preload(char *text, char ***next, const char *list)
{
	*(*next)++ = text;
	text = stpcpy(stpcpy(text, PRELOAD), rudp_self_path());
	while (list && *list) {
		size_t len = entry_length(list);

		if (len && !is_shim(list, len)) {
			*text++ = ':';
			text = mempcpy(text, list, len);
		}
		list += len;
		list += *list != 0;
	}
	*text++ = 0;
	return text;
}

static void add_engine(char *text, char ***next, const struct rudp_engine_ref *engine)
{
	struct rudp_nonce token;
	char nonce_text[23], token_text[23];

	memcpy(token.bytes, engine->token, sizeof token.bytes);
	rudp_nonce_write(&engine->nonce, nonce_text);
	rudp_nonce_write(&token, token_text);
	*(*next)++ = text;
	text = stpcpy(stpcpy(text, engine_variables[0]), nonce_text) + 1;
	*(*next)++ = text;
	text = stpcpy(stpcpy(text, engine_variables[1]), token_text) + 1;
	*(*next)++ = text;
	text = stpcpy(text, engine_variables[2]);
	snprintf(text, SETTINGS_HASH_SIZE, "%016llx",
		 (unsigned long long)rudp_environment_hash_written());
}

static bool has_name_of(char *const environment[], const char *variable)
{
	size_t len = (size_t)(strchr(variable, '=') - variable) + 1;

	for (size_t i = 0; environment && environment[i]; i++)
		if (strncmp(environment[i], variable, len) == 0)
			return true;
	return false;
}

static bool is_current(const char *variable)
{
	struct rudp_environment_walk walk;
	const char *ours;

	rudp_environment_begin(&walk);
	while ((ours = rudp_environment_next(&walk)))
		if (strcmp(ours, variable) == 0)
			return true;
	return false;
}

/* Returns false if a setting was changed on purpose. Then the new program needs another engine. */
static bool keeps_settings(char *const environment[])
{
	for (size_t i = 0; environment && environment[i]; i++) {
		if (rudp_environment_is_setting(environment[i]) && !is_current(environment[i]))
			return false;
	}
	return true;
}

/*
 * Whether the program is setuid. It runs as its owner, or as the user that it changes to (su), but
 * the engine's token is for our user. Under a system call filter it makes no call and returns
 * false.
 */
static bool changes_user(const char *path)
{
	struct stat status;

	return path && !rudp_is_filtered() &&
	       rudp_raw_syscall(SYS_newfstatat, AT_FDCWD, (long)path, (long)&status, 0, 0, 0) ==
		       0 &&
	       status.st_mode & S_ISUID;
}

char **rudp_exec_environment(void *space, char *const environment[], const char *path)
{
	char **first = space, **next = space;
	char *text = (char *)(first + count_of(environment) + count_of(environ) + ADDED_MAX);
	const char *preload = preload_of(environment);
	struct rudp_environment_walk walk;
	struct rudp_engine_ref engine;
	const char *ours;
	bool other_user = has_other_user();
	bool without_engine = other_user || changes_user(path);
	bool known = rudp_engine_known(&engine);
	bool drops_engine = known || without_engine;
	bool named = has_full_path(preload);

	for (size_t i = 0; environment && environment[i]; i++)
		if (!(drops_engine && leads_to_engine(environment[i])) &&
		    (named || !starts_with(environment[i], PRELOAD)))
			*next++ = environment[i];
	rudp_environment_begin(&walk);
	while ((ours = rudp_environment_next(&walk)))
		if (rudp_environment_is_ours(ours) && !(drops_engine && leads_to_engine(ours)) &&
		    !(other_user && starts_with(ours, key_variable)) &&
		    !has_name_of(environment, ours))
			*next++ = (char *)ours;
	if (!named)
		text = add_preload(text, &next, preload);
	if (known && !without_engine && keeps_settings(environment))
		add_engine(text, &next, &engine);
	*next = NULL;
	return first;
}

void rudp_exec_environment_leave_engine(void)
{
	char **kept = environ;

	if (!has_other_user())
		return;
	for (char **next = environ; next && *next; next++)
		if (!leads_to_engine(*next))
			*kept++ = *next;
	if (kept)
		*kept = NULL;
}

static bool is_in_environ(const char *variable)
{
	for (char **ours = environ; ours && *ours; ours++)
		if (strcmp(*ours, variable) == 0)
			return true;
	return false;
}

/*
 * The value is put between single quotes, so one that contains a quote is left out. So is a name
 * that is not valid in a shell.
 */
static bool is_missing(const char *variable)
{
	return variable[strspn(variable, SHELL_NAME)] == '=' && !strchr(variable, '\'') &&
	       !is_in_environ(variable);
}

/*
 * Usually nothing is missing. A missing nonce needs no change: the engine is found without
 * it.
 */
size_t rudp_exec_command_size(char *const wanted[], const char *command)
{
	bool missing = preload_of(environ) == NULL || !has_full_path(preload_of(environ));
	size_t size = strlen(command) + 1;

	for (size_t i = 0; missing && wanted[i]; i++)
		if (is_missing(wanted[i]))
			size += strlen(EXPORT) + strlen(wanted[i]) + strlen("''; ");
	return missing && size <= RUDP_EXEC_ENVIRONMENT_BYTES_MAX ? size : 0;
}

char *rudp_exec_command(char *space, char *const wanted[], const char *command)
{
	char *text = space;

	for (size_t i = 0; wanted[i]; i++) {
		const char *value = strchr(wanted[i], '=');

		if (!value || !is_missing(wanted[i]))
			continue;
		text = stpcpy(text, EXPORT);
		text = mempcpy(text, wanted[i], (size_t)(value + 1 - wanted[i]));
		text = stpcpy(stpcpy(stpcpy(text, "'"), value + 1), "'; ");
	}
	strcpy(text, command);
	return space;
}
