/* SPDX-License-Identifier: MIT */
/*
 * support - running programs under the shim that was built beside this test.
 */
#ifndef RUDP_TESTS_SHIM_SUPPORT_H
#define RUDP_TESTS_SHIM_SUPPORT_H

#include <stddef.h>

#define OUTPUT_BYTES_MAX 65536

/* Path of a file in the build directory (the test lies in its folder tests/). */
const char *in_build(const char *file);

/* Runs a shell command; gives its exit code and what it wrote to stdout and stderr. */
int run(const char *command, char output[OUTPUT_BYTES_MAX]);

#endif
