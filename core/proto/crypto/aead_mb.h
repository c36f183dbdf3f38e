/* SPDX-License-Identifier: MIT */
/*
 * aead_mb - aead by libIPSec_MB: vector instructions that libcrypto 3.0 does not use.
 *
 * It is never linked. Whoever has it loaded says where its functions are; this file knows no loader.
 * Built where its header is installed, else it only says so: the table of functions inside the library
 * changes between its versions, and only the header knows where they stand.
 */
#ifndef RUDP_PROTO_AEAD_MB_H
#define RUDP_PROTO_AEAD_MB_H

#include "proto/crypto/aead.h"

#define RUDP_AEAD_MB_LIBRARY "libIPSec_MB.so.1"

/*
 * Looks its functions up with find (as dlsym), which must stay callable for good.
 *
 * Returns  0 and the backend; -ENOSYS: built without the header; -ENOENT: a function is missing;
 *          -EPROTO: another version than the header's; -ENOTSUP: nothing for this processor; -ENOMEM.
 */
int rudp_aead_mb_start(void *(*find)(void *library, const char *name), void *library,
		       const struct rudp_aead_backend **backend);

#endif
