/* SPDX-License-Identifier: MIT */
/* The keys of the configuration file, one row each. */
#include "conversation/server/config_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/config_values.h"

#define YEAR_NS (365 * 86400 * RUDP_NS_PER_S)

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define AT(member) offsetof(struct apo_config, member)
#define SIZE(member) sizeof(((struct apo_config *)NULL)->member)
#define ROW(section, key, kind, member, min, max)                                                  \
	{                                                                                          \
		section, key, kind, false, #member, AT(member), SIZE(member), min, max             \
	}
#define ROW_TEXT(section, key, member) ROW(section, key, APO_CONFIG_TEXT, member, 0, 0)
#define ROW_COUNT(section, key, member, min, max)                                                  \
	ROW(section, key, APO_CONFIG_COUNT, member, min, max)
#define ROW_SPAN(section, key, member, min_ms, max_ns)                                             \
	ROW(section, key, APO_CONFIG_SPAN, member, (min_ms) * (uint64_t)RUDP_NS_PER_MS, max_ns)

const struct apo_config_row apo_config_rows[] = {
	ROW_TEXT("server", "name", model.server_name),
	ROW_TEXT("server", "network", model.network),
	ROW_TEXT("server", "description", model.description),
	ROW("server", "password", APO_CONFIG_HASH, model.password_hash, 0, 0),
	ROW_TEXT("server", "motd", motd_file),
	ROW_TEXT("server", "location", model.admin_location),
	ROW_TEXT("server", "organisation", model.admin_organisation),
	ROW_TEXT("server", "email", model.admin_email),
	ROW_TEXT("server", "log", log_file),
	ROW_TEXT("server", "log-level", log_level),
	ROW_TEXT("server", "metrics", metrics_path),
	ROW_COUNT("server", "workers", workers, 0, APO_WORKERS_MAX),
	ROW_SPAN("server", "drain", drain_ns, 0, 600 * RUDP_NS_PER_S),

	{"listen", "plain", APO_CONFIG_LISTEN, true, "", 0, 0, 0, 0},
	{"listen", "tls", APO_CONFIG_LISTEN_TLS, true, "", 0, 0, 0, 0},
	{"listen", "trusted-proxy", APO_CONFIG_TRUSTED_PROXY, true, "", 0, 0, 0, 0},
	ROW_TEXT("listen", "certificate", certificate_file),
	ROW_TEXT("listen", "key", key_file),
	ROW("listen", "sts-port", APO_CONFIG_PORT, model.sts_port, 1, 65535),
	ROW("listen", "sts-duration", APO_CONFIG_SECONDS, model.sts_duration_s, 0, YEAR_NS),
	ROW("listen", "plain-passwords", APO_CONFIG_BOOLEAN, model.plain_passwords, 0, 0),

	{"web", "plain", APO_CONFIG_LISTEN_WEB, true, "", 0, 0, 0, 0},
	{"web", "tls", APO_CONFIG_LISTEN_WEB_TLS, true, "", 0, 0, 0, 0},
	{"web", "host", APO_CONFIG_WEB_HOST, true, "", 0, 0, 0, 0},
	{"web", "origin", APO_CONFIG_WEB_ORIGIN, true, "", 0, 0, 0, 0},
	ROW("web", "client", APO_CONFIG_BOOLEAN, web.has_client, 0, 0),

	ROW_COUNT("limits", "clients", model.clients_max, 1, 1000000),
	ROW_COUNT("limits", "waiting", waiting_max, 0, 1000000),
	ROW_SPAN("limits", "waiting-time", waiting_ns, 1000, YEAR_NS),
	ROW_COUNT("limits", "per-address", per_address_max, 1, 1000000),
	ROW_COUNT("limits", "connects", connects_max, 1, 1000000),
	ROW_SPAN("limits", "connects-time", connects_ns, 1000, 86400 * RUDP_NS_PER_S),
	ROW("limits", "receive-queue", APO_CONFIG_BYTES, receive_queue_bytes, 8192, 1 << 24),
	ROW("limits", "send-queue", APO_CONFIG_BYTES, send_queue_bytes, 65536, 1 << 30),
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

	ROW_COUNT("limits", "bans", model.network_bans_max, 0, UINT_MAX),

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

	ROW_TEXT("accounts", "file", accounts_file),
	ROW("accounts", "registration", APO_CONFIG_BOOLEAN, model.open_registration, 0, 0),
	ROW_COUNT("accounts", "count", model.accounts_max, 1, UINT_MAX),
	ROW_COUNT("accounts", "tries", model.login_tries_max, 1, UINT_MAX),
	ROW_SPAN("accounts", "tries-time", model.login_span_ns, 1000, YEAR_NS),
	ROW_COUNT("accounts", "password-length", model.password_len_min, 1, APO_PASSWORD_BYTES_MAX),
	ROW_COUNT("accounts", "registrations", model.registrations_max, 1, UINT_MAX),
	ROW("accounts", "scram", APO_CONFIG_BOOLEAN, model.scram, 0, 0),
	ROW("accounts", "required", APO_CONFIG_BOOLEAN, model.account_required, 0, 0),
	ROW("accounts", "before-connect", APO_CONFIG_BOOLEAN, model.early_registration, 0, 0),

	ROW("peers", "port", APO_CONFIG_PORT, peers_port, 1, 65535),
	ROW_TEXT("peers", "key", peers_key_file),
	ROW_TEXT("peers", "id", peers_id),
	ROW_COUNT("peers", "count", peers_max, 1, 1000000),
	ROW_SPAN("peers", "away-time", peers_away_ns, 1000, YEAR_NS),

	ROW_TEXT("cluster", "servers", cluster_servers),
	ROW_TEXT("cluster", "node", cluster_node),
	ROW_TEXT("cluster", "name", cluster_name),
	ROW_TEXT("cluster", "ca", cluster_ca_file),
	ROW_TEXT("cluster", "certificate", cluster_certificate_file),
	ROW_TEXT("cluster", "key", cluster_key_file),
	ROW_TEXT("cluster", "credentials", cluster_credentials_file),
	ROW_COUNT("cluster", "replicas", cluster_replicas, 1, 5),
	ROW_SPAN("cluster", "node-timeout", cluster_timeout_ns, 5000, 3600 * RUDP_NS_PER_S),

	ROW("history", "enabled", APO_CONFIG_BOOLEAN, model.has_history, 0, 0),
	ROW_SPAN("history", "age", history_age_ns, 60000, 100 * YEAR_NS),
	ROW_COUNT("history", "messages", history_messages_max, 1, UINT_MAX),
	ROW("history", "size", APO_CONFIG_BYTES, history_bytes_max, 1 << 20, (uint64_t)1 << 40),
	ROW_COUNT("history", "answer", model.history_answer_max, 1, UINT_MAX),
	ROW_COUNT("history", "markers", model.markers_max, 0, UINT_MAX),
	ROW_SPAN("history", "absence", model.absence_ns, 0, YEAR_NS),

	ROW_COUNT("channels", "registered", model.registered_channels_max, 0, UINT_MAX),
	ROW_COUNT("channels", "per-account", model.channels_per_account_max, 1, UINT_MAX),
	ROW_COUNT("channels", "access", model.access_max, 1, UINT_MAX),
	ROW_SPAN("channels", "expiry", model.channel_expiry_ns, 0, 100 * YEAR_NS),

	ROW_COUNT("audit", "entries", model.audit_max, 0, UINT_MAX),
	ROW_COUNT("audit", "reports", model.reports_max, 0, UINT_MAX),
	ROW_SPAN("audit", "age", model.audit_age_ns, 60000, 100 * YEAR_NS),

	ROW("flood", "burst", APO_CONFIG_BURST, flood_burst_ms, 0, 3600 * RUDP_NS_PER_S),

	ROW("cloak", "enabled", APO_CONFIG_BOOLEAN, is_cloaked, 0, 0),
	ROW("cloak", "key", APO_CONFIG_CLOAK_KEY, cloak_key, 0, 0),
};
const size_t apo_config_row_count = COUNT_OF(apo_config_rows);
_Static_assert(COUNT_OF(apo_config_rows) <= APO_CONFIG_ROWS_MAX, "a line for each row");

const struct apo_config_row *apo_config_row_of(const char *section, const char *key)
{
	size_t i;

	for (i = 0; i < COUNT_OF(apo_config_rows); i++)
		if (strcmp(apo_config_rows[i].section, section) == 0 &&
		    strcmp(apo_config_rows[i].key, key) == 0)
			return apo_config_rows + i;
	return NULL;
}

bool apo_config_is_section(const char *section)
{
	size_t i;

	for (i = 0; i < COUNT_OF(apo_config_rows); i++)
		if (strcmp(apo_config_rows[i].section, section) == 0)
			return true;
	return false;
}

/* ---- a value ---- */

static const char *within(const struct apo_config_row *row, uint64_t value)
{
	static _Thread_local char text[128];

	if (value >= row->min && value <= row->max)
		return NULL;
	if (row->kind == APO_CONFIG_COUNT || row->kind == APO_CONFIG_BYTES ||
	    row->kind == APO_CONFIG_PORT)
		snprintf(text, sizeof text, "must be from %llu to %llu",
			 (unsigned long long)row->min, (unsigned long long)row->max);
	else
		snprintf(text, sizeof text, "must be from %.10gs to %.10gs", (double)row->min / 1e9,
			 (double)row->max / 1e9);
	return text;
}

static const char *set_number(const struct apo_config_row *row, const char *text, void *place)
{
	uint64_t number = 0;
	const char *wrong = apo_value_number(text, &number);

	if (!wrong)
		wrong = within(row, number);
	if (wrong)
		return wrong;
	if (row->kind == APO_CONFIG_COUNT)
		*(unsigned *)place = (unsigned)number;
	else if (row->kind == APO_CONFIG_PORT)
		*(uint16_t *)place = (uint16_t)number;
	else
		*(size_t *)place = (size_t)number;
	return NULL;
}

static const char *set_span(const struct apo_config_row *row, const char *text, void *place)
{
	int64_t span_ns = 0;
	const char *wrong = NULL;

	if (row->kind != APO_CONFIG_BURST || strcmp(text, "off") != 0)
		wrong = apo_value_span(text, &span_ns);
	if (!wrong)
		wrong = within(row, (uint64_t)span_ns);
	if (wrong)
		return wrong;
	if (row->kind == APO_CONFIG_BURST)
		*(uint32_t *)place = (uint32_t)(span_ns / RUDP_NS_PER_MS);
	else if (row->kind == APO_CONFIG_SECONDS)
		*(uint32_t *)place = (uint32_t)(span_ns / RUDP_NS_PER_S);
	else
		*(int64_t *)place = span_ns;
	return NULL;
}

static const char *add_listen(struct apo_config *config, const char *text,
			      enum apo_config_kind kind)
{
	struct apo_listen *listen = config->listens + config->listen_count;
	const char *wrong;

	if (config->listen_count == APO_LISTENS_MAX)
		return "is one address too many";
	wrong = apo_value_address(text, &listen->address);
	if (wrong)
		return wrong;
	listen->is_tls = kind == APO_CONFIG_LISTEN_TLS || kind == APO_CONFIG_LISTEN_WEB_TLS;
	listen->is_web = kind == APO_CONFIG_LISTEN_WEB || kind == APO_CONFIG_LISTEN_WEB_TLS;
	config->listen_count++;
	return NULL;
}

static const char *add_name(struct apo_config *config, const char **names, unsigned *count,
			    const char *text)
{
	if (*count == APO_WEB_NAMES_MAX)
		return "is one too many";
	names[*count] = apo_config_keep(config, text);
	if (!names[*count])
		return strerror(ENOMEM);
	(*count)++;
	return NULL;
}

static const char *add_trusted_proxy(struct apo_config *config, const char *text)
{
	if (config->trusted_proxy_count == APO_TRUSTED_PROXIES_MAX)
		return "is one too many";
	if (!apo_network_read(config->trusted_proxies + config->trusted_proxy_count, text))
		return "must be an address or a network: 192.0.2.1, 10.0.0.0/8, ::1";
	config->trusted_proxy_count++;
	return NULL;
}

const char *apo_config_set(struct apo_config *config, const struct apo_config_row *row,
			   const char *text)
{
	void *place = (char *)config + row->offset;
	const char *wrong;

	switch (row->kind) {
	case APO_CONFIG_HASH:
		wrong = apo_value_hash(text);
		if (wrong)
			return wrong;
		/* fall through */
	case APO_CONFIG_TEXT:
		*(const char **)place = apo_config_keep(config, text);
		return *(const char **)place ? NULL : strerror(ENOMEM);
	case APO_CONFIG_COUNT:
	case APO_CONFIG_BYTES:
	case APO_CONFIG_PORT:
		return set_number(row, text, place);
	case APO_CONFIG_SPAN:
	case APO_CONFIG_BURST:
	case APO_CONFIG_SECONDS:
		return set_span(row, text, place);
	case APO_CONFIG_BOOLEAN:
		return apo_value_bool(text, place);
	case APO_CONFIG_LISTEN:
	case APO_CONFIG_LISTEN_TLS:
	case APO_CONFIG_LISTEN_WEB:
	case APO_CONFIG_LISTEN_WEB_TLS:
		return add_listen(config, text, row->kind);
	case APO_CONFIG_WEB_HOST:
		if (!apo_web_is_host(text))
			return "must be a host name, without port";
		return add_name(config, config->web.hosts, &config->web.host_count, text);
	case APO_CONFIG_WEB_ORIGIN:
		if (!apo_web_is_origin(text))
			return "must be https://HOST, https://HOST:PORT, the same with http, or *";
		return add_name(config, config->web.origins, &config->web.origin_count, text);
	case APO_CONFIG_TRUSTED_PROXY:
		return add_trusted_proxy(config, text);
	case APO_CONFIG_CLOAK_KEY:
		wrong = apo_value_hex(text, config->cloak_key, sizeof config->cloak_key);
		config->has_cloak_key = !wrong;
		return wrong;
	}
	return NULL;
}
