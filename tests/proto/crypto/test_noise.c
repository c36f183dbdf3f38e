/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include "crypto_faults.h"
#include "hex.h"
#include "noise_begin.h"
#include "noise_vectors_static.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MESSAGE_CAP 512
#define FAULTS_MAX 1000

struct ends {
	struct rudp_noise initiator, responder;
};

static const uint8_t key_a[32] = {0xa}, key_b[32] = {0xb}, psk[32] = {0x7};

static struct rudp_x25519 key_of(const char *private_hex)
{
	struct rudp_x25519 key = {0};
	uint8_t private_key[32];

	if (private_hex) {
		hex_read(private_hex, private_key, sizeof private_key);
		cr_assert(zero(int, rudp_x25519_init(&key, private_key)));
	}
	return key;
}

static bool knows_responder(enum rudp_noise_pattern pattern)
{
	return pattern == RUDP_NOISE_NK || pattern == RUDP_NOISE_IK;
}

static int start_end(struct rudp_noise *noise, const struct noise_vector *vector, bool initiator)
{
	uint8_t ephemeral[32], vector_psk[32], prologue[64];
	struct rudp_x25519 statics[2] = {key_of(vector->initiator_static),
					 key_of(vector->responder_static)};
	const struct rudp_noise_setup setup = {
		.pattern = vector->pattern,
		.initiator = initiator,
		.cipher = vector->cipher,
		.psk = vector->psk ? vector_psk : NULL,
		.own_static = &statics[!initiator],
		.remote_static = initiator && knows_responder(vector->pattern)
					 ? statics[1].public_key
					 : NULL,
		.prologue = prologue,
		.prologue_len = hex_read(vector->prologue, prologue, sizeof prologue),
	};
	int rc;

	hex_read(initiator ? vector->initiator_ephemeral : vector->responder_ephemeral, ephemeral,
		 sizeof ephemeral);
	if (vector->psk)
		hex_read(vector->psk, vector_psk, sizeof vector_psk);
	rc = noise_begin(noise, &setup, ephemeral);
	rudp_x25519_fini(&statics[0]);
	rudp_x25519_fini(&statics[1]);
	return rc;
}

static int start_nn(struct rudp_noise *noise, bool initiator, enum rudp_cipher cipher,
		    const uint8_t *with_psk, const char *prologue, const uint8_t ephemeral[32])
{
	return noise_begin(noise,
			   &(struct rudp_noise_setup){.pattern = RUDP_NOISE_NN,
						      .initiator = initiator,
						      .cipher = cipher,
						      .psk = with_psk,
						      .prologue = prologue,
						      .prologue_len = strlen(prologue)},
			   ephemeral);
}

static void start_ends(struct ends *ends, enum rudp_cipher cipher, const uint8_t *initiator_psk,
		       const uint8_t *responder_psk)
{
	cr_assert(zero(int, start_nn(&ends->initiator, true, cipher, initiator_psk, "p", key_a)));
	cr_assert(zero(int, start_nn(&ends->responder, false, cipher, responder_psk, "p", key_b)));
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

static int handshake_messages(const struct noise_vector *vector)
{
	return vector->pattern == RUDP_NOISE_XX ? 3 : 2;
}

/* Checks the messages after the split, under the keys of both sides. The initiator sends first. */
static void expect_transport(const struct noise_vector *vector, const struct ends *ends)
{
	uint8_t key[4][RUDP_KEY_BYTES], plain[MESSAGE_CAP], sealed[MESSAGE_CAP];
	int first = handshake_messages(vector);

	rudp_noise_split(&ends->initiator, key[0], key[1]);
	rudp_noise_split(&ends->responder, key[2], key[3]);
	for (int i = first; i < NOISE_VECTOR_MESSAGES && vector->messages[i].ciphertext; i++) {
		size_t len = hex_read(vector->messages[i].payload, plain, sizeof plain);
		const struct iovec in = {plain, len};
		uint64_t counter = (uint64_t)(i - first) / 2;
		bool is_reply = (i - first) % 2;
		struct rudp_aead sealer, opener;

		cr_assert(zero(
			int, rudp_aead_init(&sealer, vector->cipher, true, key[is_reply ? 2 : 0])));
		cr_assert(zero(int, rudp_aead_init(&opener, vector->cipher, false,
						   key[is_reply ? 1 : 3])));
		len = rudp_aead_seal(&sealer, counter, NULL, 0, &in, 1, sealed);
		hex_expect(sealed, len, vector->messages[i].ciphertext);
		cr_assert(rudp_aead_open(&opener, counter, NULL, 0, sealed, len, plain));
		hex_expect(plain, len - RUDP_AEAD_TAG_BYTES, vector->messages[i].payload);
		rudp_aead_fini(&sealer);
		rudp_aead_fini(&opener);
	}
}

static void expect_vector(const struct noise_vector *vector)
{
	struct rudp_x25519 statics[2] = {key_of(vector->initiator_static),
					 key_of(vector->responder_static)};
	struct ends ends;

	cr_assert(zero(int, start_end(&ends.initiator, vector, true)));
	cr_assert(zero(int, start_end(&ends.responder, vector, false)));
	for (int i = 0; i < handshake_messages(vector); i++)
		expect_message(i % 2 ? &ends.responder : &ends.initiator,
			       i % 2 ? &ends.initiator : &ends.responder,
			       vector->messages[i].payload, vector->messages[i].ciphertext);
	cr_assert(zero(int, memcmp(ends.initiator.hash, ends.responder.hash, 32)));
	if (vector->handshake_hash)
		hex_expect(ends.initiator.hash, sizeof ends.initiator.hash, vector->handshake_hash);
	cr_assert(eq(int, ends.responder.has_remote_static, vector->initiator_static != NULL));
	cr_assert(eq(int, ends.initiator.has_remote_static, vector->responder_static != NULL));
	cr_assert(zero(int, memcmp(ends.responder.remote_static, statics[0].public_key, 32)));
	cr_assert(zero(int, memcmp(ends.initiator.remote_static, statics[1].public_key, 32)));
	expect_transport(vector, &ends);
	fini_ends(&ends);
	rudp_x25519_fini(&statics[0]);
	rudp_x25519_fini(&statics[1]);
}

Test(noise, follows_the_published_vectors)
{
	cr_assert(eq(sz, COUNT(noise_vectors), 4));
	cr_assert(eq(sz, COUNT(noise_vectors_static), 16));
	for (size_t i = 0; i < COUNT(noise_vectors); i++)
		expect_vector(&noise_vectors[i]);
	for (size_t i = 0; i < COUNT(noise_vectors_static); i++)
		expect_vector(&noise_vectors_static[i]);
}

Test(noise, any_flipped_bit_is_refused)
{
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	struct ends ends;
	int len;

	start_ends(&ends, RUDP_CIPHER_AES_256_GCM, psk, psk);
	len = rudp_noise_write(&ends.initiator, "hello", 5, message, sizeof message);
	cr_assert(eq(int, len, 5 + RUDP_NOISE_DH_BYTES + RUDP_AEAD_TAG_BYTES));
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

/* The second key is the right one. */
Test(noise, several_keys_cost_one_result_of_es)
{
	static const uint8_t other_psk[32] = {0x8};
	struct rudp_x25519 own_static =
		key_of("0000000000000000000000000000000000000000000000000000000000000001");
	struct rudp_noise_setup setup = {.pattern = RUDP_NOISE_NK,
					 .initiator = true,
					 .cipher = RUDP_CIPHER_AES_256_GCM,
					 .psk = psk,
					 .remote_static = own_static.public_key};
	uint8_t message[MESSAGE_CAP], payload[MESSAGE_CAP];
	const uint8_t *keys[] = {other_psk, psk, psk};
	const int expected[] = {-EBADMSG, 5, -EBADMSG};
	struct rudp_noise_es es = {0};
	struct rudp_noise noise;
	int len;

	cr_assert(zero(int, noise_begin(&noise, &setup, key_a)));
	len = rudp_noise_write(&noise, "hello", 5, message, sizeof message);
	cr_assert(ge(int, len, 5));
	rudp_noise_fini(&noise);
	setup.initiator = false;
	setup.own_static = &own_static;
	for (size_t i = 0; i < COUNT(keys); i++) {
		setup.psk = keys[i];
		rudp_noise_start(&noise, &setup);
		rudp_noise_share_es(&noise, &es);
		es.shared[0] ^= i == 2; /* it is not computed again */
		cr_assert(eq(int,
			     rudp_noise_read(&noise, message, (size_t)len, payload, sizeof payload),
			     expected[i]));
		cr_assert(es.is_known);
		rudp_noise_fini(&noise);
	}
	rudp_x25519_fini(&own_static);
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

Test(noise, different_parameters_do_not_authenticate)
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
		     start_nn(&responder, false, RUDP_CIPHER_CHACHA20_POLY1305, psk, "p", key_b),
		     0));
	cr_assert(eq(int,
		     rudp_noise_read(&responder, message, (size_t)len, payload, sizeof payload),
		     -EBADMSG));
	rudp_noise_fini(&responder);
	cr_assert(
		eq(int, start_nn(&responder, false, RUDP_CIPHER_AES_256_GCM, psk, "q", key_b), 0));
	cr_assert(eq(int,
		     rudp_noise_read(&responder, message, (size_t)len, payload, sizeof payload),
		     -EBADMSG));
	rudp_noise_fini(&responder);
	fini_ends(&ends);
}

Test(noise, messages_out_of_turn_are_refused)
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

/* RFC 7748 section 6.1: such points give an all-zero secret with any private key. */
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

	cr_assert(eq(int, start_nn(&noise, true, RUDP_CIPHER_AES_256_GCM, psk, "p", key_a), 0));
	rudp_noise_fini(&noise);
	noise.message_index = 0;
	for (size_t i = 0; i < sizeof noise; i++)
		cr_assert(eq(u8, bytes[i], 0));
}

/* Runs a whole handshake. Returns its first error, or 0. */
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
	int rc = start_nn(&ends.initiator, true, RUDP_CIPHER_AES_256_GCM, psk, "p", key_a);

	if (rc < 0)
		return rc;
	rc = start_nn(&ends.responder, false, RUDP_CIPHER_AES_256_GCM, psk, "p", key_b);
	if (rc == 0)
		rc = shake_hands(&ends);
	fini_ends(&ends);
	return rc;
}

/* Fails every allocation of a handshake in turn. Returns how many handshakes that ended. */
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

/* The first round fills libcrypto's caches of the thread; after that all memory must be freed. */
Test(noise, any_failed_allocation_ends_the_handshake_without_leak)
{
	cr_assert(eq(int, whole_handshake(), 0));
	cr_assert(ge(uint, fail_each(false), 11));
	cr_assert(ge(uint, fail_each(true), 11));
	crypto_faults_arm(0);
	cr_assert(eq(int, whole_handshake(), 0));
}
