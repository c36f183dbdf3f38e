/* SPDX-License-Identifier: MIT */
/*
 * aead_mb - the AEAD backend for libIPSec_MB. It uses vector instructions that libcrypto 3.0 does
 * not use.
 *
 * The library is never linked. The caller loads it and passes a lookup function; this file does not
 * call dlopen. The table of functions inside the library changes between its versions, and only its
 * header describes the table. Without that header at build time, rudp_aead_mb_start() returns
 * -ENOSYS.
 */
#ifndef RUDP_PROTO_AEAD_MB_H
#define RUDP_PROTO_AEAD_MB_H

#include "proto/crypto/aead.h"

#define RUDP_AEAD_MB_LIBRARY "libIPSec_MB.so.1"

/*
 * Looks up the library's functions with find, which has the semantics of dlsym. The library must
 * stay loaded until the process ends.
 *
 * Returns  0 and the backend; -ENOSYS: built without the header; -ENOENT: a function is missing;
 *          -EPROTO: the library's version differs from the header's; -ENOTSUP: the library does not
 *          support this processor; -ENOMEM.
 */
int rudp_aead_mb_start(void *(*find)(void *library, const char *name), void *library,
		       const struct rudp_aead_backend **backend);

#endif
