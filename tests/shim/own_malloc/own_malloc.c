/* SPDX-License-Identifier: MIT */
/*
 * A program whose own allocator calls prctl under its lock, as Chromium's does. An allocation
 * inside that call would wait for the lock for ever. This allocator reports it and aborts instead.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HEAP_BYTES (1 << 20)
#define ALIGNMENT 16
#define EXPORT __attribute__((visibility("default")))

static _Alignas(ALIGNMENT) char heap[HEAP_BYTES];
static size_t used;
static bool locked, named;

static void lock(void)
{
	static const char text[] = "allocates inside the allocator\n";

	if (locked) {
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_Exit(2);
		abort();
	}
	locked = true;
}

/*
 * Memory is never freed, because little is allocated. It is zero, because it was never written
 * before.
 */
static void *take(size_t size)
{
	char *taken = heap + used;

	lock();
	if (!named) {
		named = true;
		prctl(PR_GET_DUMPABLE);
	}
	if (size > HEAP_BYTES - used - ALIGNMENT)
		abort();
	used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	locked = false;
	return taken;
}

EXPORT void *malloc(size_t size)
{
	return take(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
	if (size && count > HEAP_BYTES / size)
		abort();
	return take(count * size);
}

EXPORT void *realloc(void *old, size_t size)
{
	char *taken = take(size);
	size_t behind = old ? (size_t)(taken - (char *)old) : 0;

	/* The new block is after the old one, so they do not overlap. */
	if (old)
		memcpy(taken, old, size < behind ? size : behind);
	return taken;
}

EXPORT void free(void *block)
{
	(void)block;
}

int main(void)
{
	static char *volatile block;

	block = malloc(1);
	return block ? 0 : 3;
}
