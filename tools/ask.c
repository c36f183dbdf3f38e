/* SPDX-License-Identifier: MIT */
/*
 * rudp key ask: asks a person whether the keys of hosts are right that connections wait for (set
 * first-contact ask).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/addr.h"
#include "engine/config/policy.h"
#include "engine/config/settings.h"
#include "identity.h"
#include "ss.h"

#define INTERVAL_MS 250
#define PER_ENGINE_MAX 1024u /* a process that lists more questions is no engine */
#define LINE_SIZE 256

struct asker {
	int in_fd;
	FILE *out;
	int program_fd; /* a pidfd: the asker ends with this process; -1: there is none */
	bool has_ended; /* the program or the input */
};

enum answer { ANSWER_UNCLEAR, ANSWER_YES, ANSWER_NO };

/* false: the program or the input has ended. */
static bool wait_for_input(struct asker *asker)
{
	struct pollfd fds[] = {{.fd = asker->in_fd, .events = POLLIN},
			       {.fd = asker->program_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !fds[1].revents;
}

/* Reads a line without its newline; what does not fit is dropped. false: there is none. */
static bool read_line(struct asker *asker, char line[LINE_SIZE])
{
	size_t len = 0;
	char c;

	while (wait_for_input(asker) && read(asker->in_fd, &c, 1) == 1) {
		if (c == '\n') {
			line[len] = 0;
			return true;
		}
		if (len < LINE_SIZE - 1)
			line[len++] = c;
	}
	asker->has_ended = true;
	return false;
}

static enum answer judge(const char *line, const uint8_t *key)
{
	char full[RUDP_FINGERPRINT_FULL_SIZE], brief[RUDP_FINGERPRINT_SHORT_SIZE];
	char words[RUDP_FINGERPRINT_WORDS_SIZE];

	if (strcasecmp(line, "no") == 0)
		return ANSWER_NO;
	if (strcasecmp(line, "yes") == 0 || strcmp(line, rudp_fingerprint_full(key, full)) == 0 ||
	    strcasecmp(line, rudp_fingerprint_short(key, brief)) == 0 ||
	    strcasecmp(line, rudp_fingerprint_words(key, words)) == 0)
		return ANSWER_YES;
	return ANSWER_UNCLEAR;
}

static void print_question(const struct asker *asker, const struct rudp_control_info *info)
{
	char program[sizeof info->program], remote[RUDP_ADDR_TEXT_SIZE];
	char full[RUDP_FINGERPRINT_FULL_SIZE], brief[RUDP_FINGERPRINT_SHORT_SIZE];
	char words[RUDP_FINGERPRINT_WORDS_SIZE];

	memcpy(program, info->program, sizeof program);
	rudp_ss_clean(program, sizeof program);
	fprintf(asker->out,
		"rudp: %s (pid %u) connects to %s, which is not known here. Its key is\n"
		"    %s\n    %s\n    %s\n"
		"Is that what its owner says ('rudp key show' there)?\n",
		program, info->pid, rudp_addr_format(&info->remote, remote),
		rudp_fingerprint_full(info->peer_key, full),
		rudp_fingerprint_short(info->peer_key, brief),
		rudp_fingerprint_words(info->peer_key, words));
}

/* Input that was typed before the question is no answer to it, so it is dropped. */
static enum answer ask(struct asker *asker, const struct rudp_control_info *info)
{
	enum answer answer = ANSWER_UNCLEAR;
	char line[LINE_SIZE];

	tcflush(asker->in_fd, TCIFLUSH);
	print_question(asker, info);
	while (answer == ANSWER_UNCLEAR) {
		fprintf(asker->out, "yes, no, or the fingerprint that the owner says: ");
		fflush(asker->out);
		if (!read_line(asker, line))
			return ANSWER_NO;
		answer = judge(line, info->peer_key);
		if (answer == ANSWER_UNCLEAR)
			fprintf(asker->out, "This is neither yes, nor no, nor a fingerprint of "
					    "this key.\n");
	}
	return answer;
}

/*
 * Beside a program, the question is for those who have its terminal: the program must be in the
 * foreground there, in the same job as the asker. A shell gives each of its commands another one.
 */
static bool is_for_this_terminal(const struct asker *asker, const struct rudp_control_info *info)
{
	return asker->program_fd < 0 ||
	       (getpgid((pid_t)info->pid) == getpgrp() && tcgetpgrp(asker->in_fd) == getpgrp());
}

static void settle(struct asker *asker, const struct rudp_engine_place *engine,
		   const struct rudp_control_info *info)
{
	enum answer answer = ask(asker, info);
	int rc;

	/* Somebody else may answer: the connection waits until its time is over. */
	if (asker->has_ended)
		return;
	rc = rudp_engine_answer(engine, info->id, info->peer_key, answer == ANSWER_YES);
	if (rc == -ENOENT)
		fprintf(asker->out, "The connection has ended meanwhile; nothing was changed.\n");
	else if (rc < 0)
		fprintf(asker->out, "The engine has not got the answer: %s\n", strerror(-rc));
	else
		fprintf(asker->out, answer == ANSWER_YES ? "The host is known now.\n"
							 : "The connection is refused.\n");
	fflush(asker->out);
}

static int ask_engine(void *context, const struct rudp_engine_place *engine)
{
	struct asker *asker = context;
	struct rudp_control_reply reply = {.id = 0};

	for (unsigned i = 0; i < PER_ENGINE_MAX && !asker->has_ended; i++) {
		if (rudp_engine_ask(engine, RUDP_CONTROL_ASKED, reply.id, NULL, &reply) < 0 ||
		    reply.id == 0)
			break;
		if (is_for_this_terminal(asker, &reply.info))
			settle(asker, engine, &reply.info);
	}
	return 0;
}

/* Returns 0 when the program or the input has ended, or -errno. */
static int ask_all(struct asker *asker)
{
	struct pollfd program = {.fd = asker->program_fd, .events = POLLIN};
	int rc = 0;

	while (rc == 0 && !asker->has_ended) {
		rc = rudp_engines_visit(ask_engine, asker);
		if (poll(&program, 1, INTERVAL_MS) > 0)
			asker->has_ended = true;
	}
	return rc;
}

int rudp_key_ask(const struct rudp_key_arguments *arguments)
{
	struct asker asker = {.in_fd = STDIN_FILENO, .out = stdout, .program_fd = -1};
	int rc;

	(void)arguments;
	fprintf(stderr, "waiting for connections to unknown hosts; Ctrl-C ends this\n");
	rc = ask_all(&asker);
	if (rc < 0)
		warnx("cannot look for engines: %s", strerror(-rc));
	return rc < 0 ? 1 : 0;
}

static bool settings_say_ask(void)
{
	struct rudp_settings settings;
	char text[RUDP_SETTINGS_TEXT_SIZE];
	bool ask;

	if (rudp_settings_load(&settings, getenv, geteuid(), text) != RUDP_SETTINGS_OK)
		return false; /* the engine has checked them: they have changed since */
	ask = rudp_policy_settings(settings.policy)->first_contact == RUDP_CONTACT_ASK;
	rudp_settings_fini(&settings);
	return ask;
}

/* It must not keep the program's pipes open, and the program must not get it as a child. */
static void run_beside(int tty_fd, int program_fd)
{
	struct asker asker = {.in_fd = STDIN_FILENO, .out = stdout, .program_fd = 3};
	int copy_fd = fcntl(program_fd, F_DUPFD_CLOEXEC, 4);

	if (copy_fd < 0)
		_exit(1);
	for (int fd = 0; fd <= 2; fd++)
		dup2(tty_fd, fd);
	dup2(copy_fd, 3);
	if (close_range(4, ~0U, 0) < 0)
		_exit(1); /* before Linux 5.9 */
	_exit(ask_all(&asker) < 0);
}

void rudp_ask_beside_program(void)
{
	int tty_fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	int program_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t child;

	if (tty_fd >= 0 && program_fd >= 0 && settings_say_ask()) {
		fflush(stdout);
		child = fork();
		if (child == 0 && fork() == 0)
			run_beside(tty_fd, program_fd);
		if (child == 0)
			_exit(0);
		while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (tty_fd >= 0)
		close(tty_fd);
	if (program_fd >= 0)
		close(program_fd);
}
