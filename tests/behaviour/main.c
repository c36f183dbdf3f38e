/* SPDX-License-Identifier: MIT */
/*
 * Runs the checks, each in a child with a session of its own. Prints their outputs in the order of
 * the checks in the program.
 *
 *   behaviour --list            one name a line
 *   behaviour [-j N] [NAME...]  these, or all; N at a time (default 1)
 */
#include "behaviour/check.h"
#include "behaviour/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64

extern const struct check __start_checks[], __stop_checks[];

struct run {
	const struct check *check;
	int result_fd; /* -1 before it starts and after it was printed */
	pid_t pid;     /* while it runs */
	bool ended;
	time_t deadline;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static const struct check *find(const char *name)
{
	const struct check *found = NULL;
	for (const struct check *check = __start_checks; check < __stop_checks; check++) {
		if (strcmp(check->name, name) != 0)
			continue;
		if (found) {
			fprintf(stderr, "behaviour: %s is in %s and in %s\n", name, found->file,
				check->file);
			exit(2);
		}
		found = check;
	}
	if (!found) {
		fprintf(stderr, "behaviour: there is no check %s\n", name);
		exit(2);
	}
	return found;
}

static time_t seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void run_in_child(const struct run *run)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (dup2(run->result_fd, RESULT_FD) < 0)
		die("dup2");
	close(run->result_fd);
	run->check->run();
	_exit(0);
}

static void start(struct run *run)
{
	run->result_fd = memfd_create("result", 0);
	/*
	 * Without O_APPEND two threads could write at the same offset: a memfd has no lock for
	 * that.
	 */
	if (run->result_fd < 0 || fcntl(run->result_fd, F_SETFL, O_APPEND) < 0)
		die("memfd_create");
	/* Away from the numbers that the checks see. */
	int high = fcntl(run->result_fd, F_DUPFD_CLOEXEC, RESULT_FD + 1);
	if (high < 0)
		die("fcntl");
	close(run->result_fd);
	run->result_fd = high;
	run->deadline = seconds_now() + RUN_SECONDS_MAX;
	fflush(NULL);
	run->pid = fork();
	if (run->pid < 0)
		die("fork");
	if (run->pid == 0)
		run_in_child(run);
}

static void add_line(const struct run *run, const char *line)
{
	if (dprintf(run->result_fd, "%s\n", line) < 0)
		die("result");
}

/* Kills the check's process group, with all that the check left behind. */
static void end(struct run *run, int status)
{
	char line[64];
	kill(-run->pid, SIGKILL);
	run->ended = true;
	if (WIFSIGNALED(status)) {
		snprintf(line, sizeof(line), "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
		add_line(run, line);
	} else if (WEXITSTATUS(status) != 0) {
		snprintf(line, sizeof(line), "ended with %d", WEXITSTATUS(status));
		add_line(run, line);
	}
}

static void look_after(struct run *run)
{
	int status;
	pid_t pid = waitpid(run->pid, &status, WNOHANG);
	if (pid == run->pid) {
		end(run, status);
	} else if (seconds_now() >= run->deadline) {
		kill(-run->pid, SIGKILL);
		kill(run->pid, SIGKILL);
		waitpid(run->pid, &status, 0);
		run->ended = true;
		add_line(run, "did not end");
	}
}

static void print(struct run *run)
{
	char buffer[4096];
	ssize_t n;
	printf("# %s\n", run->check->name);
	fflush(stdout);
	for (off_t at = 0; (n = pread(run->result_fd, buffer, sizeof(buffer), at)) > 0; at += n)
		fwrite(buffer, 1, (size_t)n, stdout);
	fflush(stdout);
	close(run->result_fd);
	run->result_fd = -1;
}

static void run_all(struct run *runs, size_t count, size_t jobs)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	size_t started = 0, printed = 0, running = 0;
	while (printed < count) {
		while (running < jobs && started < count) {
			start(&runs[started++]);
			running++;
		}
		sigtimedwait(&child, NULL, &(struct timespec){.tv_nsec = 100000000});
		for (size_t i = printed; i < started; i++) {
			if (runs[i].ended)
				continue;
			look_after(&runs[i]);
			running -= runs[i].ended;
		}
		while (printed < started && runs[printed].ended)
			print(&runs[printed++]);
	}
}

int main(int argc, char **argv)
{
	int option;
	size_t jobs = 1;
	const size_t total = (size_t)(__stop_checks - __start_checks);
	part_run_if_asked(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < total; i++)
			puts(find(__start_checks[i].name)->name);
		return 0;
	}
	while ((option = getopt(argc, argv, "j:")) != -1) {
		if (option != 'j')
			return 2;
		jobs = (size_t)atoi(optarg);
	}
	if (jobs < 1 || jobs > JOBS_MAX) {
		fprintf(stderr, "behaviour: -j takes 1 to %d\n", JOBS_MAX);
		return 2;
	}
	size_t count = optind < argc ? (size_t)(argc - optind) : total;
	struct run *runs = calloc(count, sizeof(*runs));
	if (!runs)
		die("calloc");
	for (size_t i = 0; i < count; i++)
		runs[i].check = optind < argc ? find(argv[optind + (int)i]) : &__start_checks[i];
	run_all(runs, count, jobs);
	free(runs);
	return 0;
}
