/* SPDX-License-Identifier: MIT */
#include "api/engine_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "api/environment.h"
#include "api/raw_syscall.h"
#include "api/stack.h"
#include "base/sanitizer.h"

#define PATH_SIZE 1200
#define STACK_BYTES (256 * 1024)
#define LIBRARY "librudp_engine.so"
#define ENTRY "rudp_engine_start_thread"
#define STOP "rudp_engine_stop_thread"
#define MOVE "rudp_engine_move_thread"

/*
 * DEEPBIND keeps the engine's libcrypto apart from the program's. Its malloc() and free() are those
 * of libc, too. If the program has others, libc's functions use those: so the engine must not free
 * what they have allocated (getline, strdup). Sanitizers do not support DEEPBIND. The shim's dlopen
 * removes it, so the engine is loaded by dlmopen, which is not interposed.
 */
#if RUDP_WITH_ASAN || RUDP_WITH_TSAN
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL)
#else
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

/* These functions: core/engine/host/host_thread.h. They return 0 or -errno. */
typedef int start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

typedef void stop_thread(void);
static _Atomic(stop_thread *) stop_entry, move_entry;

void rudp_engine_leave_thread(void)
{
	stop_thread *stop = atomic_load(&stop_entry);

	if (stop)
		stop();
}

void rudp_engine_move_thread(void)
{
	stop_thread *leave = atomic_load(&move_entry);
	int saved = errno;

	if (leave)
		leave();
	errno = saved;
}

static char *setting(const char *name)
{
	return (char *)rudp_environment_get(name);
}

/* The id of the process that has loaded the library, or is about to load it; 0: none. */
static atomic_int loaded_by;

bool rudp_engine_thread_is_torn(void)
{
	int process = atomic_load(&loaded_by);

	return process != 0 && process != getpid();
}

/*
 * dlopen gives the same error for a full descriptor table as for a missing file, but only -ENOENT
 * is permanent. So the file is opened first, which shows a full table.
 */
static int open_library(void **library)
{
	for (unsigned i = 0; i < RUDP_ENGINE_PLACES; i++) {
		char path[PATH_SIZE];
		int fd;

		if (!rudp_engine_place(i, LIBRARY, path, sizeof path))
			continue;
		fd = (int)rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC,
					   0, 0, 0);
		if (fd == -EMFILE || fd == -ENFILE)
			return fd;
		if (fd < 0)
			continue;
		rudp_raw_close(fd);
		*library = dlmopen(LM_ID_BASE, path, OPEN_FLAGS);
		if (*library)
			return 0;
	}
	return -ENOENT;
}

static int load(struct rudp_engine_ref *engine)
{
	void *library;
	start_thread *entry;
	stop_thread *stop, *leave;
	int rc;

	if (rudp_engine_thread_is_torn())
		return -ENOENT;
	atomic_store(&loaded_by, getpid());
	rc = open_library(&library);
	if (rc < 0)
		return rc;
	*(void **)&entry = dlsym(library, ENTRY);
	*(void **)&stop = dlsym(library, STOP);
	*(void **)&leave = dlsym(library, MOVE);
	atomic_store(&stop_entry, stop);
	atomic_store(&move_entry, leave);
	return entry ? entry(setting, &engine->nonce, engine->token) : -ENOENT;
}

/* At the low end of the memory that load() uses as its stack. */
struct loading {
	struct rudp_engine_ref *engine;
	int result;
	ucontext_t before, own;
};

/* makecontext passes only int arguments, so the pointer comes in two halves. */
static void load_on_stack(unsigned high, unsigned low)
{
	struct loading *loading = (struct loading *)((uintptr_t)high << 16 << 16 | low);

	loading->result = load(loading->engine);
}

/*
 * dlopen needs more stack than a signal handler may have (sigaltstack, 8 KB), so it gets its own.
 */
static int load_on_own_stack(struct rudp_engine_ref *engine)
{
	struct loading *loading = rudp_stack_map(STACK_BYTES);
	uintptr_t address = (uintptr_t)loading;
	int rc;

	if (!loading)
		return -ENOENT;
	loading->engine = engine;
	loading->result = -ENOENT;
	getcontext(&loading->own);
	loading->own.uc_stack.ss_sp = loading + 1;
	loading->own.uc_stack.ss_size = STACK_BYTES - sizeof *loading;
	loading->own.uc_link = &loading->before;
	makecontext(&loading->own, (void (*)(void))load_on_stack, 2,
		    (unsigned)(address >> 16 >> 16), (unsigned)address);
	swapcontext(&loading->before, &loading->own);
	rc = loading->result;
	rudp_stack_unmap(loading, STACK_BYTES);
	return rc;
}

/*
 * Signals are blocked: a handler that opened a socket here would wait for the code it interrupted.
 */
int rudp_engine_load_thread(struct rudp_engine_ref *engine)
{
	int saved = errno;
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = load_on_own_stack(engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return rc;
}
