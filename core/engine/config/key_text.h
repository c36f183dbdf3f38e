/* SPDX-License-Identifier: MIT */
/*
 * key_text - what all files with keys have in common: lines, words, keys in base64, and who may
 * read or change the file.
 *
 * Text     Empty lines and those that begin with # are ignored. Blanks at both ends of a line are,
 *          too.
 * Errors   "PATH:LINE:COLUMN: what is wrong; what is expected". Columns are in bytes, from 1.
 */
#ifndef RUDP_ENGINE_KEY_TEXT_H
#define RUDP_ENGINE_KEY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engine/config/file_stamp.h"

#define RUDP_FILE_KEY_BYTES 32
#define RUDP_KEY_BASE64_LEN 44 /* 43 characters and one '=' */
#define RUDP_KEY_TEXT_SIZE 512 /* of an error message */

/* One line of a file, or the rest of it, without leading and trailing blanks. */
struct rudp_key_line {
	const char *start;
	size_t len;
	unsigned number, column; /* of start, from 1 */
};

/* A part of a line without blanks. len 0: the line has no more. */
struct rudp_key_word {
	const char *start;
	size_t len;
	unsigned column;
};

bool rudp_key_is_blank(char c);
/*
 * Advances *at past the next line that is neither empty nor a comment. line is all zeros at first.
 * false: the text has ended.
 */
bool rudp_key_line_next(const char **at, const char *end, struct rudp_key_line *line);
/* Takes the first word off the line. */
struct rudp_key_word rudp_key_word_next(struct rudp_key_line *line);
bool rudp_key_word_is(const struct rudp_key_word *word, const char *text);

/* Writes an error about a place of the file to text. Returns false. */
bool rudp_key_fault_at(char text[RUDP_KEY_TEXT_SIZE], const char *path, unsigned line,
		       size_t column, const char *what, const char *expected);

/*
 * Decodes RUDP_KEY_BASE64_LEN characters; those of RFC 4648 section 5 are also accepted. Returns
 * the index of the first wrong character, or RUDP_KEY_BASE64_LEN.
 */
size_t rudp_key_from_base64(uint8_t key[RUDP_FILE_KEY_BYTES], const char *text);
/* Returns text. */
char *rudp_key_to_base64(const uint8_t key[RUDP_FILE_KEY_BYTES],
			 char text[RUDP_KEY_BASE64_LEN + 1]);
/* The length of text up to the character, or len: an item of a list. */
size_t rudp_key_until(const char *text, size_t len, char c);

/* A file made by dd from /dev/zero gives this key, and an attacker tries it first. */
bool rudp_key_is_zero(const uint8_t key[RUDP_FILE_KEY_BYTES]);

/*
 * Says what is wrong with the rights of a file that holds a secret: only its owner may read or
 * change it, and the owner is the process's user or root. NULL: nothing.
 */
const char *rudp_key_exposure(const struct stat *st);

enum rudp_key_file_kind {
	RUDP_KEY_FILE_SECRET, /* rudp_key_exposure() applies */
	RUDP_KEY_FILE_PUBLIC, /* anybody may read it; the process's user and root may change it */
};

/*
 * Reads a regular file of at most bytes_max bytes. A 0 follows its last byte. The caller frees
 * *content with rudp_key_content_free(). *stamp, unless stamp is NULL, becomes that of the file,
 * also if it is refused. It stays if opening took too long: then the caller should try again soon.
 *
 * Returns  0; or -errno, and text says what is wrong ("PATH: ..."): -ENOENT if there is no file,
 *          -EPERM for wrong rights, -EFBIG, -EINVAL if it is not a regular file, or that of the
 *          call.
 */
int rudp_key_content_read(char **content, size_t *len, const char *path,
			  enum rudp_key_file_kind kind, size_t bytes_max,
			  struct rudp_file_stamp *stamp, char text[RUDP_KEY_TEXT_SIZE]);
/* Erases and frees. content may be NULL. */
void rudp_key_content_free(char *content, size_t len);

#endif
