/* SPDX-License-Identifier: MIT */
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#define NAME(name) #name,
static const char *const names[] = {RUDP_REAL_NAMES(NAME) RUDP_REAL_LATER_NAMES(NAME)};
#undef NAME

typedef void function(void);

static function *functions[RUDP_REAL_COUNT];
static atomic_bool resolved;

static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

static function *look_up(enum rudp_real_index index)
{
	void *symbol = dlsym(RTLD_NEXT, names[index]);

	return symbol ? (function *)symbol : (function *)missing;
}

/* Threads that come here at once write the same values. */
static void resolve(void)
{
	for (size_t i = 0; i < RUDP_REAL_COUNT; i++)
		functions[i] = look_up((enum rudp_real_index)i);
	atomic_store_explicit(&resolved, true, memory_order_release);
}

function *rudp_real(enum rudp_real_index index)
{
	int saved = errno;
	function *later;

	if (index >= RUDP_REAL_COUNT) {
		later = look_up(index);
		errno = saved;
		return later;
	}
	if (!atomic_load_explicit(&resolved, memory_order_acquire)) {
		resolve();
		errno = saved;
	}
	return functions[index];
}

bool rudp_real_has(enum rudp_real_index index)
{
	return rudp_real(index) != (function *)missing;
}
