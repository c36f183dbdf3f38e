/* SPDX-License-Identifier: MIT */
#include "conversation/server/password_input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
	signal_seen = number;
}

/* ---- signals: they must not end the process while the terminal is silent ---- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define ENDING_COUNT (sizeof ending / sizeof *ending)

struct signals {
	struct sigaction before[ENDING_COUNT];
	sigset_t mask_before;
};

/* Their handler runs in ppoll() only: a signal before a read() would not end it. */
static void catch_signals(struct signals *signals)
{
	struct sigaction catching = {.sa_handler = on_signal};
	sigset_t blocked;
	size_t i;

	signal_seen = 0;
	sigemptyset(&catching.sa_mask);
	sigemptyset(&blocked);
	for (i = 0; i < ENDING_COUNT; i++)
		sigaddset(&blocked, ending[i]);
	sigprocmask(SIG_BLOCK, &blocked, &signals->mask_before);
	for (i = 0; i < ENDING_COUNT; i++)
		sigaction(ending[i], &catching, signals->before + i);
}

static void release_signals(const struct signals *signals)
{
	size_t i;

	for (i = 0; i < ENDING_COUNT; i++)
		sigaction(ending[i], signals->before + i, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask_before, NULL);
	if (signal_seen)
		raise(signal_seen);
}

/* ---- a line ---- */

static ssize_t read_byte(int fd, const struct signals *signals, char *c)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	while (signals && ppoll(&wait, 1, NULL, &signals->mask_before) < 0)
		if (errno != EINTR || signal_seen)
			return -1;
	return read(fd, c, 1);
}

/* Byte by byte: what follows the line belongs to others. signals: NULL where none is caught. */
static enum apo_password_input read_line(int fd, const struct signals *signals,
					 char password[APO_PASSWORD_INPUT_SIZE])
{
	size_t len = 0;
	bool is_long = false, has_nul = false;
	ssize_t n;
	char c;

	while ((n = read_byte(fd, signals, &c)) == 1 && c != '\n') {
		has_nul |= c == '\0';
		if (len < APO_PASSWORD_INPUT_SIZE - 1)
			password[len++] = c;
		else
			is_long = true;
	}
	if (n < 0 || (n == 0 && len == 0)) {
		sodium_memzero(password, APO_PASSWORD_INPUT_SIZE);
		return APO_PASSWORD_NONE;
	}
	if (len > 0 && password[len - 1] == '\r')
		len--;
	password[len] = '\0';
	return len == 0 || is_long || has_nul ? APO_PASSWORD_UNFIT : APO_PASSWORD_READ;
}

/* ---- a terminal ---- */

static void show(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static enum apo_password_input ask_twice(int fd, int prompt_fd, const struct signals *signals,
					 char password[APO_PASSWORD_INPUT_SIZE])
{
	char again[APO_PASSWORD_INPUT_SIZE];
	enum apo_password_input got;

	show(prompt_fd, "Password: ");
	got = read_line(fd, signals, password);
	show(prompt_fd, "\n");
	if (got != APO_PASSWORD_READ)
		return got;
	show(prompt_fd, "Again: ");
	got = read_line(fd, signals, again);
	show(prompt_fd, "\n");
	if (got != APO_PASSWORD_NONE && strcmp(password, again) != 0)
		got = APO_PASSWORD_DIFFERENT;
	sodium_memzero(again, sizeof again);
	return got;
}

enum apo_password_input apo_password_read(int fd, int prompt_fd,
					  char password[APO_PASSWORD_INPUT_SIZE])
{
	struct signals signals;
	struct termios normal, silent;
	enum apo_password_input got = APO_PASSWORD_NONE;

	if (tcgetattr(fd, &normal) < 0)
		return read_line(fd, NULL, password); /* no terminal */
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	catch_signals(&signals);
	/* Without the silent mode the password would be shown. */
	if (tcsetattr(fd, TCSAFLUSH, &silent) == 0) {
		got = ask_twice(fd, prompt_fd, &signals, password);
		(void)tcsetattr(fd, TCSAFLUSH, &normal);
	}
	release_signals(&signals);
	return got;
}
