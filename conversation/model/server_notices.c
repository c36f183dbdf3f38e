/* SPDX-License-Identifier: MIT */
#include "conversation/model/server_notices.h"

#include <stdio.h>
#include <string.h>

#include "conversation/model/replies.h"

uint32_t apo_notice_of_action(const char *action)
{
	static const struct {
		const char *action;
		uint32_t kind;
	} rows[] = {
		{"ban", APO_NOTICE_BANS},
		{"unban", APO_NOTICE_BANS},
		{"kick", APO_NOTICE_KILLS},
		{"kill", APO_NOTICE_KILLS},
		{"chghost", APO_NOTICE_OPERATORS},
		{"die", APO_NOTICE_OPERATORS},
		{"oper", APO_NOTICE_OPERATORS},
		{"oper-failed", APO_NOTICE_OPERATORS},
		{"rehash", APO_NOTICE_OPERATORS},
		{"report", APO_NOTICE_REPORTS},
		{"report-closed", APO_NOTICE_REPORTS},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].action, action) == 0)
			return rows[i].kind;
	return APO_NOTICE_SERVICES;
}

void apo_server_notice(struct apo_model *model, uint32_t kind, const char *format, ...)
{
	char text[APO_BODY_BYTES_MAX * 3];
	struct apo_line line;
	va_list args;
	unsigned i;

	if (!(model->listened & kind))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (i = 0; i < model->listener_count; i++) {
		if (!(model->listeners[i]->notices & kind))
			continue;
		apo_line_print(&line, model->config->server_name, "NOTICE %s :*** %s",
			       model->listeners[i]->nick, text);
		apo_say_to(model, model->listeners[i],
			   &(struct apo_say){.line = &line, .is_unlabeled = true});
	}
}

static void remove_listener(struct apo_model *model, const struct apo_client *client)
{
	unsigned i;

	for (i = 0; i < model->listener_count && model->listeners[i] != client; i++)
		;
	if (i < model->listener_count)
		model->listeners[i] = model->listeners[--model->listener_count];
}

void apo_notices_set(struct apo_model *model, struct apo_client *client, uint32_t kinds)
{
	unsigned i;

	if (!client->notices && kinds && model->listener_count == APO_LISTENERS_MAX)
		return;
	if (!client->notices && kinds)
		model->listeners[model->listener_count++] = client;
	if (client->notices && !kinds)
		remove_listener(model, client);
	client->notices = (uint8_t)kinds;
	for (model->listened = 0, i = 0; i < model->listener_count; i++)
		model->listened |= model->listeners[i]->notices;
}

/* Writes "+" and the letters. */
static void write_notices(char to[APO_NOTICES_SIZE], uint32_t kinds)
{
	size_t len = 0, i;

	to[len++] = '+';
	for (i = 0; APO_NOTICE_LETTERS[i]; i++)
		if (kinds & 1u << i)
			to[len++] = APO_NOTICE_LETTERS[i];
	to[len] = '\0';
}

void apo_notices_change(struct apo_model *model, struct apo_client *client, const char *letters)
{
	uint32_t kinds = letters ? client->notices : APO_NOTICE_USUAL, bit;
	char text[APO_NOTICES_SIZE], sign = '+';
	const char *at;

	for (; letters && *letters; letters++) {
		at = strchr(APO_NOTICE_LETTERS, *letters);
		bit = at ? 1u << (at - APO_NOTICE_LETTERS) : *letters == '*' ? APO_NOTICE_ALL : 0;
		if (*letters == '+' || *letters == '-')
			sign = *letters;
		else if (sign == '+')
			kinds |= bit;
		else
			kinds &= ~bit;
	}
	apo_notices_set(model, client, kinds);
	write_notices(text, client->notices);
	apo_reply(model, client, RPL_SNOMASK, text);
}

void apo_notices_on_welcome(struct apo_model *model, const struct apo_client *client)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	apo_client_source(client, source);
	apo_server_notice(model, APO_NOTICE_CONNECTIONS, "connect: %s address=%s account=%s",
			  source, client->address, client->account ? client->account : "*");
}

void apo_notices_on_gone(struct apo_model *model, const struct apo_client *client,
			 const char *reason)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	apo_client_source(client, source);
	if (strcmp(reason, "Excess Flood") == 0 || strcmp(reason, "SendQ exceeded") == 0)
		apo_server_notice(model, APO_NOTICE_FLOODS, "flood: %s address=%s (%s)", source,
				  client->address, reason);
	if (client->is_registered)
		apo_server_notice(model, APO_NOTICE_CONNECTIONS, "quit: %s address=%s (%s)", source,
				  client->address, reason);
}
