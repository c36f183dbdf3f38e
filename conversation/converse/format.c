/* SPDX-License-Identifier: MIT */
#include "conversation/converse/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/converse/clean.h"
#include "conversation/irc/names.h"

struct parts {
	char clock[6], channel[CV_CLEAN_SIZE(80)], nick[CV_CLEAN_SIZE(80)],
		text[CV_CLEAN_SIZE(1024)];
	bool is_action;
};

/* "\1ACTION waves\1": the sender describes an action. */
static bool is_action(const char *text)
{
	return strncmp(text, "\1ACTION ", 8) == 0;
}

static void clean_parts(struct parts *parts, const struct cv_shown *shown)
{
	char words[1024];
	size_t len;

	parts->is_action = is_action(shown->text);
	snprintf(words, sizeof words, "%s", shown->text + (parts->is_action ? 8 : 0));
	len = strlen(words);
	if (parts->is_action && len > 0 && words[len - 1] == 1)
		words[len - 1] = 0;
	snprintf(parts->clock, sizeof parts->clock, "%.5s", shown->time + 11);
	cv_clean(parts->channel, sizeof parts->channel, shown->channel);
	cv_clean(parts->nick, sizeof parts->nick, shown->nick);
	cv_clean(parts->text, sizeof parts->text, words);
}

static void format_message(char *to, const struct parts *parts, const struct cv_shown *shown,
			   const char *own_nick)
{
	bool is_private = apo_is_same(shown->channel, own_nick);
	const char *mark = shown->is_history ? "~" : "";

	if (parts->is_action)
		snprintf(to, CV_FORMAT_SIZE, "%s%s %s * %s %s", mark, parts->clock,
			 is_private ? "(to you)" : parts->channel, parts->nick, parts->text);
	else
		snprintf(to, CV_FORMAT_SIZE, "%s%s %s %c%s%c %s", mark, parts->clock,
			 is_private ? "(to you)" : parts->channel,
			 shown->kind == CV_NOTICE ? '-' : '<', parts->nick,
			 shown->kind == CV_NOTICE ? '-' : '>', parts->text);
}

static void format_receipt(char *to, const struct parts *parts, const struct cv_shown *shown)
{
	snprintf(to, CV_FORMAT_SIZE, "%s    [%" PRIu64 "] delivered %u/%u%s%s%s", parts->clock,
		 shown->number, shown->arrived, shown->recipients, shown->is_final ? "" : " so far",
		 *parts->text ? ", not to " : "", parts->text);
}

char *cv_format(char to[CV_FORMAT_SIZE], const struct cv_shown *shown, const char *own_nick)
{
	struct parts parts;

	clean_parts(&parts, shown);
	to[0] = 0;
	switch (shown->kind) {
	case CV_MESSAGE:
	case CV_NOTICE:
		format_message(to, &parts, shown, own_nick);
		break;
	case CV_SAID:
		snprintf(to, CV_FORMAT_SIZE, "%s %s %s%s%s %s  [%" PRIu64 "] sent", parts.clock,
			 parts.channel, parts.is_action ? "* " : "<", parts.nick,
			 parts.is_action ? "" : ">", parts.text, shown->number);
		break;
	case CV_FAILED:
		snprintf(to, CV_FORMAT_SIZE, "%s %s [%" PRIu64 "] NOT SENT: %s", parts.clock,
			 parts.channel, shown->number, parts.text);
		break;
	case CV_RECEIPT:
		if (shown->is_final || shown->arrived > 0 || *shown->text)
			format_receipt(to, &parts, shown);
		break;
	case CV_EVENT:
	case CV_NOT_JOINED:
		snprintf(to, CV_FORMAT_SIZE, "%s %s -- %s", parts.clock, parts.channel, parts.text);
		break;
	case CV_JOINED:
		snprintf(to, CV_FORMAT_SIZE, "%s %s -- you are here", parts.clock, parts.channel);
		break;
	case CV_INFO:
	case CV_STATUS:
		snprintf(to, CV_FORMAT_SIZE, "%s -- %s", parts.clock, parts.text);
		break;
	}
	return to;
}

char *cv_format_plain(char to[CV_FORMAT_SIZE], const struct cv_shown *shown)
{
	struct parts parts;

	clean_parts(&parts, shown);
	snprintf(to, CV_FORMAT_SIZE, "%.24s\t%s\t%s%s", shown->time, parts.nick,
		 parts.is_action ? "* " : "", parts.text);
	return to;
}
