/* SPDX-License-Identifier: MIT */
/* Key files in a temporary directory. A failure ends the test. */
#ifndef RUDP_TESTS_KEY_FILES_H
#define RUDP_TESTS_KEY_FILES_H

extern char directory[64];

/* Makes the directory; removes it. */
void directory_make(void);
void directory_remove(void);
/* The path of a file in it, valid until the next call. */
const char *path_of(const char *name);
/* Writes a key file: 64 times the digit, then the lines in more. */
void make(const char *name, char digit, const char *more);
/* Writes a private file with this content. */
void make_text(const char *name, const char *content);

#endif
