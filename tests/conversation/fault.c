/* SPDX-License-Identifier: MIT */
#include "conversation/fault.h"

#include <stddef.h>

static unsigned fails_at, count;
static bool is_armed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

void fault_arm(unsigned nth)
{
	fails_at = nth;
	count = 0;
	is_armed = true;
}

bool fault_pause(void)
{
	bool was_armed = is_armed;

	is_armed = false;
	return was_armed;
}

void fault_resume(bool was_armed)
{
	is_armed = was_armed;
}

bool fault_has_come(void)
{
	return count >= fails_at;
}

static bool fails_now(void)
{
	return is_armed && ++count == fails_at;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
	return fails_now() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : __real_strdup(text);
}
