/* SPDX-License-Identifier: MIT */
/* Executes what the user types. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conversation/converse/client_private.h"
#include "conversation/converse/command.h"
#include "conversation/irc/utf8.h"

static void print(struct cv_client *client, const char *text)
{
	cv_input_print(client->input, text);
}

static void say(struct cv_client *client, const char *target, const char *text)
{
	uint64_t last;
	int result;

	/* The timeout begins now, not when the line before was said. */
	if (cv_chat_unsaid(client->chat) == 0)
		client->progress_at_ns = client->now_at_ns;
	result = cv_chat_say(client->chat, target, text, &last);

	if (result >= 0)
		return;
	client->failed_count++;
	if (client->options->mode == CV_SEND)
		warnx("a line that is not UTF-8 cannot be said");
	else
		print(client, result == -EAGAIN ? "-- too many lines are waiting already"
						: "-- that cannot be said");
}

void cv_client_join(struct cv_client *client, const char *channel, const char *key)
{
	int result = cv_chat_join(client->chat, channel, key);

	if (result == 0)
		snprintf(client->present, sizeof client->present, "%s", channel);
	else
		print(client, result == -EINVAL ? "-- that is not a channel name"
						: "-- you are in too many channels");
}

static void say_action(struct cv_client *client, const char *target, const char *what)
{
	char text[APO_FRAME_LINE_MAX];

	snprintf(text, sizeof text, "\1ACTION %s\1", what);
	say(client, target, text);
}

static void raw(struct cv_client *client, const char *command, const char *first, const char *rest)
{
	char line[512];

	snprintf(line, sizeof line, "%s%s%s%s", command, first, *rest ? " :" : "", rest);
	if (!cv_chat_raw(client->chat, line))
		print(client, "-- not now: there is no session");
}

static void help(struct cv_client *client)
{
	unsigned i;

	for (i = 0; cv_command_help(i); i++)
		print(client, cv_command_help(i));
}

/* The input has ended: quits after the remaining lines are said (client.c). */
static void end_input(struct cv_client *client)
{
	char text[128];
	size_t unsaid = cv_chat_unsaid(client->chat);

	client->has_input_ended = true;
	client->progress_at_ns = client->now_at_ns;
	if (unsaid == 0 || client->options->mode != CV_TALK)
		return;
	snprintf(text, sizeof text,
		 "-- quits when all lines are said, %zu %s left; CTRL-C quits now", unsaid,
		 unsaid == 1 ? "line is" : "lines are");
	print(client, text);
}

static void set_quit_text(struct cv_client *client, const char *text)
{
	size_t len = apo_utf8_cut(text, strlen(text), sizeof client->quit_text - 1);

	snprintf(client->quit_text, sizeof client->quit_text, "%.*s", (int)len, text);
}

static void obey(struct cv_client *client, struct cv_command command)
{
	switch (command.kind) {
	case CV_SAY_COMMAND:
	case CV_MSG_COMMAND:
		say(client, command.first, command.rest);
		break;
	case CV_ME_COMMAND:
		say_action(client, command.first, command.rest);
		break;
	case CV_JOIN_COMMAND:
		cv_client_join(client, command.first, command.rest);
		break;
	case CV_PART_COMMAND:
		cv_chat_part(client->chat, command.first, command.rest);
		if (apo_is_same(command.first, client->present))
			client->present[0] = 0;
		break;
	case CV_NAMES_COMMAND:
		raw(client, "NAMES ", command.first, "");
		break;
	case CV_TOPIC_COMMAND:
		raw(client, "TOPIC ", command.first, command.rest);
		break;
	case CV_NICK_COMMAND:
		cv_chat_nick(client->chat, command.first);
		break;
	case CV_RAW_COMMAND:
		raw(client, "", command.rest, "");
		break;
	case CV_HELP_COMMAND:
		help(client);
		break;
	case CV_QUIT_COMMAND:
		set_quit_text(client, command.rest);
		end_input(client);
		break;
	case CV_NO_COMMAND:
		print(client, command.first);
		break;
	}
}

void cv_client_on_input(void *of, char *line)
{
	struct cv_client *client = of;

	if (client->has_input_ended)
		return;
	if (!line)
		end_input(client);
	else if (client->options->mode == CV_SEND)
		say(client, client->options->target, line);
	else if (*line)
		obey(client, cv_command_read(line, client->present));
}
