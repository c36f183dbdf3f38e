/* SPDX-License-Identifier: MIT */
/*
 * differences - makes random sequences of socket calls, and writes what they return.
 *
 *   differences FIRST_SEED COUNT STEPS [LEFT_OUT_STEP...]
 *
 * compare.py runs it with kernel TCP and under the shim; the logs must be equal.
 */
#include "base/split_mix.h"
#include "differences/model.h"
#include "differences/steps.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_MAX = 500, LIMIT_S = 60 };

static char line[4096];
static size_t line_length;

void say(const char *format, ...)
{
	va_list arguments;
	int error = errno;
	va_start(arguments, format);
	int length = vsnprintf(line + line_length, sizeof(line) - line_length, format, arguments);
	va_end(arguments);
	if (length > 0 && line_length + (size_t)length < sizeof(line))
		line_length += (size_t)length;
	errno = error;
}

void say_result(long result)
{
	if (result >= 0)
		say(" = %ld", result);
	else
		say(" = %ld %s", result, strerrorname_np(errno));
}

static void flush_line(void)
{
	size_t done = 0;
	while (done < line_length) {
		ssize_t written = write(STDOUT_FILENO, line + done, line_length - done);
		if (written <= 0)
			_exit(2);
		done += (size_t)written;
	}
	line_length = 0;
}

static void on_sigpipe(int number)
{
	(void)number;
	model->sigpipes++;
}

static struct step draw(uint64_t *state)
{
	struct step step = {0};
	unsigned total = 0;
	for (int i = 0; i < step_kinds_count; i++)
		total += step_kinds[i].weight;
	unsigned choice = (unsigned)(rudp_split_mix(state) % total);
	step.kind = step_kinds;
	while (choice >= step.kind->weight)
		choice -= step.kind++->weight;
	step.slot = (int)(rudp_split_mix(state) % SLOTS);
	step.other = (int)(rudp_split_mix(state) % SLOTS);
	step.x = (unsigned)(rudp_split_mix(state) >> 40);
	step.y = (unsigned)(rudp_split_mix(state) >> 40);
	step.z = (unsigned)(rudp_split_mix(state) >> 40);
	step.in_child = rudp_split_mix(state) % 8 == 0 && step.kind->may_be_in_child;
	return step;
}

/* Few steps go to an empty slot. */
static int slot_of(const struct step *step)
{
	int slot = step->slot;
	if (step->x % 32 == 0)
		return slot;
	for (int i = 0; i < SLOTS && model->fds[slot] < 0; i++)
		slot = (slot + 1) % SLOTS;
	return slot;
}

/* An epoll instance tells the state of all sockets. */
static const char *known_reason(const struct step *step)
{
	const char *reason = NULL;
	if (strcmp(step->kind->name, "epoll_wait") != 0)
		return model_known(step->slot, step->kind->watches);
	for (int slot = 0; slot < SLOTS && !reason; slot++) {
		const struct end *end = model_end(slot);
		reason = model_known(slot, true);
		if (!reason && end && end->is_one_shot && end->was_retried)
			reason = "an EPOLLONESHOT entry of a socket that connects again";
	}
	return reason;
}

static void run_in_child(const struct step *step)
{
	say("(child) ");
	flush_line();
	pid_t child = fork();
	if (child == 0) {
		step->kind->run(step);
		flush_line();
		_exit(0);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		say("child ended with %x", (unsigned)status);
}

static void run_step(struct step *step)
{
	if (strcmp(step->kind->name, "socket") != 0)
		step->slot = slot_of(step);
	const char *reason = known_reason(step);
	say("%s %d ", step->kind->name, step->slot);
	if (step->in_child)
		run_in_child(step);
	else
		step->kind->run(step);
	if (reason)
		say(" [known: %s]", reason);
}

static void run_sequence(uint64_t seed, int steps, char **left_out)
{
	uint64_t state = seed;
	char message[128];
	bool is_known = true;
	(void)alarm(LIMIT_S);
	(void)signal(SIGPIPE, on_sigpipe);
	model_init();
	/* Once the model is wrong, the moments of later steps are not comparable. */
	for (int i = 0; i < steps && is_known; i++) {
		struct step step = draw(&state);
		bool run = true;
		for (char **number = left_out; *number; number++)
			run = run && atoi(*number) != i;
		if (!run)
			continue;
		say("%d: ", i);
		run_step(&step);
		is_known = model_settle(message, sizeof(message));
		if (!is_known)
			say(" BUT %s", message);
		say("\n");
		flush_line();
	}
}

int main(int argc, char **argv)
{
	int steps = argc < 4 ? 0 : atoi(argv[3]);
	if (steps < 1 || steps > STEPS_MAX) {
		(void)fprintf(stderr,
			      "usage: differences FIRST_SEED COUNT STEPS [LEFT_OUT_STEP...]\n");
		return 2;
	}
	uint64_t first = strtoull(argv[1], NULL, 10);
	for (uint64_t seed = first; seed < first + strtoull(argv[2], NULL, 10); seed++) {
		say("# %llu\n", (unsigned long long)seed);
		flush_line();
		pid_t child = fork();
		if (child == 0) {
			run_sequence(seed, steps, argv + 4);
			_exit(0);
		}
		int status = 0;
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 2;
		if (status != 0) {
			say("\nended with %x\n", (unsigned)status);
			flush_line();
		}
	}
	return 0;
}
