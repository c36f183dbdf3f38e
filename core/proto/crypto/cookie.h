/* SPDX-License-Identifier: MIT */
/*
 * cookie - SYN cookies, which prove that a SYN's sender receives at its address, and reset tokens.
 *
 * A cookie is the time of issue in ms (8 bytes) followed by the first 16 bytes of
 * HMAC-SHA256(secret, time || address || port || source id). It needs no state in the listener.
 * Source  docs/protocol.md section 6.4; the idea is from RFC 4987 and RFC 9000 section 8.1.
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
 * The token that authenticates a stateless RESET for our connection id on our UDP port. The port is
 * included because endpoints on other ports may use the same secret. Otherwise an attacker could
 * send an id of our connection to such an endpoint, which does not know the id and would answer
 * with our token (RFC 9000 section 21.11).
 */
void rudp_reset_token_make(const uint8_t secret[32], uint64_t id, uint16_t local_port,
			   uint8_t token[RUDP_RESET_TOKEN_BYTES]);

/* Compares in constant time. */
bool rudp_bytes_equal(const void *a, const void *b, size_t len);

#endif
