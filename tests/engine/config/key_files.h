/* SPDX-License-Identifier: MIT */
/* Key files in a directory of the test's own. What fails ends the test. */
#ifndef RUDP_TESTS_KEY_FILES_H
#define RUDP_TESTS_KEY_FILES_H

extern char directory[64];

/* A new directory, and its end. */
void directory_make(void);
void directory_remove(void);
/* The path of a file in it, until the next call. */
const char *path_of(const char *name);
/* A key of 64 times the digit, and the lines of more behind it. */
void make(const char *name, char digit, const char *more);

#endif
