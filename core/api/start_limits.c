/* SPDX-License-Identifier: MIT */
#include "api/start_limits.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"
#include "base/split_mix.h"

#define STACK_SMALL (1u << 20)
#define RAW_NICE_0 20 /* the system call returns 20 minus the nice value (getpriority(2)) */

/* A hard limit below least is too small. */
static const struct limit {
	const char *unit;
	uint64_t least;
	int resource;
} limits[] = {
	{"open files", RUDP_FILES_FEW, RLIMIT_NOFILE},
	{"processes", RUDP_TASKS_FEW, RLIMIT_NPROC},
	{"bytes of address space", UINT64_MAX, RLIMIT_AS},
	{"bytes of data", UINT64_MAX, RLIMIT_DATA},
	{"bytes of stack", STACK_SMALL, RLIMIT_STACK},
	{"seconds of processor time", UINT64_MAX, RLIMIT_CPU}, /* then the kernel kills it */
};

#define COUNT (sizeof limits / sizeof limits[0])

/* Returns whether the hard limit is too small. */
static bool is_small(const struct limit *limit, uint64_t *hard)
{
	uint64_t now[2] = {UINT64_MAX, UINT64_MAX}; /* struct rlimit64: soft and hard */

	rudp_raw_syscall(SYS_prlimit64, 0, limit->resource, 0, (long)now, 0, 0);
	*hard = now[1];
	return *hard < limit->least;
}

static long nice_value(void)
{
	return RAW_NICE_0 - rudp_raw_syscall(SYS_getpriority, PRIO_PROCESS, 0, 0, 0, 0, 0);
}

static bool is_idle_class(void)
{
	long policy = rudp_raw_syscall(SYS_sched_getscheduler, 0, 0, 0, 0, 0, 0);

	return policy >= 0 && (policy & ~SCHED_RESET_ON_FORK) == SCHED_IDLE;
}

static void mix(uint64_t *state, uint64_t kind, uint64_t value)
{
	*state ^= value ^ kind << 56;
	*state = rudp_split_mix(state) | 1;
}

uint64_t rudp_start_limits(void)
{
	uint64_t state = 0, hard;
	long nice = nice_value();

	for (size_t i = 0; i < COUNT; i++)
		if (is_small(&limits[i], &hard))
			mix(&state, i, hard);
	if (nice > 0)
		mix(&state, COUNT, (uint64_t)nice);
	if (is_idle_class())
		mix(&state, COUNT + 1, 1);
	return state;
}

const char *rudp_start_limits_text(char text[RUDP_START_LIMITS_TEXT_SIZE])
{
	uint64_t hard;
	size_t len = 0;
	long nice = nice_value();

	text[0] = 0;
	for (size_t i = 0; i < COUNT; i++)
		if (is_small(&limits[i], &hard))
			len += (size_t)snprintf(text + len, RUDP_START_LIMITS_TEXT_SIZE - len,
						"%s%llu %s", len ? ", " : "",
						(unsigned long long)hard, limits[i].unit);
	if (nice > 0)
		len += (size_t)snprintf(text + len, RUDP_START_LIMITS_TEXT_SIZE - len, "%snice %ld",
					len ? ", " : "", nice);
	if (is_idle_class())
		snprintf(text + len, RUDP_START_LIMITS_TEXT_SIZE - len,
			 "%sthe scheduling class IDLE", len ? ", " : "");
	return text;
}
