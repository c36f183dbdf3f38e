/* SPDX-License-Identifier: MIT */
#include "conversation/server/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/names.h"
#include "conversation/server/config_private.h"
#include "conversation/server/config_values.h"

#define LINE_LEN_MAX 198 /* the longest line that inih takes */
#define MOTD_LINE_MAX 400

/* The strings of a configuration; freed with it. */
struct apo_config_string {
	struct apo_config_string *next;
	char text[];
};

void apo_config_complain(struct apo_config_reading *reading, unsigned line, const char *format, ...)
{
	char text[512];
	va_list args;
	int n = line ? snprintf(text, sizeof text, "%s:%u: ", reading->file_name, line)
		     : snprintf(text, sizeof text, "%s: ", reading->file_name);

	va_start(args, format);
	if (n > 0 && (size_t)n < sizeof text)
		vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	reading->complaints++;
	reading->complain(reading->of, text);
}

unsigned apo_config_line(const struct apo_config_reading *reading, const char *section,
			 const char *key)
{
	return reading->lines[apo_config_row_of(section, key) - apo_config_rows];
}

const char *apo_config_keep(struct apo_config *config, const char *text)
{
	size_t size = strlen(text) + 1;
	struct apo_config_string *kept = malloc(sizeof *kept + size);

	if (!kept)
		return NULL;
	memcpy(kept->text, text, size);
	kept->next = config->kept;
	config->kept = kept;
	return kept->text;
}

/* ---- operators, one section each ---- */

static struct apo_operator *operator_of(struct apo_config *config, const char *name)
{
	struct apo_operator *operator;
	size_t i;

	for (i = 0; i < config->model.operator_count; i++)
		if (strcmp(config->operators[i].name, name) == 0)
			return config->operators + i;
	if (config->model.operator_count == APO_OPERATORS_MAX)
		return NULL;
	operator= config->operators + config->model.operator_count;
	operator->name = apo_config_keep(config, name);
	if (!operator->name)
		return NULL;
	config->model.operator_count++;
	return operator;
}

/* The member for the key's value; NULL if there is no such key. */
static const char **operator_place(struct apo_operator *op, const char *key)
{
	if (strcmp(key, "password") == 0)
		return &op->password_hash;
	return strcmp(key, "mask") == 0 ? &op->mask : NULL;
}

static const char *set_operator_key(struct apo_config *config, const char **place, bool is_password,
				    const char *value)
{
	const char *wrong = NULL;

	if (*place)
		return "is there twice";
	if (is_password)
		wrong = apo_value_hash(value);
	else if (!apo_is_word(value))
		return "must be one word";
	*place = apo_config_keep(config, value);
	return *place ? wrong : strerror(ENOMEM);
}

static void on_operator_key(struct apo_config_reading *reading, const char *name, const char *key,
			    const char *value)
{
	struct apo_config *config = reading->config;
	struct apo_operator *operator= operator_of(config, name);
	const char **place, *wrong;

	if (!operator) {
		apo_config_complain(reading, reading->line, "more than %d operators",
				    APO_OPERATORS_MAX);
		return;
	}
	if (reading->operator_lines[operator- config->operators] == 0)
		reading->operator_lines[operator- config->operators] = reading->line;
	place = operator_place(operator, key);
	if (!place) {
		apo_config_complain(reading, reading->line,
				    "there is no key %s in section operator", key);
		return;
	}
	wrong = set_operator_key(config, place, place == &operator->password_hash, value);
	if (wrong)
		apo_config_complain(reading, reading->line, "operator %s: %s %s", name, key, wrong);
}

/* ---- the file ---- */

static int on_key(void *of, const char *section, const char *key, const char *value)
{
	static const char prefix[] = "operator ";
	struct apo_config_reading *reading = of;
	const struct apo_config_row *row = apo_config_row_of(section, key);
	const char *wrong = NULL;
	unsigned *line;

	if (strncmp(section, prefix, sizeof prefix - 1) == 0) {
		on_operator_key(reading, section + sizeof prefix - 1, key, value);
		return 1;
	}
	if (!row) {
		if (apo_config_is_section(section))
			apo_config_complain(reading, reading->line,
					    "there is no key %s in section %s", key, section);
		else
			apo_config_complain(reading, reading->line,
					    "there is no section [%s] (key %s)", section, key);
		return 1;
	}
	line = reading->lines + (row - apo_config_rows);
	if (*line && !row->is_repeated)
		wrong = "is there twice";
	else if (!*value)
		wrong = "has no value";
	else
		wrong = apo_config_set(reading->config, row, value);
	*line = reading->line;
	if (wrong)
		apo_config_complain(reading, reading->line, "%s: %s %s", section, key, wrong);
	return 1;
}

/* Reads and counts a line. inih would split a line that is too long, and lose what follows a zero
 * byte, without an error. */
static char *read_line(char *text, int size, void *of)
{
	struct apo_config_reading *reading = of;
	bool has_nul = false;
	int len = 0, c;

	for (; (c = getc(reading->file)) != EOF && c != '\n'; len++) {
		has_nul |= c == 0;
		if (len < size - 2)
			text[len] = (char)c;
	}
	if (c == EOF && len == 0)
		return NULL;
	reading->line++;
	if (has_nul)
		apo_config_complain(reading, reading->line,
				    "has a zero byte, so this is not a text file");
	else if (len > size - 2)
		apo_config_complain(reading, reading->line, "is longer than %d bytes",
				    LINE_LEN_MAX);
	if (has_nul || len > size - 2)
		len = 0;
	text[len] = '\n';
	text[len + 1] = 0;
	return text;
}

static void read_motd(struct apo_config_reading *reading)
{
	struct apo_config *config = reading->config;
	FILE *file = config->motd_file ? fopen(config->motd_file, "re") : NULL;
	const char **lines = calloc(APO_MOTD_LINES_MAX, sizeof *lines);
	char text[MOTD_LINE_MAX];

	config->model.motd = lines;
	if (config->motd_file && !file)
		apo_config_complain(reading, apo_config_line(reading, "server", "motd"),
				    "server: motd %s: %s", config->motd_file, strerror(errno));
	if (!lines)
		apo_config_complain(reading, 0, "%s", strerror(ENOMEM));
	while (file && lines && config->model.motd_count < APO_MOTD_LINES_MAX &&
	       fgets(text, sizeof text, file)) {
		text[strcspn(text, "\r\n")] = 0;
		lines[config->model.motd_count] = apo_config_keep(config, text);
		config->model.motd_count += lines[config->model.motd_count] != NULL;
	}
	if (file && ferror(file)) /* fopen succeeds for a directory */
		apo_config_complain(reading, apo_config_line(reading, "server", "motd"),
				    "server: motd %s: %s", config->motd_file, strerror(errno));
	if (file)
		fclose(file);
}

/* ---- the whole ---- */

static void set_defaults(struct apo_config *config)
{
	apo_model_config_init(&config->model);
	config->model.server_name = NULL;
	config->model.network = "Apollonion";
	config->model.description = "a place to talk";
	config->model.version = "apollonion-" RUDP_VERSION_TEXT;
	config->model.operators = config->operators;
	config->drain_ns = 4 * RUDP_NS_PER_S;
	config->log_level = "info";
	config->waiting_max = 1000;
	config->waiting_ns = 60 * RUDP_NS_PER_S;
	config->per_address_max = 64;
	config->connects_max = 128;
	config->connects_ns = 60 * RUDP_NS_PER_S;
	config->history_age_ns = 30 * 86400 * RUDP_NS_PER_S;
	config->history_messages_max = 10000;
	config->history_bytes_max = (size_t)256 * 1024 * 1024;
	config->receive_queue_bytes = (size_t)16 * 1024;
	config->send_queue_bytes = (size_t)1024 * 1024;
	config->flood_burst_ms = 10000;
	config->peers_id = "apollonion";
	config->peers_max = 10000;
	config->cluster_name = "apollonion";
	config->cluster_replicas = 3;
	config->cluster_timeout_ns = 30 * RUDP_NS_PER_S;
	config->peers_away_ns = 300 * RUDP_NS_PER_S;
	config->is_cloaked = true;
	config->web.has_client = true;
}

static void read_file(struct apo_config_reading *reading)
{
	int result;

	errno = 0;
	result = ini_parse_stream(read_line, reading, on_key, reading);
	if (ferror(reading->file)) { /* fopen succeeds for a directory */
		apo_config_complain(reading, 0, "%s", strerror(errno ? errno : EIO));
		return;
	}
	if (result > 0)
		apo_config_complain(reading, (unsigned)result,
				    "is neither a [section] nor key = value");
	else if (result < 0)
		apo_config_complain(reading, 0, "%s", strerror(ENOMEM));
	read_motd(reading);
	apo_config_check(reading);
}

struct apo_config *apo_config_read(const char *file, apo_complain *complain_to, void *of)
{
	struct apo_config_reading reading = {.file_name = file, .complain = complain_to, .of = of};

	reading.file = fopen(file, "re");
	if (!reading.file) {
		apo_config_complain(&reading, 0, "%s", strerror(errno));
		return NULL;
	}
	reading.config = calloc(1, sizeof *reading.config);
	if (reading.config) {
		atomic_init(&reading.config->references, 1);
		set_defaults(reading.config);
		read_file(&reading);
	} else
		apo_config_complain(&reading, 0, "%s", strerror(ENOMEM));
	fclose(reading.file);
	if (reading.config && reading.complaints > 0) {
		apo_config_put(reading.config);
		return NULL;
	}
	return reading.config;
}

struct apo_config *apo_config_get(struct apo_config *config)
{
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

void apo_config_put(struct apo_config *config)
{
	struct apo_config_string *kept;

	if (!config || atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) > 1)
		return;
	while ((kept = config->kept)) {
		config->kept = kept->next;
		free(kept);
	}
	free((void *)(uintptr_t)config->model.motd);
	free(config);
}
