/* SPDX-License-Identifier: MIT */
#include "api/engine_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "api/environment.h"

#define PATH_SIZE 1200
#define LIBRARY "librudp_engine.so"
#define ENTRY "rudp_engine_start_thread"

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

/* core/engine/host_thread.h: 0 or -errno. */
typedef int start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

static char *setting(const char *name)
{
	return (char *)rudp_environment_get(name);
}

int rudp_engine_load_thread(struct rudp_engine_ref *engine)
{
	int saved = errno;
	void *library = NULL;
	start_thread *entry = NULL;

	for (unsigned i = 0; i < RUDP_ENGINE_PLACES && !library; i++) {
		char path[PATH_SIZE];

		if (rudp_engine_place(i, LIBRARY, path, sizeof path))
			library = dlopen(path, OPEN_FLAGS);
	}
	if (library)
		*(void **)&entry = dlsym(library, ENTRY);
	errno = saved;
	return entry ? entry(setting, &engine->nonce, engine->token) : -ENOENT;
}
