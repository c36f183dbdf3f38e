/* SPDX-License-Identifier: MIT */
#include "api/engine_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "api/environment.h"
#include "api/raw_syscall.h"

#define PATH_SIZE 1200
#define STACK_BYTES (256 * 1024)
#define LIBRARY "librudp_engine.so"
#define ENTRY "rudp_engine_start_thread"
#define FAREWELL "rudp_engine_stop_thread"
#define MOVE "rudp_engine_move_thread"

/* DEEPBIND keeps the engine's libcrypto apart from the program's; sanitizers cannot live with it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL)
#else
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

/* Both: core/engine/host/host_thread.h. 0 or -errno. */
typedef int start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

typedef void stop_thread(void);
static _Atomic(stop_thread *) farewell, move;

void rudp_engine_leave_thread(void)
{
	stop_thread *stop = atomic_load(&farewell);

	if (stop)
		stop();
}

void rudp_engine_move_thread(void)
{
	stop_thread *leave = atomic_load(&move);
	int saved = errno;

	if (leave)
		leave();
	errno = saved;
}

static char *setting(const char *name)
{
	return (char *)rudp_environment_get(name);
}

/* The process that has loaded the library, or is about to. */
static atomic_int loaded_by;

bool rudp_engine_thread_is_torn(void)
{
	int process = atomic_load(&loaded_by);

	return process != 0 && process != getpid();
}

/*
 * dlopen does not tell a table that is full just now from a file that is not there, and -ENOENT lasts.
 * So a number is had for the file before.
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
		*library = dlopen(path, OPEN_FLAGS);
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
	*(void **)&stop = dlsym(library, FAREWELL);
	*(void **)&leave = dlsym(library, MOVE);
	atomic_store(&farewell, stop);
	atomic_store(&move, leave);
	return entry ? entry(setting, &engine->nonce, engine->token) : -ENOENT;
}

/* At the low end of the memory that load() has for a stack. */
struct loading {
	struct rudp_engine_ref *engine;
	int result;
	ucontext_t before, there;
};

/* makecontext passes nothing wider than an int. */
static void load_there(unsigned high, unsigned low)
{
	struct loading *loading = (struct loading *)((uintptr_t)high << 16 << 16 | low);

	loading->result = load(loading->engine);
}

/* dlopen takes more than there is on the stack of a signal handler (sigaltstack, 8 KB). */
static int load_elsewhere(struct rudp_engine_ref *engine)
{
	struct loading *loading = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	uintptr_t address = (uintptr_t)loading;
	int rc;

	if (loading == MAP_FAILED)
		return -ENOENT;
	loading->engine = engine;
	loading->result = -ENOENT;
	getcontext(&loading->there);
	loading->there.uc_stack.ss_sp = loading + 1;
	loading->there.uc_stack.ss_size = STACK_BYTES - sizeof *loading;
	loading->there.uc_link = &loading->before;
	makecontext(&loading->there, (void (*)(void))load_there, 2, (unsigned)(address >> 16 >> 16),
		    (unsigned)address);
	swapcontext(&loading->before, &loading->there);
	rc = loading->result;
	munmap(loading, STACK_BYTES);
	return rc;
}

/* A handler that opened a socket in the middle of this would wait for what it has interrupted. */
int rudp_engine_load_thread(struct rudp_engine_ref *engine)
{
	int saved = errno;
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = load_elsewhere(engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return rc;
}
