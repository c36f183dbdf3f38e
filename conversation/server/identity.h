/* SPDX-License-Identifier: MIT */
/* identity - the rudp identity (rudp_keys(5)) of a client, as a fingerprint (irc/fingerprint.h). */
#ifndef APO_SERVER_IDENTITY_H
#define APO_SERVER_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/irc/fingerprint.h"

#define APO_IDENTITY_KEY_BYTES 32 /* an X25519 public key */

/* Writes the fingerprint of a public key. */
void apo_identity_write(char text[APO_FINGERPRINT_SIZE], const uint8_t key[APO_IDENTITY_KEY_BYTES]);

/* The peer of a connected socket. Returns false if it has proven no identity, or if rudp does not
 * carry the socket (the server and the client have to run under the shim). Asks the rudp engine. */
bool apo_identity_of_socket(int fd, char text[APO_FINGERPRINT_SIZE]);

#endif
