/* SPDX-License-Identifier: MIT */
/*
 * key_file - reads a file with a pre-shared key and the time in which it is valid.
 *
 * Text     lines; empty ones and those that begin with # are ignored. One line is the key: 64 hex
 *          digits, or 44 characters of base64. Each of these lines may occur once, in any order:
 *
 *	not-before 2026-12-01T00:00:00Z    the key is not valid before this second (UTC)
 *	not-after 2027-06-01T00:00:00Z     nor from this second on
 *	revoked                            nor at any time, and its connections end
 *
 * Limits   a file has at most RUDP_KEY_FILE_BYTES_MAX bytes.
 */
#ifndef RUDP_ENGINE_KEY_FILE_H
#define RUDP_ENGINE_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/config/file_stamp.h"
#include "engine/config/key_text.h"

#define RUDP_PSK_BYTES RUDP_FILE_KEY_BYTES
#define RUDP_KEY_TIME_SIZE 24 /* "2026-12-01T00:00:00Z" */
#define RUDP_KEY_ID_SIZE 20   /* "xxxx-xxxx-xxxx-xxxx" */
#define RUDP_KEY_FILE_BYTES_MAX 4096

struct rudp_key {
	uint64_t id; /* fingerprint of the key; 0: the file is refused */
	uint8_t psk[RUDP_PSK_BYTES];
	int64_t not_before_s; /* Unix time; INT64_MIN: no limit */
	int64_t not_after_s;  /* Unix time; INT64_MAX: no limit */
	bool is_revoked;
	struct rudp_file_stamp stamp; /* of the file when it was read */
};

/* Decodes the content of a key file. false: text has the line, the column and what was expected. */
bool rudp_key_parse(struct rudp_key *key, const char *content, size_t len, const char *path,
		    char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Opens and parses a key file, if it is private to its owner. Sets the stamp in any case. false: as
 * above.
 */
bool rudp_key_load(struct rudp_key *key, const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Only the owner may read or change it, and the owner is the process's user or root. false: text
 * says what is wrong.
 */
bool rudp_key_is_private(const struct stat *st, const char *path, char text[RUDP_KEY_TEXT_SIZE]);

/* The fingerprint of a key, which is not secret: 64 bits of HMAC-SHA256 with this key. 0: no
 * memory. */
uint64_t rudp_key_id(const uint8_t psk[RUDP_PSK_BYTES]);
const char *rudp_key_id_format(uint64_t id, char text[RUDP_KEY_ID_SIZE]);

/* Times as "2026-12-01T00:00:00Z". parse: false if text is no valid time. */
bool rudp_key_time_parse(const char *text, size_t len, int64_t *time_s);
const char *rudp_key_time_format(int64_t time_s, char text[RUDP_KEY_TIME_SIZE]);

#endif
