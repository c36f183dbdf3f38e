/* SPDX-License-Identifier: MIT */
/*
 * conn_handshake - what the two sides of the handshake share: conn_connect.c, conn_answer.c and
 * conn_resume.c (docs/protocol.md section 6). What the rest of the connection calls stands in
 * conn_private.h.
 */
#ifndef RUDP_PROTO_CONN_HANDSHAKE_H
#define RUDP_PROTO_CONN_HANDSHAKE_H

#include "proto/conn/conn_private.h"

enum rudp_cipher rudp_cipher_of(uint8_t suite);
/* Keyless: it tells damage, and one datagram from another, but nothing of who made it. */
uint64_t rudp_handshake_digest(const uint8_t *datagram, size_t len);
/* Only a handshake with DH can make an association. */
bool rudp_handshake_makes_association(uint8_t flags);

/* The parameters that we send; their window counts as told. The peer's, which are authentic. */
void rudp_handshake_own_params(struct rudp_conn *conn, struct rudp_params *params);
void rudp_handshake_take_params(struct rudp_conn *conn, const struct rudp_params *params);
/*
 * The payload of our SYN, payload_bytes in all, with zeros behind the parameters. Returns the bytes of
 * early data in it.
 */
size_t rudp_conn_write_syn_payload(struct rudp_conn *conn, uint8_t *payload, size_t payload_bytes,
				   bool with_early);

/*
 * The full handshake: its beginning with one of the endpoint's keys, a fresh key pair for it
 * (0 or -ENOMEM), its end.
 */
void rudp_handshake_start_noise(struct rudp_conn *conn, struct rudp_noise *noise, bool initiator,
				uint64_t source_id, uint16_t target_port,
				const struct rudp_psk *psk);
int rudp_handshake_give_noise_key(struct rudp_conn *conn, struct rudp_noise *noise);
void rudp_handshake_end_noise(const struct rudp_noise *noise, struct rudp_resume_keys *keys);
/* What either handshake ends with: the connection has keys. 0 or -ENOMEM. */
int rudp_handshake_start_keys(struct rudp_conn *conn, const struct rudp_resume_keys *keys);

/* Tells the observer, which there is, of a SYN or SYNACK that was taken. */
void rudp_handshake_observe(struct rudp_conn *conn, const struct rudp_packet *packet, size_t bytes);

#endif
