/* SPDX-License-Identifier: MIT */
/*
 * credentials - what the handshake of a connection has proven: pre-shared key and static keys.
 *
 * An association carries the credentials to the connections that resume it. docs/protocol.md
 * section 6.1.
 */
#ifndef RUDP_PROTO_CREDENTIALS_H
#define RUDP_PROTO_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#define RUDP_STATIC_KEY_BYTES 32 /* an X25519 public key */

struct rudp_credentials {
	uint64_t psk_id;     /* the pre-shared key; 0: none */
	bool has_peer_key;   /* the peer has proven the static key peer_key */
	bool has_own_key;    /* this side has proven its static key */
	bool peer_key_lasts; /* peer_key identifies the peer beyond its restart */
	uint8_t peer_key[RUDP_STATIC_KEY_BYTES];
};

#endif
