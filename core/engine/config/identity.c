/* SPDX-License-Identifier: MIT */
#include "engine/config/identity.h"

#include <stdio.h>
#include <string.h>

#include "proto/crypto/crypto.h"

_Static_assert(RUDP_X25519_BYTES == RUDP_IDENTITY_BYTES, "an identity is an X25519 key");

#define SHORT_BITS 80
#define BASE32_BITS 5
#define GROUP_LEN 4
#define EXPECTED_IDENTITY                                                                          \
	"expected the line rudp-x25519-private and 44 characters of base64, as 'rudp key new' "    \
	"writes it"

bool rudp_identity_init(struct rudp_identity *identity,
			const uint8_t private_key[RUDP_IDENTITY_BYTES])
{
	struct rudp_x25519 pair = {.pair = NULL};
	bool ok = !rudp_key_is_zero(private_key) && rudp_crypto_start() == 0 &&
		  rudp_x25519_init(&pair, private_key) == 0;

	if (ok) {
		memmove(identity->private_key, private_key, sizeof identity->private_key);
		memcpy(identity->public_key, pair.public_key, sizeof identity->public_key);
		rudp_x25519_fini(&pair);
	}
	return ok;
}

void rudp_identity_wipe(struct rudp_identity *identity)
{
	explicit_bzero(identity, sizeof *identity);
}

/* Takes the key off the line, which comes after its type. */
static bool read_key(uint8_t key[RUDP_FILE_KEY_BYTES], struct rudp_key_line *line, const char *path,
		     const char *expected, char *text)
{
	struct rudp_key_word word = rudp_key_word_next(line);
	size_t good;

	if (word.len != RUDP_KEY_BASE64_LEN)
		return rudp_key_fault_at(text, path, line->number, word.column,
					 word.len == 0                    ? "the key is missing"
					 : word.len < RUDP_KEY_BASE64_LEN ? "too short for a key"
									  : "too long for a key",
					 expected);
	good = rudp_key_from_base64(key, word.start);
	if (good < word.len)
		return rudp_key_fault_at(text, path, line->number, word.column + good,
					 "invalid character", expected);
	if (rudp_key_is_zero(key))
		return rudp_key_fault_at(text, path, line->number, word.column,
					 "all zeros are no key", expected);
	return true;
}

static bool read_private_key(uint8_t key[RUDP_FILE_KEY_BYTES], struct rudp_key_line *line,
			     const char *path, char *text)
{
	struct rudp_key_word type = rudp_key_word_next(line);

	if (!rudp_key_word_is(&type, RUDP_IDENTITY_TYPE))
		return rudp_key_fault_at(text, path, line->number, type.column,
					 rudp_key_word_is(&type, RUDP_PUBLIC_KEY_TYPE)
						 ? "this is a public key"
						 : "this is no private key",
					 EXPECTED_IDENTITY);
	if (!read_key(key, line, path, EXPECTED_IDENTITY, text))
		return false;
	return line->len == 0 ||
	       rudp_key_fault_at(text, path, line->number, line->column,
				 "there is more after the key", EXPECTED_IDENTITY);
}

bool rudp_identity_parse(struct rudp_identity *identity, const char *content, size_t len,
			 const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_key_line line = {.number = 0};
	const char *at = content, *end = content + len;
	uint8_t key[RUDP_FILE_KEY_BYTES];
	bool ok;

	memset(identity, 0, sizeof *identity);
	if (!rudp_key_line_next(&at, end, &line))
		return rudp_key_fault_at(text, path, 1, 1, "there is no key in the file",
					 EXPECTED_IDENTITY);
	ok = read_private_key(key, &line, path, text);
	if (ok && rudp_key_line_next(&at, end, &line))
		ok = rudp_key_fault_at(text, path, line.number, line.column,
				       "there is more than one line", EXPECTED_IDENTITY);
	if (ok && !rudp_identity_init(identity, key)) {
		snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: libcrypto cannot use the key", path);
		ok = false;
	}
	explicit_bzero(key, sizeof key);
	return ok;
}

bool rudp_identity_load(struct rudp_identity *identity, const char *path,
			char text[RUDP_KEY_TEXT_SIZE])
{
	char *content;
	size_t len;
	bool ok;

	memset(identity, 0, sizeof *identity);
	if (rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_SECRET,
				  RUDP_IDENTITY_FILE_BYTES_MAX, NULL, text) < 0)
		return false;
	ok = rudp_identity_parse(identity, content, len, path, text);
	rudp_key_content_free(content, len);
	return ok;
}

char *rudp_identity_format(const struct rudp_identity *identity, char text[RUDP_IDENTITY_TEXT_SIZE])
{
	char *at = stpcpy(text, RUDP_IDENTITY_TYPE " ");

	strcpy(rudp_key_to_base64(identity->private_key, at) + RUDP_KEY_BASE64_LEN, "\n");
	return text;
}

bool rudp_public_key_read(uint8_t key[RUDP_IDENTITY_BYTES], struct rudp_key_line *line,
			  const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_key_word type = rudp_key_word_next(line);

	if (!rudp_key_word_is(&type, RUDP_PUBLIC_KEY_TYPE))
		return rudp_key_fault_at(
			text, path, line->number, type.column,
			type.len == 0 ? "the key is missing"
			: rudp_key_word_is(&type, RUDP_IDENTITY_TYPE)
				? "this is a private key, which must not be given away"
				: "this is no public key",
			RUDP_EXPECTED_PUBLIC_KEY);
	return read_key(key, line, path, RUDP_EXPECTED_PUBLIC_KEY, text);
}

bool rudp_public_key_parse(uint8_t key[RUDP_IDENTITY_BYTES], const char *content, size_t len,
			   const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_key_line line = {.number = 0};
	const char *at = content, *end = content + len;

	if (!rudp_key_line_next(&at, end, &line))
		return rudp_key_fault_at(text, path, 1, 1, "there is no key",
					 RUDP_EXPECTED_PUBLIC_KEY);
	if (!rudp_public_key_read(key, &line, path, text))
		return false;
	return !rudp_key_line_next(&at, end, &line) ||
	       rudp_key_fault_at(text, path, line.number, line.column,
				 "there is more than one line", RUDP_EXPECTED_PUBLIC_KEY);
}

char *rudp_public_key_format(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_PUBLIC_KEY_TEXT_SIZE])
{
	rudp_key_to_base64(key, stpcpy(text, RUDP_PUBLIC_KEY_TYPE " "));
	return text;
}

static void digest_of(const uint8_t key[RUDP_IDENTITY_BYTES], uint8_t digest[RUDP_SHA256_BYTES])
{
	const struct iovec whole = {(void *)key, RUDP_IDENTITY_BYTES};

	rudp_sha256(&whole, 1, digest);
}

char *rudp_fingerprint_full(const uint8_t key[RUDP_IDENTITY_BYTES],
			    char text[RUDP_FINGERPRINT_FULL_SIZE])
{
	uint8_t digest[RUDP_SHA256_BYTES];
	char base64[RUDP_KEY_BASE64_LEN + 1];

	digest_of(key, digest);
	snprintf(text, RUDP_FINGERPRINT_FULL_SIZE, "SHA256:%.43s",
		 rudp_key_to_base64(digest, base64));
	return text;
}

char *rudp_fingerprint_short(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_FINGERPRINT_SHORT_SIZE])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t digest[RUDP_SHA256_BYTES];
	uint32_t bits = 0;
	unsigned have = 0, in = 0;
	char *out = text;

	digest_of(key, digest);
	for (unsigned i = 0; i < SHORT_BITS / BASE32_BITS; i++) {
		if (have < BASE32_BITS) {
			bits = bits << 8 | digest[in++];
			have += 8;
		}
		have -= BASE32_BITS;
		if (i > 0 && i % GROUP_LEN == 0)
			*out++ = '-';
		*out++ = digits[bits >> have & 31];
	}
	*out = 0;
	return text;
}

char *rudp_bubble_babble(const uint8_t *bytes, size_t len, char *text)
{
	static const char vowels[] = "aeiouy", consonants[] = "bcdfghklmnprstvzx";
	unsigned checksum = 1;
	char *out = text;

	*out++ = 'x';
	for (size_t i = 0; i + 1 < len; i += 2) {
		*out++ = vowels[((bytes[i] >> 6) + checksum) % 6];
		*out++ = consonants[bytes[i] >> 2 & 15];
		*out++ = vowels[((bytes[i] & 3) + checksum / 6) % 6];
		*out++ = consonants[bytes[i + 1] >> 4];
		*out++ = '-';
		*out++ = consonants[bytes[i + 1] & 15];
		checksum = (checksum * 5 + bytes[i] * 7u + bytes[i + 1]) % 36;
	}
	*out++ = vowels[checksum % 6];
	*out++ = 'x';
	*out++ = vowels[checksum / 6];
	*out++ = 'x';
	*out = 0;
	return text;
}

char *rudp_fingerprint_words(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_FINGERPRINT_WORDS_SIZE])
{
	uint8_t digest[RUDP_SHA256_BYTES];

	digest_of(key, digest);
	return rudp_bubble_babble(digest, SHORT_BITS / 8, text);
}
