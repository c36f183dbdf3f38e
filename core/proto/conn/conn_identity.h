/* SPDX-License-Identifier: MIT */
/*
 * conn_identity - static keys: what the two sides prove with them, and when the listener gives a
 * connection to its program. docs/protocol.md section 6.1.
 */
#ifndef RUDP_PROTO_CONN_IDENTITY_H
#define RUDP_PROTO_CONN_IDENTITY_H

#include "proto/conn/conn_private.h"

#define RUDP_SYN_MAC_BYTES 8 /* before the check of a SYN with TO_KEY */

/* The flags of a full handshake under the connection's options. */
uint8_t rudp_handshake_full_flags(const struct rudp_conn *conn);
/*
 * The MAC of a SYN with TO_KEY over its first len bytes. It shows that its sender knows the
 * listener's public key: SipHash-2-4, keyed with the first half of SHA256(label || public_key).
 */
uint64_t rudp_syn_mac(const uint8_t public_key[RUDP_STATIC_KEY_BYTES], const uint8_t *datagram,
		      size_t len);

/* The third message of XX. On the heap. */
struct rudp_identity_proof {
	struct rudp_noise noise; /* listener: to read the message; initiator: empty */
	bool is_due;             /* initiator: the IDENTITY frame must be sent */
	uint8_t message[RUDP_IDENTITY_PROOF_BYTES]; /* initiator */
};

/*
 * About that message. is_awaited: the listener gives the connection to no program before it has
 * arrived; is_due: the initiator must send it; on_identity: it has arrived in an IDENTITY frame;
 * on_acked, on_lost: the fate of the packet with our frame.
 */
void rudp_identity_proof_free(struct rudp_identity_proof *proof);
bool rudp_conn_identity_is_awaited(const struct rudp_conn *conn);
bool rudp_conn_identity_is_due(const struct rudp_conn *conn);
/* The initiator makes its message; the listener keeps the handshake to read it. 0 or -errno. */
int rudp_conn_identity_prove(struct rudp_conn *conn, struct rudp_noise *noise);
int rudp_conn_identity_await(struct rudp_conn *conn, const struct rudp_noise *noise);
/* Whether the owner of the endpoint accepts the credentials (endpoint.h). */
bool rudp_conn_is_authorized(const struct rudp_conn *conn, const struct rudp_listener *listener);
enum rudp_verdict rudp_conn_on_identity(struct rudp_conn *conn, const struct rudp_frame *frame,
					int64_t now_at_ns);
void rudp_conn_identity_on_acked(struct rudp_conn *conn);
void rudp_conn_identity_on_lost(struct rudp_conn *conn);

/* The listener's side is ESTABLISHED, and the initiator has proven all that it has to prove. */
void rudp_conn_on_authenticated(struct rudp_conn *conn, bool is_new, int64_t now_at_ns);

#endif
