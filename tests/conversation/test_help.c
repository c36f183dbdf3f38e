/* SPDX-License-Identifier: MIT */
/* HELP: the reference of commands and modes. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/commands.h"
#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start_three(&w, NULL);
}

TestSuite(help, .init = begin, .fini = fixture_fini);

Test(help, help_knows_every_command)
{
	char mask[100];
	unsigned i;

	fixture_say(&w, 0, "HELP");
	HEARS(&w, 0, ":irc.example 704 dan * :HELP <command or topic>");
	HEARS(&w, 0, ":irc.example 705 dan * :The commands of this server:");
	HEARS_LIKE(&w, 0, ":irc.example 705 dan * :ADMIN AUDIT AUTHENTICATE AWAY BATCH *");
	fixture_forget(&w);
	for (i = 0; i < apo_command_count; i++) {
		fixture_say(&w, 0, "HELP %s", apo_commands[i].name);
		snprintf(mask, sizeof mask, ":irc.example 704 dan %s :%s*", apo_commands[i].name,
			 apo_commands[i].name);
		HEARS_LIKE(&w, 0, mask);
		snprintf(mask, sizeof mask, ":irc.example 705 dan %s :*", apo_commands[i].name);
		HEARS_LIKE(&w, 0, mask);
		HEARS_LIKE(&w, 0, mask);
		HEARS_LIKE(&w, 0, "* 706 *");
		QUIET(&w, 0);
	}
	fixture_say(&w, 0, "HELP nonsense");
	HEARS(&w, 0, ":irc.example 524 dan nonsense :No help on this subject");
}

Test(help, help_explains_syntax_permission_and_penalty)
{
	ANSWERS(&w, 0, "HELPOP kill", ":irc.example 704 dan KILL :KILL <nick> [<text>]");
	HEARS(&w, 0, ":irc.example 705 dan KILL :end somebody's connection (operators)");
	HEARS(&w, 0,
	      ":irc.example 705 dan KILL :For operators of the server. Penalty of flood control: "
	      "0.50 s");
	HEARS(&w, 0, ":irc.example 706 dan KILL :End of help");
}

/* ISUPPORT says which modes there are. */
Test(help, help_explains_all_modes)
{
	const char *mode;
	char mask[64];

	for (mode = "beIqkloviCmnst"; *mode; mode++) {
		fixture_say(&w, 0, "HELP cmodes");
		HEARS(&w, 0,
		      ":irc.example 704 dan CMODES :Modes of channels: MODE <channel> +<modes> "
		      "<parameters>");
		snprintf(mask, sizeof mask, ":irc.example 705 dan CMODES :%c", *mode);
		while (strncmp(fixture_next(&w, 0), mask, strlen(mask)) != 0)
			;
		fixture_forget(&w);
	}
	ANSWERS(&w, 0, "HELP UMODES",
		":irc.example 704 dan UMODES :Modes of users: MODE <your nick> +<modes>");
	HEARS(&w, 0, ":irc.example 705 dan UMODES :B: you are a bot");
	fixture_forget(&w);
	fixture_say(&w, 0, "HELP EXTBANS");
	HEARS_LIKE(&w, 0, "* 704 dan EXTBANS *");
	HEARS_LIKE(&w, 0, "* 705 dan EXTBANS :a:<account>*");
}
