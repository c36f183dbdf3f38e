/* SPDX-License-Identifier: MIT */
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#include "api/raw_syscall.h"

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

/*
 * Threads that come here at the same time write the same values. Signals are blocked because dlsym
 * takes the loader's lock. A handler that interrupted dlsym, and then waited for a thread that
 * comes here too, would wait for ever.
 */
static void resolve(void)
{
	uint64_t before;
	bool blocked = rudp_raw_signals_block(0, &before);

	for (size_t i = 0; i < RUDP_REAL_COUNT; i++)
		functions[i] = look_up((enum rudp_real_index)i);
	atomic_store_explicit(&resolved, true, memory_order_release);
	if (blocked)
		rudp_raw_signals_restore(before);
}

void rudp_real_resolve(void)
{
	int saved = errno;

	if (!atomic_load_explicit(&resolved, memory_order_acquire))
		resolve();
	errno = saved;
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
	rudp_real_resolve();
	return functions[index];
}

bool rudp_real_has(enum rudp_real_index index)
{
	return rudp_real(index) != (function *)missing;
}
