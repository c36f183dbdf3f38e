/* SPDX-License-Identifier: MIT */
/*
 * support - runs programs under the shim that was built beside this test.
 */
#ifndef RUDP_TESTS_SHIM_SUPPORT_H
#define RUDP_TESTS_SHIM_SUPPORT_H

#include <stddef.h>

#include "base/sanitizer.h"

#define OUTPUT_BYTES_MAX 65536

/* The path of a file in the build directory. (The test is in its folder tests/.) */
const char *in_build(const char *file);

/*
 * The value of LD_PRELOAD that loads the shim. If the shim was built with a sanitizer, the
 * sanitizer's runtime comes first (SANITIZER_RUNTIME, from the Makefile).
 */
const char *preload(void);

/* Runs a shell command. Returns its exit code and what it wrote to stdout and stderr. */
int run(const char *command, char output[OUTPUT_BYTES_MAX]);

/*
 * Lets programs find their engine through its environment, which only root may read of a confined
 * engine.
 */
void let_engine_be_read(void);

/*
 * Runs a Python program under the shim, with further variables if there are any ("NAME=VALUE"), and
 * checks what it writes. RUDP_MEMORY gives each test engines of its own.
 */
void expect_of_program(const char *program, const char *settings, const char *wanted);

/* A sanitizer's runtime must be loaded before a shim that was built with it. */
#define SANITIZED (RUDP_WITH_ASAN || RUDP_WITH_TSAN)

#endif
