/* SPDX-License-Identifier: MIT */
#include "conversation/model/caps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/accounts.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/metadata.h"
#include "conversation/model/multiline.h"
#include "conversation/model/replies.h"
#include "conversation/model/registration.h"

const char *const apo_cap_names[APO_CAP_COUNT] = {
#define CAP_NAME(name, text) text,
	APO_CAPS(CAP_NAME)
#undef CAP_NAME
};

bool apo_caps_has_plain(const struct apo_model *model, const struct apo_client *client)
{
	return model->calls->has_accounts && (client->is_secure || model->config->plain_passwords);
}

/* It reveals no password, so the connection need not be secure. */
bool apo_caps_has_external(const struct apo_model *model, const struct apo_client *client)
{
	return model->calls->has_accounts && client->fingerprint;
}

bool apo_caps_has_scram(const struct apo_model *model, const struct apo_client *client)
{
	return model->config->scram && apo_caps_has_plain(model, client);
}

const char *apo_caps_mechanisms(const struct apo_model *model, const struct apo_client *client)
{
	bool has_plain = apo_caps_has_plain(model, client);

	bool has_scram = apo_caps_has_scram(model, client);

	if (apo_caps_has_external(model, client))
		return has_scram   ? "PLAIN,EXTERNAL," APO_SCRAM_NAME
		       : has_plain ? "PLAIN,EXTERNAL"
				   : "EXTERNAL";
	return has_scram ? "PLAIN," APO_SCRAM_NAME : has_plain ? "PLAIN" : "";
}

uint32_t apo_caps_offered(const struct apo_model *model, const struct apo_client *client)
{
	const struct apo_model_config *config = model->config;
	uint32_t caps = (1u << APO_CAP_COUNT) - 1;

	if (!apo_caps_has_plain(model, client))
		caps &= ~(uint32_t)APO_CAP_ACCOUNT_REGISTRATION;
	if (!*apo_caps_mechanisms(model, client))
		caps &= ~(uint32_t)APO_CAP_SASL;
	if (!model->calls->has_accounts || !config->open_registration)
		caps &= ~(uint32_t)APO_CAP_ACCOUNT_REGISTRATION;
	if (!model->calls->deliver_watched)
		caps &= ~(uint32_t)APO_CAP_RECEIPTS;
	if (!apo_history_is_on(model))
		caps &= ~(uint32_t)(APO_CAP_CHATHISTORY | APO_CAP_MESSAGE_REDACTION |
				    APO_CAP_READ_MARKER);
	if (config->sts_port == 0)
		caps &= ~(uint32_t)APO_CAP_STS;
	return caps;
}

/* The capabilities that a client may switch on and off; sts is information only. */
static uint32_t requestable(const struct apo_model *model, const struct apo_client *client)
{
	return apo_caps_offered(model, client) & ~(uint32_t)APO_CAP_STS;
}

uint32_t apo_cap_named(const char *name)
{
	unsigned i;

	for (i = 0; i < APO_CAP_COUNT; i++)
		if (strcmp(name, apo_cap_names[i]) == 0)
			return 1u << i;
	return 0;
}

#define VALUE_BYTES_MAX 64

/* Writes "=value" if the capability has a value and the client understands values. */
static void write_value(char *to, size_t size, const struct apo_model *model,
			const struct apo_client *client, uint32_t cap)
{
	*to = '\0';
	if (!client->has_cap_302)
		return;
	if (cap == APO_CAP_MULTILINE)
		snprintf(to, size, "=" APO_MULTILINE_CAP_VALUE);
	else if (cap == APO_CAP_METADATA)
		snprintf(to, size, "=" APO_METADATA_CAP_VALUE);
	else if (cap == APO_CAP_SASL)
		snprintf(to, size, "=%s", apo_caps_mechanisms(model, client));
	else if (cap == APO_CAP_ACCOUNT_REGISTRATION && apo_account_is_early(model))
		snprintf(to, size, "=before-connect");
	else if (cap == APO_CAP_STS && client->is_secure)
		snprintf(to, size, "=duration=%u", model->config->sts_duration_s);
	else if (cap == APO_CAP_STS)
		snprintf(to, size, "=port=%u", model->config->sts_port);
}

static void tell_line(struct apo_model *model, struct apo_client *client, const char *what,
		      bool is_last, const char *list)
{
	apo_tell_print(model, client, model->config->server_name, "CAP %s %s %s:%s",
		       apo_shown_nick(client), what, is_last ? "" : "* ", list);
}

/* Room for the list in a line with any names of server and client. */
#define LIST_BYTES_MAX (APO_BODY_BYTES_MAX - APO_HOST_BYTES_MAX - APO_NICK_BYTES_MAX - 24)

/* Clients that understand version 302 also understand lists of several lines. For others the names
 * fit in one, without these: the limits of the first are in its value, and the others are newer
 * than version 302. A test in tests/conversation checks that. */
#define ONLY_302 (uint32_t)(APO_CAP_METADATA | APO_CAP_EXTENDED_ISUPPORT | APO_CAP_PRE_AWAY)

static void tell(struct apo_model *model, struct apo_client *client, const char *what,
		 uint32_t caps, bool with_values)
{
	char list[APO_BODY_BYTES_MAX * 2] = "", value[VALUE_BYTES_MAX];
	size_t len = 0, more;
	unsigned i;

	for (i = 0; i < APO_CAP_COUNT; i++) {
		if (!(caps & 1u << i) || (!client->has_cap_302 && 1u << i & ONLY_302))
			continue;
		write_value(value, sizeof value, model, client, with_values ? 1u << i : 0);
		more = strlen(apo_cap_names[i]) + strlen(value) + 1;
		if (client->has_cap_302 && len + more > LIST_BYTES_MAX) {
			tell_line(model, client, what, false, list);
			len = 0;
		}
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s%s", len ? " " : "",
					apo_cap_names[i], value);
	}
	tell_line(model, client, what, true, list);
}

void apo_caps_tell_changes(struct apo_model *model, struct apo_client *client, uint32_t before)
{
	uint32_t now = apo_caps_offered(model, client);
	uint32_t gone =
		before & ~now & ~(uint32_t)APO_CAP_STS; /* the specification forbids DEL for sts */

	apo_client_set_caps(client, client->caps & ~gone);
	if (!(client->caps & APO_CAP_CAP_NOTIFY))
		return;
	if (now & ~before)
		tell(model, client, "NEW", now & ~before, true);
	if (gone)
		tell(model, client, "DEL", gone, false);
}

/* Switches on all capabilities of the list or none. */
static void request(struct apo_model *model, struct apo_client *client, const char *list)
{
	uint32_t can = requestable(model, client), caps = client->caps, cap;
	char copy[APO_BODY_BYTES_MAX];
	char *rest = copy, *word;
	bool is_right = true, is_new;

	snprintf(copy, sizeof copy, "%s", list);
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		cap = apo_cap_named(word + (*word == '-'));
		is_right &= (cap & can) != 0;
		caps = *word == '-' ? caps & ~cap : caps | cap;
	}
	is_new = is_right && (caps & ~client->caps & APO_CAP_METADATA);
	if (is_right)
		apo_client_set_caps(client, caps);
	apo_tell_print(model, client, model->config->server_name, "CAP %s %s :%s",
		       apo_shown_nick(client), is_right ? "ACK" : "NAK", list);
	if (is_new && client->is_registered)
		apo_metadata_tell_own(model, client);
}

static void begin_choosing(struct apo_client *client)
{
	if (!client->is_registered)
		client->registration->is_choosing_caps = true;
}

void apo_on_cap(struct apo_model *model, struct apo_client *client,
		const struct apo_message *message)
{
	const char *what = message->params[0];
	const char *list = message->params[1];

	if (strcasecmp(what, "LS") == 0) {
		begin_choosing(client);
		if (strtol(list, NULL, 10) >= 302 && !client->has_cap_302) {
			client->has_cap_302 = true;
			apo_client_set_caps(client, client->caps | APO_CAP_CAP_NOTIFY);
		}
		tell(model, client, "LS", apo_caps_offered(model, client), true);
	} else if (strcasecmp(what, "LIST") == 0) {
		tell(model, client, "LIST", client->caps, false);
	} else if (strcasecmp(what, "REQ") == 0) {
		begin_choosing(client);
		request(model, client, list);
	} else if (strcasecmp(what, "END") == 0) {
		if (!client->is_registered) {
			client->registration->is_choosing_caps = false;
			apo_registration_try(model, client);
		}
	} else {
		apo_reply(model, client, ERR_INVALIDCAPCMD, apo_word(what));
	}
}
