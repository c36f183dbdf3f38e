/* SPDX-License-Identifier: MIT */
#include "conversation/server/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conversation/server/config_values.h"
#include "conversation/server/tls.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define LINE_LEN_MAX 198 /* of a line of the file: what inih takes */
#define ROWS_MAX 64
#define MOTD_LINE_MAX 400
#define YEAR_NS (365 * 86400 * RUDP_NS_PER_S)

/* Strings of a configuration, which go with it. */
struct apo_kept {
	struct apo_kept *next;
	char text[];
};

struct reading {
	struct apo_config *config;
	const char *file_name;
	FILE *file;
	unsigned line; /* that was read last */
	unsigned complaints;
	apo_complain *complain;
	void *of;
	unsigned lines[ROWS_MAX]; /* where each row of the table was; 0: nowhere */
};

__attribute__((format(printf, 3, 4))) static void complain(struct reading *reading, unsigned line,
							   const char *format, ...)
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

static const char *keep(struct apo_config *config, const char *text)
{
	size_t size = strlen(text) + 1;
	struct apo_kept *kept = malloc(sizeof *kept + size);

	if (!kept)
		return NULL;
	memcpy(kept->text, text, size);
	kept->next = config->kept;
	config->kept = kept;
	return kept->text;
}

/* ---- the table of keys ---- */

enum kind {
	TEXT,
	COUNT,
	BYTES,
	SPAN,
	BOOLEAN,
	LISTEN,
	LISTEN_TLS,
	CLOAK_KEY,
	BURST,
	PORT,
	SECONDS
};

struct row {
	const char *section, *key;
	enum kind kind;
	bool is_repeated;
	const char *member; /* as apo_model_config_check calls it, behind "model." */
	size_t offset;
	uint64_t min, max; /* of numbers; of spans in nanoseconds */
};

#define AT(member) offsetof(struct apo_config, member)
#define ROW(section, key, kind, member, min, max)                                                  \
	{                                                                                          \
		section, key, kind, false, #member, AT(member), min, max                           \
	}
#define ROW_TEXT(section, key, member) ROW(section, key, TEXT, member, 0, 0)
#define ROW_COUNT(section, key, member, min, max) ROW(section, key, COUNT, member, min, max)
#define ROW_SPAN(section, key, member, min_ms, max_ns)                                             \
	ROW(section, key, SPAN, member, (min_ms) * (uint64_t)RUDP_NS_PER_MS, max_ns)

static const struct row rows[] = {
	ROW_TEXT("server", "name", model.server_name),
	ROW_TEXT("server", "network", model.network),
	ROW_TEXT("server", "description", model.description),
	ROW_TEXT("server", "password", model.password_hash),
	ROW_TEXT("server", "motd", motd_file),
	ROW_TEXT("server", "location", model.admin_location),
	ROW_TEXT("server", "organisation", model.admin_organisation),
	ROW_TEXT("server", "email", model.admin_email),
	ROW_TEXT("server", "log", log_file),
	ROW_TEXT("server", "log-level", log_level),
	ROW_TEXT("server", "metrics", metrics_path),
	ROW_COUNT("server", "workers", workers, 0, APO_WORKERS_MAX),
	ROW_SPAN("server", "drain", drain_ns, 0, 600 * RUDP_NS_PER_S),

	{"listen", "plain", LISTEN, true, "", 0, 0, 0},
	{"listen", "tls", LISTEN_TLS, true, "", 0, 0, 0},
	ROW_TEXT("listen", "certificate", certificate_file),
	ROW_TEXT("listen", "key", key_file),
	ROW("listen", "sts-port", PORT, model.sts_port, 1, 65535),
	ROW("listen", "sts-duration", SECONDS, model.sts_duration_s, 0, YEAR_NS),
	ROW("listen", "plain-passwords", BOOLEAN, model.plain_passwords, 0, 0),

	ROW_COUNT("limits", "clients", model.clients_max, 1, 1000000),
	ROW_COUNT("limits", "waiting", waiting_max, 0, 1000000),
	ROW_SPAN("limits", "waiting-time", waiting_ns, 1000, YEAR_NS),
	ROW_COUNT("limits", "per-address", per_address_max, 1, 1000000),
	ROW_COUNT("limits", "connects", connects_max, 1, 1000000),
	ROW_SPAN("limits", "connects-time", connects_ns, 1000, 86400 * RUDP_NS_PER_S),
	ROW("limits", "receive-queue", BYTES, receive_queue_bytes, 8192, 1 << 24),
	ROW("limits", "send-queue", BYTES, send_queue_bytes, 16384, 1 << 30),
	ROW_SPAN("limits", "registration-time", model.registration_timeout_ns, 1000, YEAR_NS),
	ROW_SPAN("limits", "ping-interval", model.ping_interval_ns, 1000, YEAR_NS),
	ROW_SPAN("limits", "ping-time", model.ping_timeout_ns, 1000, YEAR_NS),
	ROW_COUNT("limits", "channels", model.channels_max, 1, UINT_MAX),
	ROW_COUNT("limits", "channels-per-client", model.channels_per_client_max, 1, UINT_MAX),
	ROW_COUNT("limits", "list-entries", model.list_entries_max, 0, UINT_MAX),
	ROW_COUNT("limits", "monitor", model.monitor_max, 0, UINT_MAX),
	ROW_COUNT("limits", "invites", model.invites_max, 0, UINT_MAX),
	ROW_COUNT("limits", "targets", model.targets_max, 1, UINT_MAX),
	ROW_COUNT("limits", "modes", model.modes_max, 1, UINT_MAX),
	ROW_COUNT("limits", "whowas", model.whowas_max, 0, UINT_MAX),
	ROW_COUNT("limits", "who-replies", model.who_replies_max, 1, UINT_MAX),
	ROW_COUNT("limits", "list-replies", model.list_replies_max, 1, UINT_MAX),

	ROW_COUNT("lengths", "nick", model.nick_len_max, 1, 512),
	ROW_COUNT("lengths", "user", model.user_len_max, 1, 512),
	ROW_COUNT("lengths", "realname", model.real_len_max, 1, 512),
	ROW_COUNT("lengths", "channel", model.channel_len_max, 1, 512),
	ROW_COUNT("lengths", "topic", model.topic_len_max, 1, 512),
	ROW_COUNT("lengths", "away", model.away_len_max, 1, 512),
	ROW_COUNT("lengths", "kick", model.kick_len_max, 1, 512),
	ROW_COUNT("lengths", "key", model.key_len_max, 1, 512),

	ROW_COUNT("receipts", "messages", model.receipts_max, 0, UINT_MAX),
	ROW_COUNT("receipts", "recipients", model.receipt_recipients_max, 0, UINT_MAX),
	ROW_SPAN("receipts", "time", model.receipt_timeout_ns, 100, YEAR_NS),

	ROW("flood", "burst", BURST, flood_burst_ms, 0, 3600 * RUDP_NS_PER_S),

	ROW("cloak", "enabled", BOOLEAN, is_cloaked, 0, 0),
	ROW("cloak", "key", CLOAK_KEY, cloak_key, 0, 0),
};
_Static_assert(COUNT_OF(rows) <= ROWS_MAX, "a line for each row");

/* ---- a value ---- */

static const char *within(const struct row *row, uint64_t value)
{
	static _Thread_local char text[128];

	if (value >= row->min && value <= row->max)
		return NULL;
	if (row->kind == COUNT || row->kind == BYTES || row->kind == PORT)
		snprintf(text, sizeof text, "must be from %llu to %llu",
			 (unsigned long long)row->min, (unsigned long long)row->max);
	else
		snprintf(text, sizeof text, "must be from %gs to %gs", (double)row->min / 1e9,
			 (double)row->max / 1e9);
	return text;
}

static const char *set_number(const struct row *row, const char *text, void *place)
{
	uint64_t number = 0;
	const char *wrong = apo_value_number(text, &number);

	if (!wrong)
		wrong = within(row, number);
	if (wrong)
		return wrong;
	if (row->kind == COUNT)
		*(unsigned *)place = (unsigned)number;
	else if (row->kind == PORT)
		*(uint16_t *)place = (uint16_t)number;
	else
		*(size_t *)place = (size_t)number;
	return NULL;
}

static const char *set_span(const struct row *row, const char *text, void *place)
{
	int64_t span_ns = 0;
	const char *wrong = NULL;

	if (row->kind != BURST || strcmp(text, "off") != 0)
		wrong = apo_value_span(text, &span_ns);
	if (!wrong)
		wrong = within(row, (uint64_t)span_ns);
	if (wrong)
		return wrong;
	if (row->kind == BURST)
		*(uint32_t *)place = (uint32_t)(span_ns / RUDP_NS_PER_MS);
	else if (row->kind == SECONDS)
		*(uint32_t *)place = (uint32_t)(span_ns / RUDP_NS_PER_S);
	else
		*(int64_t *)place = span_ns;
	return NULL;
}

static const char *add_listen(struct apo_config *config, const char *text, bool is_tls)
{
	struct apo_listen *listen = config->listens + config->listen_count;
	const char *wrong;

	if (config->listen_count == APO_LISTENS_MAX)
		return "is one address too many";
	wrong = apo_value_address(text, &listen->address);
	if (wrong)
		return wrong;
	listen->is_tls = is_tls;
	config->listen_count++;
	return NULL;
}

static const char *set_value(struct apo_config *config, const struct row *row, const char *text)
{
	void *place = (char *)config + row->offset;
	const char *wrong;

	switch (row->kind) {
	case TEXT:
		*(const char **)place = keep(config, text);
		return *(const char **)place ? NULL : strerror(ENOMEM);
	case COUNT:
	case BYTES:
	case PORT:
		return set_number(row, text, place);
	case SPAN:
	case BURST:
	case SECONDS:
		return set_span(row, text, place);
	case BOOLEAN:
		return apo_value_bool(text, place);
	case LISTEN:
	case LISTEN_TLS:
		return add_listen(config, text, row->kind == LISTEN_TLS);
	case CLOAK_KEY:
		wrong = apo_value_hex(text, config->cloak_key, sizeof config->cloak_key);
		config->has_cloak_key = !wrong;
		return wrong;
	}
	return NULL;
}

/* ---- operators: a section each ---- */

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
	operator->name = keep(config, name);
	if (!operator->name)
		return NULL;
	config->model.operator_count++;
	return operator;
}

static void on_operator_key(struct reading *reading, const char *name, const char *key,
			    const char *value)
{
	struct apo_operator *operator= operator_of(reading->config, name);

	if (!operator)
		complain(reading, reading->line, "more than %d operators", APO_OPERATORS_MAX);
	else if (strcmp(key, "password") == 0)
		operator->password_hash = keep(reading->config, value);
	else if (strcmp(key, "mask") == 0)
		operator->mask = keep(reading->config, value);
	else
		complain(reading, reading->line, "there is no key %s in section operator", key);
}

/* ---- the file ---- */

static const struct row *row_of(const char *section, const char *key)
{
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0)
			return rows + i;
	return NULL;
}

static bool is_section(const char *section)
{
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].section, section) == 0)
			return true;
	return false;
}

static int on_key(void *of, const char *section, const char *key, const char *value)
{
	static const char prefix[] = "operator ";
	struct reading *reading = of;
	const struct row *row = row_of(section, key);
	const char *wrong = NULL;
	unsigned *line;

	if (strncmp(section, prefix, sizeof prefix - 1) == 0) {
		on_operator_key(reading, section + sizeof prefix - 1, key, value);
		return 1;
	}
	if (!row) {
		if (is_section(section))
			complain(reading, reading->line, "there is no key %s in section %s", key,
				 section);
		else
			complain(reading, reading->line, "there is no section [%s] (key %s)",
				 section, key);
		return 1;
	}
	line = reading->lines + (row - rows);
	if (*line && !row->is_repeated)
		wrong = "is there twice";
	else if (!*value)
		wrong = "has no value";
	else
		wrong = set_value(reading->config, row, value);
	*line = reading->line;
	if (wrong)
		complain(reading, reading->line, "%s: %s %s", section, key, wrong);
	return 1;
}

/* Counts lines; what is too long for inih would be cut in two without a word. */
static char *read_line(char *text, int size, void *of)
{
	struct reading *reading = of;
	size_t len;
	int c;

	if (!fgets(text, size, reading->file))
		return NULL;
	reading->line++;
	len = strlen(text);
	if ((len > 0 && text[len - 1] == '\n') || feof(reading->file))
		return text;
	complain(reading, reading->line, "is longer than %d bytes", LINE_LEN_MAX);
	while ((c = getc(reading->file)) != EOF && c != '\n')
		;
	text[0] = '\n';
	text[1] = 0;
	return text;
}

static void read_motd(struct reading *reading)
{
	struct apo_config *config = reading->config;
	FILE *file = config->motd_file ? fopen(config->motd_file, "re") : NULL;
	const char **lines = calloc(APO_MOTD_LINES_MAX, sizeof *lines);
	char text[MOTD_LINE_MAX];

	config->model.motd = lines;
	if (config->motd_file && !file)
		complain(reading, 0, "motd %s: %s", config->motd_file, strerror(errno));
	if (!lines)
		complain(reading, 0, "%s", strerror(ENOMEM));
	while (file && lines && config->model.motd_count < APO_MOTD_LINES_MAX &&
	       fgets(text, sizeof text, file)) {
		text[strcspn(text, "\r\n")] = 0;
		lines[config->model.motd_count] = keep(config, text);
		config->model.motd_count += lines[config->model.motd_count] != NULL;
	}
	if (file)
		fclose(file);
}

/* ---- the whole ---- */

static void check_tls(struct reading *reading)
{
	struct apo_config *config = reading->config;
	apo_tls_context *context;
	char reason[256];
	unsigned i;

	for (i = 0; i < config->listen_count && !config->listens[i].is_tls; i++)
		;
	if (i == config->listen_count && !config->certificate_file)
		return;
	if (!config->certificate_file || !config->key_file) {
		complain(reading, 0, "listen: tls needs certificate and key");
		return;
	}
	context = apo_tls_context_new(config->certificate_file, config->key_file, reason,
				      sizeof reason);
	if (context)
		apo_tls_context_put(context);
	else
		complain(reading, 0, "listen: %s", reason);
}

/* What the model does not like of a value: the row that set it. */
static void complain_of_member(struct reading *reading, const char *member, const char *wrong)
{
	static const char prefix[] = "model.";
	size_t i, skip = sizeof prefix - 1;

	for (i = 0; i < COUNT_OF(rows); i++)
		if (strncmp(rows[i].member, prefix, skip) == 0 &&
		    strcmp(rows[i].member + skip, member) == 0) {
			complain(reading, reading->lines[i], "%s: %s %s", rows[i].section,
				 rows[i].key, wrong);
			return;
		}
	complain(reading, 0, "%s: %s", member, wrong);
}

static void check_model(struct reading *reading)
{
	const char *member = "";
	const char *wrong = apo_model_config_check(&reading->config->model, &member);

	if (wrong)
		complain_of_member(reading, member, wrong);
}

static void check(struct reading *reading)
{
	struct apo_config *config = reading->config;
	bool are_whole = true;
	enum rudp_log_level level;
	size_t i;

	if (config->listen_count == 0)
		complain(reading, 0, "listen: no address is listened on");
	if (!rudp_log_level_parse(config->log_level, &level))
		complain(reading, 0, "server: log-level must be error, warn, info, debug or off");
	for (i = 0; i < config->model.operator_count; i++)
		if (!config->operators[i].password_hash) {
			are_whole = false;
			complain(reading, 0, "operator %s: has no password",
				 config->operators[i].name);
		}
	check_tls(reading);
	if (!config->model.server_name)
		complain(reading, 0, "server: name is missing");
	else if (are_whole)
		check_model(reading);
}

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
	config->receive_queue_bytes = (size_t)16 * 1024;
	config->send_queue_bytes = (size_t)1024 * 1024;
	config->flood_burst_ms = 10000;
	config->is_cloaked = true;
}

static void read_file(struct reading *reading)
{
	int result = ini_parse_stream(read_line, reading, on_key, reading);

	if (result > 0)
		complain(reading, (unsigned)result, "is neither a [section] nor key = value");
	else if (result < 0)
		complain(reading, 0, "%s", strerror(ENOMEM));
	read_motd(reading);
	check(reading);
}

struct apo_config *apo_config_read(const char *file, apo_complain *complain_to, void *of)
{
	struct reading reading = {.file_name = file, .complain = complain_to, .of = of};

	reading.file = fopen(file, "re");
	if (!reading.file) {
		complain(&reading, 0, "%s", strerror(errno));
		return NULL;
	}
	reading.config = calloc(1, sizeof *reading.config);
	if (reading.config) {
		atomic_init(&reading.config->references, 1);
		set_defaults(reading.config);
		read_file(&reading);
	} else
		complain(&reading, 0, "%s", strerror(ENOMEM));
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
	struct apo_kept *kept;

	if (!config || atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) > 1)
		return;
	while ((kept = config->kept)) {
		config->kept = kept->next;
		free(kept);
	}
	free((void *)(uintptr_t)config->model.motd);
	free(config);
}
