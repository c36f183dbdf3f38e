/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/time.h"
#include "doctor.h"

#define SECONDS_MAX 30

extern char **environ;

static int start(char *const command[], char *const environment[], int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	rc = posix_spawnp(pid, command[0], &actions, NULL, command,
			  environment ? environment : environ);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* Reads until end of file. Returns false if the time ran out. */
static bool read_all(int in, char *out, size_t size)
{
	int64_t end_at_ns = rudp_clock_now_ns() + SECONDS_MAX * RUDP_NS_PER_S;
	size_t len = 0;
	bool over = false;

	while (!over) {
		int64_t left_ns = end_at_ns - rudp_clock_now_ns();
		struct pollfd poll_in = {.fd = in, .events = POLLIN};
		char rest[256];
		ssize_t n;

		if (left_ns <= 0)
			break;
		if (poll(&poll_in, 1, (int)(left_ns / RUDP_NS_PER_MS) + 1) <= 0)
			continue;
		n = len + 1 < size ? read(in, out + len, size - 1 - len)
				   : read(in, rest, sizeof rest);
		over = n == 0 || (n < 0 && errno != EINTR);
		if (n > 0 && len + 1 < size)
			len += (size_t)n;
	}
	out[len] = 0;
	return over;
}

static int end_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int rudp_capture(char *const command[], char *const environment[], char *out, size_t size)
{
	int ends[2], rc;
	bool over;
	pid_t pid;

	out[0] = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	rc = start(command, environment, ends[1], &pid);
	close(ends[1]);
	if (rc < 0) {
		close(ends[0]);
		return rc;
	}
	over = read_all(ends[0], out, size);
	close(ends[0]);
	if (!over)
		kill(pid, SIGKILL);
	rc = end_of(pid);
	if (*out && out[strlen(out) - 1] == '\n')
		out[strlen(out) - 1] = 0;
	return over ? rc : -ETIMEDOUT;
}

bool rudp_read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return false;
	ok = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = 0;
	return ok;
}
