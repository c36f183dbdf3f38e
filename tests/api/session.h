/* SPDX-License-Identifier: MIT */
/* A private directory of the test's own, and names that nobody has. */
#ifndef RUDP_TESTS_API_SESSION_H
#define RUDP_TESTS_API_SESSION_H

#include <sys/un.h>

#include "api/names.h"
#include "api/run_dir.h"

/* Tests run beside each other, and what one has left behind may live: a nonce at random. */
struct rudp_nonce unused_nonce(void);
/* Makes a session's directory, which the environment then names, and the place for engines in it. */
void make_run_dir(char dir[RUDP_RUN_DIR_SIZE]);
/* Removes them, and the socket un. */
void remove_run_dir(const char *dir, const struct sockaddr_un *un);

#endif
