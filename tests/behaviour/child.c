/* SPDX-License-Identifier: MIT */
#include "behaviour/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"

extern const struct part __start_parts[], __stop_parts[];

static char path[4096];

/* Read at the start, because /proc may be gone later. */
__attribute__((constructor)) static void find_own_path(void)
{
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = 0;
}

const char *own_path(void)
{
	return path;
}

pid_t begin_child(void)
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	return pid;
}

void say_end(const char *who, pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR, "waiting for a child");
	if (WIFSIGNALED(status))
		say("%s: killed by SIG%s", who, sigabbrev_np(WTERMSIG(status)));
	else
		say("%s: exit code %d", who, WEXITSTATUS(status));
}

void part_run_if_asked(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "--part") != 0)
		return;
	for (const struct part *part = __start_parts; part < __stop_parts; part++)
		if (strcmp(part->name, argv[2]) == 0) {
			part->run(atoi(argv[3]));
			exit(0);
		}
	fprintf(stderr, "behaviour: there is no part %s\n", argv[2]);
	exit(2);
}

char **part_arguments(struct arguments *arguments, const char *name, int fd)
{
	snprintf(arguments->number, sizeof(arguments->number), "%d", fd);
	arguments->list[0] = path;
	arguments->list[1] = (char *)"--part";
	arguments->list[2] = (char *)name;
	arguments->list[3] = arguments->number;
	arguments->list[4] = NULL;
	return arguments->list;
}

void become_part(const char *name, int fd)
{
	struct arguments arguments;

	execve(path, part_arguments(&arguments, name, fd), environ);
	_exit(127);
}

void become_plain_part(const char *name, int fd)
{
	static char *const nothing[] = {NULL};
	struct arguments arguments;

	syscall(SYS_execve, path, part_arguments(&arguments, name, fd), nothing);
	_exit(127);
}
