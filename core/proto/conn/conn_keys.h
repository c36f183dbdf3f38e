/* SPDX-License-Identifier: MIT */
/* conn_keys - change of keys while a connection lasts: docs/protocol.md section 7. */
#ifndef RUDP_PROTO_CONN_KEYS_H
#define RUDP_PROTO_CONN_KEYS_H

#include "proto/conn/conn_private.h"

#define RUDP_KEY_EXCHANGE_DUE_NS (3300 * RUDP_NS_PER_S) /* complete within the hour */
#define RUDP_KEY_EXCHANGE_LEAST_NS (60 * RUDP_NS_PER_S) /* the listener answers no sooner */

/*
 * A new X25519 exchange during the connection, started by the initiator. On the heap, wiped when
 * freed.
 */
struct rudp_key_exchange {
	struct rudp_x25519 own; /* initiator: until the answer has arrived; else empty */
	uint8_t own_public[RUDP_KEY_SHARE_BYTES];
	uint8_t peer_public[RUDP_KEY_SHARE_BYTES];
	bool is_asking; /* we are the initiator; own_public is then always valid */
	bool has_peer;  /* peer_public is valid */
	bool is_mixed;  /* secret is valid, and conn->keys uses it */
	bool is_due;    /* our share must be sent */
	uint8_t secret[RUDP_KEY_BYTES];
};

/*
 * on_transmit: starts what is due, before packets are built.
 * on_followed: a packet under the next receive key has arrived. on_key_share: a KEY_SHARE frame has
 * arrived.
 */
void rudp_conn_keys_on_transmit(struct rudp_conn *conn, int64_t now_at_ns);
void rudp_conn_keys_on_followed(struct rudp_conn *conn, int64_t now_at_ns);
enum rudp_verdict rudp_conn_on_key_share(struct rudp_conn *conn, const struct rudp_frame *frame);
/* The packet with our share was lost. */
void rudp_key_exchange_on_lost(struct rudp_key_exchange *exchange);
void rudp_key_exchange_free(struct rudp_key_exchange *exchange);
/*
 * Computes the secret from both shares. Both public keys are hashed in, so that each side
 * contributes.
 *
 * Returns  0, -EBADMSG (the peer's share gives no secret) or -ENOMEM.
 */
int rudp_key_exchange_make_secret(struct rudp_key_exchange *exchange);

#endif
