/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "engine/config/aead_choice.h"
#include "hex.h"
#include "proto/crypto/aead.h"
#include "proto/crypto/aead_mb.h"
#include "proto/crypto/crypto.h"

#define PLAIN_MAX_BYTES 4096
#define STEPS 2000

static const enum rudp_cipher ciphers[] = {RUDP_CIPHER_AES_256_GCM, RUDP_CIPHER_CHACHA20_POLY1305};
#define CIPHERS (sizeof ciphers / sizeof *ciphers)

static const struct rudp_aead_backend *backends[2] = {&rudp_aead_libcrypto};
static size_t backend_count = 1;
static char why[RUDP_AEAD_WHY_SIZE];

/* A backend that is not installed cannot be tested. The last test tells when that is allowed. */
static void find_backends(void)
{
	backends[1] = rudp_aead_load_mb(why);
	backend_count = backends[1] ? 2 : 1;
}

TestSuite(aead, .init = find_backends);

static bool use(size_t backend)
{
	if (backend < backend_count)
		rudp_aead_use(backends[backend]);
	return backend < backend_count;
}

#define FOR_EACH_BACKEND(b) for (size_t b = 0; use(b); b++)
/* All pairs of a backend and a cipher. */
#define FOR_EACH_PAIR(i) for (size_t i = 0; use(i / CIPHERS); i++)

static uint64_t prng = 1;

static uint32_t draw(uint32_t below)
{
	prng = prng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(prng >> 33) % below;
}

static void fill(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)draw(256);
}

static void make_pair(struct rudp_aead *sealer, struct rudp_aead *opener, enum rudp_cipher cipher)
{
	uint8_t key[RUDP_KEY_BYTES];

	fill(key, sizeof key);
	cr_assert(eq(int, rudp_aead_init(sealer, cipher, true, key), 0));
	cr_assert(eq(int, rudp_aead_init(opener, cipher, false, key), 0));
}

static void free_pair(struct rudp_aead *sealer, struct rudp_aead *opener)
{
	rudp_aead_fini(sealer);
	rudp_aead_fini(opener);
}

struct vector {
	enum rudp_cipher cipher;
	const char *key, *nonce, *aad, *plain, *sealed;
};

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 16 (256-bit keys). */
static const struct vector gcm_13 = {
	RUDP_CIPHER_AES_256_GCM,
	"0000000000000000000000000000000000000000000000000000000000000000",
	"000000000000000000000000",
	"",
	"",
	"530f8afbc74536b9a963b4f1c4cb738b",
};
static const struct vector gcm_14 = {
	RUDP_CIPHER_AES_256_GCM,
	"0000000000000000000000000000000000000000000000000000000000000000",
	"000000000000000000000000",
	"",
	"00000000000000000000000000000000",
	"cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919",
};
static const struct vector gcm_16 = {
	RUDP_CIPHER_AES_256_GCM,
	"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	"cafebabefacedbaddecaf888",
	"feedfacedeadbeeffeedfacedeadbeefabaddad2",
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	"76fc6ece0f4e1768cddf8853bb2d551b",
};
/* RFC 8439 section 2.8.2. */
static const struct vector chacha_282 = {
	RUDP_CIPHER_CHACHA20_POLY1305,
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	"070000004041424344454647",
	"50515253c0c1c2c3c4c5c6c7",
	"4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	"73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	"6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	"637265656e20776f756c642062652069742e",
	"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	"3ff4def08e4b7a9de576d26586cec64b6116 1ae10b594f09e26a7e902ecbd0600691",
};
/* RFC 8439 appendix A.5; its nonce starts with four zeros, as ours do. */
static const struct vector chacha_a5 = {
	RUDP_CIPHER_CHACHA20_POLY1305,
	"1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
	"000000000102030405060708",
	"f33388860000000000004e91",
	"496e7465726e65742d4472616674732061726520647261667420646f63756d65"
	"6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
	"6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
	"65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
	"6e747320617420616e792074696d652e20497420697320696e617070726f7072"
	"6961746520746f2075736520496e7465726e65742d4472616674732061732072"
	"65666572656e6365206d6174657269616c206f7220746f206369746520746865"
	"6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
	"726573732e2fe2809d",
	"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
	"4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
	"332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
	"9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
	"b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
	"af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
	"0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
	"49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
	"a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38",
};

/* Vectors whose nonce starts with zeros can be tested through the backend interface. */
static void expect_by_backend(const struct vector *vector, uint64_t counter)
{
	uint8_t key[RUDP_KEY_BYTES], aad[64], plain[PLAIN_MAX_BYTES], out[PLAIN_MAX_BYTES];
	size_t aad_len = hex_read(vector->aad, aad, sizeof aad);
	size_t plain_len = hex_read(vector->plain, plain, sizeof plain);
	const struct iovec in = {plain, plain_len};
	struct rudp_aead sealer, opener;
	size_t len;

	hex_read(vector->key, key, sizeof key);
	cr_assert(eq(int, rudp_aead_init(&sealer, vector->cipher, true, key), 0));
	cr_assert(eq(int, rudp_aead_init(&opener, vector->cipher, false, key), 0));
	len = rudp_aead_seal(&sealer, counter, aad, aad_len, &in, 1, out);
	hex_expect(out, len, vector->sealed);
	cr_assert(eq(int, rudp_aead_open(&opener, counter, aad, aad_len, out, len, out), 1));
	hex_expect(out, len - RUDP_AEAD_TAG_BYTES, vector->plain);
	free_pair(&sealer, &opener);
}

/* The other vectors test that the fetched algorithm is the right one. */
static void expect_by_cipher(const struct vector *vector)
{
	uint8_t key[RUDP_KEY_BYTES], nonce[12], aad[64], plain[PLAIN_MAX_BYTES];
	uint8_t out[PLAIN_MAX_BYTES];
	int aad_len = (int)hex_read(vector->aad, aad, sizeof aad);
	int plain_len = (int)hex_read(vector->plain, plain, sizeof plain);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int n;

	cr_assert(eq(int, rudp_crypto_start(), 0));
	hex_read(vector->key, key, sizeof key);
	hex_read(vector->nonce, nonce, sizeof nonce);
	cr_assert(eq(
		int,
		EVP_EncryptInit_ex2(context, rudp_crypto_cipher(vector->cipher), key, nonce, NULL),
		1));
	cr_assert(eq(int, EVP_EncryptUpdate(context, NULL, &n, aad, aad_len), 1));
	cr_assert(eq(int, EVP_EncryptUpdate(context, out, &n, plain, plain_len), 1));
	cr_assert(eq(int, EVP_EncryptFinal_ex(context, out + plain_len, &n), 1));
	cr_assert(eq(int,
		     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, RUDP_AEAD_TAG_BYTES,
					 out + plain_len),
		     1));
	hex_expect(out, (size_t)plain_len + RUDP_AEAD_TAG_BYTES, vector->sealed);
	EVP_CIPHER_CTX_free(context);
}

Test(aead, seals_and_opens_published_vectors)
{
	FOR_EACH_BACKEND(b)
	{
		expect_by_backend(&gcm_13, 0);
		expect_by_backend(&gcm_14, 0);
		expect_by_backend(&chacha_a5, UINT64_C(0x0807060504030201)); /* little endian */
	}
}

Test(aead, fetches_the_ciphers_of_the_published_vectors)
{
	expect_by_cipher(&gcm_13);
	expect_by_cipher(&gcm_14);
	expect_by_cipher(&gcm_16);
	expect_by_cipher(&chacha_282);
	expect_by_cipher(&chacha_a5);
}

/* Cuts plain[0, len) into pieces at random places; some pieces are empty. */
static int cut(struct iovec *pieces, int count, uint8_t *plain, size_t len)
{
	size_t from = 0;

	for (int i = 0; i < count; i++) {
		size_t left = len - from;
		size_t take = i == count - 1 ? left : draw((uint32_t)left + 1);

		if (i < count - 1 && draw(2))
			take = draw(80) < left ? draw(80) : 0;
		if (take > left)
			take = left;
		pieces[i] = (struct iovec){plain + from, take};
		from += take;
	}
	return count;
}

Test(aead, pieces_seal_to_what_the_whole_seals_to)
{
	static uint8_t plain[PLAIN_MAX_BYTES], whole_out[PLAIN_MAX_BYTES + RUDP_AEAD_TAG_BYTES];
	static uint8_t out[sizeof whole_out];
	struct rudp_aead sealer, opener;
	uint8_t aad[13];

	FOR_EACH_PAIR(i)
	{
		make_pair(&sealer, &opener, ciphers[i % CIPHERS]);
		for (int step = 0; step < STEPS; step++) {
			size_t len = draw(draw(2) ? 200 : PLAIN_MAX_BYTES);
			struct iovec whole = {plain, len}, pieces[5];
			int count = 1 + (int)draw(5);
			uint64_t counter = prng;
			size_t sealed, sealed_whole;

			fill(aad, sizeof aad);
			fill(plain, len);
			cut(pieces, count, plain, len);
			sealed_whole = rudp_aead_seal(&sealer, counter, aad, sizeof aad, &whole, 1,
						      whole_out);
			sealed = rudp_aead_seal(&sealer, counter, aad, sizeof aad, pieces, count,
						out);
			cr_assert(eq(sz, sealed, len + RUDP_AEAD_TAG_BYTES));
			cr_assert(eq(sz, sealed_whole, sealed));
			cr_assert(eq(int, memcmp(out, whole_out, sealed), 0));
			cr_assert(eq(
				int,
				rudp_aead_open(&opener, counter, aad, sizeof aad, out, sealed, out),
				1));
			cr_assert(eq(int, memcmp(out, plain, len), 0));
		}
		free_pair(&sealer, &opener);
	}
}

Test(aead, pieces_may_already_be_in_the_output_buffer)
{
	static uint8_t plain[PLAIN_MAX_BYTES], expected[PLAIN_MAX_BYTES + RUDP_AEAD_TAG_BYTES];
	static uint8_t out[sizeof expected];
	struct rudp_aead sealer, opener;

	FOR_EACH_PAIR(i)
	{
		make_pair(&sealer, &opener, ciphers[i % CIPHERS]);
		for (int step = 0; step < STEPS; step++) {
			size_t len = 1 + draw(1400);
			struct iovec pieces[4];
			size_t at = 0;

			fill(plain, len);
			cut(pieces, 4, plain, len);
			rudp_aead_seal(&sealer, 9, NULL, 0, pieces, 4, expected);
			for (int piece = 0; piece < 4; piece++) {
				if (draw(2)) {
					memcpy(out + at, pieces[piece].iov_base,
					       pieces[piece].iov_len);
					pieces[piece].iov_base = out + at;
				}
				at += pieces[piece].iov_len;
			}
			rudp_aead_seal(&sealer, 9, NULL, 0, pieces, 4, out);
			cr_assert(eq(int, memcmp(out, expected, len + RUDP_AEAD_TAG_BYTES), 0));
		}
		free_pair(&sealer, &opener);
	}
}

Test(aead, any_flipped_bit_is_refused_and_leaves_zeros)
{
	uint8_t plain[40], aad[13], sealed[56], bad[56], out[40], zeros[40] = {0};
	const struct iovec in = {plain, sizeof plain};
	struct rudp_aead sealer, opener;

	FOR_EACH_PAIR(i)
	{
		make_pair(&sealer, &opener, ciphers[i % CIPHERS]);
		fill(plain, sizeof plain);
		fill(aad, sizeof aad);
		rudp_aead_seal(&sealer, 5, aad, sizeof aad, &in, 1, sealed);
		for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
			memcpy(bad, sealed, sizeof bad);
			bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xaa, sizeof out);
			cr_assert(eq(
				int,
				rudp_aead_open(&opener, 5, aad, sizeof aad, bad, sizeof bad, out),
				0));
			cr_assert(eq(int, memcmp(out, zeros, sizeof out), 0));
		}
		for (size_t bit = 0; bit < 8 * sizeof aad; bit++) {
			aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			cr_assert(eq(int,
				     rudp_aead_open(&opener, 5, aad, sizeof aad, sealed,
						    sizeof sealed, out),
				     0));
			aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		cr_assert(
			eq(int,
			   rudp_aead_open(&opener, 6, aad, sizeof aad, sealed, sizeof sealed, out),
			   0));
		cr_assert(
			eq(int,
			   rudp_aead_open(&opener, 5, aad, sizeof aad, sealed, sizeof sealed, out),
			   1));
		free_pair(&sealer, &opener);
	}
}

Test(aead, input_shorter_than_a_tag_is_refused)
{
	uint8_t bytes[RUDP_AEAD_TAG_BYTES] = {0}, out[1] = {7};
	struct rudp_aead sealer, opener;

	make_pair(&sealer, &opener, RUDP_CIPHER_AES_256_GCM);
	for (size_t len = 0; len < sizeof bytes; len++)
		cr_assert(eq(int, rudp_aead_open(&opener, 0, NULL, 0, bytes, len, out), 0));
	cr_assert(eq(u8, out[0], 7));
	free_pair(&sealer, &opener);
}

Test(aead, next_key_is_rekey_of_noise_in_both_directions)
{
	uint8_t zeros[RUDP_KEY_BYTES] = {0}, sealed[RUDP_KEY_BYTES + RUDP_AEAD_TAG_BYTES];
	uint8_t by_sealer[RUDP_KEY_BYTES], by_opener[RUDP_KEY_BYTES];
	const struct iovec in = {zeros, sizeof zeros};
	struct rudp_aead sealer, opener;

	FOR_EACH_PAIR(i)
	{
		make_pair(&sealer, &opener, ciphers[i % CIPHERS]);
		rudp_aead_seal(&sealer, UINT64_MAX, NULL, 0, &in, 1, sealed);
		rudp_aead_next_key(&sealer, by_sealer);
		rudp_aead_next_key(&opener, by_opener);
		cr_assert(eq(int, memcmp(by_sealer, sealed, sizeof by_sealer), 0));
		cr_assert(eq(int, memcmp(by_opener, sealed, sizeof by_opener), 0));

		/*
		 * Neither call affects packets before and after it, and a new key takes effect at
		 * once.
		 */
		rudp_aead_seal(&sealer, 1, NULL, 0, &in, 1, sealed);
		rudp_aead_set_key(&opener, by_opener);
		cr_assert(eq(int,
			     rudp_aead_open(&opener, 1, NULL, 0, sealed, sizeof sealed, by_sealer),
			     0));
		rudp_aead_set_key(&sealer, by_opener);
		rudp_aead_seal(&sealer, 1, NULL, 0, &in, 1, sealed);
		cr_assert(eq(int,
			     rudp_aead_open(&opener, 1, NULL, 0, sealed, sizeof sealed, by_sealer),
			     1));
		free_pair(&sealer, &opener);
	}
}

static struct rudp_aead made_by(size_t backend, enum rudp_cipher cipher, bool sealing,
				const uint8_t key[RUDP_KEY_BYTES])
{
	struct rudp_aead aead;

	cr_assert(use(backend));
	cr_assert(eq(int, rudp_aead_init(&aead, cipher, sealing, key), 0));
	return aead;
}

Test(aead, packets_sealed_by_one_backend_open_with_every_other)
{
	static uint8_t plain[65507], out[sizeof plain + RUDP_AEAD_TAG_BYTES];
	static const size_t longest[] = {100, 1500, 9000, sizeof plain};
	uint8_t key[RUDP_KEY_BYTES], aad[13];

	fill(plain, sizeof plain);
	for (size_t i = 0; i < backend_count * backend_count * CIPHERS; i++) {
		enum rudp_cipher cipher = ciphers[i % CIPHERS];
		struct rudp_aead sealer, opener;

		fill(key, sizeof key);
		fill(aad, sizeof aad);
		sealer = made_by(i / CIPHERS % backend_count, cipher, true, key);
		opener = made_by(i / CIPHERS / backend_count, cipher, false, key);
		for (int step = 0; step < 400; step++) {
			size_t len = draw((uint32_t)longest[draw(4)]), sealed;
			struct iovec pieces[5];
			int count = cut(pieces, 1 + (int)draw(5), plain, len);

			sealed = rudp_aead_seal(&sealer, prng, aad, sizeof aad, pieces, count, out);
			cr_assert(eq(sz, sealed, len + RUDP_AEAD_TAG_BYTES));
			cr_assert(rudp_aead_open(&opener, prng, aad, sizeof aad, out, sealed, out));
			cr_assert(zero(int, memcmp(out, plain, len)));
		}
		free_pair(&sealer, &opener);
	}
}

static size_t seal_wrongly(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad,
			   size_t aad_len, const struct iovec *in, int in_count, uint8_t *out)
{
	size_t len = rudp_aead_libcrypto.seal(aead, counter, aad, aad_len, in, in_count, out);

	if (len > 1000)
		out[999] ^= 1;
	return len;
}

static bool open_anything(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad,
			  size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	rudp_aead_libcrypto.open(aead, counter, aad, aad_len, in, len, out);
	return true;
}

Test(aead, a_backend_with_a_fault_fails_its_self_test)
{
	struct rudp_aead_backend faulty = rudp_aead_libcrypto;

	for (size_t b = 0; b < backend_count; b++)
		cr_assert(rudp_aead_agrees(backends[b]));
	faulty.seal = seal_wrongly;
	cr_assert(not(rudp_aead_agrees(&faulty)));
	faulty = rudp_aead_libcrypto;
	faulty.open = open_anything;
	cr_assert(not(rudp_aead_agrees(&faulty)));
}

/*
 * Also proves that the tests above ran with it: the header and the library come in the same
 * package.
 */
Test(aead, libipsec_mb_is_loaded_where_its_header_was)
{
#if defined(__has_include) && __has_include(<intel-ipsec-mb.h>)
	cr_assert(eq(sz, backend_count, 2), "%s", why);
	cr_assert(eq(int, backends[1]->kind, RUDP_AEAD_IPSEC_MB));
#else
	cr_assert(eq(sz, backend_count, 1));
	cr_assert(ne(ptr, strstr(why, "is not used"), NULL), "%s", why);
#endif
}

#if defined(__has_include) && __has_include(<intel-ipsec-mb.h>)
static unsigned strange_version(void)
{
	return 0x90900;
}

/* A library in which one function is missing, or whose version differs. */
static void *find_in_part(void *library, const char *name)
{
	union {
		unsigned (*function)(void);
		void *object;
	} version = {strange_version};

	return library && strcmp(name, library) == 0 ? NULL : version.object;
}

Test(aead, a_library_of_another_version_than_the_header_is_refused)
{
	const struct rudp_aead_backend *backend = NULL;
	char missing[] = "free_mb_mgr";

	cr_assert(eq(int, rudp_aead_mb_start(find_in_part, missing, &backend), -ENOENT));
	cr_assert(eq(int, rudp_aead_mb_start(find_in_part, NULL, &backend), -EPROTO));
	cr_assert(eq(ptr, (void *)backend, NULL));
}
#endif

Test(aead, the_choice_follows_the_setting_and_falls_back)
{
	rudp_aead_choose(RUDP_AEAD_LIBCRYPTO);
	cr_assert(eq(int, rudp_aead_used()->kind, RUDP_AEAD_LIBCRYPTO));
	rudp_aead_choose(RUDP_AEAD_NONE);
	cr_assert(eq(int, rudp_aead_used()->kind, backends[backend_count - 1]->kind));
	rudp_aead_choose(RUDP_AEAD_IPSEC_MB);
	cr_assert(eq(int, rudp_aead_used()->kind, backends[backend_count - 1]->kind));
}
