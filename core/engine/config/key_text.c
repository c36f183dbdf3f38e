/* SPDX-License-Identifier: MIT */
#include "engine/config/key_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "engine/config/config_open.h"

bool rudp_key_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool rudp_key_line_next(const char **at, const char *end, struct rudp_key_line *line)
{
	while (*at < end) {
		const char *start = *at;
		const char *stop = memchr(start, '\n', (size_t)(end - start));

		if (!stop)
			stop = end;
		*at = stop < end ? stop + 1 : end;
		line->number++;
		line->column = 1;
		while (start < stop && rudp_key_is_blank(*start)) {
			start++;
			line->column++;
		}
		while (stop > start && rudp_key_is_blank(stop[-1]))
			stop--;
		line->start = start;
		line->len = (size_t)(stop - start);
		if (line->len > 0 && *start != '#')
			return true;
	}
	return false;
}

static void skip(struct rudp_key_line *line, size_t count)
{
	line->start += count;
	line->len -= count;
	line->column += (unsigned)count;
}

struct rudp_key_word rudp_key_word_next(struct rudp_key_line *line)
{
	struct rudp_key_word word = {.start = line->start, .column = line->column};
	size_t blanks = 0;

	while (word.len < line->len && !rudp_key_is_blank(line->start[word.len]))
		word.len++;
	skip(line, word.len);
	while (blanks < line->len && rudp_key_is_blank(line->start[blanks]))
		blanks++;
	skip(line, blanks);
	return word;
}

bool rudp_key_word_is(const struct rudp_key_word *word, const char *text)
{
	return strlen(text) == word->len && memcmp(text, word->start, word->len) == 0;
}

size_t rudp_key_until(const char *text, size_t len, char c)
{
	const char *found = memchr(text, c, len);

	return found ? (size_t)(found - text) : len;
}

bool rudp_key_fault_at(char text[RUDP_KEY_TEXT_SIZE], const char *path, unsigned line,
		       size_t column, const char *what, const char *expected)
{
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s:%u:%zu: %s; %s", path, line, column, what,
		 expected);
	return false;
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

size_t rudp_key_from_base64(uint8_t key[RUDP_FILE_KEY_BYTES], const char *text)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t out = 0;

	for (size_t i = 0; i < RUDP_KEY_BASE64_LEN - 1; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return i;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		key[out++] = (uint8_t)(bits >> have);
	}
	/* 43 characters are 258 bits: the last two must be 0, or two texts would mean the same
	 * key. */
	if (bits & 3)
		return RUDP_KEY_BASE64_LEN - 2;
	return text[RUDP_KEY_BASE64_LEN - 1] == '=' ? RUDP_KEY_BASE64_LEN : RUDP_KEY_BASE64_LEN - 1;
}

char *rudp_key_to_base64(const uint8_t key[RUDP_FILE_KEY_BYTES], char text[RUDP_KEY_BASE64_LEN + 1])
{
	EVP_EncodeBlock((unsigned char *)text, key, RUDP_FILE_KEY_BYTES);
	return text;
}

bool rudp_key_is_zero(const uint8_t key[RUDP_FILE_KEY_BYTES])
{
	static const uint8_t zeros[RUDP_FILE_KEY_BYTES];

	return CRYPTO_memcmp(key, zeros, sizeof zeros) == 0;
}

const char *rudp_key_exposure(const struct stat *st)
{
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return S_ISDIR(st->st_mode)
			       ? "can be read or changed by others; make it private (chmod 700)"
			       : "can be read or changed by others; make it private (chmod 600)";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user, who knows the key and can change it; make a "
		       "copy that is yours or root's (install -m 600)";
	return NULL;
}

static const char *wrong_rights(const struct stat *st, enum rudp_key_file_kind kind)
{
	if (kind == RUDP_KEY_FILE_SECRET)
		return rudp_key_exposure(st);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be changed by others; remove their write permission (chmod go-w)";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user, who can change it; make a copy that is yours or "
		       "root's";
	return NULL;
}

static int fault(char *text, const char *path, int error, const char *what)
{
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: %s", path,
		 what ? what : strerrordesc_np(error));
	return -error;
}

static int read_open_file(int fd, char **content, size_t *len, const char *path,
			  enum rudp_key_file_kind kind, size_t bytes_max,
			  struct rudp_file_stamp *stamp, char *text)
{
	char what[64];
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return fault(text, path, errno, NULL);
	if (stamp)
		*stamp = rudp_file_stamp_of(&st);
	if (!S_ISREG(st.st_mode))
		return fault(text, path, EINVAL, "is not a regular file");
	if (wrong_rights(&st, kind))
		return fault(text, path, EPERM, wrong_rights(&st, kind));
	rc = rudp_config_read(fd, content, len, bytes_max);
	if (rc == 0)
		return 0;
	rudp_key_content_free(*content, *len);
	snprintf(what, sizeof what, "is longer than %zu bytes", bytes_max);
	return fault(text, path, -rc, rc == -EFBIG ? what : NULL);
}

int rudp_key_content_read(char **content, size_t *len, const char *path,
			  enum rudp_key_file_kind kind, size_t bytes_max,
			  struct rudp_file_stamp *stamp, char text[RUDP_KEY_TEXT_SIZE])
{
	int fd = rudp_config_open(path), error = errno, rc;

	if (fd < 0) {
		if (stamp && error != ETIMEDOUT)
			*stamp = rudp_file_stamp_at(path);
		return fault(text, path, error, NULL);
	}
	rc = read_open_file(fd, content, len, path, kind, bytes_max, stamp, text);
	close(fd);
	return rc;
}

void rudp_key_content_free(char *content, size_t len)
{
	if (content)
		explicit_bzero(content, len);
	free(content);
}
