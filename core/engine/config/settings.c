/* SPDX-License-Identifier: MIT */
#include "engine/config/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "engine/config/config_path.h"
#include "engine/config/policy.h"

_Static_assert(RUDP_POLICY_TEXT_SIZE == RUDP_SETTINGS_TEXT_SIZE, "a policy error fits");
_Static_assert(RUDP_KEY_PATH_SIZE == RUDP_SETTINGS_PATH_SIZE, "a key path fits");

struct reading {
	struct rudp_settings *settings;
	char *(*get)(const char *name);
	uint32_t uid;
	char *text;
};

/* Formats the error message for a wrong value. */
static enum rudp_settings_fault wrong(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum rudp_settings_fault wrong(struct reading *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->text, RUDP_SETTINGS_TEXT_SIZE, format, args);
	va_end(args);
	return RUDP_SETTINGS_BAD_VALUE;
}

static bool choose_key(struct reading *r)
{
	struct rudp_psk psks[RUDP_PSKS_MAX];
	unsigned count = rudp_key_ring_choose(&r->settings->keys, time(NULL), psks);

	if (count > 0)
		memcpy(r->settings->psk, psks[0].bytes, RUDP_PSK_BYTES);
	else if (!r->settings->keys.has_refused) /* a refused file is the more likely reason */
		rudp_key_ring_explain(&r->settings->keys, time(NULL), r->text);
	explicit_bzero(psks, sizeof psks);
	return count > 0;
}

static enum rudp_settings_fault read_key_file(struct reading *r, const char *value)
{
	char path[RUDP_KEY_PATH_SIZE];

	if (rudp_config_absolute(path, sizeof path, value) < 0) {
		snprintf(r->text, RUDP_SETTINGS_TEXT_SIZE,
			 "RUDP_KEY_FILE: %.200s: its full path has more than %d characters", value,
			 RUDP_SETTINGS_PATH_SIZE - 1);
		return RUDP_SETTINGS_BAD_KEY;
	}
	if (!rudp_key_ring_load(&r->settings->keys, path, rudp_key_keep_first, r->text) ||
	    !choose_key(r))
		return RUDP_SETTINGS_BAD_KEY;
	/* With a good key, refused files are not an error: the engine logs them (key_watch.h). */
	r->text[0] = 0;
	r->settings->has_psk = true;
	return RUDP_SETTINGS_OK;
}

/*
 * Every child process and /proc show a key in the environment, so it is refused. Silently ignoring
 * it would be worse.
 */
static enum rudp_settings_fault read_key(struct reading *r, const char *value)
{
	(void)value;
	snprintf(r->text, RUDP_SETTINGS_TEXT_SIZE,
		 "RUDP_KEY is not a setting: put the key into a file that only you can read and "
		 "name that file in RUDP_KEY_FILE");
	return RUDP_SETTINGS_BAD_KEY;
}

/* Only programs use this variable, and they treat a wrong value as the default; report it here. */
static enum rudp_settings_fault read_host(struct reading *r, const char *value)
{
	if (strcmp(value, "process") == 0 || strcmp(value, "thread") == 0)
		return RUDP_SETTINGS_OK;
	return wrong(r, "RUDP_ENGINE: '%.64s' is neither process nor thread", value);
}

static enum rudp_settings_fault read_cc(struct reading *r, const char *value)
{
	r->settings->cc = rudp_cc_find(value);
	if (r->settings->cc)
		return RUDP_SETTINGS_OK;
	return wrong(
		r,
		"RUDP_CC: there is no congestion control '%.64s'; allowed are" RUDP_CC_NAMES_TEXT,
		value);
}

static enum rudp_settings_fault read_aead(struct reading *r, const char *value)
{
	static const enum rudp_aead_kind kinds[] = {RUDP_AEAD_LIBCRYPTO, RUDP_AEAD_IPSEC_MB};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(value, rudp_aead_kind_text(kinds[i])) == 0)
			r->settings->aead = kinds[i];
	if (r->settings->aead != RUDP_AEAD_NONE || strcmp(value, "auto") == 0)
		return RUDP_SETTINGS_OK;
	return wrong(
		r,
		"RUDP_AEAD: there is no library '%.64s'; allowed are auto, libcrypto and ipsec-mb",
		value);
}

static enum rudp_settings_fault read_tail(struct reading *r, const char *value)
{
	r->settings->has_tail = true;
	r->settings->tail_off = strcmp(value, "off") == 0;
	if (r->settings->tail_off || strcmp(value, "on") == 0)
		return RUDP_SETTINGS_OK;
	return wrong(r, "RUDP_TAIL: '%.64s' is neither on nor off", value);
}

static enum rudp_settings_fault read_confine(struct reading *r, const char *value)
{
	r->settings->confine_off = strcmp(value, "off") == 0;
	if (r->settings->confine_off || strcmp(value, "on") == 0)
		return RUDP_SETTINGS_OK;
	return wrong(r, "RUDP_CONFINE: '%.64s' is neither on nor off", value);
}

static bool default_log_path(struct reading *r)
{
	const char *directory = r->get("XDG_RUNTIME_DIR");
	int len;

	if (!directory || *directory != '/')
		directory = "/tmp";
	len = snprintf(r->settings->log_path, sizeof r->settings->log_path, "%s/rudp-engine-%u.log",
		       directory, r->uid);
	return len > 0 && (size_t)len < sizeof r->settings->log_path;
}

static enum rudp_settings_fault read_log(struct reading *r, const char *value)
{
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : strlen(value);
	char level[16] = "";
	bool fits;

	if (len < sizeof level)
		memcpy(level, value, len);
	if (!rudp_log_level_parse(level, &r->settings->log_level)) {
		return wrong(
			r,
			"RUDP_LOG: '%.64s' does not begin with a level; allowed are off, error, "
			"warn, info and debug, followed by a colon and a file if wanted",
			value);
	}
	if (colon && colon[1])
		fits = (size_t)snprintf(r->settings->log_path, sizeof r->settings->log_path, "%s",
					colon + 1) < sizeof r->settings->log_path;
	else
		fits = default_log_path(r);
	if (fits)
		return RUDP_SETTINGS_OK;
	return wrong(r, "RUDP_LOG: the name of the file is longer than %d characters",
		     RUDP_SETTINGS_PATH_SIZE - 1);
}

/* Only the length is checked: an unusable directory is no error, it means that there are no
 * traces. */
static enum rudp_settings_fault read_qlog(struct reading *r, const char *value)
{
	if ((size_t)snprintf(r->settings->qlog_path, sizeof r->settings->qlog_path, "%s", value) <
	    sizeof r->settings->qlog_path)
		return RUDP_SETTINGS_OK;
	return wrong(r, "RUDP_QLOG: the name of the directory is longer than %d characters",
		     RUDP_SETTINGS_PATH_SIZE - 1);
}

static enum rudp_settings_fault read_connect_timeout(struct reading *r, const char *value)
{
	char *end;
	double seconds;

	errno = 0;
	seconds = strtod(value, &end);
	if (errno == 0 && end != value && *end == 0 && seconds >= 0.001 &&
	    seconds <= RUDP_CONNECT_TIMEOUT_MAX_S) {
		r->settings->connect_timeout_ns = (int64_t)(seconds * 1e9);
		return RUDP_SETTINGS_OK;
	}
	return wrong(r, "RUDP_CONNECT_TIMEOUT: '%.64s' is not a number of seconds from 0.001 to %d",
		     value, RUDP_CONNECT_TIMEOUT_MAX_S);
}

static enum rudp_settings_fault read_busy_poll(struct reading *r, const char *value)
{
	char *end;
	long us;

	errno = 0;
	us = strtol(value, &end, 10);
	if (errno == 0 && end != value && *end == 0 && us >= 0 && us <= RUDP_BUSY_POLL_MAX_US) {
		r->settings->has_busy_poll = true;
		r->settings->busy_poll_ns = us * RUDP_NS_PER_US;
		return RUDP_SETTINGS_OK;
	}
	return wrong(r,
		     "RUDP_BUSY_POLL: '%.64s' is not a whole number of microseconds from 0 to %d",
		     value, RUDP_BUSY_POLL_MAX_US);
}

/* Returns 0 if value is not a number, with or without a unit. */
static uint64_t bytes_of(const char *value)
{
	static const char units[] = "KMG";
	const char *unit = NULL;
	uint64_t bytes;
	char *end;

	errno = 0;
	bytes = strtoull(value, &end, 10);
	if (errno != 0 || *value < '0' || *value > '9' || bytes > RUDP_MEMORY_MAX_BYTES)
		return 0;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return 0;
	}
	return unit ? bytes << 10 * (unit - units + 1) : bytes;
}

static enum rudp_settings_fault read_memory(struct reading *r, const char *value)
{
	r->settings->memory_max_bytes = bytes_of(value);
	if (r->settings->memory_max_bytes >= RUDP_MEMORY_MIN_BYTES &&
	    r->settings->memory_max_bytes <= RUDP_MEMORY_MAX_BYTES)
		return RUDP_SETTINGS_OK;
	return wrong(r,
		     "RUDP_MEMORY: '%.64s' is not a number of bytes, or of K, M or G of them, from "
		     "1M to 1048576G (as in 512M)",
		     value);
}

static const struct {
	const char *name;
	enum rudp_settings_fault (*read)(struct reading *r, const char *value);
} variables[] = {
	{"RUDP_LOG", read_log}, /* first, since the errors of the others go to this log */
	{"RUDP_KEY_FILE", read_key_file},
	{"RUDP_KEY", read_key},
	{"RUDP_CC", read_cc},
	{"RUDP_AEAD", read_aead},
	{"RUDP_TAIL", read_tail},
	{"RUDP_CONFINE", read_confine},
	{"RUDP_ENGINE", read_host},
	{"RUDP_QLOG", read_qlog},
	{"RUDP_CONNECT_TIMEOUT", read_connect_timeout},
	{"RUDP_BUSY_POLL", read_busy_poll},
	{"RUDP_MEMORY", read_memory},
	/* Read elsewhere, after all others or by programs; listed so that they count as known. */
	{"RUDP_IDENTITY", NULL},
	{"RUDP_KNOWN_HOSTS", NULL},
	{"RUDP_AUTHORIZED_KEYS", NULL},
	{"RUDP_POLICY", NULL},
	{"RUDP_POLICY_FILE", NULL},
	{"RUDP_DISABLE", NULL},
	{"RUDP_ENGINE_PATH", NULL},
};

const char *rudp_settings_name(size_t index)
{
	return index < sizeof variables / sizeof variables[0] ? variables[index].name : NULL;
}

static void name_identities(const struct rudp_policy *policy,
			    const char *named[RUDP_IDENTITY_FILE_COUNT])
{
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		named[i] = rudp_policy_identity_path(policy, i);
}

/* A user with an identity expects that it is used: without it no connection is opened. */
static enum rudp_settings_fault load_identities(struct reading *r)
{
	struct rudp_identity_files *files = &r->settings->identities;
	const char *named[RUDP_IDENTITY_FILE_COUNT];

	name_identities(r->settings->policy, named);
	return rudp_identity_files_place(files, r->get, named, r->uid, r->text) &&
			       rudp_identity_files_load(files, r->text)
		       ? RUDP_SETTINGS_OK
		       : RUDP_SETTINGS_BAD_KEY;
}

enum rudp_settings_fault rudp_settings_load(struct rudp_settings *settings,
					    char *(*get)(const char *name), uint32_t uid,
					    char text[RUDP_SETTINGS_TEXT_SIZE])
{
	struct reading r = {settings, get, uid, text};

	*settings = (struct rudp_settings){.log_level = RUDP_LOG_OFF};
	text[0] = 0;
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		const char *value = get(variables[i].name);
		enum rudp_settings_fault fault;

		if (!value || !*value || !variables[i].read)
			continue;
		fault = variables[i].read(&r, value);
		if (fault != RUDP_SETTINGS_OK)
			return fault;
	}
	settings->policy = rudp_policy_load(get, text);
	return settings->policy ? load_identities(&r) : RUDP_SETTINGS_BAD_VALUE;
}

bool rudp_settings_refresh(struct rudp_settings *settings, int64_t now_at_ns)
{
	const char *named[RUDP_IDENTITY_FILE_COUNT];
	char text[RUDP_SETTINGS_TEXT_SIZE];

	if (!rudp_policy_refresh(settings->policy, now_at_ns))
		return false;
	name_identities(settings->policy, named);
	if (!rudp_identity_files_replace(&settings->identities, named, text))
		rudp_log(RUDP_LOG_ERROR, "%s; the files of identities stay as they were", text);
	return true;
}

void rudp_settings_fini(struct rudp_settings *settings)
{
	rudp_policy_free(settings->policy);
	rudp_identity_files_wipe(&settings->identities);
	explicit_bzero(settings, sizeof *settings);
}
