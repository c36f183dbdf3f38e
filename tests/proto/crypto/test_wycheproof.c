/* SPDX-License-Identifier: MIT */
/* Runs the vectors of Wycheproof with both backends; tests/vectors/README.md gives their source. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "proto/crypto/aead_mb.h"
#include "proto/crypto/crypto.h"
#include "vector_backends.h"

#define BYTES_MAX 1024
#define FIELDS_MAX 8

uint8_t vector_nonce[RUDP_AEAD_NONCE_BYTES];

/* One line of a file. */
struct fields {
	unsigned number; /* number of the case in Wycheproof */
	char result[16];
	uint8_t bytes[FIELDS_MAX][BYTES_MAX];
	size_t len[FIELDS_MAX];
};

static void read_fields(struct fields *fields, char *line)
{
	char *rest = line, *word;
	unsigned count = 0;

	fields->number = (unsigned)strtoul(strsep(&rest, " "), NULL, 10);
	snprintf(fields->result, sizeof fields->result, "%s", strsep(&rest, " "));
	while ((word = strsep(&rest, " \n")) && *word && count < FIELDS_MAX) {
		fields->len[count] = strcmp(word, "-") == 0
					     ? 0
					     : hex_read(word, fields->bytes[count], BYTES_MAX);
		count++;
	}
}

/* Runs each case of a file of tests/vectors. Returns their number. */
static unsigned for_each_case(const char *name,
			      void (*run)(const struct fields *fields, const void *of),
			      const void *of)
{
	static struct fields fields;
	char path[64], *line = NULL;
	unsigned count = 0;
	size_t cap = 0;
	FILE *file;

	snprintf(path, sizeof path, "tests/vectors/%s.txt", name);
	file = fopen(path, "r");
	cr_assert(ne(ptr, file, NULL), "%s: %s (tests run in the top directory)", path,
		  strerror(errno));
	while (getline(&line, &cap, file) > 0) {
		if (*line == '#')
			continue;
		read_fields(&fields, line);
		run(&fields, of);
		count++;
	}
	free(line);
	(void)fclose(file);
	return count;
}

/* ---- AEAD ---- */

enum { KEY, NONCE, AAD, MESSAGE, CIPHERTEXT, TAG };

/* ciphertext and tag, as in a packet */
static size_t sealed_of(const struct fields *fields, uint8_t sealed[2 * BYTES_MAX])
{
	memcpy(sealed, fields->bytes[CIPHERTEXT], fields->len[CIPHERTEXT]);
	memcpy(sealed + fields->len[CIPHERTEXT], fields->bytes[TAG], fields->len[TAG]);
	return fields->len[CIPHERTEXT] + fields->len[TAG];
}

static void expect_open(const struct fields *fields, struct rudp_aead *opener)
{
	uint8_t sealed[2 * BYTES_MAX], out[2 * BYTES_MAX];
	size_t len = sealed_of(fields, sealed), i;
	bool is_open =
		rudp_aead_open(opener, 0, fields->bytes[AAD], fields->len[AAD], sealed, len, out);

	cr_assert(eq(int, is_open, strcmp(fields->result, "valid") == 0), "case %u, opened",
		  fields->number);
	for (i = 0; i < fields->len[CIPHERTEXT]; i++)
		cr_assert(eq(u8, out[i], is_open ? fields->bytes[MESSAGE][i] : 0),
			  "case %u, byte %zu", fields->number, i);
}

/* The input is in two pieces, divided at cut. */
static void expect_seal(const struct fields *fields, struct rudp_aead *sealer, size_t cut)
{
	uint8_t sealed[2 * BYTES_MAX], out[2 * BYTES_MAX], message[BYTES_MAX];
	size_t len = sealed_of(fields, sealed);
	struct iovec in[2] = {{message, cut}, {message + cut, fields->len[MESSAGE] - cut}};
	int count = cut < fields->len[MESSAGE] ? 2 : 1;

	memcpy(message, fields->bytes[MESSAGE], fields->len[MESSAGE]);
	cr_assert(
		eq(sz,
		   rudp_aead_seal(sealer, 0, fields->bytes[AAD], fields->len[AAD], in, count, out),
		   len),
		"case %u", fields->number);
	cr_assert(eq(int, memcmp(out, sealed, len), 0), "case %u, sealed, cut at %zu",
		  fields->number, cut);
}

static void run_aead(const struct fields *fields, const void *of)
{
	const enum rudp_cipher *cipher = of;
	struct rudp_aead sealer, opener;
	size_t cut;

	cr_assert(eq(sz, fields->len[KEY], RUDP_KEY_BYTES));
	cr_assert(eq(sz, fields->len[NONCE], RUDP_AEAD_NONCE_BYTES));
	memcpy(vector_nonce, fields->bytes[NONCE], RUDP_AEAD_NONCE_BYTES);
	cr_assert(eq(int, rudp_aead_init(&opener, *cipher, false, fields->bytes[KEY]), 0));
	expect_open(fields, &opener);
	rudp_aead_fini(&opener);
	if (strcmp(fields->result, "valid") != 0)
		return;
	cr_assert(eq(int, rudp_aead_init(&sealer, *cipher, true, fields->bytes[KEY]), 0));
	for (cut = 0; cut <= fields->len[MESSAGE]; cut++)
		expect_seal(fields, &sealer, cut);
	rudp_aead_fini(&sealer);
}

static void run_both_ciphers(const struct rudp_aead_backend *backend)
{
	static const enum rudp_cipher aes = RUDP_CIPHER_AES_256_GCM;
	static const enum rudp_cipher chacha = RUDP_CIPHER_CHACHA20_POLY1305;

	rudp_aead_use(backend);
	cr_assert(eq(uint, for_each_case("aes_256_gcm", run_aead, &aes), 48));
	cr_assert(eq(uint, for_each_case("chacha20_poly1305", run_aead, &chacha), 293));
}

Test(wycheproof, libcrypto_seals_opens_and_refuses)
{
	run_both_ciphers(&vector_libcrypto);
}

Test(wycheproof, ipsec_mb_seals_opens_and_refuses)
{
	void *library = dlopen(RUDP_AEAD_MB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const struct rudp_aead_backend *backend = NULL;
	int error = library ? vector_mb_start(dlsym, library, &backend) : -ENOENT;

	if (!library || error == -ENOSYS || error == -ENOTSUP)
		cr_skip_test("libIPSec_MB is not here: %s", library ? strerror(-error) : dlerror());
	cr_assert(eq(int, error, 0));
	run_both_ciphers(backend);
}

/* ---- X25519 ---- */

enum { PRIVATE, PUBLIC, SHARED };

static void run_x25519(const struct fields *fields, const void *of)
{
	bool is_zero = strcmp(fields->result, "zero") == 0;
	uint8_t shared[RUDP_X25519_BYTES];
	struct rudp_x25519 key;

	(void)of;
	cr_assert(eq(sz, fields->len[PRIVATE], RUDP_X25519_BYTES));
	cr_assert(eq(sz, fields->len[PUBLIC], RUDP_X25519_BYTES));
	cr_assert(eq(int, rudp_x25519_init(&key, fields->bytes[PRIVATE]), 0));
	cr_assert(eq(int, rudp_x25519_shared(&key, fields->bytes[PUBLIC], shared),
		     is_zero ? -EBADMSG : 0),
		  "case %u", fields->number);
	cr_assert(is_zero || memcmp(shared, fields->bytes[SHARED], sizeof shared) == 0, "case %u",
		  fields->number);
	rudp_x25519_fini(&key);
}

Test(wycheproof, x25519_agrees_and_refuses_a_secret_of_zeros)
{
	cr_assert(eq(int, rudp_crypto_start(), 0));
	cr_assert(eq(uint, for_each_case("x25519", run_x25519, NULL), 518));
}
