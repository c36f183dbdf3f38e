/* SPDX-License-Identifier: MIT */
#include "api/environment.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "base/hash.h"

#define VARIABLE_BYTES_MAX 2048
#define KEY_FILE "RUDP_KEY_FILE="
#define POLICY "RUDP_POLICY="
#define POLICY_FILE "RUDP_POLICY_FILE="
#define LOG "RUDP_LOG="
#define QLOG "RUDP_QLOG="
#define CONFIG "XDG_CONFIG_HOME"
#define HOME "HOME"

static const char *const not_settings[] = {
	"RUDP_DISABLE=", "RUDP_ENGINE=", "RUDP_ENGINE_PATH=",
	"RUDP_NONCE=",   "RUDP_TOKEN=",  "RUDP_SETTINGS=",
};

/* They decide where a log without a file name is written, and where a policy is searched. */
static const char *const directories[] = {"XDG_RUNTIME_DIR=", CONFIG "=", HOME "="};

/* Copies, not pointers to the strings that the program was started with: it may overwrite those. */
static struct {
	const char *variables[RUDP_ENVIRONMENT_REMEMBERED_MAX];
	size_t count;
	char text[RUDP_ENVIRONMENT_BYTES_MAX];
	size_t text_len;
} copies;

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The value in "name=value", or NULL if variable has another name. */
static const char *value_in(const char *variable, const char *name, size_t name_len)
{
	bool same = strncmp(variable, name, name_len) == 0 && variable[name_len] == '=';

	return same ? variable + name_len + 1 : NULL;
}

static bool is_relevant(const char *variable)
{
	if (rudp_environment_is_ours(variable))
		return true;
	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
		if (starts_with(variable, directories[i]))
			return true;
	return false;
}

static const char *value_among(char *const list[], const char *name, size_t name_len)
{
	for (char *const *variable = list; variable && *variable; variable++) {
		const char *value = value_in(*variable, name, name_len);

		if (value)
			return value;
	}
	return NULL;
}

/* RUDP_POLICY may be long, so it is copied last: it must not take the room of the key. */
static void remember(bool policy)
{
	for (char **variable = environ; variable && *variable; variable++) {
		size_t size = strlen(*variable) + 1;
		char *copy = copies.text + copies.text_len;

		if (!is_relevant(*variable) || starts_with(*variable, POLICY) != policy ||
		    size > sizeof copies.text - copies.text_len ||
		    copies.count == RUDP_ENVIRONMENT_REMEMBERED_MAX)
			continue;
		copies.variables[copies.count++] = memcpy(copy, *variable, size);
		copies.text_len += size;
	}
}

void rudp_environment_remember(void)
{
	remember(false);
	remember(true);
}

void rudp_environment_begin(struct rudp_environment_walk *walk)
{
	bool secure = getauxval(AT_SECURE);

	walk->now = secure ? NULL : environ;
	walk->remembered = secure ? copies.count : 0;
}

const char *rudp_environment_next(struct rudp_environment_walk *walk)
{
	while (walk->now && *walk->now) {
		const char *variable = *walk->now++;

		if (is_relevant(variable))
			return variable;
	}
	while (walk->remembered < copies.count) {
		const char *variable = copies.variables[walk->remembered++];

		if (!value_among(environ, variable, strcspn(variable, "=")))
			return variable;
	}
	return NULL;
}

const char *rudp_environment_get(const char *name)
{
	size_t len = strlen(name);
	const char *value = value_among(environ, name, len);

	if (getauxval(AT_SECURE))
		return NULL;
	for (size_t i = 0; i < copies.count && !value; i++)
		value = value_in(copies.variables[i], name, len);
	return value && *value ? value : NULL;
}

bool rudp_environment_is_ours(const char *variable)
{
	return starts_with(variable, "RUDP_") && strchr(variable, '=');
}

bool rudp_environment_is_setting(const char *variable)
{
	if (!rudp_environment_is_ours(variable))
		return false;
	for (size_t i = 0; i < sizeof not_settings / sizeof not_settings[0]; i++)
		if (starts_with(variable, not_settings[i]))
			return false;
	return true;
}

bool rudp_environment_is_for_engine(const char *variable)
{
	return rudp_environment_is_setting(variable) ||
	       (is_relevant(variable) && !rudp_environment_is_ours(variable));
}

/* Returns where a relative file name begins in this variable, or NULL. RUDP_LOG is level or
 * level:file. */
static const char *relative_part(const char *variable)
{
	const char *file = NULL;

	if (starts_with(variable, KEY_FILE))
		file = variable + strlen(KEY_FILE);
	else if (starts_with(variable, POLICY_FILE))
		file = variable + strlen(POLICY_FILE);
	else if (starts_with(variable, QLOG))
		file = variable + strlen(QLOG);
	else if (starts_with(variable, LOG))
		file = strchr(variable, ':');
	if (file && *file == ':')
		file++;
	return file && *file && *file != '/' ? file : NULL;
}

size_t rudp_environment_copy(char *out, size_t size, const char *variable)
{
	const char *file = relative_part(variable);
	size_t len = strlen(variable);
	size_t head = file ? (size_t)(file - variable) : len;
	long cwd;

	if (len + 1 > size)
		return 0;
	memcpy(out, variable, len + 1);
	if (!file)
		return len;
	/* The kernel's count includes the final 0, which the slash replaces. */
	cwd = rudp_raw_syscall(SYS_getcwd, (long)(out + head), (long)(size - head), 0, 0, 0, 0);
	if (cwd <= 0 || out[head] != '/' || head + (size_t)cwd + len - head + 1 > size)
		return 0;
	out[head + (size_t)cwd - 1] = '/';
	memcpy(out + head + cwd, file, len - head + 1);
	return len + (size_t)cwd;
}

static const char *absolute(const char *directory)
{
	return directory && *directory == '/' ? directory : NULL;
}

/*
 * Programs with different policies need different engines. These variables decide which policy is
 * found.
 */
static uint64_t hash_policy_place(void)
{
	const char *config = absolute(rudp_environment_get(CONFIG));
	const char *home = absolute(rudp_environment_get(HOME));
	static const uint8_t config_key[16] = {1}, home_key[16] = {2};

	if (rudp_environment_get("RUDP_POLICY_FILE"))
		return 0;
	if (config)
		return rudp_siphash(config_key, config, strlen(config));
	return home ? rudp_siphash(home_key, home, strlen(home)) : 0;
}

static uint64_t hash_settings(bool with_directory)
{
	static const uint8_t key[16];
	struct rudp_environment_walk walk;
	const char *variable;
	uint64_t sum = 0;

	rudp_environment_begin(&walk);
	while ((variable = rudp_environment_next(&walk))) {
		char copy[VARIABLE_BYTES_MAX];
		size_t len;

		if (!rudp_environment_is_setting(variable))
			continue;
		len = with_directory ? rudp_environment_copy(copy, sizeof copy, variable) : 0;
		/* The hashes are added, so that the order of the variables does not matter. */
		sum += len ? rudp_siphash(key, copy, len)
			   : rudp_siphash(key, variable, strlen(variable));
	}
	return sum;
}

uint64_t rudp_environment_hash_written(void)
{
	return hash_settings(false);
}

uint64_t rudp_environment_hash(void)
{
	return hash_policy_place() + hash_settings(true);
}
