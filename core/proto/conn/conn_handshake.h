/* SPDX-License-Identifier: MIT */
/*
 * conn_handshake - helpers that both sides of the handshake share: conn_connect.c, conn_answer.c
 * and conn_resume.c (docs/protocol.md section 6). conn_private.h has what the rest of the
 * connection calls.
 */
#ifndef RUDP_PROTO_CONN_HANDSHAKE_H
#define RUDP_PROTO_CONN_HANDSHAKE_H

#include "proto/conn/conn_private.h"

enum rudp_cipher rudp_cipher_of(uint8_t suite);
/*
 * A hash without a key. It detects damage and tells datagrams apart, but it authenticates nothing.
 */
uint64_t rudp_handshake_digest(const uint8_t *datagram, size_t len);
/* Whether the handshake can make an association: only one with DH can. */
bool rudp_handshake_makes_association(uint8_t flags);

/*
 * own_params: our parameters; the window in them counts as advertised. take_params: stores the
 * peer's, already authenticated.
 */
void rudp_handshake_own_params(struct rudp_conn *conn, struct rudp_params *params);
void rudp_handshake_take_params(struct rudp_conn *conn, const struct rudp_params *params);
/*
 * Writes the payload of our SYN: the parameters, then zeros up to payload_bytes. Returns the bytes
 * of early data in it.
 */
size_t rudp_conn_write_syn_payload(struct rudp_conn *conn, uint8_t *payload, size_t payload_bytes,
				   bool with_early);

/*
 * The full handshake: start it with one of the endpoint's pre-shared keys (0 or -ENOMEM), give it a
 * fresh key pair (0 or -ENOMEM), take its results.
 */
int rudp_handshake_start_noise(struct rudp_conn *conn, struct rudp_noise *noise, bool initiator,
			       uint64_t source_id, uint16_t target_port,
			       const struct rudp_psk *psk);
enum rudp_noise_pattern rudp_handshake_pattern(uint8_t flags);
/* Takes the static key that noise has read and proven, if there is one. */
void rudp_handshake_take_peer_key(struct rudp_conn *conn, const struct rudp_noise *noise,
				  bool lasts);
int rudp_handshake_give_noise_key(struct rudp_conn *conn, struct rudp_noise *noise);
void rudp_handshake_end_noise(const struct rudp_noise *noise, struct rudp_resume_keys *keys);
/* Ends both kinds of handshake: the connection gets its transport keys. Returns 0 or -ENOMEM. */
int rudp_handshake_start_keys(struct rudp_conn *conn, const struct rudp_resume_keys *keys);

/* Reports an accepted SYN or SYNACK to the observer, which must exist. */
void rudp_handshake_observe(struct rudp_conn *conn, const struct rudp_packet *packet, size_t bytes);

/* Whether a datagram that got this verdict is refused with VERSION. */
bool rudp_syn_is_of_another_version(enum rudp_verdict verdict, const struct rudp_packet *packet,
				    size_t len);

#endif
