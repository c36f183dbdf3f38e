/* SPDX-License-Identifier: MIT */
#include "freed_memory.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

static unsigned char watched[FREED_MEMORY_SECRET_MAX];
static size_t watched_len;
static unsigned found;

void freed_memory_watch(const void *secret, size_t len)
{
	cr_assert(len > 0 && len <= sizeof watched);
	memcpy(watched, secret, len);
	watched_len = len;
	found = 0;
}

unsigned freed_memory_with_secret(void)
{
	watched_len = 0;
	return found;
}

/* The linker leads calls of free() here (Makefile, --wrap). */
void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
	if (memory && watched_len > 0 &&
	    memmem(memory, malloc_usable_size(memory), watched, watched_len))
		found++;
	__real_free(memory);
}
