/* SPDX-License-Identifier: MIT */
/* RPL_ISUPPORT: the tokens that describe this configuration. */
#include <stdio.h>
#include <string.h>

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
	add(tokens, "CHANMODES=Ibeq,k,l,CMimnst");
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

void apo_isupport_tell(struct apo_model *model, struct apo_client *client)
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
		apo_reply(model, client, RPL_ISUPPORT, text);
		len = on_line = 0;
	}
}
