/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "conversation/server/password_input.h"

static char password[APO_PASSWORD_INPUT_SIZE];

static enum apo_password_input read_from_pipe(const char *text, size_t len)
{
	enum apo_password_input got;
	int fds[2];

	cr_assert(zero(int, pipe(fds)));
	cr_assert(eq(sz, (size_t)write(fds[1], text, len), len));
	close(fds[1]);
	got = apo_password_read(fds[0], -1, password);
	close(fds[0]);
	return got;
}

#define FROM_PIPE(text) ((int)read_from_pipe(text, sizeof(text) - 1))

Test(password_input, a_pipe_gives_one_line)
{
	char longest[APO_PASSWORD_INPUT_SIZE + 1];

	cr_assert(eq(int, FROM_PIPE("secret\nmore\n"), APO_PASSWORD_READ));
	cr_assert(eq(str, password, "secret"));
	cr_assert(eq(int, FROM_PIPE("secret\r\n"), APO_PASSWORD_READ));
	cr_assert(eq(str, password, "secret"));
	cr_assert(eq(int, FROM_PIPE("no end"), APO_PASSWORD_READ));
	cr_assert(eq(str, password, "no end"));
	cr_assert(eq(int, FROM_PIPE(""), APO_PASSWORD_NONE));
	cr_assert(eq(int, FROM_PIPE("\n"), APO_PASSWORD_UNFIT));
	cr_assert(eq(int, FROM_PIPE("a\0b\n"), APO_PASSWORD_UNFIT));
	memset(longest, 'x', sizeof longest);
	cr_assert(eq(int, read_from_pipe(longest, sizeof longest - 2), APO_PASSWORD_READ));
	cr_assert(eq(int, read_from_pipe(longest, sizeof longest), APO_PASSWORD_UNFIT));
}

/* ---- a terminal, with a user at its other side ---- */

static int terminal, user;
static char screen[512];

static void open_terminal(void)
{
	user = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(user >= 0 && grantpt(user) == 0 && unlockpt(user) == 0);
	terminal = open(ptsname(user), O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(ge(int, terminal, 0));
	screen[0] = '\0';
}

static void close_terminal(void)
{
	close(user);
	close(terminal);
}

/* Reads the screen until it ends with the text. */
static void wait_for(const char *text)
{
	size_t len = strlen(screen), words = strlen(text);
	ssize_t n;

	while (len < words || strcmp(screen + len - words, text) != 0) {
		n = read(user, screen + len, sizeof screen - 1 - len);
		cr_assert(ge(int, (int)n, 1), "the screen has '%s'", screen);
		len += (size_t)n;
		screen[len] = '\0';
	}
}

/* The program at the terminal: its exit status is what the call returned, 99 for another
 * password. */
static pid_t ask_at(int prompt_fd, const char *expected)
{
	pid_t child = fork();
	enum apo_password_input got;

	cr_assert(ge(int, child, 0));
	if (child > 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also if a test fails */
	got = apo_password_read(terminal, prompt_fd, password);
	_exit(got == APO_PASSWORD_READ && strcmp(password, expected) != 0 ? 99 : (int)got);
}

static pid_t ask(const char *expected)
{
	return ask_at(terminal, expected);
}

static void type(const char *text)
{
	cr_assert(eq(sz, (size_t)write(user, text, strlen(text)), strlen(text)));
}

static int status_of(pid_t child)
{
	int status;

	cr_assert(eq(int, waitpid(child, &status, 0), child));
	return status;
}

static void end_by_signal(pid_t child)
{
	cr_assert(zero(int, kill(child, SIGTERM)));
}

static bool echoes(void)
{
	struct termios mode;

	cr_assert(zero(int, tcgetattr(terminal, &mode)));
	return mode.c_lflag & ECHO;
}

static void check_ended_by_signal(pid_t child)
{
	int status = status_of(child);

	cr_assert(ne(int, WIFSIGNALED(status), 0));
	cr_assert(eq(int, WTERMSIG(status), SIGTERM));
	cr_assert(echoes());
}

TestSuite(password_terminal, .init = open_terminal, .fini = close_terminal, .timeout = 60);

Test(password_terminal, it_is_asked_twice_and_not_shown)
{
	pid_t child = ask("secret");

	wait_for("Password: ");
	cr_assert(not(echoes()));
	type("secret\n");
	wait_for("Again: ");
	type("secret\n");
	wait_for("Again: \r\n");
	cr_assert(eq(int, WEXITSTATUS(status_of(child)), APO_PASSWORD_READ));
	cr_assert(eq(str, screen, "Password: \r\nAgain: \r\n"));
	cr_assert(echoes());
}

Test(password_terminal, different_passwords_are_refused)
{
	pid_t child = ask("");

	wait_for("Password: ");
	type("secret\n");
	wait_for("Again: ");
	type("sekret\n");
	cr_assert(eq(int, WEXITSTATUS(status_of(child)), APO_PASSWORD_DIFFERENT));
	cr_assert(echoes());
}

Test(password_terminal, a_signal_ends_the_program_with_the_terminal_as_before)
{
	pid_t child = ask("");

	wait_for("Password: ");
	end_by_signal(child);
	check_ended_by_signal(child);
}

/* The program blocks in write(), because its prompt is not read. */
Test(password_terminal, a_signal_before_the_program_reads_is_not_lost)
{
	char full[4096] = "";
	int prompt[2];
	pid_t child;

	cr_assert(zero(int, pipe2(prompt, O_NONBLOCK)));
	while (write(prompt[1], full, sizeof full) > 0)
		;
	cr_assert(zero(int, fcntl(prompt[1], F_SETFL, 0)));
	child = ask_at(prompt[1], "");
	while (echoes())
		sched_yield();
	end_by_signal(child);
	while (read(prompt[0], full, sizeof full) > 0)
		;
	check_ended_by_signal(child);
	close(prompt[0]);
	close(prompt[1]);
}
