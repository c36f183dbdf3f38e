/* SPDX-License-Identifier: MIT */
#include "traced.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

static void be_traced(void (*run)(int), int number)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
		_exit(1);
	run(number);
	_exit(0);
}

/* Each call stops the child twice, when it begins and when it ends; the last one only begins. */
static long count_stops(pid_t child)
{
	int status, number = 0;
	long stops = 0;

	if (ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return -1;
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, NULL, (long)number) < 0 ||
		    waitpid(child, &status, 0) != child)
			return -1;
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? stops : -1;
		number = WSTOPSIG(status);
		stops += number == CALL_STOP;
		if (number == CALL_STOP)
			number = 0;
	}
}

long traced_calls(void (*run)(int), int number)
{
	pid_t child = fork();
	long stops = -1;
	int status;

	if (child == 0)
		be_traced(run, number);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	if (!WIFSTOPPED(status))
		return 0;
	stops = count_stops(child);
	if (stops < 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return -1;
	}
	return (stops + 1) / 2;
}
