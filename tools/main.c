/* SPDX-License-Identifier: MIT */
/* rudp COMMAND ...: finds the sub-command and calls it. */
#include <argp.h>
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

struct command {
	const char *name, *full_name, *what;
	int (*run)(int argc, char **argv);
};

#define COMMAND(name, what) {#name, "rudp " #name, what, rudp_tool_##name},
static const struct command commands[] = {RUDP_TOOLS(COMMAND)};
#undef COMMAND

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void usage(FILE *out)
{
	fputs("usage: rudp COMMAND [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].what);
	fputs("\nrudp help COMMAND (or rudp COMMAND --help) tells more; so does rudp(1).\n", out);
}

static int unknown(const char *name)
{
	warnx("there is no command '%s'", name);
	usage(stderr);
	return RUDP_EXIT_USAGE;
}

static int start(const struct command *command, int argc, char **argv)
{
	argv[0] = (char *)command->full_name;
	program_invocation_short_name = argv[0]; /* for warnx() */
	return command->run(argc, argv);
}

/* `rudp help COMMAND` is the same as `rudp COMMAND --help`. */
static int help(int argc, char **argv)
{
	const struct command *command;
	char *words[] = {NULL, "--help", NULL};

	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	command = find(argv[1]);
	return command ? start(command, 2, words) : unknown(argv[1]);
}

static int version(void)
{
	puts("rudp " RUDP_VERSION_TEXT);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *command;

	argp_err_exit_status = RUDP_EXIT_USAGE;
	program_invocation_short_name = "rudp"; /* of warnx() */
	setlinebuf(stdout); /* errors keep their place among the output, even in a file */
	argp_program_version = "rudp " RUDP_VERSION_TEXT;
	if (argc < 2) {
		usage(stderr);
		return RUDP_EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return help(argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return version();
	command = find(argv[1]);
	return command ? start(command, argc - 1, argv + 1) : unknown(argv[1]);
}
