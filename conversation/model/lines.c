/* SPDX-License-Identifier: MIT */
/* Lines that many commands send: numerics, notices, failures, and those with a client as source. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model/replies.h"

const char *apo_shown_nick(const struct apo_client *client)
{
	return client->nick[0] ? client->nick : "*";
}

const char *apo_word(const char *text)
{
	return apo_is_word(text) ? text : "*";
}

void apo_client_source(const struct apo_client *client, char to[APO_SOURCE_BYTES_MAX + 1])
{
	char *end = stpcpy(to, apo_shown_nick(client));

	*end++ = '!';
	end = stpcpy(end, client->user[0] ? client->user : "*");
	*end++ = '@';
	stpcpy(end, client->host);
}

void apo_line_from(struct apo_line *line, const struct apo_client *client, const char *command)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	apo_client_source(client, source);
	apo_line_begin(line, source, command);
}

void apo_line_print_from(struct apo_line *line, const struct apo_client *client, const char *format,
			 ...)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	va_list args;

	apo_client_source(client, source);
	va_start(args, format);
	apo_line_vprint(line, source, format, args);
	va_end(args);
}

void apo_tell_batch(struct apo_model *model, struct apo_client *client, char sign, uint64_t number,
		    const char *type, const char *about)
{
	struct apo_line line;

	apo_line_batch(&line, model->config->server_name, sign, number, type, about);
	apo_tell(model, client, &line);
}

void apo_tell_print(struct apo_model *model, struct apo_client *client, const char *source,
		    const char *format, ...)
{
	struct apo_line line;
	va_list args;

	va_start(args, format);
	apo_line_vprint(&line, source, format, args);
	va_end(args);
	apo_tell(model, client, &line);
}

void apo_numeric_begin(const struct apo_model *model, const struct apo_client *client,
		       struct apo_line *line, enum apo_numeric numeric)
{
	char number[16];

	snprintf(number, sizeof number, "%03u", (unsigned)numeric);
	apo_line_begin(line, model->config->server_name, number);
	apo_line_param(line, apo_shown_nick(client));
}

void apo_numeric(struct apo_model *model, struct apo_client *client, enum apo_numeric numeric,
		 const char *format, ...)
{
	struct apo_line line;
	va_list args;

	apo_numeric_begin(model, client, &line, numeric);
	va_start(args, format);
	apo_line_vformat(&line, format, args);
	va_end(args);
	apo_line_end(&line);
	apo_tell(model, client, &line);
}

void apo_service_notice(struct apo_model *model, struct apo_client *client, const char *service,
			const char *format, ...)
{
	char text[APO_BODY_BYTES_MAX], source[APO_SOURCE_BYTES_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(source, sizeof source, "%s%s%s", service ? service : "",
		 service ? "!services@" : "", model->config->server_name);
	apo_tell_print(model, client, source, "NOTICE %s :%s", apo_shown_nick(client), text);
}

static void reply(struct apo_model *model, struct apo_client *client, const char *type,
		  const char *command, const char *code, const char *about, const char *text)
{
	apo_tell_print(model, client, model->config->server_name, "%s %s %s%s%s :%s", type, command,
		       code, about ? " " : "", about ? about : "", text);
}

void apo_fail_about(struct apo_model *model, struct apo_client *client, const char *command,
		    const char *code, const char *about, const char *text)
{
	reply(model, client, "FAIL", command, code, about, text);
}

void apo_fail(struct apo_model *model, struct apo_client *client, const char *command,
	      const char *code, const char *text)
{
	reply(model, client, "FAIL", command, code, NULL, text);
}

void apo_standard_reply(struct apo_model *model, struct apo_client *client, const char *type,
			const char *command, const char *code, const char *format, ...)
{
	char text[APO_BODY_BYTES_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (client->caps & APO_CAP_STANDARD_REPLIES)
		reply(model, client, type, command, code, NULL, text);
	else
		apo_notice(model, client, "%s", text);
}
