/* SPDX-License-Identifier: MIT */
/*
 * password_input - reads a password: a line of a pipe or a file, or from a terminal, which does not
 * show it and is asked twice.
 *
 * Terminal  Its mode is restored before the call returns, and before a signal (SIGINT, SIGTERM,
 *           SIGHUP, SIGQUIT) ends the process.
 * Threads   none: signal handlers of the process are changed during the call.
 */
#ifndef APO_SERVER_PASSWORD_INPUT_H
#define APO_SERVER_PASSWORD_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define APO_PASSWORD_INPUT_SIZE 512

enum apo_password_input {
	APO_PASSWORD_READ,
	APO_PASSWORD_NONE,     /* the input has ended, or cannot be read */
	APO_PASSWORD_UNFIT,    /* empty, or too long for the buffer */
	APO_PASSWORD_DIFFERENT /* the two inputs at the terminal differ */
};

/* prompt_fd: where a terminal's user is asked. The caller overwrites the password after use. */
enum apo_password_input apo_password_read(int fd, int prompt_fd,
					  char password[APO_PASSWORD_INPUT_SIZE]);

#endif
