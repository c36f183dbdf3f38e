/* SPDX-License-Identifier: MIT */
/*
 * aead_choice - chooses the library that encrypts packets. libIPSec_MB is loaded when the engine
 * starts, if it is installed, and used if its self test agrees with libcrypto. An engine in a
 * thread never loads it: the program decides what is mapped, and may have another copy of the
 * library.
 */
#ifndef RUDP_ENGINE_AEAD_CHOICE_H
#define RUDP_ENGINE_AEAD_CHOICE_H

#include "proto/crypto/aead.h"

#define RUDP_AEAD_WHY_SIZE 256

/*
 * Loads libIPSec_MB, never to unload it, and tests it.
 *
 * Returns  the backend, and its version in why; NULL, and the obstacle in why.
 */
const struct rudp_aead_backend *rudp_aead_load_mb(char why[RUDP_AEAD_WHY_SIZE]);

/*
 * Sets the library that RUDP_AEAD asks for (RUDP_AEAD_NONE: the faster one), or libcrypto if that
 * is not available. Call once per process, before the first connection. Logs the choice.
 */
void rudp_aead_choose(enum rudp_aead_kind wish);

#endif
