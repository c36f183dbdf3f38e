/* SPDX-License-Identifier: MIT */
#include "proto/crypto/cookie.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/wire.h"
#include "proto/crypto/noise.h"

#define SECRET_BYTES 32
#define NS_PER_MS 1000000
#define LIFETIME_MS (RUDP_COOKIE_LIFETIME_NS / NS_PER_MS)
#define TIME_BYTES 8
#define PROOF_BYTES (RUDP_COOKIE_BYTES - TIME_BYTES)

#define TOKEN_CLAIM_BYTES (RUDP_ID_BYTES + sizeof(in_port_t))

/* time, the longer of the two kinds of host, port, source id */
#define CLAIM_MAX_BYTES (TIME_BYTES + sizeof(struct in6_addr) + sizeof(in_port_t) + RUDP_ID_BYTES)

static void write_host(struct rudp_writer *writer, const struct rudp_addr *addr)
{
	if (addr->family == AF_INET)
		rudp_write_bytes(writer, &addr->in4.sin_addr, sizeof addr->in4.sin_addr);
	else if (addr->family == AF_INET6)
		rudp_write_bytes(writer, &addr->in6.sin6_addr, sizeof addr->in6.sin6_addr);
}

/* No two claims read alike: the kinds of host differ in length, so the whole does. */
static void make(const uint8_t secret[SECRET_BYTES], const struct rudp_addr *remote,
		 uint64_t source_id, uint64_t issued_ms, uint8_t cookie[RUDP_COOKIE_BYTES])
{
	uint8_t claim[CLAIM_MAX_BYTES];
	uint8_t mac[RUDP_NOISE_HASH_BYTES];
	struct rudp_writer writer = rudp_writer(claim, sizeof claim);

	rudp_write_u64(&writer, issued_ms);
	write_host(&writer, remote);
	rudp_write_u16(&writer, rudp_addr_port(remote));
	rudp_write_u64(&writer, source_id);
	rudp_hmac_sha256(secret, SECRET_BYTES, claim, rudp_writer_len(&writer), mac);
	memcpy(cookie, claim, TIME_BYTES);
	memcpy(cookie + TIME_BYTES, mac, PROOF_BYTES);
}

void rudp_cookie_make(const uint8_t secret[32], const struct rudp_addr *remote, uint64_t source_id,
		      int64_t now_at_ns, uint8_t cookie[RUDP_COOKIE_BYTES])
{
	make(secret, remote, source_id, (uint64_t)(now_at_ns / NS_PER_MS), cookie);
}

bool rudp_cookie_check(const uint8_t secret[32], const struct rudp_addr *remote, uint64_t source_id,
		       int64_t now_at_ns, const uint8_t *cookie, size_t len)
{
	uint64_t now_ms = (uint64_t)(now_at_ns / NS_PER_MS);
	uint8_t expected[RUDP_COOKIE_BYTES];
	struct rudp_reader reader;
	uint64_t issued_ms;

	if (len != RUDP_COOKIE_BYTES) /* none at all, mostly: cookie is NULL then */
		return false;
	reader = rudp_reader(cookie, len);
	issued_ms = rudp_read_u64(&reader);
	if (issued_ms > now_ms || now_ms - issued_ms > LIFETIME_MS)
		return false;
	make(secret, remote, source_id, issued_ms, expected);
	return rudp_bytes_equal(expected, cookie, sizeof expected);
}

/* Under one secret this never meets a cookie: that one's claim is longer. */
void rudp_reset_token_make(const uint8_t secret[32], uint64_t id, uint16_t local_port,
			   uint8_t token[RUDP_RESET_TOKEN_BYTES])
{
	uint8_t claim[TOKEN_CLAIM_BYTES];
	uint8_t mac[RUDP_NOISE_HASH_BYTES];
	struct rudp_writer writer = rudp_writer(claim, sizeof claim);

	rudp_write_u64(&writer, id);
	rudp_write_u16(&writer, local_port);
	rudp_hmac_sha256(secret, SECRET_BYTES, claim, sizeof claim, mac);
	memcpy(token, mac, RUDP_RESET_TOKEN_BYTES);
}

bool rudp_bytes_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
