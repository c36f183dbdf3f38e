/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include "crypto_faults.h"
#include "hex.h"
#include "noise_vectors.h"
#include "proto/crypto/noise.h"

#define VECTORS (sizeof noise_vectors / sizeof *noise_vectors)
#define MESSAGE_CAP 512
#define FAULTS_MAX 1000

struct ends {
	struct rudp_noise initiator, responder;
};

static const uint8_t key_a[32] = {0xa}, key_b[32] = {0xb}, psk[32] = {0x7};

static int start_end(struct rudp_noise *noise, const struct noise_vector *vector, bool initiator)
{
	uint8_t ephemeral[32], vector_psk[32], prologue[64];
	size_t prologue_len = hex_read(vector->prologue, prologue, sizeof prologue);

	hex_read(initiator ? vector->initiator_ephemeral : vector->responder_ephemeral, ephemeral,
		 sizeof ephemeral);
	if (vector->psk)
		hex_read(vector->psk, vector_psk, sizeof vector_psk);
	return rudp_noise_init(noise, initiator, vector->cipher, vector->psk ? vector_psk : NULL,
			       prologue, prologue_len, ephemeral);
}

static void start_ends(struct ends *ends, enum rudp_cipher cipher, const uint8_t *initiator_psk,
		       const uint8_t *responder_psk)
{
	cr_assert(eq(int,
		     rudp_noise_init(&ends->initiator, true, cipher, initiator_psk, "p", 1, key_a),
		     0));
	cr_assert(eq(int,
		     rudp_noise_init(&ends->responder, false, cipher, responder_psk, "p", 1, key_b),
		     0));
}

static void fini_ends(struct ends *ends)
{
	rudp_noise_fini(&ends->initiator);
	rudp_noise_fini(&ends->responder);
}

static void expect_message(struct rudp_noise *from, struct rudp_noise *to, const char *payload_hex,
			   const char *message_hex)
{
	uint8_t payload[MESSAGE_CAP], message[MESSAGE_CAP];
	size_t payload_len = hex_read(payload_hex, payload, sizeof payload);
	int len = rudp_noise_write(from, payload, payload_len, message, sizeof message);

	cr_assert(ge(int, len, 1));
	hex_expect(message, (size_t)len, message_hex);
	memset(payload, 0, sizeof payload);
	cr_assert(eq(int, rudp_noise_read(to, message, (size_t)len, payload, sizeof payload),
		     (int)payload_len));
	hex_expect(payload, payload_len, payload_hex);
}

/* The messages after the split, under the keys of both ends. */
static void expect_transport(const struct noise_vector *vector, const struct ends *ends)
{
	uint8_t key[4][RUDP_KEY_BYTES], plain[MESSAGE_CAP], sealed[MESSAGE_CAP];

	rudp_noise_split(&ends->initiator, key[0], key[1]);
	rudp_noise_split(&ends->responder, key[2], key[3]);
	for (int i = 2; i < NOISE_VECTOR_MESSAGES; i++) {
		size_t len = hex_read(vector->messages[i].payload, plain, sizeof plain);
		const struct iovec in = {plain, len};
		uint64_t counter = (uint64_t)(i - 2) / 2;
		struct rudp_aead sealer, opener;

		cr_assert(eq(int, rudp_aead_init(&sealer, vector->cipher, true, key[i % 2 ? 2 : 0]),
			     0));
		cr_assert(eq(int,
			     rudp_aead_init(&opener, vector->cipher, false, key[i % 2 ? 1 : 3]),
			     0));
		len = rudp_aead_seal(&sealer, counter, NULL, 0, &in, 1, sealed);
		hex_expect(sealed, len, vector->messages[i].ciphertext);
		cr_assert(
			eq(int, rudp_aead_open(&opener, counter, NULL, 0, sealed, len, plain), 1));
		hex_expect(plain, len - RUDP_AEAD_TAG_BYTES, vector->messages[i].payload);
		rudp_aead_fini(&sealer);
		rudp_aead_fini(&opener);
	}
}

Test(noise, follows_the_published_vectors)
{
	cr_assert(eq(sz, VECTORS, 4));
	for (size_t v = 0; v < VECTORS; v++) {
		const struct noise_vector *vector = &noise_vectors[v];
		struct ends ends;

		cr_assert(eq(int, start_end(&ends.initiator, vector, true), 0));
		cr_assert(eq(int, start_end(&ends.responder, vector, false), 0));
		expect_message(&ends.initiator, &ends.responder, vector->messages[0].payload,
			       vector->messages[0].ciphertext);
		expect_message(&ends.responder, &ends.initiator, vector->messages[1].payload,
			       vector->messages[1].ciphertext);
		hex_expect(ends.initiator.hash, sizeof ends.initiator.hash, vector->handshake_hash);
		hex_expect(ends.responder.hash, sizeof ends.responder.hash, vector->handshake_hash);
		expect_transport(vector, &ends);
		fini_ends(&ends);
	}
}

Test(noise, any_flipped_bit_is_refused)
{
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct ends ends;
	int len;

	start_ends(&ends, RUDP_CIPHER_AES_256_GCM, psk, psk);
	len = rudp_noise_write(&ends.initiator, "hello", 5, message, sizeof message);
	cr_assert(eq(int, len, 5 + RUDP_NOISE_OVERHEAD_BYTES));
	for (int bit = 0; bit < 8 * len; bit++) {
		struct rudp_noise copy = ends.responder;

		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(eq(int,
			     rudp_noise_read(&copy, message, (size_t)len, payload, sizeof payload),
			     -EBADMSG));
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cr_assert(
		eq(int,
		   rudp_noise_read(&ends.responder, message, (size_t)len, payload, sizeof payload),
		   5));
	fini_ends(&ends);
}

Test(noise, any_other_length_is_refused)
{
	uint8_t message[MESSAGE_CAP] = {0}, payload[MESSAGE_CAP];
	struct ends ends;
	size_t len;

	start_ends(&ends, RUDP_CIPHER_CHACHA20_POLY1305, psk, psk);
	len = (size_t)rudp_noise_write(&ends.initiator, "hello", 5, message, sizeof message);
	for (size_t cut = 0; cut < sizeof message; cut++) {
		struct rudp_noise copy = ends.responder;
		int expected = cut == len ? 5 : -EBADMSG;

		cr_assert(eq(int, rudp_noise_read(&copy, message, cut, payload, sizeof payload),
			     expected));
	}
	fini_ends(&ends);
}

Test(noise, a_payload_that_does_not_fit_is_refused)
{
	uint8_t message[MESSAGE_CAP], payload[5] = {9, 9, 9, 9, 9};
	const uint8_t *keys[] = {NULL, psk};
	struct ends ends;
	int len;

	for (int i = 0; i < 2; i++) {
		start_ends(&ends, RUDP_CIPHER_AES_256_GCM, keys[i], keys[i]);
		len = rudp_noise_write(&ends.initiator, "hello", 5, message, sizeof message);
		cr_assert(eq(int,
			     rudp_noise_read(&ends.responder, message, (size_t)len, payload, 4),
			     -EBADMSG));
		cr_assert(eq(u8, payload[4], 9));
		fini_ends(&ends);
	}
}

Test(noise, ends_that_differ_do_not_meet)
{
	static const uint8_t other_psk[32] = {0x8};
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct rudp_noise responder;
	struct ends ends;
	int len;

	start_ends(&ends, RUDP_CIPHER_AES_256_GCM, psk, other_psk);
	len = rudp_noise_write(&ends.initiator, NULL, 0, message, sizeof message);
	cr_assert(
		eq(int,
		   rudp_noise_read(&ends.responder, message, (size_t)len, payload, sizeof payload),
		   -EBADMSG));
	cr_assert(eq(int,
		     rudp_noise_init(&responder, false, RUDP_CIPHER_CHACHA20_POLY1305, psk, "p", 1,
				     key_b),
		     0));
	cr_assert(eq(int,
		     rudp_noise_read(&responder, message, (size_t)len, payload, sizeof payload),
		     -EBADMSG));
	rudp_noise_fini(&responder);
	cr_assert(
		eq(int,
		   rudp_noise_init(&responder, false, RUDP_CIPHER_AES_256_GCM, psk, "q", 1, key_b),
		   0));
	cr_assert(eq(int,
		     rudp_noise_read(&responder, message, (size_t)len, payload, sizeof payload),
		     -EBADMSG));
	rudp_noise_fini(&responder);
	fini_ends(&ends);
}

Test(noise, nobody_speaks_out_of_turn)
{
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct ends ends;
	int len;

	start_ends(&ends, RUDP_CIPHER_AES_256_GCM, psk, psk);
	cr_assert(eq(int, rudp_noise_write(&ends.responder, NULL, 0, message, sizeof message),
		     -EINVAL));
	cr_assert(eq(int, rudp_noise_read(&ends.initiator, message, 64, payload, sizeof payload),
		     -EINVAL));
	len = rudp_noise_write(&ends.initiator, NULL, 0, message, sizeof message);
	cr_assert(eq(int, rudp_noise_write(&ends.initiator, NULL, 0, message, sizeof message),
		     -EINVAL));
	cr_assert(
		eq(int,
		   rudp_noise_read(&ends.responder, message, (size_t)len, payload, sizeof payload),
		   0));
	len = rudp_noise_write(&ends.responder, NULL, 0, message, sizeof message);
	cr_assert(
		eq(int,
		   rudp_noise_read(&ends.initiator, message, (size_t)len, payload, sizeof payload),
		   0));
	cr_assert(eq(int, rudp_noise_write(&ends.initiator, NULL, 0, message, sizeof message),
		     -EINVAL));
	fini_ends(&ends);
}

Test(noise, a_handshake_is_spent_after_an_error)
{
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct ends ends;
	int len;

	start_ends(&ends, RUDP_CIPHER_AES_256_GCM, psk, psk);
	len = rudp_noise_write(&ends.initiator, NULL, 0, message, sizeof message);
	cr_assert(eq(int, rudp_noise_read(&ends.responder, message, 3, payload, sizeof payload),
		     -EBADMSG));
	cr_assert(
		eq(int,
		   rudp_noise_read(&ends.responder, message, (size_t)len, payload, sizeof payload),
		   -EINVAL));
	fini_ends(&ends);
}

/* RFC 7748 section 6.1: these and their like give a secret of zeros whatever our key is. */
Test(noise, points_of_low_order_are_refused)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct ends ends;

	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		start_ends(&ends, RUDP_CIPHER_AES_256_GCM, NULL, NULL);
		hex_read(points[i], message, sizeof message);
		cr_assert(eq(int, rudp_noise_read(&ends.responder, message, 32, payload, 32), 0));
		cr_assert(eq(int,
			     rudp_noise_write(&ends.responder, NULL, 0, message, sizeof message),
			     -EBADMSG));
		fini_ends(&ends);
	}
}

Test(noise, fini_leaves_no_secret)
{
	struct rudp_noise noise;
	const uint8_t *bytes = (const uint8_t *)&noise;

	cr_assert(eq(int,
		     rudp_noise_init(&noise, true, RUDP_CIPHER_AES_256_GCM, psk, "p", 1, key_a),
		     0));
	rudp_noise_fini(&noise);
	noise.message_index = 0;
	for (size_t i = 0; i < sizeof noise; i++)
		cr_assert(eq(u8, bytes[i], 0));
}

/* A whole handshake; the first error of it, or 0. */
static int shake_hands(struct ends *ends)
{
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	int rc = rudp_noise_write(&ends->initiator, NULL, 0, message, sizeof message);

	if (rc >= 0)
		rc = rudp_noise_read(&ends->responder, message, (size_t)rc, payload,
				     sizeof payload);
	if (rc >= 0)
		rc = rudp_noise_write(&ends->responder, NULL, 0, message, sizeof message);
	if (rc >= 0)
		rc = rudp_noise_read(&ends->initiator, message, (size_t)rc, payload,
				     sizeof payload);
	return rc;
}

static int whole_handshake(void)
{
	struct ends ends;
	int rc =
		rudp_noise_init(&ends.initiator, true, RUDP_CIPHER_AES_256_GCM, psk, "p", 1, key_a);

	if (rc < 0)
		return rc;
	rc = rudp_noise_init(&ends.responder, false, RUDP_CIPHER_AES_256_GCM, psk, "p", 1, key_b);
	if (rc == 0)
		rc = shake_hands(&ends);
	fini_ends(&ends);
	return rc;
}

/* Fails every allocation of a handshake in turn; how often that ended it. */
static unsigned fail_each(bool count_blocks)
{
	unsigned failed = 0;

	for (unsigned nth = 1; nth < FAULTS_MAX; nth++) {
		long blocks = crypto_faults_blocks();
		int rc;

		crypto_faults_arm(nth);
		rc = whole_handshake();
		if (crypto_faults_count() < nth)
			return failed;
		cr_assert(eq(int, rc == -ENOMEM || rc == 0, 1), "allocation %u: %d", nth, rc);
		failed += rc < 0;
		if (count_blocks)
			cr_assert(eq(int, (int)(crypto_faults_blocks() - blocks), 0),
				  "allocation %u", nth);
	}
	cr_fatal("a handshake allocates more than %d times", FAULTS_MAX);
}

/* The first round fills what libcrypto keeps for the thread; then, what is taken is given back. */
Test(noise, any_failed_allocation_ends_the_handshake_without_leak)
{
	cr_assert(eq(int, whole_handshake(), 0));
	cr_assert(ge(uint, fail_each(false), 11));
	cr_assert(ge(uint, fail_each(true), 11));
	crypto_faults_arm(0);
	cr_assert(eq(int, whole_handshake(), 0));
}
