/* SPDX-License-Identifier: MIT */
/* rudp run: checks the program and the settings, sets the environment and executes the program. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/config/config_path.h"
#include "identity.h"
#include "program.h"
#include "proto/cc/cc_names.h"
#include "strict.h"
#include "tool.h"

/* As env(1) and timeout(1): 125 for an error of rudp run, 126 and 127 for the program. */
#define EXIT_OWN 125
#define EXIT_NOT_RUN 126
#define EXIT_MISSING 127

#define SHIM "librudp_shim.so"
#define ENGINE "rudp-engine"
#define STRICT_POLICY "any use rudp"
#define VALUE_SIZE (RUDP_PLACE_SIZE + 64)

extern char **environ;

struct run {
	char **command;
	const char *key, *policy; /* --key, --policy; NULL: not given */
	bool ok, strict;
	char shim[RUDP_PLACE_SIZE];
};

static const struct argp_option options[] = {
	{"key", 'k', "FILE", 0, "the key that both ends share (rudp keygen makes one)", 0},
	{"policy", 'p', "FILE", 0, "rules: what goes over rudp, what over TCP; rudp.conf(5)", 0},
	{"engine", 'e', "process|thread", 0, "how the engine runs (default: process)", 0},
	{"cc", 'c', "NAME", 0, "congestion control:" RUDP_CC_NAMES_TEXT " (default: bbr)", 0},
	{"log", 'l', "LEVEL[:FILE]", 0, "error, warn, info or debug, and the file", 0},
	{"strict", 's', NULL, 0, "only rudp: the kernel denies PROGRAM all other TCP", 0},
	{0},
};

/* Sets the variable to prefix followed by the absolute path of the file. */
static bool set_file(const char *variable, const char *prefix, size_t prefix_len, const char *file)
{
	char absolute[RUDP_PLACE_SIZE], value[VALUE_SIZE];
	int len;

	if (rudp_config_absolute(absolute, sizeof absolute, file) < 0) {
		warnx("this file name is too long: %s", file);
		return false;
	}
	len = snprintf(value, sizeof value, "%.*s%s", (int)prefix_len, prefix, absolute);
	return len > 0 && len < (int)sizeof value && setenv(variable, value, 1) == 0;
}

static bool set_log(const char *value)
{
	const char *colon = strchr(value, ':');

	if (colon && colon[1])
		return set_file("RUDP_LOG", value, (size_t)(colon + 1 - value), colon + 1);
	return setenv("RUDP_LOG", value, 1) == 0;
}

static bool set_engine(struct argp_state *state, const char *value)
{
	if (strcmp(value, "process") != 0 && strcmp(value, "thread") != 0)
		argp_error(state, "--engine is process or thread, not '%s'", value);
	return setenv("RUDP_ENGINE", value, 1) == 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case 'k':
		run->key = value;
		run->ok = run->ok && set_file("RUDP_KEY_FILE", "", 0, value);
		return 0;
	case 'p':
		run->policy = value;
		run->ok = run->ok && set_file("RUDP_POLICY_FILE", "", 0, value);
		return 0;
	case 'e':
		run->ok = run->ok && set_engine(state, value);
		return 0;
	case 'c':
		run->ok = run->ok && setenv("RUDP_CC", value, 1) == 0;
		return 0;
	case 'l':
		run->ok = run->ok && set_log(value);
		return 0;
	case 's':
		run->strict = true;
		return 0;
	case ARGP_KEY_ARG:
		/* The program. The words after it are its arguments. */
		run->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no program was given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Checked here, because the engine would name RUDP_KEY_FILE, which the caller has not set. */
static int check_key(const char *file)
{
	int error = access(file, R_OK) < 0 ? errno : 0;

	if (error)
		warnx("--key %s: %s", file, strerror(error));
	if (error == ENOENT)
		warnx("make a key with `rudp keygen %s', or copy the file that the other "
		      "machine has",
		      file);
	return error ? EXIT_OWN : 0;
}

/* The engine has already printed the error, with the names of the variables. */
static void report_not_started(const struct run *run)
{
	warnx("%s was not started%s%s", run->command[0],
	      run->key ? "; --key sets RUDP_KEY_FILE" : "",
	      run->policy ? "; --policy sets RUDP_POLICY_FILE" : "");
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PROGRAM [ARGUMENTS]",
	.doc = "Starts PROGRAM so that its TCP connections go over rudp, or explains why that is "
	       "not possible.\v"
	       "Exit code: that of PROGRAM; 125 if the settings are wrong or files of rudp are "
	       "missing, 126 if PROGRAM cannot be run under rudp, 127 if it does not exist.",
};

static int refuse(const struct rudp_program *program, enum rudp_program_fault fault)
{
	const struct rudp_program_report *report = &rudp_program_reports[fault];

	warnx("%s %s%s%s%s", program->culprit, report->text, program->detail[0] ? " (" : "",
	      program->detail, program->detail[0] ? ")" : "");
	if (strcmp(program->culprit, program->path) != 0)
		warnx("it is the interpreter of %s", program->path);
	if (report->advice)
		warnx("instead: %s", report->advice);
	return report->exit_code;
}

/* LD_PRELOAD has no quoting for its separators. */
static bool find_shim(struct run *run)
{
	if (!rudp_place_find(SHIM, run->shim)) {
		warnx("%s is missing; build it with `make', or install rudp again", run->shim);
		return false;
	}
	if (strpbrk(run->shim, ": \t\n")) {
		warnx("the path %s contains a blank or a colon, which LD_PRELOAD does not "
		      "allow; move it to another directory",
		      run->shim);
		return false;
	}
	return true;
}

/* The engine checks the settings and prints errors to our stderr. */
static int check_settings(void)
{
	char engine[RUDP_PLACE_SIZE];
	char *words[] = {engine, "--check", NULL};
	const char *named = getenv("RUDP_ENGINE_PATH");
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status, rc;

	if (named && *named)
		snprintf(engine, sizeof engine, "%s", named);
	else if (!rudp_place_find(ENGINE, engine)) {
		warnx("%s is missing; build it with `make', or install rudp again", engine);
		return EXIT_OWN;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(&pid, engine, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		warnx("%s cannot be started: %s", engine, strerror(rc));
		return EXIT_OWN;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_OWN;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EXIT_OWN;
}

/* Puts the shim before the other preloaded libraries, and removes a second entry of it. */
static bool set_preload(const char *shim)
{
	const char *rest = getenv("LD_PRELOAD");
	size_t size = strlen(shim) + (rest ? strlen(rest) : 0) + 2;
	char *list = malloc(size), *end = list;
	bool ok;

	if (!list)
		return false;
	end = stpcpy(end, shim);
	while (rest && *rest) {
		size_t len = strcspn(rest, ": ");

		if (len && !(len == strlen(shim) && memcmp(rest, shim, len) == 0)) {
			*end++ = ':';
			end = mempcpy(end, rest, len);
		}
		rest += len + (rest[len] != 0);
	}
	*end = 0;
	ok = setenv("LD_PRELOAD", list, 1) == 0;
	free(list);
	return ok;
}

/* Called before the program is checked. */
static bool prepare_strict(void)
{
	char why[RUDP_STRICT_WHY_SIZE];

	if (!rudp_strict_is_possible(why)) {
		warnx("--strict: the kernel cannot deny TCP to the program: %s", why);
		return false;
	}
	return setenv("RUDP_POLICY", STRICT_POLICY, 1) == 0;
}

static bool enter_strict(void)
{
	int rc = rudp_strict_start_engine();

	if (rc < 0) {
		warnx("--strict: no engine can be started: %s; rudp doctor may say why",
		      strerror(-rc));
		return false;
	}
	rc = rudp_strict_enter();
	if (rc < 0)
		warnx("--strict: TCP cannot be denied to the program: %s", strerror(-rc));
	return rc == 0;
}

static int execute(const struct run *run, const struct rudp_program *program)
{
	if (!set_preload(run->shim)) {
		warnx("no memory for the environment");
		return EXIT_OWN;
	}
	rudp_ask_beside_program();
	if (run->strict && !enter_strict())
		return EXIT_OWN;
	execvp(run->command[0], run->command);
	warnx("%s: %s", program->path, strerror(errno));
	return errno == ENOENT ? EXIT_MISSING : EXIT_NOT_RUN;
}

int rudp_tool_run(int argc, char **argv)
{
	struct rudp_program_caller caller = rudp_program_caller_self();
	struct run run = {.ok = true};
	struct rudp_program program;
	enum rudp_program_fault fault;
	int rc;

	argp_err_exit_status = EXIT_OWN;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &run);
	if (!run.ok || !find_shim(&run) || (run.strict && !prepare_strict()))
		return EXIT_OWN;
	fault = rudp_program_check(&program, run.command[0], getenv("PATH"), &caller);
	if (fault != RUDP_PROGRAM_NONE)
		return refuse(&program, fault);
	if (program.is_go)
		warnx("note: %s is a Go program: only the sockets of its C libraries use rudp, "
		      "those of its Go code use TCP",
		      program.path);
	/* The user asks for rudp here, whatever the outer environment says. */
	unsetenv("RUDP_DISABLE");
	if (run.key && check_key(run.key) != 0)
		return EXIT_OWN;
	rc = check_settings();
	if (rc == 0)
		return execute(&run, &program);
	report_not_started(&run);
	return rc;
}
