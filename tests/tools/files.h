/* SPDX-License-Identifier: MIT */
/* files - temporary files for the tests of the command, in a directory of their own. */
#ifndef RUDP_TESTS_TOOLS_FILES_H
#define RUDP_TESTS_TOOLS_FILES_H

#include <stddef.h>
#include <sys/types.h>

/* Make the directory, and remove it with all its files. For .init and .fini. */
void files_init(void);
void files_fini(void);

/* The full path of a file there. It is valid until the eighth call after this one. */
const char *files_path(const char *name);
/* Writes a file with this mode. Returns its full path. */
const char *files_make(const char *name, const void *content, size_t len, mode_t mode);
const char *files_text(const char *name, const char *content, mode_t mode);

#define OUTPUT_BYTES_MAX 65536

/* Runs a shell command in which $RUDP is the rudp command. Returns exit code, stdout and stderr. */
int files_run(const char *command, char output[OUTPUT_BYTES_MAX]);

#endif
