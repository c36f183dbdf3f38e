/* SPDX-License-Identifier: MIT */
/*
 * identity - the key pair by which peers know a host or a person: the file with the private key,
 * the text form of public keys, and fingerprints to compare them by eye or on the phone.
 *
 * File         one line "rudp-x25519-private BASE64", besides comments (key_text.h). Only the owner
 *              may read it.
 * Public key   "rudp-x25519 BASE64", and a comment that says whose it is.
 * Source       X25519: RFC 7748. Words: draft-huima-babble-01, "The Bubble Babble Binary Data
 *              Encoding".
 */
#ifndef RUDP_ENGINE_IDENTITY_H
#define RUDP_ENGINE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/config/key_text.h"

#define RUDP_IDENTITY_BYTES RUDP_FILE_KEY_BYTES
#define RUDP_IDENTITY_FILE_BYTES_MAX 4096
#define RUDP_IDENTITY_TYPE "rudp-x25519-private"
#define RUDP_PUBLIC_KEY_TYPE "rudp-x25519"
#define RUDP_EXPECTED_PUBLIC_KEY "expected rudp-x25519 and a key of 44 characters of base64"

#define RUDP_IDENTITY_TEXT_SIZE (sizeof RUDP_IDENTITY_TYPE + RUDP_KEY_BASE64_LEN + 2)
#define RUDP_PUBLIC_KEY_TEXT_SIZE (sizeof RUDP_PUBLIC_KEY_TYPE + RUDP_KEY_BASE64_LEN + 1)
#define RUDP_FINGERPRINT_FULL_SIZE 51  /* "SHA256:" and 43 characters of base64 */
#define RUDP_FINGERPRINT_SHORT_SIZE 20 /* "xxxx-xxxx-xxxx-xxxx" */
#define RUDP_FINGERPRINT_WORDS_SIZE 36 /* six words of five letters */

struct rudp_identity {
	uint8_t private_key[RUDP_IDENTITY_BYTES], public_key[RUDP_IDENTITY_BYTES];
};

/*
 * Computes the public key of a private one.
 *
 * Returns  false: the private key is all zeros, or libcrypto has no memory.
 */
bool rudp_identity_init(struct rudp_identity *identity,
			const uint8_t private_key[RUDP_IDENTITY_BYTES]);
/* Decodes the content of a file. false: text has the line, the column and what was expected. */
bool rudp_identity_parse(struct rudp_identity *identity, const char *content, size_t len,
			 const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/* Reads a file, if it is private to its owner. false: as above, and identity is all zeros. */
bool rudp_identity_load(struct rudp_identity *identity, const char *path,
			char text[RUDP_KEY_TEXT_SIZE]);
/* The line of the file, with its newline. It is secret. Returns text. */
char *rudp_identity_format(const struct rudp_identity *identity,
			   char text[RUDP_IDENTITY_TEXT_SIZE]);
void rudp_identity_wipe(struct rudp_identity *identity);

/*
 * Takes "rudp-x25519 BASE64" off a line of the file at path; what is left is the comment.
 *
 * Returns  false: text says what is wrong. All zeros are no key.
 */
bool rudp_public_key_read(uint8_t key[RUDP_IDENTITY_BYTES], struct rudp_key_line *line,
			  const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/* Decodes a whole text, as that of an id.pub: one line, whose comment is ignored. false: as
 * above. */
bool rudp_public_key_parse(uint8_t key[RUDP_IDENTITY_BYTES], const char *content, size_t len,
			   const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/* "rudp-x25519 BASE64". Returns text. */
char *rudp_public_key_format(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_PUBLIC_KEY_TEXT_SIZE]);

/*
 * Fingerprints of a public key. All begin with the same bits of its SHA-256. Each returns text.
 * - full: all 256 bits, in the form that ssh-keygen(1) prints.
 * - short: the first 80 bits in base32 (RFC 4648, in small letters), to read and compare.
 * - words: the same 80 bits as words that can be spoken, with a checksum.
 */
char *rudp_fingerprint_full(const uint8_t key[RUDP_IDENTITY_BYTES],
			    char text[RUDP_FINGERPRINT_FULL_SIZE]);
char *rudp_fingerprint_short(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_FINGERPRINT_SHORT_SIZE]);
char *rudp_fingerprint_words(const uint8_t key[RUDP_IDENTITY_BYTES],
			     char text[RUDP_FINGERPRINT_WORDS_SIZE]);
/*
 * Encodes an even number of bytes in Bubble Babble: 6 * (len / 2) + 5 characters and a 0. Returns
 * text.
 */
char *rudp_bubble_babble(const uint8_t *bytes, size_t len, char *text);

#endif
