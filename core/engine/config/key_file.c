/* SPDX-License-Identifier: MIT */
#include "engine/config/key_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define HEX_DIGITS (2 * RUDP_PSK_BYTES)
#define TIME_CHARACTERS 20
#define EXPECTED_KEY "expected 64 hex digits or 44 characters of base64, alone on their line"
#define EXPECTED_TIME "expected a time in UTC, as 2026-12-01T00:00:00Z"
#define EXPECTED_WORD "expected not-before TIME, not-after TIME, revoked or the key"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Returns the index of the first wrong character, or the length. */
static size_t decode_hex(uint8_t psk[RUDP_PSK_BYTES], const char *digits)
{
	for (size_t i = 0; i < HEX_DIGITS; i++) {
		int value = hex_value(digits[i]);

		if (value < 0)
			return i;
		psk[i / 2] = (uint8_t)(i % 2 ? psk[i / 2] | value : value << 4);
	}
	return HEX_DIGITS;
}

/* The state of parsing; line is where a fault is reported. */
struct reading {
	struct rudp_key *key;
	const char *path;
	char *text;
	struct rudp_key_line line;
	bool has_key, has_not_before, has_not_after;
};

static bool fault_at(struct reading *r, size_t index, const char *what, const char *expected)
{
	snprintf(r->text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s:%u:%zu: %s; %s", r->path,
		 r->line.number ? r->line.number : 1, r->line.column + index, what, expected);
	return false;
}

static bool fault(char *text, const char *path, const char *what)
{
	snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: %s", path, what);
	return false;
}

bool rudp_key_time_parse(const char *text, size_t len, int64_t *time_s)
{
	char copy[TIME_CHARACTERS + 1] = "", again[RUDP_KEY_TIME_SIZE];
	struct tm tm = {0};

	if (len != TIME_CHARACTERS)
		return false;
	memcpy(copy, text, len);
	if (!strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return false;
	*time_s = timegm(&tm);
	/* Formatting again finds days that do not exist (31 June) and other texts for the same
	 * time. */
	return strcmp(rudp_key_time_format(*time_s, again), copy) == 0;
}

const char *rudp_key_time_format(int64_t time_s, char text[RUDP_KEY_TIME_SIZE])
{
	time_t time = time_s;
	struct tm tm;

	text[0] = 0;
	if (gmtime_r(&time, &tm))
		strftime(text, RUDP_KEY_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

uint64_t rudp_key_id(const uint8_t psk[RUDP_PSK_BYTES])
{
	/*
	 * A label of its own: the fingerprint must reveal nothing about other uses of the key in
	 * the protocol.
	 */
	static const char label[] = "rudp key fingerprint, version 1";
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint64_t id = 0;

	if (!HMAC(EVP_sha256(), psk, RUDP_PSK_BYTES, (const uint8_t *)label, sizeof label - 1,
		  digest, NULL))
		return 0;
	for (size_t i = 0; i < sizeof id; i++)
		id = id << 8 | digest[i];
	return id;
}

const char *rudp_key_id_format(uint64_t id, char text[RUDP_KEY_ID_SIZE])
{
	snprintf(text, RUDP_KEY_ID_SIZE, "%04x-%04x-%04x-%04x", (unsigned)(id >> 48),
		 (unsigned)(id >> 32 & 0xffff), (unsigned)(id >> 16 & 0xffff),
		 (unsigned)(id & 0xffff));
	return text;
}

static bool read_key(struct reading *r)
{
	size_t good;

	if (r->has_key)
		return fault_at(r, 0, "there is more than one key", EXPECTED_KEY);
	if (r->line.len == HEX_DIGITS)
		good = decode_hex(r->key->psk, r->line.start);
	else if (r->line.len == RUDP_KEY_BASE64_LEN)
		good = rudp_key_from_base64(r->key->psk, r->line.start);
	else
		return fault_at(r, 0,
				r->line.len < HEX_DIGITS ? "too short for a key"
							 : "too long for a key",
				EXPECTED_KEY);
	if (good < r->line.len)
		return fault_at(r, good, "invalid character", EXPECTED_KEY);
	if (rudp_key_is_zero(r->key->psk))
		return fault(r->text, r->path,
			     "is all zeros, which is no secret; make a key with rudp keygen");
	r->has_key = true;
	return true;
}

/* The value of a line that begins with word and a blank; NULL: it does not. */
static const char *value_of(const struct rudp_key_line *line, const char *word)
{
	size_t len = strlen(word);
	const char *value = line->start + len;

	if (line->len <= len || strncmp(line->start, word, len) != 0 || !rudp_key_is_blank(*value))
		return NULL;
	while (rudp_key_is_blank(*value)) /* a line does not end with a blank */
		value++;
	return value;
}

static bool read_time(struct reading *r, const char *value, bool *has, int64_t *time_s)
{
	size_t at = (size_t)(value - r->line.start);

	if (*has)
		return fault_at(r, 0, "this line occurs twice", EXPECTED_WORD);
	*has = true;
	if (!rudp_key_time_parse(value, r->line.len - at, time_s))
		return fault_at(r, at, "not a valid time", EXPECTED_TIME);
	return true;
}

static bool read_line(struct reading *r)
{
	static const char revoked[] = "revoked";
	const struct rudp_key_line *line = &r->line;
	const char *value;

	if (line->len == sizeof revoked - 1 && strncmp(line->start, revoked, line->len) == 0) {
		r->key->is_revoked = true;
		return true;
	}
	if ((value = value_of(line, "not-before")))
		return read_time(r, value, &r->has_not_before, &r->key->not_before_s);
	if ((value = value_of(line, "not-after")))
		return read_time(r, value, &r->has_not_after, &r->key->not_after_s);
	if (memchr(line->start, ' ', line->len) || memchr(line->start, '\t', line->len))
		return fault_at(r, 0, "unknown line", EXPECTED_WORD);
	return read_key(r);
}

bool rudp_key_parse(struct rudp_key *key, const char *content, size_t len, const char *path,
		    char text[RUDP_KEY_TEXT_SIZE])
{
	struct reading r = {.key = key, .path = path, .text = text, .line.column = 1};
	const char *at = content, *end = content + len;

	key->id = 0;
	key->not_before_s = INT64_MIN;
	key->not_after_s = INT64_MAX;
	key->is_revoked = false;
	while (rudp_key_line_next(&at, end, &r.line))
		if (!read_line(&r))
			return false;
	if (!r.has_key) {
		r.line.number = r.line.column = 1;
		return fault_at(&r, 0, "there is no key in the file", EXPECTED_KEY);
	}
	if (key->not_before_s >= key->not_after_s)
		return fault(text, path,
			     "is never valid: its not-after is not later than its not-before");
	key->id = rudp_key_id(key->psk);
	return key->id ? true : fault(text, path, "libcrypto cannot compute HMAC-SHA256");
}

bool rudp_key_is_private(const struct stat *st, const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	const char *what = rudp_key_exposure(st);

	return what ? fault(text, path, what) : true;
}

bool rudp_key_load(struct rudp_key *key, const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	char *content, why[RUDP_KEY_TEXT_SIZE];
	size_t len;
	bool ok;

	*key = (struct rudp_key){.id = 0};
	if (rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_SECRET,
				  RUDP_KEY_FILE_BYTES_MAX, &key->stamp, why) < 0) {
		snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.480s", why);
		return false;
	}
	ok = rudp_key_parse(key, content, len, path, text);
	rudp_key_content_free(content, len);
	if (!ok)
		explicit_bzero(key->psk, sizeof key->psk);
	return ok;
}
