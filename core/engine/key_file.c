/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "engine/settings.h"

#define KEY_FILE_BYTES_MAX 4096
#define HEX_DIGITS (2 * RUDP_PSK_BYTES)
#define BASE64_CHARACTERS 44 /* 43 and one '=' */
#define EXPECTED "expected are 64 hex digits or 44 characters of base64, alone on their line"

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

static bool fault_at(char *text, const char *path, const struct line *line, size_t index,
		     const char *what)
{
	snprintf(text, RUDP_SETTINGS_TEXT_SIZE, "RUDP_KEY_FILE: %.200s:%u:%zu: %s; " EXPECTED, path,
		 line->number ? line->number : 1, line->column + index, what);
	return false;
}

static bool fault(char *text, const char *path, const char *what)
{
	snprintf(text, RUDP_SETTINGS_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: %s", path, what);
	return false;
}

/* A file filled by dd from /dev/zero gives this key, and an attacker tries it first. */
static bool is_all_zeros(const uint8_t psk[RUDP_PSK_BYTES])
{
	static const uint8_t zeros[RUDP_PSK_BYTES];

	return CRYPTO_memcmp(psk, zeros, sizeof zeros) == 0;
}

bool rudp_key_parse(uint8_t psk[RUDP_PSK_BYTES], const char *content, size_t len, const char *path,
		    char text[RUDP_SETTINGS_TEXT_SIZE])
{
	const char *at = content, *end = content + len;
	struct line line = {.column = 1}, more;
	size_t good;

	if (!next_line(&at, end, &line))
		return fault_at(text, path, &line, 0, "there is no key in the file");
	if (line.len == HEX_DIGITS)
		good = decode_hex(psk, line.start);
	else if (line.len == BASE64_CHARACTERS)
		good = decode_base64(psk, line.start);
	else
		return fault_at(text, path, &line, 0,
				line.len < HEX_DIGITS ? "this is too short for a key as text"
						      : "this is too long for a key as text");
	if (good < line.len)
		return fault_at(text, path, &line, good, "this character does not belong there");
	if (is_all_zeros(psk))
		return fault(text, path,
			     "is all zeros, which is no secret; make a key with rudp keygen");
	more = line;
	if (next_line(&at, end, &more))
		return fault_at(text, path, &more, 0, "there is more than one key");
	return true;
}

static bool read_all(int fd, char *content, size_t *len)
{
	ssize_t n;

	*len = 0;
	while ((n = read(fd, content + *len, KEY_FILE_BYTES_MAX + 1 - *len)) > 0) {
		*len += (size_t)n;
		if (*len > KEY_FILE_BYTES_MAX)
			return false;
	}
	return n == 0;
}

static bool load_open_file(uint8_t psk[RUDP_PSK_BYTES], int fd, const char *path, char *text)
{
	char content[KEY_FILE_BYTES_MAX + 1];
	struct stat st;
	size_t len;
	bool ok;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fault(text, path, "is not a regular file");
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fault(text, path,
			     "can be read or changed by others; make it private (chmod 600)");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fault(text, path,
			     "belongs to another user, who knows the key and can change it; make a "
			     "copy that is yours or root's (install -m 600)");
	if (!read_all(fd, content, &len)) {
		explicit_bzero(content, sizeof content);
		return fault(text, path, "cannot be read, or is longer than 4096 bytes");
	}
	ok = rudp_key_parse(psk, content, len, path, text);
	explicit_bzero(content, sizeof content);
	return ok;
}

bool rudp_key_load(uint8_t psk[RUDP_PSK_BYTES], const char *path,
		   char text[RUDP_SETTINGS_TEXT_SIZE])
{
	/* Not blocking: a fifo in its place must not hang the program that waits for us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool ok;

	if (fd < 0) {
		snprintf(text, RUDP_SETTINGS_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: %s", path,
			 strerrordesc_np(errno));
		return false;
	}
	ok = load_open_file(psk, fd, path, text);
	close(fd);
	return ok;
}
