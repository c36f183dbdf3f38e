/* SPDX-License-Identifier: MIT */
/*
 * scram - SASL SCRAM-SHA-256: the keys that a server keeps, and the messages of both sides.
 *
 * A client proves that it knows the password without sending it, and learns whether the server
 * knows it, too.
 *
 * Source   RFC 5802 (messages), RFC 7677 (SHA-256), RFC 5803 (the keys as text). There is no
 *          channel binding.
 * Text     Passwords and names are taken as they are: SASLprep (RFC 4013), which would change no
 *          ASCII, is not applied.
 * Input    Messages are decoded from base64 already, and end with a 0. Those of a peer are not
 *          trusted.
 */
#ifndef APO_SCRAM_H
#define APO_SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APO_SCRAM_NAME "SCRAM-SHA-256"
#define APO_SASL_PIECE_BYTES 400 /* of AUTHENTICATE (IRCv3 sasl); a shorter piece is the last one */
/* The work takes server and client about a tenth of a second, as the argon2id hash does. */
#define APO_SCRAM_ITERATIONS 200000u
#define APO_SCRAM_ITERATIONS_MIN 4096u    /* RFC 7677: a client refuses fewer */
#define APO_SCRAM_ITERATIONS_MAX 2000000u /* more would let a server keep a client busy */
#define APO_SCRAM_HASH_BYTES 32
#define APO_SCRAM_SALT_BYTES 16
#define APO_SCRAM_NONCE_SIZE 33 /* ours, as text: 24 random bytes in base64 */

/* The secret of an account, kept in place of its password: an argon2id hash, and after
 * APO_SCRAM_SEPARATOR the keys of SCRAM, if it has any. */
#define APO_HASH_SIZE 128
#define APO_SCRAM_SEPARATOR ';'
#define APO_SECRET_SIZE 320
#define APO_SCRAM_KEYS_SIZE 160

struct apo_scram_keys {
	uint32_t iterations;
	uint8_t salt[APO_SCRAM_SALT_BYTES];
	uint8_t stored_key[APO_SCRAM_HASH_BYTES], server_key[APO_SCRAM_HASH_BYTES];
};

/* Computes the keys of a password; salt and iterations are set. Takes long. */
void apo_scram_make_keys(struct apo_scram_keys *keys, const char *password, size_t len);
void apo_scram_write_keys(const struct apo_scram_keys *keys, char text[APO_SCRAM_KEYS_SIZE]);
/* Returns false if the text is not what apo_scram_write_keys writes. */
bool apo_scram_read_keys(struct apo_scram_keys *keys, const char *text);

/* The keys in the secret of an account; NULL: it has none. */
const char *apo_secret_keys(const char *secret);
/* Returns whether both secrets have the same password hash, with or without keys. */
bool apo_secret_is_same_hash(const char *a, const char *b);
/* Returns whether the part after the hash is valid. */
bool apo_secret_is_valid(const char *secret);

/* ---- the server ---- */

#define APO_SCRAM_NAME_SIZE 64 /* of the account, with a 0 */
#define APO_SCRAM_MESSAGE_BYTES_MAX 512

/* One login. */
struct apo_scram {
	char header[APO_SCRAM_NAME_SIZE * 3]; /* gs2-header */
	char user[APO_SCRAM_NAME_SIZE];
	char nonce[APO_SCRAM_MESSAGE_BYTES_MAX + APO_SCRAM_NONCE_SIZE];
	/* client-first-message-bare "," server-first-message */
	char messages[APO_SCRAM_MESSAGE_BYTES_MAX * 3];
};

/* Reads client-first-message. Returns NULL, or the reason why it is refused: a
 * server-error-value. */
const char *apo_scram_on_first(struct apo_scram *scram, const char *text, size_t len);
/* Returns server-first-message, a part of scram. our_nonce: base64. */
const char *apo_scram_challenge(struct apo_scram *scram, const char *our_nonce,
				const struct apo_scram_keys *keys);
/* Reads client-final-message. Returns NULL if the proof is right, and server-final-message in
 * answer; else as above. */
#define APO_SCRAM_FINAL_SIZE 47
const char *apo_scram_on_final(const struct apo_scram *scram, const struct apo_scram_keys *keys,
			       const char *text, size_t len, char answer[APO_SCRAM_FINAL_SIZE]);

/* ---- the client ---- */

struct apo_scram_client {
	/* client-first-message-bare; after the challenge with "," server-first-message */
	char messages[APO_SCRAM_MESSAGE_BYTES_MAX * 3];
	char nonce[APO_SCRAM_NONCE_SIZE];
	char final[APO_SCRAM_FINAL_SIZE]; /* server-final-message of a server that knows it */
};

/* Writes client-first-message. nonce: base64. Returns false if the name or the nonce is too
 * long. */
#define APO_SCRAM_CLIENT_HEADER "n,,"
bool apo_scram_begin(struct apo_scram_client *client, const char *user, const char *nonce,
		     char first[APO_SCRAM_MESSAGE_BYTES_MAX]);
/* Reads server-first-message and writes client-final-message. Takes long. Returns false if the
 * message is not valid, or asks for too little or too much work. */
bool apo_scram_answer(struct apo_scram_client *client, const char *password, const char *text,
		      char final[APO_SCRAM_MESSAGE_BYTES_MAX * 2]);
/* Returns whether the server knows the password. text: server-final-message. */
bool apo_scram_is_server_right(const struct apo_scram_client *client, const char *text);

#endif
