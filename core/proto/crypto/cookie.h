/* SPDX-License-Identifier: MIT */
/*
 * cookie - stateless proof that a SYN's sender can receive at its address; and reset tokens.
 *
 * cookie = issue time in ms (8 bytes) || first 16 bytes of HMAC-SHA256(secret, time || address ||
 * port || source id).
 * Source  docs/protocol.md section 6.4; the idea is RFC 4987's and RFC 9000 section 8.1's.
 */
#ifndef RUDP_PROTO_COOKIE_H
#define RUDP_PROTO_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "proto/wire/packet.h"

#define RUDP_COOKIE_BYTES 24
#define RUDP_COOKIE_LIFETIME_NS (INT64_C(10) * 1000000000)

void rudp_cookie_make(const uint8_t secret[32], const struct rudp_addr *remote, uint64_t source_id,
		      int64_t now_at_ns, uint8_t cookie[RUDP_COOKIE_BYTES]);
bool rudp_cookie_check(const uint8_t secret[32], const struct rudp_addr *remote, uint64_t source_id,
		       int64_t now_at_ns, const uint8_t *cookie, size_t len);

/*
 * The token by which a stateless RESET for this id of ours, on this UDP port of ours, can be told from
 * a forged one. Without the port any other endpoint with the same secret would hand out tokens of
 * connections that live here, to whoever asks with an id that it does not know (RFC 9000 section 21.11).
 */
void rudp_reset_token_make(const uint8_t secret[32], uint64_t id, uint16_t local_port,
			   uint8_t token[RUDP_RESET_TOKEN_BYTES]);

/* Constant-time comparison. */
bool rudp_bytes_equal(const void *a, const void *b, size_t len);

#endif
