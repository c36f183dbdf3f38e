/* SPDX-License-Identifier: MIT */
/*
 * fingerprint - what may be shown of a key, so that two people can see that they have the same one.
 */
#ifndef RUDP_TOOLS_FINGERPRINT_H
#define RUDP_TOOLS_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/settings.h"

#define RUDP_FINGERPRINT_SIZE RUDP_KEY_ID_SIZE

/* 64 bits of a hash that is made of the key for this alone. false: libcrypto fails. */
bool rudp_fingerprint(const uint8_t psk[RUDP_PSK_BYTES], char text[RUDP_FINGERPRINT_SIZE]);
/* Without "RUDP_KEY_FILE: " in front, for errors of a file that an option names. */
const char *rudp_without_variable(const char *text);

#endif
