/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "conversation/model/model_private.h"

#define REAL_BYTES_MAX 256
/* Limit of topics and reasons: a line holds a source and a channel, too. */
#define TEXT_BYTES_MAX 400

/* Puts the values of the bounds into messages for users, not the names of macros. */
#define TEXT(value) #value
#define TEXT_OF(value) TEXT(value)

/* One row for each number: its default and its bounds. */
#define NUMBERS(X)                                                                                 \
	X(nick_len_max, 30, 1, APO_NICK_BYTES_MAX)                                                 \
	X(user_len_max, 11, 2, APO_USER_BYTES_MAX)                                                 \
	X(real_len_max, 128, 1, REAL_BYTES_MAX)                                                    \
	X(channel_len_max, 64, 2, APO_CHANNEL_BYTES_MAX)                                           \
	X(topic_len_max, 390, 1, TEXT_BYTES_MAX)                                                   \
	X(away_len_max, 200, 1, TEXT_BYTES_MAX)                                                    \
	X(kick_len_max, 300, 1, TEXT_BYTES_MAX)                                                    \
	X(key_len_max, 23, 1, APO_KEY_BYTES_MAX)                                                   \
	X(clients_max, 20000, 1, 10000000)                                                         \
	X(channels_max, 50000, 1, 10000000)                                                        \
	X(channels_per_client_max, 100, 1, 60000)                                                  \
	X(list_entries_max, 100, 1, APO_LIST_ENTRIES_MAX)                                          \
	X(monitor_max, 100, 1, 10000)                                                              \
	X(invites_max, 20, 1, APO_INVITES_MAX)                                                     \
	X(targets_max, 4, 1, 100)                                                                  \
	X(modes_max, 6, 1, 12)                                                                     \
	X(whowas_max, 1000, 0, 1000000)                                                            \
	X(who_replies_max, 200, 1, 1000000)                                                        \
	X(list_replies_max, 5000, 1, 1000000)                                                      \
	X(receipts_max, 10000, 0, 1000000)                                                         \
	X(receipt_recipients_max, 5000, 1, 1000000)                                                \
	X(accounts_max, 100000, 1, 10000000)                                                       \
	X(login_tries_max, 3, 1, 1000000)                                                          \
	X(registrations_max, 30, 1, 1000000)                                                       \
	X(password_len_min, 8, 1, APO_PASSWORD_BYTES_MAX)                                          \
	X(registered_channels_max, 10000, 0, 1000000)                                              \
	X(channels_per_account_max, 20, 1, 10000)                                                  \
	X(network_bans_max, 10000, 0, 1000000)                                                     \
	X(audit_max, 5000, 0, 100000)                                                              \
	X(reports_max, 200, 0, 10000)                                                              \
	X(access_max, 100, 1, APO_ACCESS_MAX)                                                      \
	X(markers_max, 500, 0, 1000000)                                                            \
	X(history_answer_max, 100, 1, APO_PAGE_MAX)

#define SPANS(X)                                                                                   \
	X(registration_timeout_ns, 30, 1, 3600)                                                    \
	X(ping_interval_ns, 120, 1, 86400)                                                         \
	X(ping_timeout_ns, 60, 1, 86400)                                                           \
	X(receipt_timeout_ns, 60, 2, 86400)                                                        \
	X(login_span_ns, 60, 1, 86400)                                                             \
	X(channel_expiry_ns, 0, 0, 3153600000)                                                     \
	X(audit_age_ns, 7776000, 60, 3153600000)                                                   \
	X(absence_ns, 86400, 0, 31536000)

void apo_model_config_init(struct apo_model_config *config)
{
	memset(config, 0, sizeof *config);
	config->description = "An Apollonion server";
	config->version = "apollonion-" RUDP_VERSION_TEXT;
	config->sts_duration_s = 30 * 86400;
#define DEFAULT(name, value, min, max) config->name = value;
	NUMBERS(DEFAULT)
#undef DEFAULT
#define DEFAULT(name, value_s, min, max) config->name = value_s * RUDP_NS_PER_S;
	SPANS(DEFAULT)
#undef DEFAULT
	config->open_registration = config->scram = true;
}

static const char *check_names(const struct apo_model_config *config, const char **member)
{
	*member = "server_name";
	if (!config->server_name || !apo_host_is_valid(config->server_name))
		return "must be a host name with a dot in it, of at most 63 bytes";
	*member = "network";
	if (!config->network || !apo_is_word(config->network) || strlen(config->network) > 63)
		return "must be one word of at most 63 bytes";
	*member = "description";
	if (!config->description || strlen(config->description) > 200)
		return "must be given, and at most 200 bytes long";
	*member = "version";
	if (!config->version || !apo_is_word(config->version) || strlen(config->version) > 63)
		return "must be one word of at most 63 bytes";
	return NULL;
}

static const char *check_operators(const struct apo_model_config *config, const char **member)
{
	size_t i;

	*member = "operators";
	for (i = 0; i < config->operator_count; i++) {
		if (!config->operators[i].name || !apo_is_word(config->operators[i].name))
			return "an operator's name must be one word";
		if (!config->operators[i].password_hash || !*config->operators[i].password_hash)
			return "an operator needs a password";
		if (config->operators[i].mask && !apo_is_word(config->operators[i].mask))
			return "an operator's mask must be one word";
	}
	return NULL;
}

const char *apo_model_config_check(const struct apo_model_config *config, const char **member)
{
	const char *wrong = check_names(config, member);

	if (!wrong)
		wrong = check_operators(config, member);
	if (wrong)
		return wrong;
#define CHECK(name, value, min, max)                                                               \
	*member = #name;                                                                           \
	if (config->name + 1 < (min) + 1u || config->name > (max))                                 \
		return "must be from " TEXT_OF(min) " to " TEXT_OF(max);
	NUMBERS(CHECK)
#undef CHECK
#define CHECK(name, value_s, min_s, max_s)                                                         \
	*member = #name;                                                                           \
	if (config->name < (min_s)*RUDP_NS_PER_S || config->name > (max_s)*RUDP_NS_PER_S)          \
		return "must be from " TEXT_OF(min_s) " to " TEXT_OF(max_s) " seconds";
	SPANS(CHECK)
#undef CHECK
	return NULL;
}
