/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "hex.h"
#include "proto/crypto/cookie.h"
#include "proto/crypto/noise.h"

#define ID UINT64_C(0x1122334455667788)
#define NOW_NS (INT64_C(1000) * 1000000000)
#define MS_NS 1000000

static const uint8_t secret[32] = {1, 2, 3};

static struct rudp_addr addr(const char *text)
{
	struct rudp_addr a = {0};

	cr_assert(eq(int, rudp_addr_parse(&a, text), 0));
	return a;
}

static bool check(const struct rudp_addr *remote, uint64_t id, int64_t now_ns,
		  const uint8_t cookie[RUDP_COOKIE_BYTES])
{
	return rudp_cookie_check(secret, remote, id, now_ns, cookie, RUDP_COOKIE_BYTES);
}

Test(cookie, is_good_for_its_lifetime)
{
	struct rudp_addr remote = addr("192.0.2.1:4000");
	uint8_t cookie[RUDP_COOKIE_BYTES];

	rudp_cookie_make(secret, &remote, ID, NOW_NS, cookie);
	cr_assert(eq(int, check(&remote, ID, NOW_NS, cookie), 1));
	cr_assert(eq(int, check(&remote, ID, NOW_NS + RUDP_COOKIE_LIFETIME_NS, cookie), 1));
	cr_assert(eq(int, check(&remote, ID, NOW_NS + RUDP_COOKIE_LIFETIME_NS + MS_NS, cookie), 0));
	cr_assert(eq(int, check(&remote, ID, NOW_NS - MS_NS, cookie), 0)); /* from the future */
}

Test(cookie, is_good_for_one_host_port_and_id)
{
	struct rudp_addr remote = addr("[2001:db8::1]:4000");
	struct rudp_addr host = addr("[2001:db8::2]:4000"), port = addr("[2001:db8::1]:4001");
	struct rudp_addr v4 = addr("192.0.2.1:4000"), none = {0};
	uint8_t cookie[RUDP_COOKIE_BYTES];

	rudp_cookie_make(secret, &remote, ID, NOW_NS, cookie);
	cr_assert(eq(int, check(&remote, ID, NOW_NS, cookie), 1));
	cr_assert(eq(int, check(&host, ID, NOW_NS, cookie), 0));
	cr_assert(eq(int, check(&port, ID, NOW_NS, cookie), 0));
	cr_assert(eq(int, check(&v4, ID, NOW_NS, cookie), 0));
	cr_assert(eq(int, check(&none, ID, NOW_NS, cookie), 0));
	cr_assert(eq(int, check(&remote, ID + 1, NOW_NS, cookie), 0));
}

Test(cookie, is_good_under_one_secret)
{
	static const uint8_t other[32] = {1, 2, 4};
	struct rudp_addr remote = addr("192.0.2.1:4000");
	uint8_t cookie[RUDP_COOKIE_BYTES];

	rudp_cookie_make(other, &remote, ID, NOW_NS, cookie);
	cr_assert(eq(int, check(&remote, ID, NOW_NS, cookie), 0));
}

Test(cookie, any_flipped_bit_is_refused)
{
	struct rudp_addr remote = addr("192.0.2.1:4000");
	uint8_t cookie[RUDP_COOKIE_BYTES];

	rudp_cookie_make(secret, &remote, ID, NOW_NS, cookie);
	for (int bit = 0; bit < 8 * RUDP_COOKIE_BYTES; bit++) {
		cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(eq(int, check(&remote, ID, NOW_NS, cookie), 0), "bit %d", bit);
		cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cr_assert(eq(int, check(&remote, ID, NOW_NS, cookie), 1));
}

Test(cookie, any_other_length_is_refused)
{
	struct rudp_addr remote = addr("192.0.2.1:4000");
	uint8_t cookie[RUDP_COOKIE_MAX_BYTES] = {0};

	rudp_cookie_make(secret, &remote, ID, NOW_NS, cookie);
	for (size_t len = 0; len <= sizeof cookie; len++)
		cr_assert(eq(int, rudp_cookie_check(secret, &remote, ID, NOW_NS, cookie, len),
			     len == RUDP_COOKIE_BYTES));
}

Test(cookie, is_the_time_and_half_a_mac_of_the_claim)
{
	struct rudp_addr remote = addr("192.0.2.1:4000");
	uint8_t cookie[RUDP_COOKIE_BYTES], claim[22], mac[32];

	rudp_cookie_make(secret, &remote, ID, NOW_NS, cookie);
	cr_assert(
		eq(sz,
		   hex_read("00000000000f4240 c0000201 0fa0 1122334455667788", claim, sizeof claim),
		   sizeof claim));
	rudp_hmac_sha256(secret, sizeof secret, claim, sizeof claim, mac);
	cr_assert(eq(int, memcmp(cookie, claim, 8), 0));
	cr_assert(eq(int, memcmp(cookie + 8, mac, 16), 0));
}

Test(reset_token, depends_on_secret_id_and_port_alone)
{
	static const uint8_t other[32] = {9};
	uint8_t a[RUDP_RESET_TOKEN_BYTES], b[RUDP_RESET_TOKEN_BYTES];

	rudp_reset_token_make(secret, ID, 80, a);
	rudp_reset_token_make(secret, ID, 80, b);
	cr_assert(eq(int, rudp_bytes_equal(a, b, sizeof a), 1));
	rudp_reset_token_make(secret, ID + 1, 80, b);
	cr_assert(eq(int, rudp_bytes_equal(a, b, sizeof a), 0));
	rudp_reset_token_make(other, ID, 80, b);
	cr_assert(eq(int, rudp_bytes_equal(a, b, sizeof a), 0));
	rudp_reset_token_make(secret, ID, 81, b);
	cr_assert(eq(int, rudp_bytes_equal(a, b, sizeof a), 0));
}
