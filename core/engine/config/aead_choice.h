/* SPDX-License-Identifier: MIT */
/*
 * aead_choice - which library encrypts. libIPSec_MB is loaded while the engine starts, where it is
 * installed, and used when its self test agrees with libcrypto. Never in a thread of somebody else's
 * program: what that maps is its own business, and it may have another copy of the same library.
 */
#ifndef RUDP_ENGINE_AEAD_CHOICE_H
#define RUDP_ENGINE_AEAD_CHOICE_H

#include "proto/crypto/aead.h"

#define RUDP_AEAD_WHY_SIZE 256

/*
 * Loads libIPSec_MB for good and tests it.
 *
 * Returns  the backend, with why saying its version; NULL, with why saying what is in the way.
 */
const struct rudp_aead_backend *rudp_aead_load_mb(char why[RUDP_AEAD_WHY_SIZE]);

/*
 * Lets the endpoint use what RUDP_AEAD asks for (RUDP_AEAD_NONE: the faster one), or libcrypto where
 * that cannot be had. Once a process, before the first connection; the log tells the choice.
 */
void rudp_aead_choose(enum rudp_aead_kind wish);

#endif
