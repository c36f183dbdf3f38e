/* SPDX-License-Identifier: MIT */
#include "api/engine_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "api/environment.h"

#define PATH_SIZE 1200
#define LIBRARY "librudp_engine.so"
#define ENTRY "rudp_engine_start_thread"
#define FAREWELL "rudp_engine_stop_thread"

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

/* Both: core/engine/host_thread.h. 0 or -errno. */
typedef int start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

typedef void stop_thread(void);
static _Atomic(stop_thread *) farewell;

void rudp_engine_leave_thread(void)
{
	stop_thread *stop = atomic_load(&farewell);

	if (stop)
		stop();
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

static int load(struct rudp_engine_ref *engine)
{
	void *library = NULL;
	start_thread *entry = NULL;
	stop_thread *stop = NULL;

	if (rudp_engine_thread_is_torn())
		return -ENOENT;
	atomic_store(&loaded_by, getpid());
	for (unsigned i = 0; i < RUDP_ENGINE_PLACES && !library; i++) {
		char path[PATH_SIZE];

		if (rudp_engine_place(i, LIBRARY, path, sizeof path))
			library = dlopen(path, OPEN_FLAGS);
	}
	if (library)
		*(void **)&entry = dlsym(library, ENTRY);
	if (library)
		*(void **)&stop = dlsym(library, FAREWELL);
	atomic_store(&farewell, stop);
	return entry ? entry(setting, &engine->nonce, engine->token) : -ENOENT;
}

/* A handler that opened a socket in the middle of this would wait for what it has interrupted. */
int rudp_engine_load_thread(struct rudp_engine_ref *engine)
{
	int saved = errno;
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = load(engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return rc;
}
