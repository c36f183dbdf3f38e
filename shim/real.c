/* SPDX-License-Identifier: MIT */
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#define NAME(name) #name,
static const char *const names[] = {RUDP_REAL_NAMES(NAME)};
#undef NAME

typedef void function(void);

static function *functions[RUDP_REAL_COUNT];
static atomic_bool resolved;

static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* Threads that come here at once write the same values. */
static void resolve(void)
{
	for (size_t i = 0; i < RUDP_REAL_COUNT; i++) {
		void *symbol = dlsym(RTLD_NEXT, names[i]);

		functions[i] = symbol ? (function *)symbol : (function *)missing;
	}
	atomic_store_explicit(&resolved, true, memory_order_release);
}

function *rudp_real(enum rudp_real_index index)
{
	if (!atomic_load_explicit(&resolved, memory_order_acquire)) {
		int saved = errno;

		resolve();
		errno = saved;
	}
	return functions[index];
}

bool rudp_real_has(enum rudp_real_index index)
{
	return rudp_real(index) != (function *)missing;
}
