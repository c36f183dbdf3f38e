/* SPDX-License-Identifier: MIT */
/* RPL_ISUPPORT: the tokens that describe this configuration. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model/commands.h"
#include "conversation/model/extban.h"
#include "conversation/model/replies.h"
#include "conversation/model/server.h"

#define TOKENS_PER_LINE 13
#define TOKENS_MAX 48
#define TOKEN_BYTES 96

struct tokens {
	char text[TOKENS_MAX][TOKEN_BYTES];
	unsigned count;
};

static void add(struct tokens *tokens, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct tokens *tokens, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(tokens->text[tokens->count++], TOKEN_BYTES, format, args);
	va_end(args);
}

static void collect(struct tokens *tokens, const struct apo_model_config *config)
{
	add(tokens, "ACCOUNTEXTBAN=" APO_EXTBAN_ACCOUNT_NAMES);
	add(tokens, "AWAYLEN=%u", config->away_len_max);
	add(tokens, "BOT=B");
	add(tokens, "CASEMAPPING=ascii");
	add(tokens, "CHANLIMIT=#:%u", config->channels_per_client_max);
	add(tokens, "CHANMODES=Ibeq,k,l,C%sMimnst", config->has_history ? "H" : "");
	add(tokens, "CHANNELLEN=%u", config->channel_len_max);
	add(tokens, "CHANTYPES=#");
	if (config->has_history)
		add(tokens, "CHATHISTORY=%u", config->history_answer_max);
	add(tokens, "ELIST=CMNTU");
	add(tokens, "EXCEPTS=e");
	add(tokens, "EXTBAN=," APO_EXTBAN_TYPES);
	add(tokens, "HOSTLEN=%u", APO_HOST_BYTES_MAX);
	add(tokens, "INVEX=I");
	add(tokens, "KEYLEN=%u", config->key_len_max);
	add(tokens, "KICKLEN=%u", config->kick_len_max);
	add(tokens, "LINELEN=%u", APO_BODY_BYTES_MAX);
	add(tokens, "MAXLIST=Ibeq:%u", config->list_entries_max);
	add(tokens, "MAXTARGETS=%u", config->targets_max);
	add(tokens, "MODES=%u", config->modes_max);
	add(tokens, "MONITOR=%u", config->monitor_max);
	if (config->has_history)
		add(tokens, "MSGREFTYPES=msgid,timestamp");
	add(tokens, "NAMELEN=%u", config->real_len_max);
	add(tokens, "NETWORK=%s", config->network);
	add(tokens, "NICKLEN=%u", config->nick_len_max);
	add(tokens, "PREFIX=(ov)@+");
	add(tokens, "STATUSMSG=@+");
	add(tokens, "TARGMAX=JOIN:,KICK:%u,NAMES:%u,NOTICE:%u,PART:,PRIVMSG:%u,TAGMSG:%u,WHOIS:1",
	    config->targets_max, config->targets_max, config->targets_max, config->targets_max,
	    config->targets_max);
	add(tokens, "TOPICLEN=%u", config->topic_len_max);
	add(tokens, "USERLEN=%u", config->user_len_max);
	add(tokens, "UTF8ONLY");
	add(tokens, "WHOX");
}

bool apo_isupport_is_other(const struct apo_model_config *a, const struct apo_model_config *b)
{
	struct tokens of_a = {.count = 0}, of_b = {.count = 0};

	collect(&of_a, a);
	collect(&of_b, b);
	return memcmp(&of_a, &of_b, sizeof of_a) != 0;
}

static bool wants_batch(const struct apo_client *client)
{
	return (client->caps & APO_CAP_BATCH) && (client->caps & APO_CAP_EXTENDED_ISUPPORT);
}

static void tell_line(struct apo_model *model, struct apo_client *client, const char *text,
		      uint64_t batch)
{
	struct apo_line line;

	apo_numeric_begin(model, client, &line, RPL_ISUPPORT);
	apo_line_format(&line, apo_format_RPL_ISUPPORT, text);
	apo_line_end(&line);
	apo_say_to(model, client, &(struct apo_say){.line = &line, .batch = batch});
}

static void tell(struct apo_model *model, struct apo_client *client, uint64_t batch)
{
	struct tokens tokens = {.count = 0};
	char text[APO_BODY_BYTES_MAX * 2];
	unsigned i, on_line = 0;
	size_t len = 0;

	collect(&tokens, model->config);
	for (i = 0; i < tokens.count; i++) {
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", on_line ? " " : "",
					tokens.text[i]);
		on_line++;
		if (on_line < TOKENS_PER_LINE && i + 1 < tokens.count && len < 250)
			continue;
		tell_line(model, client, text, batch);
		len = on_line = 0;
	}
}

/* A batch within a labeled response, if it is part of one: after another answer. */
void apo_isupport_tell(struct apo_model *model, struct apo_client *client)
{
	uint64_t batch = wants_batch(client) ? ++model->last_batch : 0;

	if (batch)
		apo_tell_batch(model, client, '+', batch, "draft/isupport", NULL);
	tell(model, client, batch);
	if (batch)
		apo_tell_batch(model, client, '-', batch, NULL, NULL);
}

/* The whole answer is the batch, with the label of the command. */
void apo_on_isupport(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	(void)message;
	if (!client->is_registered && !(client->caps & APO_CAP_EXTENDED_ISUPPORT)) {
		apo_reply(model, client, ERR_NOTREGISTERED);
		return;
	}
	if (wants_batch(client))
		apo_turn_batch(model, "draft/isupport", NULL);
	tell(model, client, 0);
}
