/* SPDX-License-Identifier: MIT */
#include "engine/config/key_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "engine/config/config_open.h"

#define HEX_DIGITS (2 * RUDP_PSK_BYTES)
#define BASE64_CHARACTERS 44 /* 43 and one '=' */
#define TIME_CHARACTERS 20
#define EXPECTED_KEY "expected are 64 hex digits or 44 characters of base64, alone on their line"
#define EXPECTED_TIME "expected is a time in UTC, as 2026-12-01T00:00:00Z"
#define EXPECTED_WORD "expected are not-before TIME, not-after TIME or revoked beside the key"

/* One line of the file, without blanks around it. */
struct line {
	const char *start;
	size_t len;
	unsigned number, column; /* of start, from 1 */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that is neither empty nor a comment. */
static bool next_line(const char **at, const char *end, struct line *line)
{
	while (*at < end) {
		const char *start = *at;
		const char *stop = memchr(start, '\n', (size_t)(end - start));

		if (!stop)
			stop = end;
		*at = stop < end ? stop + 1 : end;
		line->number++;
		line->column = 1;
		while (start < stop && is_blank(*start)) {
			start++;
			line->column++;
		}
		while (stop > start && is_blank(stop[-1]))
			stop--;
		line->start = start;
		line->len = (size_t)(stop - start);
		if (line->len > 0 && *start != '#')
			return true;
	}
	return false;
}

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

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* Each returns the index of the first character that is wrong, or the length. */
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

static size_t decode_base64(uint8_t psk[RUDP_PSK_BYTES], const char *text)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t out = 0;

	for (size_t i = 0; i < BASE64_CHARACTERS - 1; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return i;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		psk[out++] = (uint8_t)(bits >> have);
	}
	/* 43 characters are 258 bits: the last two must be 0, or two texts would be one key. */
	if (bits & 3)
		return BASE64_CHARACTERS - 2;
	return text[BASE64_CHARACTERS - 1] == '=' ? BASE64_CHARACTERS : BASE64_CHARACTERS - 1;
}

/* Where a fault is, and what it is. */
struct reading {
	struct rudp_key *key;
	const char *path;
	char *text;
	struct line line;
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
	/* The 31st of June is no day, and one time has one text. */
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
	/* Another use of the key than any in the protocol, so that nothing of those can be learnt. */
	static const char label[] = "rudp key fingerprint, version 1";
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint64_t id = 0;

	if (!HMAC(EVP_sha256(), psk, RUDP_PSK_BYTES, (const uint8_t *)label, sizeof label - 1, digest,
		  NULL))
		return 0;
	for (size_t i = 0; i < sizeof id; i++)
		id = id << 8 | digest[i];
	return id;
}

const char *rudp_key_id_format(uint64_t id, char text[RUDP_KEY_ID_SIZE])
{
	snprintf(text, RUDP_KEY_ID_SIZE, "%04x-%04x-%04x-%04x", (unsigned)(id >> 48),
		 (unsigned)(id >> 32 & 0xffff), (unsigned)(id >> 16 & 0xffff), (unsigned)(id & 0xffff));
	return text;
}

/* A file filled by dd from /dev/zero gives this key, and an attacker tries it first. */
static bool is_all_zeros(const uint8_t psk[RUDP_PSK_BYTES])
{
	static const uint8_t zeros[RUDP_PSK_BYTES];

	return CRYPTO_memcmp(psk, zeros, sizeof zeros) == 0;
}

static bool read_key(struct reading *r)
{
	size_t good;

	if (r->has_key)
		return fault_at(r, 0, "there is more than one key", EXPECTED_KEY);
	if (r->line.len == HEX_DIGITS)
		good = decode_hex(r->key->psk, r->line.start);
	else if (r->line.len == BASE64_CHARACTERS)
		good = decode_base64(r->key->psk, r->line.start);
	else
		return fault_at(r, 0,
				r->line.len < HEX_DIGITS ? "this is too short for a key as text"
							 : "this is too long for a key as text",
				EXPECTED_KEY);
	if (good < r->line.len)
		return fault_at(r, good, "this character does not belong there", EXPECTED_KEY);
	if (is_all_zeros(r->key->psk))
		return fault(r->text, r->path,
			     "is all zeros, which is no secret; make a key with rudp keygen");
	r->has_key = true;
	return true;
}

/* The value of a line that begins with word and a blank; NULL: it does not. */
static const char *value_of(const struct line *line, const char *word)
{
	size_t len = strlen(word);
	const char *value = line->start + len;

	if (line->len <= len || strncmp(line->start, word, len) != 0 || !is_blank(*value))
		return NULL;
	while (is_blank(*value)) /* a line does not end with one */
		value++;
	return value;
}

static bool read_time(struct reading *r, const char *value, bool *has, int64_t *time_s)
{
	size_t at = (size_t)(value - r->line.start);

	if (*has)
		return fault_at(r, 0, "this is said twice", EXPECTED_WORD);
	*has = true;
	if (!rudp_key_time_parse(value, r->line.len - at, time_s))
		return fault_at(r, at, "this is no time", EXPECTED_TIME);
	return true;
}

static bool read_line(struct reading *r)
{
	static const char revoked[] = "revoked";
	const struct line *line = &r->line;
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
		return fault_at(r, 0, "this means nothing here", EXPECTED_WORD);
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
	while (next_line(&at, end, &r.line))
		if (!read_line(&r))
			return false;
	if (!r.has_key) {
		r.line.number = r.line.column = 1;
		return fault_at(&r, 0, "there is no key in the file", EXPECTED_KEY);
	}
	if (key->not_before_s >= key->not_after_s)
		return fault(text, path, "is never valid: its not-after is not behind its not-before");
	key->id = rudp_key_id(key->psk);
	return key->id ? true : fault(text, path, "libcrypto makes no HMAC-SHA256");
}

static bool read_all(int fd, char *content, size_t *len)
{
	ssize_t n;

	*len = 0;
	while ((n = read(fd, content + *len, RUDP_KEY_FILE_BYTES_MAX + 1 - *len)) > 0) {
		*len += (size_t)n;
		if (*len > RUDP_KEY_FILE_BYTES_MAX)
			return false;
	}
	return n == 0;
}

bool rudp_key_is_private(const struct stat *st, const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return fault(text, path,
			     S_ISDIR(st->st_mode)
				     ? "can be read or changed by others; make it private (chmod 700)"
				     : "can be read or changed by others; make it private (chmod 600)");
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return fault(text, path,
			     "belongs to another user, who knows the key and can change it; make a "
			     "copy that is yours or root's (install -m 600)");
	return true;
}

static bool load_open_file(struct rudp_key *key, int fd, const char *path, char *text)
{
	char content[RUDP_KEY_FILE_BYTES_MAX + 1];
	struct stat st;
	size_t len;
	bool ok;

	if (fstat(fd, &st) < 0)
		return fault(text, path, strerrordesc_np(errno));
	key->stamp = rudp_file_stamp_of(&st);
	if (!S_ISREG(st.st_mode))
		return fault(text, path, "is not a regular file");
	if (!rudp_key_is_private(&st, path, text))
		return false;
	if (!read_all(fd, content, &len)) {
		explicit_bzero(content, sizeof content);
		return fault(text, path, "cannot be read, or is longer than 4096 bytes");
	}
	ok = rudp_key_parse(key, content, len, path, text);
	explicit_bzero(content, sizeof content);
	return ok;
}

bool rudp_key_load(struct rudp_key *key, const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	int fd = rudp_config_open(path), error = errno;
	bool ok;

	*key = (struct rudp_key){.id = 0};
	if (fd < 0) {
		/* Without a stamp it is read again soon. */
		if (error != ETIMEDOUT)
			key->stamp = rudp_file_stamp_at(path);
		fault(text, path, strerrordesc_np(error));
		return false;
	}
	ok = load_open_file(key, fd, path, text);
	close(fd);
	if (!ok)
		explicit_bzero(key->psk, sizeof key->psk);
	return ok;
}
