/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto_faults.h"
#include "hex.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/noise.h"

#define THREADS 4
#define THREAD_STEPS 2000
#define FAULTS_MAX 60

static void expect_hmac(const char *key_hex, const void *data, size_t len, const char *mac_hex,
			size_t mac_len)
{
	uint8_t key[256], mac[32];
	size_t key_len = hex_read(key_hex, key, sizeof key);

	rudp_hmac_sha256(key, key_len, data, len, mac);
	hex_expect(mac, mac_len, mac_hex);
}

#define REPEAT_5(s) s s s s s
#define REPEAT_20(s) REPEAT_5(s) REPEAT_5(s) REPEAT_5(s) REPEAT_5(s)
#define REPEAT_131(s) REPEAT_20(REPEAT_5(s)) REPEAT_20(s) REPEAT_5(s) REPEAT_5(s) s

Test(hmac, agrees_with_rfc_4231)
{
	static const char text_6[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	static const char text_7[] =
		"This is a test using a larger than block-size key and a larger "
		"than block-size data. The key needs to be hashed before being "
		"used by the HMAC algorithm.";
	uint8_t data[50];

	expect_hmac(REPEAT_20("0b"), "Hi There", 8,
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 32);
	expect_hmac("4a656665", "what do ya want for nothing?", 28,
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 32);
	memset(data, 0xdd, sizeof data);
	expect_hmac(REPEAT_20("aa"), data, sizeof data,
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", 32);
	memset(data, 0xcd, sizeof data);
	expect_hmac("0102030405060708090a0b0c0d0e0f10111213141516171819", data, sizeof data,
		    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", 32);
	/* Case 5 is of a MAC cut to 128 bits. */
	expect_hmac(REPEAT_20("0c"), "Test With Truncation", 20, "a3b6167473100ee06e0c796c2955552b",
		    16);
	expect_hmac(REPEAT_131("aa"), text_6, sizeof text_6 - 1,
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 32);
	expect_hmac(REPEAT_131("aa"), text_7, sizeof text_7 - 1,
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", 32);
}

static void expect_shared(const char *scalar_hex, const char *point_hex, const char *shared_hex)
{
	uint8_t scalar[32], point[32], shared[32];
	struct rudp_x25519 key;

	hex_read(scalar_hex, scalar, sizeof scalar);
	hex_read(point_hex, point, sizeof point);
	cr_assert(eq(int, rudp_x25519_init(&key, scalar), 0));
	cr_assert(eq(int, rudp_x25519_shared(&key, point, shared), 0));
	hex_expect(shared, sizeof shared, shared_hex);
	rudp_x25519_fini(&key);
}

static void expect_public(const char *scalar_hex, const char *public_hex)
{
	uint8_t scalar[32];
	struct rudp_x25519 key;

	hex_read(scalar_hex, scalar, sizeof scalar);
	cr_assert(eq(int, rudp_x25519_init(&key, scalar), 0));
	hex_expect(key.public_key, sizeof key.public_key, public_hex);
	rudp_x25519_fini(&key);
}

/* RFC 7748 section 5.2. */
Test(x25519, multiplies_as_published)
{
	expect_shared("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	expect_shared("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		      "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		      "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

/* RFC 7748 section 6.1. */
Test(x25519, alice_and_bob_agree)
{
	static const char alice[] =
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
	static const char alice_public[] =
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
	static const char bob[] =
		"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
	static const char bob_public[] =
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
	static const char both[] =
		"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

	expect_public(alice, alice_public);
	expect_public(bob, bob_public);
	expect_shared(alice, bob_public, both);
	expect_shared(bob, alice_public, both);
}

/* A holder that goes takes nothing from the others. */
Test(x25519, a_shared_key_outlives_its_first_holder)
{
	uint8_t scalar[32] = {1}, before[32], after[32];
	struct rudp_x25519 key, copy;

	cr_assert(eq(int, rudp_x25519_init(&key, scalar), 0));
	cr_assert(eq(int, rudp_x25519_shared(&key, key.public_key, before), 0));
	rudp_x25519_share(&copy, &key);
	rudp_x25519_fini(&key);
	cr_assert(eq(ptr, key.pair, NULL));
	cr_assert(eq(int, rudp_x25519_shared(&copy, copy.public_key, after), 0));
	cr_assert(eq(int, memcmp(before, after, sizeof after), 0));
	rudp_x25519_fini(&copy);
}

static void *hash_many(void *seed)
{
	uint8_t first[32], again[32];

	rudp_hmac_sha256(seed, 4, seed, 4, first);
	for (int i = 0; i < THREAD_STEPS; i++) {
		rudp_hmac_sha256(seed, 4, seed, 4, again);
		if (memcmp(first, again, sizeof first) != 0)
			return seed;
	}
	return NULL;
}

/* The first call of all comes from several threads at once, too. */
Test(crypto, threads_hash_side_by_side)
{
	uint32_t seeds[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];
	void *wrong;

	for (int i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(&threads[i], NULL, hash_many, &seeds[i]), 0));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		cr_assert(eq(ptr, wrong, NULL));
	}
}

Test(crypto, a_digest_takes_no_memory)
{
	uint8_t mac[32], zeros[32] = {0};

	crypto_faults_arm(1);
	rudp_hmac_sha256(zeros, sizeof zeros, "x", 1, mac);
	cr_assert(eq(uint, crypto_faults_count(), 0));
	crypto_faults_arm(0);
}

/* What a start without the nth allocation comes to, in a process of its own. */
static int start_without(unsigned nth)
{
	pid_t child = fork();
	int status;

	cr_assert(ge(int, child, 0));
	if (child == 0) {
		crypto_faults_arm(nth);
		_exit(-rudp_crypto_start());
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(eq(int, WIFEXITED(status), 1), "allocation %u", nth);
	return -WEXITSTATUS(status);
}

Test(crypto, a_start_short_of_memory_says_so)
{
	unsigned failed = 0;

	for (unsigned nth = 1; nth < FAULTS_MAX; nth++) {
		int rc = start_without(nth);

		cr_assert(eq(int, rc == -ENOMEM || rc == 0, 1), "allocation %u", nth);
		failed += rc == -ENOMEM;
	}
	cr_assert(ge(uint, failed, 1));
	cr_assert(eq(int, start_without(0), 0));
}
