/* SPDX-License-Identifier: MIT */
/*
 * key_file - one file with a pre-shared key, and with the times between which it is valid.
 *
 * Text     lines; blank ones and those that begin with # mean nothing. One line is the key: 64 hex
 *          digits, or 44 characters of base64. Each of these may be there once, in any order:
 *
 *		not-before 2026-12-01T00:00:00Z    the key is not valid before this second (UTC)
 *		not-after 2027-06-01T00:00:00Z     nor from this second on
 *		revoked                            nor at any time, and its connections end
 *
 * Limits   a file has at most RUDP_KEY_FILE_BYTES_MAX bytes.
 */
#ifndef RUDP_ENGINE_KEY_FILE_H
#define RUDP_ENGINE_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/config/file_stamp.h"

#define RUDP_PSK_BYTES 32
#define RUDP_KEY_TEXT_SIZE 512
#define RUDP_KEY_TIME_SIZE 24 /* "2026-12-01T00:00:00Z" */
#define RUDP_KEY_ID_SIZE 20   /* "xxxx-xxxx-xxxx-xxxx" */
#define RUDP_KEY_FILE_BYTES_MAX 4096

struct rudp_key {
	uint64_t id;             /* its fingerprint; 0: the file is refused */
	uint8_t psk[RUDP_PSK_BYTES];
	int64_t not_before_s;    /* Unix time; INT64_MIN: not said */
	int64_t not_after_s;     /* likewise; INT64_MAX: not said */
	bool is_revoked;
	struct rudp_file_stamp stamp; /* of the file, when it was read */
};

/* Decodes the content of a key file. false: text says the line and column and what was expected. */
bool rudp_key_parse(struct rudp_key *key, const char *content, size_t len, const char *path,
		    char text[RUDP_KEY_TEXT_SIZE]);
/* Opens, checks (private to its owner) and parses a key file. false: as above; the stamp is set. */
bool rudp_key_load(struct rudp_key *key, const char *path, char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Nobody but its owner may read or change it, and that is the process's user or root. false: text says
 * what is wrong.
 */
bool rudp_key_is_private(const struct stat *st, const char *path, char text[RUDP_KEY_TEXT_SIZE]);

/* The fingerprint of a key, which may be shown: 64 bits of HMAC-SHA256 under it. 0: no memory. */
uint64_t rudp_key_id(const uint8_t psk[RUDP_PSK_BYTES]);
const char *rudp_key_id_format(uint64_t id, char text[RUDP_KEY_ID_SIZE]);

/* "2026-12-01T00:00:00Z", as in a key file. parse: false if text is no such time. */
bool rudp_key_time_parse(const char *text, size_t len, int64_t *time_s);
const char *rudp_key_time_format(int64_t time_s, char text[RUDP_KEY_TIME_SIZE]);

#endif
