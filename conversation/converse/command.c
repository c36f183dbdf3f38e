/* SPDX-License-Identifier: MIT */
#include "conversation/converse/command.h"

#include <stddef.h>
#include <string.h>

#include "conversation/irc/names.h"

static const struct {
	const char *word;
	unsigned words; /* number of words that must follow */
	const char *help;
} rows[] = {
#define X(name, word, words, help) {word, words, help},
	CV_COMMANDS(X)
#undef X
};

const char *cv_command_help(unsigned i)
{
	return i < sizeof rows / sizeof rows[0] ? rows[i].help : NULL;
}

/* Splits off the first word. */
static char *next(char **rest)
{
	char *word = *rest + strspn(*rest, " ");
	size_t len = strcspn(word, " ");

	*rest = word + len;
	if (**rest)
		*(*rest)++ = 0;
	*rest += strspn(*rest, " ");
	return word;
}

static struct cv_command wrong(const char *what)
{
	return (struct cv_command){CV_NO_COMMAND, what, ""};
}

/* Parses [#channel] [rest]. */
static struct cv_command about_channel(enum cv_command_kind kind, char *rest, const char *channel)
{
	struct cv_command command = {kind, channel, rest};

	if (apo_channel_is_meant(rest)) {
		command.first = next(&rest);
		command.rest = rest;
	}
	return *command.first ? command
			      : wrong("there is no present channel; /join #channel first");
}

static struct cv_command arguments(enum cv_command_kind kind, char *rest, const char *channel)
{
	struct cv_command command = {kind, "", ""};

	switch (kind) {
	case CV_PART_COMMAND:
	case CV_NAMES_COMMAND:
	case CV_TOPIC_COMMAND:
		return about_channel(kind, rest, channel);
	case CV_ME_COMMAND:
	case CV_SAY_COMMAND:
		command.first = channel;
		command.rest = rest;
		return *channel ? command
				: wrong("there is no present channel; /join #channel first");
	case CV_JOIN_COMMAND:
	case CV_MSG_COMMAND:
	case CV_NICK_COMMAND:
		command.first = next(&rest);
		command.rest = rest;
		return command;
	case CV_RAW_COMMAND:
	case CV_QUIT_COMMAND:
	case CV_HELP_COMMAND:
	case CV_NO_COMMAND:
		break;
	}
	command.first = command.rest = rest;
	return command;
}

struct cv_command cv_command_read(char *line, const char *channel)
{
	char *rest = line + 1, *word;
	size_t i;

	if (line[0] != '/' || line[1] == '/')
		return arguments(CV_SAY_COMMAND, line + (line[0] == '/'), channel);
	word = next(&rest);
	for (i = 1; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(word, rows[i].word) != 0)
			continue;
		if ((rows[i].words > 0 && !*rest) || (rows[i].words > 1 && !strchr(rest, ' ')))
			return wrong(rows[i].help);
		return arguments((enum cv_command_kind)i, rest, channel);
	}
	return wrong("there is no such command; /help lists them");
}
