/* SPDX-License-Identifier: MIT */
/* A private session directory for a test, and engine names that no other test has. */
#ifndef RUDP_TESTS_API_SESSION_H
#define RUDP_TESTS_API_SESSION_H

#include <sys/un.h>

#include "api/names.h"
#include "api/run_dir.h"

/* A random nonce: tests run side by side, and an earlier test may have left a socket. */
struct rudp_nonce unused_nonce(void);
/*
 * Makes a session directory, puts it into the environment, and makes the engines' directory in it.
 */
void make_run_dir(char dir[RUDP_RUN_DIR_SIZE]);
/* Removes both, and the socket un. */
void remove_run_dir(const char *dir, const struct sockaddr_un *un);

#endif
