/* SPDX-License-Identifier: MIT */
/* files - throw-away files for the tests of the command, in a directory of their own. */
#ifndef RUDP_TESTS_TOOLS_FILES_H
#define RUDP_TESTS_TOOLS_FILES_H

#include <stddef.h>
#include <sys/types.h>

/* Makes the directory, and takes it away with all that is in it. For .init and .fini. */
void files_init(void);
void files_fini(void);

/* Full name of a file there; good until the eighth call after this one. */
const char *files_path(const char *name);
/* Writes it, mode as chmod; returns its full name. */
const char *files_make(const char *name, const void *content, size_t len, mode_t mode);
const char *files_text(const char *name, const char *content, mode_t mode);

#define OUTPUT_BYTES_MAX 65536

/* Runs a shell command with the rudp command as $RUDP; its exit code, and its stdout and stderr. */
int files_run(const char *command, char output[OUTPUT_BYTES_MAX]);

#endif
