/* SPDX-License-Identifier: MIT */
/*
 * fingerprint - a short hash of a key that may be shown, so that two people can compare their keys.
 */
#ifndef RUDP_TOOLS_FINGERPRINT_H
#define RUDP_TOOLS_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/settings.h"

#define RUDP_FINGERPRINT_SIZE RUDP_KEY_ID_SIZE

/* Writes 64 bits of a hash that is used for nothing else. Returns false if libcrypto fails. */
bool rudp_fingerprint(const uint8_t psk[RUDP_PSK_BYTES], char text[RUDP_FINGERPRINT_SIZE]);

#endif
