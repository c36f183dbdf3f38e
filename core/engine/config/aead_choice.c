/* SPDX-License-Identifier: MIT */
#include "engine/config/aead_choice.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "proto/crypto/aead_mb.h"

static const char *reason(int rc)
{
	switch (rc) {
	case -ENOSYS:
		return "rudp was built without its header (libipsec-mb-dev)";
	case -ENOENT:
		return "it lacks a function";
	case -EPROTO:
		return "its version differs from the header that rudp was built with";
	case -ENOTSUP:
		return "it does not support this processor";
	default:
		return strerrordesc_np(-rc);
	}
}

static const struct rudp_aead_backend *refuse(char why[RUDP_AEAD_WHY_SIZE], const char *text)
{
	snprintf(why, RUDP_AEAD_WHY_SIZE, "%s is not used: %s", RUDP_AEAD_MB_LIBRARY, text);
	return NULL;
}

const struct rudp_aead_backend *rudp_aead_load_mb(char why[RUDP_AEAD_WHY_SIZE])
{
	const struct rudp_aead_backend *backend = NULL;
	void *library = dlopen(RUDP_AEAD_MB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	int rc;

	if (!library)
		return refuse(why, dlerror());
	rc = rudp_aead_mb_start(dlsym, library, &backend);
	if (rc < 0)
		return refuse(why, reason(rc));
	if (!rudp_aead_agrees(backend))
		return refuse(why, "its self test does not agree with libcrypto");
	snprintf(why, RUDP_AEAD_WHY_SIZE, "%s is loaded and agrees with libcrypto",
		 RUDP_AEAD_MB_LIBRARY);
	return backend;
}

void rudp_aead_choose(enum rudp_aead_kind wish)
{
	char why[RUDP_AEAD_WHY_SIZE] = "as RUDP_AEAD asks";
	const struct rudp_aead_backend *backend =
		wish == RUDP_AEAD_LIBCRYPTO ? NULL : rudp_aead_load_mb(why);

	rudp_aead_use(backend ? backend : &rudp_aead_libcrypto);
	rudp_log(wish == RUDP_AEAD_IPSEC_MB && !backend ? RUDP_LOG_WARN : RUDP_LOG_INFO,
		 "packets are encrypted by %s: %s", rudp_aead_kind_text(rudp_aead_used()->kind),
		 why);
}
